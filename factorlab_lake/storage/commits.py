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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl

from factorlab_lake.errors import LakeDamaged, LakeLocked, WriteFailed
from factorlab_lake.schema import STORED_TABLES, table
from factorlab_lake.schema.derived_tables import DERIVED_FROM
from factorlab_lake.storage import checksums, data_files, delta, snapshots
from factorlab_lake.storage.bucket_path import in_bucket
from factorlab_lake.storage.disk_space import delete_new
from factorlab_lake.storage.inventory import raise_format
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.lock import lost_lock, writer_lock
from factorlab_lake.storage.snapshots import Derived, Snapshot
from factorlab_lake.storage.transaction import Transaction

__all__ = ["roll_back", "transaction"]

_LISTINGS_AT_ONCE = 8
_UNDO = "undo of an unfinished change"


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
        with _discarded_on_error(current):
            yield current
            current.compact()
            _commit(current, program_version=program_version, operation=operation)


@contextmanager
def _discarded_on_error(current: Transaction) -> Iterator[None]:
    """Undo a change that fails, and delete the files that it wrote: they may fill the disk.

    The files that no table lists come first, because an undo writes to the logs. If there is no room for
    that even then, the listed files are deleted too: no snapshot names them. A writer that lost its lock
    leaves all to the owner. An error after the snapshot was created discards nothing.
    """
    try:
        yield
    except BaseException:
        with suppress(LakeLocked, LakeDamaged, WriteFailed):  # the next writer undoes the rest
            current.lock.assert_owned()
            if snapshots.newest_id(current.layout) == current.base.id:
                _discard(current)
        raise


def _discard(current: Transaction) -> None:
    owned = current.lock.assert_owned
    delete_new(partial(current.written, listed=False), owned)
    try:
        _undo_unfinished(current)
    except WriteFailed:
        delete_new(current.written, owned)
        _undo_unfinished(current)
    delete_new(current.written, owned)


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
