"""Digests of the lake's side: a file never changes, so its digest is made once and kept in the lake."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from factorlab_lake.schema import TableSpec
from factorlab_lake.storage.data_files import DataFile, files_of
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.snapshots import Snapshot
from factorlab_lake.storage.transaction import read_files, read_slices
from factorlab_lake.sync.protocol import EVERYTHING, NO_YEAR, ROW_HASH, Batch, Digest
from factorlab_lake.sync.row_diff import difference
from factorlab_lake.sync.row_hash import clean, hashed

__all__ = ["LakeSide", "batch_name", "digest_of", "latest"]

_ROWS_AT_A_TIME = 32_768
_ROWS_TO_COMPARE = 600_000  # two years of a thousand symbols: about 100 MB
_HOW = "row-hash-1"  # another way of making digests takes another name


@dataclass(slots=True)
class LakeSide:
    """One snapshot of a lake, as batches of files whose rows and digests can be asked for.

    ``remember`` says whether digests that were made before are believed; a deep check recomputes them.
    """

    layout: Layout
    snapshot: Snapshot
    remember: bool = True
    _known: dict[str, dict[str, Digest]] = field(default_factory=dict)

    def batches(self, spec: TableSpec, snapshot: Snapshot | None = None) -> dict[str, list[DataFile]]:
        """Return the files of a table by batch, of this snapshot or of another."""
        found: dict[str, list[DataFile]] = {}
        for file in files_of(self.layout, snapshot or self.snapshot, spec.name):
            found.setdefault(batch_name(spec, file), []).append(file)
        return dict(sorted(found.items()))

    def filled(self, spec: TableSpec, columns: Collection[str]) -> list[str]:
        """Return the names of the batches in which any of the columns is not NULL."""
        names = sorted(columns)
        return [
            batch
            for batch, files in self.batches(spec).items()
            if any(
                read_files(self.layout, spec.name, [f], columns=names).null_count().sum_horizontal().item()
                < f.rows * len(names)
                for f in files
            )
        ]

    def digest(self, spec: TableSpec, files: list[DataFile]) -> Digest:
        """Return the digest of all rows of some files."""
        total = Digest()
        for file in files:
            if file.path not in self._of_table(spec):
                for _ in self.rows(spec, file):
                    pass
            total += self._of_table(spec)[file.path]
        return total

    def knows(self, batch: Batch) -> bool:
        """Whether the digests of a batch's files were made before."""
        known = self._of_table(batch.spec)
        return all(f.path in known for f in self.batches(batch.spec).get(batch.name, []))

    def rows(self, spec: TableSpec, file: DataFile) -> Iterator[pl.DataFrame]:
        """Return a file's rows with their digests, some at a time, and keep the file's digest."""
        total = Digest()
        for part in read_slices(self.layout, spec.name, file, _ROWS_AT_A_TIME):
            rows = hashed(clean(part, spec), spec)
            total += digest_of(rows, spec)
            yield rows
        self._of_table(spec)[file.path] = total

    def replaced(
        self, spec: TableSpec, old: list[DataFile], new: list[DataFile]
    ) -> tuple[pl.DataFrame, pl.DataFrame] | None:
        """Return rows that went and rows that came, with digests, where one file took the place of others.

        The new file's digest follows from theirs, as all other rows are in both. None where it is not that
        simple, or too much to hold at once.
        """
        if len(new) != 1 or not old or sum(f.rows for f in (*old, *new)) > _ROWS_TO_COMPARE:
            return None
        before, after = (read_files(self.layout, spec.name, files) for files in (old, new))
        went, came = (hashed(clean(rows, spec), spec) for rows in difference(before, after, spec))
        same = self.digest(spec, old).row_hashes - digest_of(went, spec).row_hashes
        digest = Digest(after.height, latest(after, spec), (same + digest_of(came, spec).row_hashes) % 2**64)
        self._of_table(spec)[new[0].path] = digest
        return went, came

    def keep(self, spec: TableSpec) -> None:
        """Write down the digests of this snapshot's files, for the next time."""
        known = self._of_table(spec)
        current = {f.path: known[f.path] for f in self._files(spec) if f.path in known}
        if current == self._kept(spec):
            return
        # A folder that cannot be written to has its digests made each time.
        with suppress(OSError):
            self.layout.digests.mkdir(exist_ok=True)
            write_atomically(self._place(spec), json.dumps({p: astuple(d) for p, d in current.items()}))

    def _files(self, spec: TableSpec) -> list[DataFile]:
        return files_of(self.layout, self.snapshot, spec.name)

    def _of_table(self, spec: TableSpec) -> dict[str, Digest]:
        if spec.name not in self._known:
            self._known[spec.name] = self._kept(spec) if self.remember else {}
        return self._known[spec.name]

    def _kept(self, spec: TableSpec) -> dict[str, Digest]:
        try:
            kept = json.loads(self._place(spec).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {path: Digest(*values) for path, values in kept.items()}

    def _place(self, spec: TableSpec) -> Path:
        return self.layout.digests / f"{spec.name}-{_HOW}.json"


def batch_name(spec: TableSpec, file: DataFile) -> str:
    """Return the batch that a file's rows belong to."""
    if not spec.partition_by:
        return EVERYTHING
    return NO_YEAR if file.partition is None else str(file.partition)


def digest_of(rows: pl.DataFrame, spec: TableSpec) -> Digest:
    """Return the digest of rows that have theirs."""
    hashes = rows[ROW_HASH].fill_null(0).to_numpy().view(np.uint64)
    return Digest(rows.height, latest(rows, spec), int(hashes.sum(dtype=np.uint64)))


def latest(rows: pl.DataFrame, spec: TableSpec) -> str:
    """Return the latest time of rows in µs since 1970."""
    if not spec.time_column or rows[spec.time_column].null_count() == rows.height:
        return ""
    latest = rows.select(pl.col(spec.time_column).to_physical().max().cast(pl.Int64)).item()
    return str(latest * (86_400_000_000 if spec.column(spec.time_column).kind == "date" else 1))
