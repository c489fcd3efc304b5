"""Change a lake in transactions: all that a transaction writes becomes visible atomically, or never.

A crash between any two steps of a change is safe, and so is a second writer after the lock was deleted:

1. Lock the lake.
2. Undo table commits that no snapshot names: their writer died before it wrote its snapshot.
3. Commit to the tables.
4. Derive the file lists.
5. Check that the lock is still this writer's.
6. Create the snapshot, which fails if there is one of its number. Until now readers see nothing of it.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from factorlab_lake.errors import LakeDamaged, LakeLocked
from factorlab_lake.schema import STORED_TABLES, TableSpec, table
from factorlab_lake.schema.derived_tables import DERIVED_FROM
from factorlab_lake.schema.rules import COLUMNS_WRITTEN_AT_A_TIME, VALUES_AT_A_TIME
from factorlab_lake.storage import checksums, data_files, delta, snapshots
from factorlab_lake.storage.bucket_path import in_bucket, options_of
from factorlab_lake.storage.data_files import DataFile, missing_in_file
from factorlab_lake.storage.inventory import raise_format
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.lease import Lease
from factorlab_lake.storage.lock import WriterLock, lost_lock, writer_lock
from factorlab_lake.storage.snapshots import Derived, Snapshot

__all__ = ["MAX_FILES_PER_PARTITION", "Transaction", "read_files", "read_slices", "roll_back", "transaction"]

# An ingest that leaves more files than this in a partition rewrites the partition.
MAX_FILES_PER_PARTITION = 8
_OF_BASE = -1  # stands for the version in the base, which a change does not change
_LISTINGS_AT_ONCE = 8


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
            self.note(name, delta.append(self.layout.table(name), spec, part, self.reason))

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
        folder = self.layout.table(name)
        self.note(name, delta.replace(folder, table(name), frame, partitions, self.reason))

    def rewrite(self, name: str, frame: pl.DataFrame) -> None:
        """Replace all rows of a derived table with ``frame``, also where its files are damaged."""
        spec = table(name)
        partitions = {f.partition for f in self.files(name)}
        self.replaced.setdefault(name, set()).update(partitions or {None})
        if spec.partition_by:
            partitions |= set(frame[spec.partition_by].unique().to_list())
        known = sorted(p for p in partitions if p is not None)
        self.note(name, delta.replace(self.layout.table(name), spec, frame, known, self.reason))

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


def read_files(
    layout: Layout,
    name: str,
    files: list[DataFile],
    symbols: pl.Series | None = None,
    *,
    columns: list[str] | None = None,
) -> pl.DataFrame:
    """Read data files of one table into a frame with the table's columns, or some of them."""
    no_rows = pl.LazyFrame(schema=delta.polars_schema(table(name)))
    rows = pl.concat([no_rows, *(_scan(layout, name, f) for f in files)])
    if symbols is not None:
        rows = rows.filter(pl.col("symbol").is_in(symbols.implode()))
    return _collect(layout, name, rows if columns is None else rows.select(columns), files)


def read_slices(layout: Layout, name: str, file: DataFile, rows: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of a data file in slices of ``rows`` rows, which bounds the memory."""
    scan = _scan(layout, name, file)
    for first in range(0, file.rows, rows):
        yield _collect(layout, name, scan.slice(first, rows), [file])


def _scan(layout: Layout, name: str, file: DataFile) -> pl.LazyFrame:
    spec, schema = table(name), delta.polars_schema(table(name))
    in_files = {c: t for c, t in schema.items() if c != spec.partition_by}
    part = pl.scan_parquet(
        str(layout.table(name) / file.path),
        storage_options=options_of(layout.root),
        schema=in_files,
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
    )
    if spec.partition_by:
        part = part.with_columns(pl.lit(file.partition, schema[spec.partition_by]).alias(spec.partition_by))
    defaults = [pl.col(c.name).fill_null(c.default) for c in spec.columns if c.default is not None]
    return part.select(schema.names()).with_columns(defaults)


def _collect(layout: Layout, name: str, rows: pl.LazyFrame, files: list[DataFile]) -> pl.DataFrame:
    try:
        return rows.collect()
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        for file in files:
            missing_in_file(
                table(name), layout.table(name) / file.path
            )  # raises if the table has another schema
        raise checksums.read_error(layout, {name: files}, str(error).splitlines()[0]) from None


@contextmanager
def transaction(
    layout: Layout,
    *,
    reason: str,
    program_version: str,
    operation: str = "",
    timeout_s: float = 60.0,
) -> Iterator[Transaction]:
    """Open a transaction; the end of the block commits one snapshot, an exception undoes all changes.

    Raises :class:`~factorlab_lake.errors.LakeLocked` while another process writes for ``timeout_s``.
    """
    with writer_lock(layout, timeout_s=timeout_s) as lock:
        current = Transaction(layout, snapshots.latest(layout), reason, lock)
        _undo_unfinished(current)
        try:
            yield current
            current.compact()
        except BaseException:
            with suppress(LakeLocked):  # the owner of the lock undoes it, not a writer that lost it
                lock.assert_owned()
                _undo_unfinished(current)
            raise
        _commit(current, program_version=program_version, operation=operation)


def roll_back(layout: Layout, to: Snapshot, *, reason: str, program_version: str) -> Snapshot:
    """Restore the content of an earlier snapshot as a new snapshot, and return it."""
    with writer_lock(layout) as lock:
        current = Transaction(layout, snapshots.latest(layout), reason, lock)
        _undo_unfinished(current)
        for name, version in current.base.tables.items():
            target = to.tables.get(name)
            if target is None and data_files.files_of(layout, current.base, name):
                current.replace(name, current.read(name, partitions=[]).clear(), _partitions(current, name))
            elif target not in (None, version):
                current.note(name, delta.restore(layout.table(name), target, reason))
                current.restored.add(name)
        current.derived = to.derived or Derived()
        _commit(current, program_version=program_version, operation="")
    return current.result


def _partitions(current: Transaction, name: str) -> list[int]:
    files = data_files.files_of(current.layout, current.base, name)
    return sorted({f.partition for f in files if f.partition is not None})


def _undo_unfinished(current: Transaction) -> None:
    """Restore every table to its version in the newest snapshot; the next snapshot names the new versions."""
    undone: dict[str, int] = {}
    folders = {name: current.layout.table(name) for name in STORED_TABLES}
    current.newest.update(zip(folders, _versions(list(folders.values())), strict=True))
    for name, folder in folders.items():
        committed, newest = current.base.tables.get(name), current.newest[name]
        if newest == committed or (newest == -1 and committed is None):
            continue
        if newest == -1:
            raise LakeDamaged(
                f"The table in {folder} is missing; restore the lake from a backup.", path=str(folder)
            )
        if committed is not None:
            current.note(name, delta.restore(folder, committed, _UNDO))
            undone[name] = current.newest[name]
        else:
            _empty(current, name)
    current.changed, current.undone = undone, dict(undone)


def _versions(folders: list[Path]) -> list[int]:
    """Return the newest version of each table; in a bucket, several listings run at once."""
    if in_bucket(folders[0]) is None:
        return [delta.current_version(folder) for folder in folders]
    with ThreadPoolExecutor(_LISTINGS_AT_ONCE) as pool:
        return list(pool.map(delta.current_version, folders))


def _empty(current: Transaction, name: str) -> None:
    """Remove the rows of a table that no snapshot names."""
    folder, spec = current.layout.table(name), table(name)
    files = data_files.list_files(folder, spec, current.newest[name])
    years = sorted({f.partition for f in files if f.partition is not None})
    if files:
        empty = pl.DataFrame(schema=delta.polars_schema(spec))
        current.note(name, delta.replace(folder, spec, empty, years, _UNDO))


_UNDO = "undo of an unfinished change"


def _commit(current: Transaction, *, program_version: str, operation: str) -> None:
    derived = _derived(current)
    if current.changed == current.undone and _content(derived) == _content(current.base.derived):
        return
    for name in current.changed:
        _record(current, name)
    snapshot = Snapshot(
        id=current.base.id + 1,
        tables=current.base.tables | current.changed,
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        program_version=program_version,
        reason=current.reason,
        operation=operation or uuid.uuid4().hex,
        derived=derived,
        parent=current.base.digest,
    )
    raise_format(current.layout)
    current.lock.assert_owned()
    try:
        current.result = snapshots.save(current.layout, snapshot)
    except FileExistsError:
        raise lost_lock(current.layout.root) from None


def _derived(current: Transaction) -> Derived | None:
    """Return the description of the derived rows, with the versions of their inputs in this commit.

    Without a computation, the rows of the touched symbols are those of before, so the symbols are pending.
    """
    derived = current.derived
    if derived is None and current.base.derived is not None:
        pending = sorted({*current.base.derived.pending, *current.touched})
        derived = replace(current.base.derived, pending=pending)
    if derived is None:
        return None
    tables = current.base.tables | current.changed
    return replace(derived, inputs={name: tables[name] for name in DERIVED_FROM if name in tables})


def _content(derived: Derived | None) -> Derived | None:
    """Return a description without table versions, which an undo changes too."""
    return None if derived is None else replace(derived, inputs={})


def _record(current: Transaction, name: str) -> None:
    """Write the checksums of a new version's files; raise :class:`LakeDamaged` when it lost a file.

    A Delta log that was truncated at the end of a line is valid, but lists fewer files.
    """
    before = data_files.files_of(current.layout, current.base, name)
    after = current.files(name)
    paths_before, paths_after = {f.path for f in before}, {f.path for f in after}
    replaced = current.replaced.get(name, set())
    lost = [f for f in before if f.partition not in replaced and f.path not in paths_after]
    if lost and name not in current.restored:
        origin = checksums.origin_version(current.layout, name, lost[0].path)
        folder = current.layout.table(name) / "_delta_log"
        entry = folder if origin is None else delta.log_entry(folder, origin)
        raise LakeDamaged(
            f"{entry} lost the file {lost[0].path}; `factorlab-lake repair --from BACKUP` restores it. "
            "Nothing was changed.",
            path=str(entry),
        )
    if name in current.restored:
        paths_before |= checksums.stored(current.layout, name).keys()
    added = [f for f in after if f.path not in paths_before]
    entries = delta.entries_since(
        current.layout.table(name) / "_delta_log", current.base.tables.get(name, -1), current.changed[name]
    )
    checksums.record(current.layout, name, current.changed[name], added, entries)
