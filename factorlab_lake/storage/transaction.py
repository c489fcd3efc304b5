"""Represent the writer's view of a lake: what a transaction reads, and the table versions that it commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from factorlab_lake.schema import TableSpec, table
from factorlab_lake.schema.limits import COLUMNS_WRITTEN_AT_A_TIME, VALUES_AT_A_TIME
from factorlab_lake.storage import checksums, data_files, delta
from factorlab_lake.storage.bucket_path import in_bucket
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.disk_space import files_in
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.lease import Lease
from factorlab_lake.storage.lock import WriterLock, lost_lock
from factorlab_lake.storage.snapshots import Derived, Snapshot

__all__ = ["MAX_FILES_PER_PARTITION", "Transaction"]

# An ingest that leaves more files than this in a partition rewrites the partition.
MAX_FILES_PER_PARTITION = 8
_OF_BASE = -1  # stands for the version in the base, which a change does not change


@dataclass(slots=True)
class Transaction:
    """Represent the writer's view of a lake: its base snapshot, and the table versions that it commits.

    ``newest`` are the newest versions in the Delta logs; -1 stands for a table without one.
    ``undone`` are the versions that undid the commits of a dead writer; alone they are no change.
    ``touched`` are the symbols of which rows were added or removed, other than bars; ``with_new_bars`` are
    those of which bars were. ``derived`` describes the derived rows
    that the commit stores; None leaves those of the base. ``replaced`` are the partitions that lost files;
    None stands for an unpartitioned table. ``restored`` are the tables that were restored to an earlier
    version. ``result`` is the snapshot that the commit wrote; before the commit, and when nothing changed, it
    is ``base``.
    """

    layout: Layout
    base: Snapshot
    reason: str
    lock: WriterLock | Lease
    newest: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    undone: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, set[int | None]] = field(default_factory=dict)
    restored: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    with_new_bars: set[str] = field(default_factory=set)
    derived: Derived | None = None
    _lists: dict[tuple[str, int], list[DataFile]] = field(default_factory=dict)
    _before: dict[str, set[Path]] = field(default_factory=dict)  # the files of each table that is written
    result: Snapshot = field(init=False)

    def __post_init__(self) -> None:
        """Set the result to the base."""
        self.result = self.base

    def read(
        self,
        name: str,
        *,
        partitions: list[int] | None = None,
        symbols: pl.Series | None = None,
        columns: list[str] | None = None,
    ) -> pl.DataFrame:
        """Return a table's rows with the changes of this transaction, of all or some partitions and symbols.

        Rows without a partition value are always among them.
        """
        files = self.files(name)
        if partitions is not None:
            files = [f for f in files if f.partition is None or f.partition in partitions]
        if symbols is not None:
            files = data_files.prune(files, symbols=symbols.unique().to_list())
        return read_files(self.layout, name, files, symbols, columns=columns)

    def files(self, name: str) -> list[DataFile]:
        """Return a table's files with the changes of this transaction; the Delta log lists changed tables."""
        version = self.changed.get(name)
        key = (name, _OF_BASE if version is None else version)
        if key not in self._lists:  # a change reads most lists several times; in a bucket each is a request
            self._lists[key] = (
                data_files.files_of(self.layout, self.base, name)
                if version is None
                else data_files.save_list(self.layout, name, version)
            )
        return self._lists[key]

    def append(self, name: str, frame: pl.DataFrame) -> None:
        """Add rows to a table, few partitions at a time: each writes a file, with buffers for each column."""
        spec = table(name)
        for part in [] if frame.is_empty() else _written_at_once(spec, frame):
            self.note(name, delta.append(self._folder_to_write(name), spec, part, self.reason))

    def note(self, name: str, version: int) -> None:
        """Note the version that this writer committed to a table.

        Raises :class:`LakeLocked` when another writer committed to it in between. Delta would accept both,
        and rows that the other may still undo would be in this commit.
        """
        if version != max(self.newest[name], 0) + 1:
            raise lost_lock(self.layout.root)
        self.newest[name] = self.changed[name] = version

    def replace(self, name: str, frame: pl.DataFrame, partitions: list[int]) -> None:
        """Replace whole partitions, or all rows of an unpartitioned table, with ``frame``.

        The frame was made from the rows that it replaces. A damaged file may decode to other values without
        an error, so its bytes are compared first. Raises :class:`LakeDamaged` for a damaged file.
        """
        if not frame.is_empty():
            self._assert_undamaged(name, partitions)
        self.replaced.setdefault(name, set()).update(partitions or [None])
        folder = self._folder_to_write(name)
        self.note(name, delta.replace(folder, table(name), frame, partitions, self.reason))

    def rewrite(self, name: str, frame: pl.DataFrame) -> None:
        """Replace all rows of a derived table with ``frame``, also where its files are damaged."""
        spec = table(name)
        partitions = {f.partition for f in self.files(name)}
        self.replaced.setdefault(name, set()).update(partitions or {None})
        if spec.partition_by:
            partitions |= set(frame[spec.partition_by].unique().to_list())
        known = sorted(p for p in partitions if p is not None)
        self.note(name, delta.replace(self._folder_to_write(name), spec, frame, known, self.reason))

    def _folder_to_write(self, name: str) -> Path:
        """Return a table's folder, whose files are listed before the first write; a bucket is never full."""
        folder = self.layout.table(name)
        if name not in self._before and in_bucket(folder) is None:
            self._before[name] = files_in(folder)
        return folder

    def written(self, *, listed: bool = True) -> set[Path] | None:
        """Return the files that this transaction wrote, or None if it began no write.

        Without ``listed``, those that the newest version of no table lists.
        """
        if not self._before:
            return None
        new: set[Path] = set()
        for name, before in self._before.items():
            folder, newest = self.layout.table(name), delta.current_version(self.layout.table(name))
            new |= files_in(folder) - before
            if not listed and newest >= 0:
                new -= {folder / f.path for f in data_files.list_files(folder, table(name), newest)}
        return new

    def _assert_undamaged(self, name: str, partitions: list[int]) -> None:
        files = self._lists.get((name, _OF_BASE)) or data_files.files_of(self.layout, self.base, name)
        replaced = [f for f in files if not partitions or f.partition in partitions]
        if damage := checksums.first_damage(self.layout, {name: replaced}):
            raise damage

    def compact(self) -> None:
        """Rewrite the partitions of changed tables that have too many files, sorted."""
        for name in list(self.changed):
            counts = Counter(f.partition for f in self.files(name))
            many = [partition for partition, count in counts.items() if count > MAX_FILES_PER_PARTITION]
            if not table(name).partition_by:
                if many:
                    self.replace(name, self.read(name), [])
                continue
            for some in self.partitions_in_parts(name, sorted(p for p in many if p is not None)):
                self.replace(name, self.read(name, partitions=some), some)

    def partitions_in_parts(self, name: str, partitions: list[int] | None) -> Iterator[list[int]]:
        """Yield partitions in parts that are small enough to rewrite at once; one empty part for None."""
        if partitions is None:
            yield []
            return
        rows: Counter[int | None] = Counter()
        for file in self.files(name):
            rows[file.partition] += file.rows
        some: list[int] = []
        values = 0
        for partition in partitions:
            more = rows[partition] * len(table(name).columns)
            if some and values + more > VALUES_AT_A_TIME:
                yield some
                some, values = [], 0
            some.append(partition)
            values += more
        if some:
            yield some


def _written_at_once(spec: TableSpec, frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the rows of so many partitions that all columns of their files have buffers at once."""
    partitions = frame[spec.partition_by].unique().sort().to_list() if spec.partition_by else []
    at_once = max(1, COLUMNS_WRITTEN_AT_A_TIME // len(spec.columns))
    for first in range(0, len(partitions), at_once):
        some = partitions[first : first + at_once]
        is_all = len(some) == len(partitions)
        yield frame if is_all else frame.filter(pl.col(spec.partition_by).is_in(some, nulls_equal=True))
    if not partitions:
        yield frame
