"""Send the rows of one batch that differ between the lake and a target.

Row hashes decide which rows differ, so files that were rewritten with the same rows send nothing. The old
rows of the target are known from the lake's own files at the snapshot in the ledger. If these files are gone,
or their digest is not the ledger's, the keys and hashes are read from the target.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from factorlab_lake.errors import LakeDamaged, NotFound
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.sync.digests import LakeSide
from factorlab_lake.sync.protocol import ROW_HASH, UNTRUSTED, Batch, BatchTransaction, Recorded
from factorlab_lake.sync.row_diff import is_known, sorted_hashes

__all__ = ["SentRows", "send_batch"]


@dataclass(frozen=True, slots=True)
class SentRows:
    """Count the rows that were sent to a target, and the rows that were deleted there."""

    rows: int = 0
    removed: int = 0

    def __add__(self, other: SentRows) -> SentRows:
        return SentRows(self.rows + other.rows, self.removed + other.removed)


def send_batch(
    side: LakeSide, batch: Batch, tx: BatchTransaction, *, repair: bool = False, from_values: bool = False
) -> SentRows:
    """Update a batch to the lake's snapshot inside its transaction, and record it in the ledger.

    ``repair`` compares with the rows of the target: with their stored hashes, or with hashes that are
    recomputed ``from_values``. A batch that the ledger marks as untrusted is always compared by values.
    """
    if tx.recorded is not None and tx.recorded.digest.rows == UNTRUSTED:
        repair = from_values = True
    files = side.batches(batch.spec).get(batch.name, [])
    if not repair and tx.fresh(side.snapshot.id):
        sent = _copy(side, batch, tx, files)
    else:
        file_changes = None if repair else _send_file_changes(side, batch, tx, files)
        sent = file_changes or _send_target_changes(side, batch, tx, files, from_values=from_values)
    line = Recorded(side.snapshot.id, side.digest(batch.spec, files), side.snapshot.digest)
    tx.record(line, sent.rows, sent.removed)
    return sent


def _copy(side: LakeSide, batch: Batch, tx: BatchTransaction, files: list[DataFile]) -> SentRows:
    tx.copy(rows for file in files for rows in side.rows(batch.spec, file))
    return SentRows(side.digest(batch.spec, files).rows)  # without the rows that no server can store


def _send_file_changes(
    side: LakeSide, batch: Batch, tx: BatchTransaction, files: list[DataFile]
) -> SentRows | None:
    """Send what differs between the files of two snapshots; None if the older files are not as recorded."""
    if tx.recorded is None:
        return None
    try:
        before = side.batches(batch.spec, snapshots.load(side.layout, tx.recorded.snapshot))
        old = before.get(batch.name, [])
        removed, added = _without(old, files), _without(files, old)
        replaced = side.replaced(batch.spec, removed, added)
        old_keys = _keys(side, batch, removed) if replaced is None else pl.DataFrame()
        if side.digest(batch.spec, old) != tx.recorded.digest:
            return None
    except (LakeDamaged, NotFound):
        return None
    if replaced is None:
        return _send_files(side, batch, tx, added, old_keys)
    return _send_rows(batch, tx, *replaced)


def _send_rows(batch: Batch, tx: BatchTransaction, old: pl.DataFrame, new: pl.DataFrame) -> SentRows:
    """Send the new rows, and delete the old rows whose key no new row has."""
    key = list(batch.spec.key)
    tx.upsert(iter([new] if new.height else []))
    obsolete = old.select(key).join(new.select(key), on=key, how="anti")
    tx.remove(obsolete)
    return SentRows(new.height, obsolete.height)


def _send_target_changes(
    side: LakeSide, batch: Batch, tx: BatchTransaction, files: list[DataFile], *, from_values: bool
) -> SentRows:
    """Delete the rows of the target that the lake does not have as they are, then send what is missing."""
    target_keys = tx.keys(from_values=from_values)
    lake_keys = _keys(side, batch, files)
    right = is_known(target_keys[ROW_HASH], sorted_hashes(lake_keys[ROW_HASH]))
    wrong = target_keys.filter(~right).drop(ROW_HASH)
    tx.remove(wrong)
    sent = _send_files(side, batch, tx, files, target_keys.filter(right))
    return SentRows(sent.rows, wrong.join(lake_keys, on=list(batch.spec.key), how="anti").height)


def _send_files(
    side: LakeSide, batch: Batch, tx: BatchTransaction, files: list[DataFile], old_keys: pl.DataFrame
) -> SentRows:
    """Send the rows of files whose hash is not in ``old_keys``, and delete old rows that are in no file."""
    known = sorted_hashes(old_keys[ROW_HASH])
    key = list(batch.spec.key)
    read: list[pl.Series] = []
    sent: list[pl.DataFrame] = []

    def changed() -> Iterator[pl.DataFrame]:
        for file in files:
            for rows in side.rows(batch.spec, file):
                read.append(rows[ROW_HASH])
                new = rows.filter(~is_known(rows[ROW_HASH], known))
                if new.height:
                    sent.append(new.select(key))
                    yield new

    tx.upsert(changed())
    current = sorted_hashes(pl.concat(read)) if read else np.zeros(0, dtype=np.int64)
    obsolete = old_keys.filter(~is_known(old_keys[ROW_HASH], current)).drop(ROW_HASH)
    if sent:
        obsolete = obsolete.join(pl.concat(sent), on=key, how="anti")
    tx.remove(obsolete)
    return SentRows(sum(keys.height for keys in sent), obsolete.height)


def _keys(side: LakeSide, batch: Batch, files: list[DataFile]) -> pl.DataFrame:
    """Return key and hash of every row of some files."""
    columns = [*batch.spec.key, ROW_HASH]
    parts = [rows.select(columns) for file in files for rows in side.rows(batch.spec, file)]
    return pl.concat(parts) if parts else _no_keys(batch)


def _no_keys(batch: Batch) -> pl.DataFrame:
    schema = {name: batch.spec.column(name).types.polars for name in batch.spec.key}
    return pl.DataFrame(
        schema={name: getattr(pl, kind) for name, kind in schema.items()} | {ROW_HASH: pl.Int64}
    )


def _without(files: list[DataFile], others: list[DataFile]) -> list[DataFile]:
    paths = {f.path for f in others}
    return [f for f in files if f.path not in paths]
