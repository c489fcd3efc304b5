"""Compute the digests of the lake's data files; a file never changes, so its digest is cached in the lake."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from factorlab_lake.schema import TableSpec
from factorlab_lake.storage.data_files import DataFile, files_of
from factorlab_lake.storage.file_rows import read_files, read_slices
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.sealed import parse, seal
from factorlab_lake.storage.snapshots import Snapshot
from factorlab_lake.sync.protocol import EVERYTHING, NO_YEAR, ROW_HASH, Batch, Digest
from factorlab_lake.sync.row_diff import changed_rows
from factorlab_lake.sync.row_hash import clean, hashed, storable, too_long

__all__ = ["LakeSide", "batch_name", "digest_of", "latest_time"]

_ROWS_AT_A_TIME = 32_768
_ROWS_TO_COMPARE = 600_000  # two years of a thousand symbols: about 100 MB
_METHOD = "row-hash-2"  # another way to compute digests needs another name


@dataclass(slots=True)
class LakeSide:
    """Represent one snapshot of a lake as batches of files, with their rows and digests.

    ``cached`` says whether cached digests are used; a deep verification recomputes them.
    """

    layout: Layout
    snapshot: Snapshot
    cached: bool = True
    _by_table: dict[str, dict[str, Digest]] = field(default_factory=dict)

    def batches(self, spec: TableSpec, snapshot: Snapshot | None = None) -> dict[str, list[DataFile]]:
        """Return the files of a table by batch, of this snapshot or of another one."""
        batches: dict[str, list[DataFile]] = {}
        for file in files_of(self.layout, snapshot or self.snapshot, spec.name):
            batches.setdefault(batch_name(spec, file), []).append(file)
        return dict(sorted(batches.items()))

    def filled(self, spec: TableSpec, columns: Collection[str]) -> list[str]:
        """Return the names of the batches in which any of the columns is not NULL."""
        batches = self.batches(spec).items()
        return [name for name, files in batches if any(self._has_values(spec, f, columns) for f in files)]

    def digest(self, spec: TableSpec, files: list[DataFile]) -> Digest:
        """Return the digest of all rows of some files."""
        total = Digest()
        for file in files:
            if file.path not in self._digests(spec):
                for _ in self.rows(spec, file):
                    pass
            total += self._digests(spec)[file.path]
        return total

    def is_cached(self, batch: Batch) -> bool:
        """Return whether the digests of all files of a batch are cached."""
        digests = self._digests(batch.spec)
        return all(f.path in digests for f in self.batches(batch.spec).get(batch.name, []))

    def rows(self, spec: TableSpec, file: DataFile) -> Iterator[pl.DataFrame]:
        """Yield a file's rows with their hashes, in slices, and cache the file's digest."""
        total = Digest()
        for part in read_slices(self.layout, spec.name, file, _ROWS_AT_A_TIME):
            rows = hashed(clean(storable(part, spec), spec), spec)
            total += digest_of(rows, spec)
            yield rows
        self._digests(spec)[file.path] = total

    def replaced(
        self, spec: TableSpec, old: list[DataFile], new: list[DataFile]
    ) -> tuple[pl.DataFrame, pl.DataFrame] | None:
        """Return the old and the new rows that differ, with hashes, if one file replaced others.

        All other rows are in both, so the new file's digest follows without hashing them. Return None if
        several files are new, or if the files have too many rows for the memory.
        """
        if len(new) != 1 or not old or sum(f.rows for f in (*old, *new)) > _ROWS_TO_COMPARE:
            return None
        before, after = (storable(read_files(self.layout, spec.name, files), spec) for files in (old, new))
        removed, added = (hashed(clean(rows, spec), spec) for rows in changed_rows(before, after, spec))
        common = self.digest(spec, old).row_hashes - digest_of(removed, spec).row_hashes
        row_hashes = (common + digest_of(added, spec).row_hashes) % 2**64
        self._digests(spec)[new[0].path] = Digest(after.height, latest_time(after, spec), row_hashes)
        return removed, added

    def left_out(self, spec: TableSpec) -> tuple[int, list[str]]:
        """Return how many rows of a table are not sent, and their symbols, which are too long for a key.

        Only files whose digest counts fewer rows than the file has are read.
        """
        digests = self._digests(spec)
        files = [f for f in self._files(spec) if f.path in digests and digests[f.path].rows < f.rows]
        if not files:
            return 0, []
        symbols = read_files(self.layout, spec.name, files, columns=["symbol"]).filter(too_long())["symbol"]
        return symbols.len(), symbols.unique().sort().to_list()

    def save(self, spec: TableSpec) -> None:
        """Write the digests of this snapshot's files to the cache in the lake."""
        digests = self._digests(spec)
        current = {f.path: digests[f.path] for f in self._files(spec) if f.path in digests}
        if current == self._load(spec):
            return
        # In a folder without write permission, each sync computes the digests again.
        with suppress(OSError):
            self.layout.digests.mkdir(exist_ok=True)
            write_atomically(self._path(spec), seal({p: astuple(d) for p, d in current.items()}))

    def _has_values(self, spec: TableSpec, file: DataFile, columns: Collection[str]) -> bool:
        rows = read_files(self.layout, spec.name, [file], columns=sorted(columns))
        return any(nulls < rows.height for nulls in rows.null_count().row(0))

    def _files(self, spec: TableSpec) -> list[DataFile]:
        return files_of(self.layout, self.snapshot, spec.name)

    def _digests(self, spec: TableSpec) -> dict[str, Digest]:
        if spec.name not in self._by_table:
            self._by_table[spec.name] = self._load(spec) if self.cached else {}
        return self._by_table[spec.name]

    def _load(self, spec: TableSpec) -> dict[str, Digest]:
        try:
            stored = parse(self._path(spec).read_bytes()) or {}
        except OSError:
            return {}
        return {path: Digest(*values) for path, values in stored.items()}

    def _path(self, spec: TableSpec) -> Path:
        return self.layout.digests / f"{spec.name}-{_METHOD}.json"


def batch_name(spec: TableSpec, file: DataFile) -> str:
    """Return the batch that a file's rows belong to."""
    if not spec.partition_by:
        return EVERYTHING
    return NO_YEAR if file.partition is None else str(file.partition)


def digest_of(rows: pl.DataFrame, spec: TableSpec) -> Digest:
    """Return the digest of rows that have a hash column."""
    hashes = rows[ROW_HASH].fill_null(0).to_numpy().view(np.uint64)
    return Digest(rows.height, latest_time(rows, spec), int(hashes.sum(dtype=np.uint64)))


def latest_time(rows: pl.DataFrame, spec: TableSpec) -> str:
    """Return the latest time of rows in µs since 1970; an empty text if there is none."""
    if not spec.time_column or rows[spec.time_column].null_count() == rows.height:
        return ""
    latest = rows.select(pl.col(spec.time_column).to_physical().max().cast(pl.Int64)).item()
    return str(latest * (86_400_000_000 if spec.column(spec.time_column).kind == "date" else 1))
