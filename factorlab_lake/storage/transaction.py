"""Changing a lake: everything a transaction writes becomes visible together, or never.

Order of a change, safe at every step: take the lock; undo table commits that no snapshot names (a
writer died between them and its snapshot); commit to the tables; derive the file lists; write the
snapshot. Until the last step readers see nothing of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from factorlab_lake.errors import LakeDamaged
from factorlab_lake.schema import TABLES, table
from factorlab_lake.storage import checksums, data_files, delta, snapshots
from factorlab_lake.storage.data_files import DataFile, missing_in_file
from factorlab_lake.storage.layout import Layout, writer_lock
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["Transaction", "read_files", "read_slices", "roll_back", "transaction"]

# More files than this in one partition, and an ingest ends with their rewrite.
MAX_FILES_PER_PARTITION = 8


@dataclass(slots=True)
class Transaction:
    """The writer's view of a lake: the snapshot it started from, and the table versions it made.

    ``undone`` are the versions that undid what a dead writer had left; alone they are no change. ``replaced``
    are the partitions whose files are no longer all there, None standing for those of an unpartitioned table;
    ``restored`` are tables brought back to an earlier version as a whole. ``result`` is the snapshot that the
    commit wrote; before the commit, and when nothing changed, it is ``base``.
    """

    layout: Layout
    base: Snapshot
    reason: str
    changed: dict[str, int] = field(default_factory=dict)
    undone: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, set[int | None]] = field(default_factory=dict)
    restored: set[str] = field(default_factory=set)
    _lists: dict[tuple[str, int], list[DataFile]] = field(default_factory=dict)
    result: Snapshot = field(init=False)

    def __post_init__(self) -> None:
        """Start with the base as the result."""
        self.result = self.base

    def read(
        self,
        name: str,
        *,
        partitions: list[int] | None = None,
        symbols: pl.Series | None = None,
        columns: list[str] | None = None,
    ) -> pl.DataFrame:
        """Return a table's rows as this transaction sees them: of some partitions, some symbols, or all."""
        found = self.files(name)
        if partitions is not None:
            found = [f for f in found if f.partition is None or f.partition in partitions]
        if symbols is not None:
            found = data_files.prune(found, symbols=symbols.unique().to_list())
        return read_files(self.layout, name, found, symbols, columns=columns)

    def files(self, name: str) -> list[DataFile]:
        """Return a table's files as this transaction sees them; of what it changed, as the log has them."""
        version = self.changed.get(name)
        if version is None:
            return data_files.files_of(self.layout, self.base, name)
        if (name, version) not in self._lists:
            self._lists[name, version] = data_files.save_list(self.layout, name, version)
        return self._lists[name, version]

    def append(self, name: str, frame: pl.DataFrame) -> None:
        """Add rows to a table."""
        if not frame.is_empty():
            self.changed[name] = delta.append(self.layout.table(name), table(name), frame, self.reason)

    def replace(self, name: str, frame: pl.DataFrame, partitions: list[int]) -> None:
        """Put ``frame`` in the place of whole partitions, or of all rows of an unpartitioned table.

        What is replaced was read to make the frame of. A damaged file may decode to other values without an
        error, so its bytes are compared first: :class:`LakeDamaged`, before they are written on as good ones.
        """
        if not frame.is_empty():
            self._assert_whole(name, partitions)
        self.replaced.setdefault(name, set()).update(partitions or [None])
        self.changed[name] = delta.replace(
            self.layout.table(name), table(name), frame, partitions, self.reason
        )

    def _assert_whole(self, name: str, partitions: list[int]) -> None:
        found = data_files.files_of(self.layout, self.base, name)
        going = [f for f in found if not partitions or f.partition in partitions]
        if fault := checksums.first_damage(self.layout, {name: going}):
            raise fault

    def compact(self) -> None:
        """Rewrite, sorted, the partitions of changed tables that hold more than a handful of files."""
        for name in list(self.changed):
            spec = table(name)
            found = self.files(name)
            counts: dict[int | None, int] = {}
            for f in found:
                counts[f.partition] = counts.get(f.partition, 0) + 1
            for partition, count in counts.items():
                if count > MAX_FILES_PER_PARTITION:
                    chosen = [partition] if partition is not None else []
                    self.replace(
                        name, self.read(name, partitions=chosen if spec.partition_by else None), chosen
                    )


def read_files(
    layout: Layout,
    name: str,
    chosen: list[DataFile],
    symbols: pl.Series | None = None,
    *,
    columns: list[str] | None = None,
) -> pl.DataFrame:
    """Read data files of one table into a frame with the table's columns, or some of them."""
    parts = [pl.LazyFrame(schema=delta.polars_schema(table(name)))]
    everything = pl.concat([*parts, *(_scan(layout, name, f) for f in chosen)])
    if symbols is not None:
        everything = everything.filter(pl.col("symbol").is_in(symbols.implode()))
    return _collect(layout, name, everything if columns is None else everything.select(columns), chosen)


def read_slices(layout: Layout, name: str, file: DataFile, rows: int) -> Iterator[pl.DataFrame]:
    """Read a data file a number of rows at a time, in its order, so that memory is bounded."""
    everything = _scan(layout, name, file)
    for first in range(0, file.rows, rows):
        yield _collect(layout, name, everything.slice(first, rows), [file])


def _scan(layout: Layout, name: str, file: DataFile) -> pl.LazyFrame:
    spec, schema = table(name), delta.polars_schema(table(name))
    in_files = {c: t for c, t in schema.items() if c != spec.partition_by}
    part = pl.scan_parquet(
        layout.table(name) / file.path,
        schema=in_files,
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
    )
    if spec.partition_by:
        part = part.with_columns(pl.lit(file.partition, schema[spec.partition_by]).alias(spec.partition_by))
    return part.select(schema.names())


def _collect(layout: Layout, name: str, rows: pl.LazyFrame, chosen: list[DataFile]) -> pl.DataFrame:
    try:
        return rows.collect()
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as fault:
        for file in chosen:
            missing_in_file(table(name), layout.table(name) / file.path)  # raises where the table changed
        raise checksums.read_error(layout, {name: chosen}, str(fault).splitlines()[0]) from None


@contextmanager
def transaction(
    layout: Layout,
    *,
    reason: str,
    program_version: str,
    operation: str = "",
    timeout_s: float = 60.0,
) -> Iterator[Transaction]:
    """Open a transaction; leaving the block commits it as one snapshot, an exception undoes it.

    Raises :class:`~factorlab_lake.errors.LakeLocked` when another writer does not end in time.
    """
    with writer_lock(layout, timeout_s=timeout_s):
        current = Transaction(layout, snapshots.latest(layout), reason)
        _undo_unfinished(current)
        try:
            yield current
            current.compact()
        except BaseException:
            _undo_unfinished(current)
            raise
        _commit(current, program_version=program_version, operation=operation)


def roll_back(layout: Layout, to: Snapshot, *, reason: str, program_version: str) -> Snapshot:
    """Make an earlier snapshot's content current again, as a new snapshot; history stays whole."""
    with writer_lock(layout):
        current = Transaction(layout, snapshots.latest(layout), reason)
        _undo_unfinished(current)
        for name, version in current.base.tables.items():
            target = to.tables.get(name)
            if target is None and data_files.files_of(layout, current.base, name):
                current.replace(name, current.read(name, partitions=[]).clear(), _partitions(current, name))
            elif target not in (None, version):
                current.changed[name] = delta.restore(layout.table(name), target, reason)
                current.restored.add(name)
        _commit(current, program_version=program_version, operation="")
    return current.result


def _partitions(current: Transaction, name: str) -> list[int]:
    found = data_files.files_of(current.layout, current.base, name)
    return sorted({f.partition for f in found if f.partition is not None})


def _undo_unfinished(current: Transaction) -> None:
    """Bring every table back to what the newest snapshot says; the restored versions go into the next one."""
    undone: dict[str, int] = {}
    for name in TABLES:
        wanted = current.base.tables.get(name)
        newest = delta.current_version(current.layout.table(name))
        if newest == wanted or (newest == -1 and wanted is None):
            continue
        if newest == -1:
            raise LakeDamaged(
                f"The table in {current.layout.table(name)} is missing; restore the lake from a backup.",
                path=str(current.layout.table(name)),
            )
        if wanted is not None:
            undone[name] = delta.restore(current.layout.table(name), wanted, "undo of an unfinished change")
        else:
            spec = table(name)
            found = data_files.list_files(current.layout.table(name), spec, newest)
            years = sorted({f.partition for f in found if f.partition is not None})
            if found:
                empty = pl.DataFrame(schema=delta.polars_schema(spec))
                delta.replace(current.layout.table(name), spec, empty, years, "undo of an unfinished change")
    current.changed, current.undone = undone, dict(undone)


def _commit(current: Transaction, *, program_version: str, operation: str) -> None:
    if current.changed == current.undone:
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
    )
    snapshots.save(current.layout, snapshot)
    current.result = snapshot


def _record(current: Transaction, name: str) -> None:
    """Keep a new version's file list and the checksums of its new files, and see that it lost none.

    A Delta log that was cut off at the end of a line reads as if some files had never been.
    """
    before = data_files.files_of(current.layout, current.base, name)
    after = current.files(name)
    held, found = {f.path for f in before}, {f.path for f in after}
    stays = current.replaced.get(name, set())
    lost = [f for f in before if f.partition not in stays and f.path not in found]
    if lost and name not in current.restored:
        came = checksums.origin_version(current.layout, name, lost[0].path)
        folder = current.layout.table(name) / "_delta_log"
        entry = folder if came is None else delta.log_entry(folder, came)
        raise LakeDamaged(
            f"{entry} lost the file {lost[0].path}; `factorlab-lake repair --from BACKUP` puts it right. "
            "Nothing was changed.",
            path=str(entry),
        )
    if name in current.restored:
        held |= checksums.stored(current.layout, name).keys()
    checksums.record(current.layout, name, current.changed[name], [f for f in after if f.path not in held])
