"""Maintain a lake: settings, pins, diff, compaction, vacuum, verification, repair and backup."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factorlab_lake.errors import counted
from factorlab_lake.schema.derived_tables import DERIVED_TABLES
from factorlab_lake.settings import configured
from factorlab_lake.storage import lake_settings, refs, snapshots
from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage.bucket_path import in_bucket
from factorlab_lake.storage.lake_settings import Availability, LakeSettings
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.lock import writer_lock
from factorlab_lake.storage.refs import RETENTION_DAYS
from factorlab_lake.storage.snapshots import Snapshot, program_version

if TYPE_CHECKING:
    import polars as pl

    from factorlab_lake.storage.backup import BackupReport
    from factorlab_lake.storage.compaction import CompactionReport
    from factorlab_lake.storage.repair import RepairReport
    from factorlab_lake.storage.vacuum import VacuumReport
    from factorlab_lake.storage.verification import FileFinding, VerificationReport

__all__ = ["Maintenance", "copy_index", "repair", "verify", "write_index"]


def verify(path: str | os.PathLike[str], *, deep: bool = False) -> VerificationReport:
    """Check the lake in a folder, even if it is too damaged to open; see :meth:`Maintenance.verify`.

    Exported as ``factorlab_lake.verify``. Raises :class:`~factorlab_lake.errors.NotFound` without a lake.
    """
    from factorlab_lake.storage import verification

    layout = layouts.find(path)
    report = verification.verify(layout, deep=deep)
    if deep and report.clean:
        report.findings += _derived_findings(layout)
    if report.clean:
        report.findings += [finding for finding, _ in _index_findings(layout)]
    return report


def repair(
    path: str | os.PathLike[str], *, backup: str | os.PathLike[str] | None = None, deep: bool = False
) -> RepairReport:
    """Repair a lake without losing a row; return the repaired files and the remaining damage.

    Missing or damaged file lists and ``lake.duckdb`` are rebuilt. A ``backup`` also restores data files, log
    entries and snapshots; a data file only if its copy has the checksum of its commit. Works on a lake that
    is too damaged to open. Exported as ``factorlab_lake.repair``.

    Raises :class:`~factorlab_lake.errors.InvalidInput` for the backup of another lake,
    :class:`~factorlab_lake.errors.NotFound` and :class:`~factorlab_lake.errors.LakeLocked`.
    """
    from factorlab_lake.storage import repair as repairs

    layout = layouts.find(path)
    source = None if backup is None else layouts.find(backup)
    report = repairs.repair(layout, from_backup=source, deep=deep)
    _repair_derived(layout, report, deep=deep)
    if report.clean:
        with snapshots.after_commit("the read index was not rebuilt", "The next change writes it."):
            report.repaired += _repair_index(layout)
        with snapshots.after_commit("lake.duckdb was not rewritten", "lake.catalog() writes it."):
            if _refresh_catalog(layout):
                report.repaired.append(("lake.duckdb", "rewritten"))
    return report


def copy_index(layout: Layout, path: str | os.PathLike[str]) -> None:
    """Copy the read index to a copy in a bucket, where the first reader would take long to do without."""
    from factorlab_lake.index import manifest

    to = layouts.layout_at(path)
    if in_bucket(to.root) is not None:
        with snapshots.after_commit("the read index was not copied", "Answers are equal, but slower."):
            manifest.copy_index(layout, to, snapshots.latest(to))


def _derived_findings(layout: Layout) -> list[FileFinding]:
    """Return a finding for each derived table whose stored rows differ from those computed again."""
    from factorlab_lake.derive import stored
    from factorlab_lake.storage.verification import FileFinding

    differing = stored.differing_symbols(layout, snapshots.latest(layout))
    return [
        FileFinding(
            name, "derived", f"stored rows differ for {counted(len(symbols), 'symbol')}, such as {symbols[0]}"
        )
        for name, symbols in differing.items()
    ]


def _repair_derived(layout: Layout, report: RepairReport, *, deep: bool) -> None:
    """Compute the derived tables again if one of them, and no other table, is damaged."""
    from factorlab_lake.derive import stored
    from factorlab_lake.storage.commits import transaction

    tables = {Path(finding.file).parts[0] for finding in report.findings}
    if report.findings and not tables <= DERIVED_TABLES.keys():
        return
    damage = report.findings or (_derived_findings(layout) if deep else [])
    if not damage:
        return
    with transaction(
        layout, reason="repair of the derived tables", program_version=snapshots.program_version()
    ) as tx:
        stored.rebuild(tx)
    report.repaired += [(finding.file, "computed from the other tables") for finding in damage]
    report.findings = verify(layout.root, deep=deep).findings  # earlier snapshots may have damaged files


def _index_findings(layout: Layout) -> list[tuple[FileFinding, Snapshot]]:
    """Return a finding for each damaged file of the read index, with a snapshot that needs the file."""
    from factorlab_lake.index.manifest import damaged_files
    from factorlab_lake.storage.verification import FileFinding

    damaged = damaged_files(layout, snapshots.retained(layout))
    remedy = "SQL answers instead; `factorlab-lake repair` rebuilds it"
    return [
        (FileFinding(path.relative_to(layout.root).as_posix(), "index", f"{damage}; {remedy}"), snapshot)
        for path, damage, snapshot in damaged
    ]


def _repair_index(layout: Layout) -> list[tuple[str, str]]:
    """Delete the damaged files of the read index, and build the index of the newest snapshot without them."""
    from factorlab_lake.index import manifest

    damage = _index_findings(layout)
    for finding, snapshot in damage:
        (layout.root / finding.file).unlink(missing_ok=True)
        manifest.manifest_path(layout, snapshot.id).unlink(missing_ok=True)
    if damage:
        write_index(layout, snapshots.latest(layout), reuse=False)
    return [(finding.file, "deleted, and the index of the newest snapshot rebuilt") for finding, _ in damage]


def write_index(layout: Layout, snapshot: Snapshot, *, reuse: bool = True) -> None:
    """Write the read index of a snapshot, unless the settings of this process disable it."""
    from factorlab_lake.derive.availability_rule import to_rule
    from factorlab_lake.index.tile_builder import build
    from factorlab_lake.query.session import Session

    if configured("read_index") is not False:
        rule = to_rule(lake_settings.read_settings(layout).availability)
        session = Session(layout, snapshot, availability=rule)

        def query(sql: str, params: dict[str, Any]) -> pl.DataFrame:
            return session.frame(sql, params, sparing=True)

        build(layout, snapshot, query, bars=session.frame, reuse=reuse)


def _refresh_catalog(layout: Layout) -> bool:
    """Write ``lake.duckdb`` unless it shows the newest snapshot from this folder; return whether it wrote."""
    from factorlab_lake.query import catalog

    newest = snapshots.latest(layout)
    if not newest.id or in_bucket(layout.root) is not None or catalog.is_current(layout, newest):
        return False
    with writer_lock(layout):
        catalog.write_catalog(layout, snapshots.latest(layout))
    return True


class Maintenance:
    """Provide the maintenance methods of a lake."""

    _layout: Layout

    @property
    def snapshot(self) -> Snapshot:
        """Return the snapshot that all queries read."""
        raise NotImplementedError

    def _changed(self) -> None:
        raise NotImplementedError

    def _writable(self, verb: str) -> None:
        raise NotImplementedError

    @property
    def settings(self) -> LakeSettings:
        """Return the settings of the lake, which all users of the folder share."""
        return lake_settings.read_settings(self._layout)

    def configure(
        self, *, availability: Availability | None = None, provider_order: Iterable[str] | None = None
    ) -> LakeSettings:
        """Change settings of the lake, and return all of them; an argument that is None changes nothing.

        ``availability`` is the default rule of :func:`factorlab_lake.open`, and the rule of ``lake.duckdb``.
        ``provider_order`` names the providers of statements, the most trusted one first. At each date the
        first one answers whose newest statement is not stale. A lake that is open elsewhere sees a change
        after :meth:`refresh`.

        Raises :class:`~factorlab_lake.errors.InvalidInput` for an invalid value, and
        :class:`~factorlab_lake.errors.LakeLocked`.
        """
        self._writable("configure")
        values = {"availability": availability, "provider_order": provider_order}
        changes = {name: value for name, value in values.items() if value is not None}
        after = lake_settings.change_settings(self._layout, changes)
        self._changed()
        with snapshots.after_commit("lake.duckdb has the former settings", "lake.catalog() writes it."):
            _refresh_catalog(self._layout)
        return after

    def pin(self, name: str) -> None:
        """Pin this lake's snapshot under a name: ``at`` accepts the name, and vacuum retains the snapshot.

        ``lake.at(3).pin("paper")`` pins an earlier snapshot. Repeating it changes nothing. Raises
        :class:`~factorlab_lake.errors.InvalidInput` for an invalid name,
        :class:`~factorlab_lake.errors.AlreadyExists` for the pin of another snapshot, and
        :class:`~factorlab_lake.errors.NotFound` when the snapshot was vacuumed.
        """
        with writer_lock(self._layout):
            refs.pin(self._layout, name, self.snapshot.id)

    def unpin(self, name: str) -> None:
        """Remove a pin; raise :class:`~factorlab_lake.errors.NotFound` if it does not exist."""
        with writer_lock(self._layout):
            refs.unpin(self._layout, name)

    def diff(self, before: int | str | datetime, after: int | str | datetime | None = None) -> pl.DataFrame:
        """Return the changes between two snapshots: one row per table and symbol that changed.

        ``added`` rows have a new key, ``superseded`` rows have new content under their key, and ``removed``
        rows no longer exist. Arguments are as for :meth:`at`; ``after`` defaults to this lake's snapshot.
        Only files that one of the two snapshots has are read. Ordered by table, as in the schema, and symbol.
        """
        from factorlab_lake.storage.diff import difference

        old = snapshots.at(self._layout, before)
        new = self.snapshot if after is None else snapshots.at(self._layout, after)
        return difference(self._layout, old, new)

    def compact(self) -> CompactionReport:
        """Rewrite partitions that have too many files, sorted, with the same rows.

        This commits a new snapshot, unless no partition needs it. Readers are not affected. Derived rows that
        an older program did not store are stored first, in a snapshot of their own.
        """
        from factorlab_lake.derive import stored
        from factorlab_lake.storage import compaction

        self._writable("compact")
        stored.store_stale(self._layout, program_version=program_version())
        report = compaction.compact(self._layout, program_version=program_version())
        self._changed()
        return report

    def vacuum(
        self, *, retention_days: float = RETENTION_DAYS, dry_run: bool = True, now: datetime | None = None
    ) -> VacuumReport:
        """List the files that no retained snapshot needs and their bytes; ``dry_run=False`` deletes them.

        Retained are the newest snapshot, those with a pin, and each that was the newest one at some moment of
        the last ``retention_days``. The history marks the others as vacuumed, and ``at`` refuses them. The
        files of dead writers are deleted too. ``now`` defaults to the current time.
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
        self._vacuum_index(report)
        self._changed()
        return report

    def _vacuum_index(self, report: VacuumReport) -> None:
        """Add the files of the read index that no retained snapshot needs; delete them unless a dry run."""
        from factorlab_lake.index.manifest import unneeded_files

        kept = [snapshots.read(self._layout, number) for number in report.kept]
        for path in list(unneeded_files(self._layout, kept)):
            size = path.stat().st_size
            report.files.append((path.relative_to(self._layout.root).as_posix(), size))
            report.size_bytes += size
            if not report.dry_run:
                path.unlink(missing_ok=True)

    def verify(self, *, deep: bool = False) -> VerificationReport:
        """Check that every file exists, is undamaged and has valid content; report each damaged file.

        The files of all retained snapshots are compared with their checksums. For the newest snapshot,
        schema, keys, partitions and value ranges are checked too. ``deep`` reads every value of all
        snapshots.
        """
        return verify(self._layout.root, deep=deep)

    def repair(self, *, backup: str | os.PathLike[str] | None = None, deep: bool = False) -> RepairReport:
        """Repair the lake without losing a row; see :func:`repair`."""
        self._writable("repair")
        return repair(self._layout.root, backup=backup, deep=deep)

    def backup(self, path: str | os.PathLike[str]) -> BackupReport:
        """Copy this lake and its retained history to a folder; copy only files that are missing there.

        It takes no lock: with a concurrent writer, the backup has the newest snapshot of its start. Each copy
        is read back and compared. The folder opens as a read-only lake. Raises
        :class:`~factorlab_lake.errors.AlreadyExists`, :class:`~factorlab_lake.errors.LakeDamaged` and
        :class:`~factorlab_lake.errors.WriteFailed`; the backup then stays valid.
        """
        from factorlab_lake.storage import backup as backups

        report = backups.backup(self._layout, path)
        copy_index(self._layout, path)
        return report
