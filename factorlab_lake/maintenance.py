"""What keeps a lake well: pins, differences, compaction, vacuum, verification, repair, backup and restore."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING

from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage import refs, snapshots
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.refs import RETENTION_DAYS
from factorlab_lake.storage.snapshots import Snapshot, program_version

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.storage.backup import BackupReport
    from factorlab_lake.storage.compaction import CompactionReport
    from factorlab_lake.storage.repair import RepairReport
    from factorlab_lake.storage.vacuum import VacuumReport
    from factorlab_lake.storage.verification import VerificationReport

__all__ = ["Maintenance", "repair", "verify"]


def verify(path: str | os.PathLike[str], *, deep: bool = False) -> VerificationReport:
    """Check the lake in a folder, also one too damaged to be opened; see :meth:`Maintenance.verify`.

    Exported as ``factorlab_lake.verify``. :class:`~factorlab_lake.errors.NotFound` where there is none.
    """
    from factorlab_lake.storage import verification

    return verification.verify(layouts.find(path), deep=deep)


def repair(
    path: str | os.PathLike[str], *, backup: str | os.PathLike[str] | None = None, deep: bool = False
) -> RepairReport:
    """Put right what can be put right without losing a row; return what was, and what is still wrong.

    Lost or damaged file lists and ``lake.duckdb`` are rebuilt. With a ``backup``, data files, log
    entries and snapshots are brought back from it: data files only when they have the checksum they were
    written with. Exported as ``factorlab_lake.repair``, and works on a lake too damaged to be opened.

    Raises :class:`~factorlab_lake.errors.InvalidInput` for the backup of another lake,
    :class:`~factorlab_lake.errors.NotFound` and :class:`~factorlab_lake.errors.LakeLocked`.
    """
    from factorlab_lake.storage import repair as repairs

    layout = layouts.find(path)
    source = None if backup is None else layouts.find(backup)
    report = repairs.repair(layout, from_backup=source, deep=deep)
    if report.clean:
        with snapshots.after_commit("lake.duckdb was not rewritten", "lake.catalog() writes it."):
            if _refresh_catalog(layout):
                report.repaired.append(("lake.duckdb", "rewritten"))
    return report


def _refresh_catalog(layout: Layout) -> bool:
    """Rewrite the single file when it exists and does not show the newest snapshot from its folder."""
    from factorlab_lake.query import catalog

    newest = snapshots.latest(layout)
    if not newest.id or catalog.is_current(layout, newest):
        return False
    with layouts.writer_lock(layout):
        catalog.write_catalog(layout, snapshots.latest(layout))
    return True


class Maintenance:
    """The methods of a lake that keep it well."""

    _layout: Layout
    snapshot: Snapshot

    def _changed(self) -> None:
        raise NotImplementedError

    def _writable(self, verb: str) -> None:
        raise NotImplementedError

    def pin(self, name: str) -> None:
        """Give this lake's snapshot a name, by which ``at`` finds it and because of which vacuum keeps it.

        ``lake.at(3).pin("paper")`` names an earlier one. The same again changes nothing. Raises
        :class:`~factorlab_lake.errors.InvalidInput` for what is no name,
        :class:`~factorlab_lake.errors.AlreadyExists` for the name of another snapshot, and
        :class:`~factorlab_lake.errors.NotFound` when the snapshot was vacuumed.
        """
        with layouts.writer_lock(self._layout):
            refs.pin(self._layout, name, self.snapshot.id)

    def unpin(self, name: str) -> None:
        """Take a name away; :class:`~factorlab_lake.errors.NotFound` when no snapshot has it."""
        with layouts.writer_lock(self._layout):
            refs.unpin(self._layout, name)

    def diff(self, before: int | str | datetime, after: int | str | datetime | None = None) -> pl.DataFrame:
        """Return what changed from one snapshot to another: one row per table and symbol that changed.

        ``added`` rows have a key that was not there, ``superseded`` ones a new content under their key,
        ``removed`` ones are gone. Snapshots are given as to :meth:`at`; without ``after`` it is this lake's.
        Only files that one of the two has are read. Ordered by table, as in the schema, and symbol.
        """
        from factorlab_lake.storage.diff import difference

        old = snapshots.at(self._layout, before)
        new = self.snapshot if after is None else snapshots.at(self._layout, after)
        return difference(self._layout, old, new)

    def compact(self) -> CompactionReport:
        """Rewrite partitions that are spread over more files than they need, sorted, with the same rows.

        That is a new snapshot; when there is nothing to do, none is taken. Readers are not disturbed.
        """
        from factorlab_lake.storage import compaction

        self._writable("compact")
        report = compaction.compact(self._layout, program_version=program_version())
        self._changed()
        return report

    def vacuum(
        self, *, retention_days: float = RETENTION_DAYS, dry_run: bool = True, now: datetime | None = None
    ) -> VacuumReport:
        """Say what no kept snapshot needs, and how many bytes that is; delete it with ``dry_run=False``.

        Kept are the newest snapshot, those with a pin, and each that was the newest at some moment of the
        last ``retention_days``. The others are marked in the history, and ``at`` refuses them. What dead
        writers left goes too. ``now`` is the clock's time unless given.
        """
        from factorlab_lake.storage import vacuum as vacuums

        self._writable("vacuum")
        report = vacuums.vacuum(
            self._layout,
            program_version=program_version(),
            retention_days=retention_days,
            dry_run=dry_run,
            now=now,
        )
        self._changed()
        return report

    def verify(self, *, deep: bool = False) -> VerificationReport:
        """Check that every file is there, whole, and holds what it should; return each fault with its file.

        The files of all kept snapshots are compared with their checksums; of the newest one also schema,
        keys, partitions and the ranges by which files are chosen. ``deep`` reads every value of all of them.
        """
        return verify(self._layout.root, deep=deep)

    def repair(self, *, backup: str | os.PathLike[str] | None = None, deep: bool = False) -> RepairReport:
        """Put right what can be put right without losing a row; see :func:`repair`."""
        self._writable("repair")
        return repair(self._layout.root, backup=backup, deep=deep)

    def backup(self, path: str | os.PathLike[str]) -> BackupReport:
        """Bring a folder to hold this lake and its kept history; only what is not there yet is copied.

        Needs no lock: a writer may be at work, and the backup has the newest snapshot of its start. What is
        written is read back and compared. The folder opens as a lake that is only read. Raises
        :class:`~factorlab_lake.errors.AlreadyExists`, :class:`~factorlab_lake.errors.LakeDamaged` and
        :class:`~factorlab_lake.errors.WriteFailed`; the backup then stays what it was.
        """
        from factorlab_lake.storage import backup as backups

        return backups.backup(self._layout, path)
