"""What a batch of a target lacks of the lake, and the sending of it: only rows that differ go over the wire.

Whether a row differs is decided by its digest, so files that were rewritten with the same rows send nothing.
What the target has is known from the lake's own files at the snapshot the ledger names, as long as these are
there and agree with the ledger's digest; else the target is asked for its keys and digests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from factorlab_lake.errors import LakeDamaged, NotFound
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.sync.digests import LakeSide
from factorlab_lake.sync.protocol import ROW_HASH, UNTRUSTED, Batch, BatchTransaction

__all__ = ["Sent", "bring"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What went over the wire: rows sent, and rows taken away."""

    rows: int = 0
    removed: int = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.rows + other.rows, self.removed + other.removed)


def bring(
    side: LakeSide, batch: Batch, tx: BatchTransaction, *, repair: bool = False, from_values: bool = False
) -> Sent:
    """Bring a batch to the lake's snapshot inside its transaction, and record it.

    ``repair`` compares with the rows of the target: with their stored digests, or with digests that are
    recomputed ``from_values``. A batch that the ledger marks as untrusted is always compared by values.
    """
    if tx.recorded is not None and tx.recorded.digest.rows == UNTRUSTED:
        repair = from_values = True
    files = side.batches(batch.spec).get(batch.name, [])
    if not repair and tx.fresh(side.snapshot.id):
        sent = _copy(side, batch, tx, files)
    else:
        difference = None if repair else _from_the_lake(side, batch, tx, files)
        sent = difference or _from_the_target(side, batch, tx, files, from_values=from_values)
    tx.record(side.snapshot.id, side.digest(batch.spec, files), sent.rows, sent.removed)
    return sent


def _copy(side: LakeSide, batch: Batch, tx: BatchTransaction, files: list[DataFile]) -> Sent:
    tx.copy(rows for file in files for rows in side.rows(batch.spec, file))
    return Sent(sum(f.rows for f in files))


def _from_the_lake(side: LakeSide, batch: Batch, tx: BatchTransaction, files: list[DataFile]) -> Sent | None:
    """Send what differs between the files of two snapshots; None when the older one is not as recorded."""
    if tx.recorded is None:
        return None
    try:
        before = side.batches(batch.spec, snapshots.load(side.layout, tx.recorded.snapshot))
        old = before.get(batch.name, [])
        removed, added = _without(old, files), _without(files, old)
        replaced = side.replaced(batch.spec, removed, added)
        had = _keys(side, batch, removed) if replaced is None else pl.DataFrame()
        if side.digest(batch.spec, old) != tx.recorded.digest:
            return None
    except (LakeDamaged, NotFound):
        return None
    return _send(side, batch, tx, added, had) if replaced is None else _send_found(batch, tx, *replaced)


def _send_found(batch: Batch, tx: BatchTransaction, went: pl.DataFrame, came: pl.DataFrame) -> Sent:
    """Send rows that came; take away those that went, where none with the same key came."""
    key = list(batch.spec.key)
    tx.upsert(iter([came] if came.height else []))
    gone = went.select(key).join(came.select(key), on=key, how="anti")
    tx.remove(gone)
    return Sent(came.height, gone.height)


def _from_the_target(
    side: LakeSide, batch: Batch, tx: BatchTransaction, files: list[DataFile], *, from_values: bool
) -> Sent:
    """Send what differs from what the target has, after what should not be there has gone."""
    had = tx.keys(from_values=from_values)
    wanted = _keys(side, batch, files)
    known = _among(had[ROW_HASH], _sorted(wanted[ROW_HASH]))
    wrong = had.filter(~known).drop(ROW_HASH)
    tx.remove(wrong)
    sent = _send(side, batch, tx, files, had.filter(known))
    return Sent(sent.rows, wrong.join(wanted, on=list(batch.spec.key), how="anti").height)


def _send(
    side: LakeSide, batch: Batch, tx: BatchTransaction, files: list[DataFile], had: pl.DataFrame
) -> Sent:
    """Send the rows of files that the target does not have as they are; take away those that are gone."""
    known = _sorted(had[ROW_HASH])
    key = list(batch.spec.key)
    seen: list[pl.Series] = []
    sent: list[pl.DataFrame] = []

    def changed() -> Iterator[pl.DataFrame]:
        for file in files:
            for rows in side.rows(batch.spec, file):
                seen.append(rows[ROW_HASH])
                new = rows.filter(~_among(rows[ROW_HASH], known))
                if new.height:
                    sent.append(new.select(key))
                    yield new

    tx.upsert(changed())
    still = _sorted(pl.concat(seen)) if seen else np.zeros(0, dtype=np.int64)
    gone = had.filter(~_among(had[ROW_HASH], still)).drop(ROW_HASH)
    if sent:
        gone = gone.join(pl.concat(sent), on=key, how="anti")
    tx.remove(gone)
    return Sent(sum(keys.height for keys in sent), gone.height)


def _keys(side: LakeSide, batch: Batch, files: list[DataFile]) -> pl.DataFrame:
    """Return key and digest of every row of some files."""
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


def _sorted(hashes: pl.Series) -> npt.NDArray[np.int64]:
    return np.sort(hashes.drop_nulls().to_numpy())


def _among(hashes: pl.Series, known: npt.NDArray[np.int64]) -> pl.Series:
    """Say for each digest whether it is among those known; a missing one never is."""
    if not len(known):
        return pl.Series([False]).new_from_index(0, len(hashes))
    values = hashes.fill_null(0).to_numpy()
    order = np.argsort(values)  # in order, each is found near the one before
    places = np.minimum(np.searchsorted(known, values[order]), len(known) - 1)
    found = np.empty(len(values), dtype=np.bool_)
    found[order] = known[places] == values[order]
    return pl.Series(found) & hashes.is_not_null()
