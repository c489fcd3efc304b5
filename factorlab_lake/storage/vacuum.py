"""Delete the files that no retained snapshot needs.

A crash between any two steps of a vacuum is safe: lock the lake, undo the commits of a dead writer, list the
vacuumed snapshots, delete their files. After a crash the next vacuum deletes the rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from factorlab_lake.errors import InvalidInput, check_type, counted
from factorlab_lake.run_report import RunReport, shortened
from factorlab_lake.schema import STORED_TABLES
from factorlab_lake.storage import checksums, data_files, delta, refs, snapshots
from factorlab_lake.storage.commits import transaction
from factorlab_lake.storage.layout import Layout, write_errors
from factorlab_lake.storage.lock import writer_lock
from factorlab_lake.storage.refs import RETENTION_DAYS
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["VacuumReport", "vacuum"]

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_STALE_S = 3600.0  # a younger file that no snapshot names may still be in use


@dataclass(slots=True, repr=False)
class VacuumReport(RunReport):
    """Report what a vacuum deleted, or would delete: ``files`` are (path within the lake, bytes).

    ``snapshots`` are the vacuumed ones, ``kept`` those that stay readable.
    """

    dry_run: bool
    retention_days: float
    snapshots: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)
    size_bytes: int = 0

    def lines(self) -> list[str]:
        """Return the files, their size, and the snapshots that are removed and kept."""
        verb = "would be deleted; use --delete to delete them" if self.dry_run else "deleted"
        return [
            *shortened([f"{size:>12,}  {file}" for file, size in self.files]),
            f"{counted(len(self.files), 'file')} of {counted(self.size_bytes, 'byte')} {verb}",
            f"snapshots removed: {_ids(self.snapshots)}; kept: {_ids(self.kept)}",
        ]


def vacuum(
    layout: Layout,
    *,
    program_version: str,
    retention_days: float = RETENTION_DAYS,
    dry_run: bool = True,
    now: datetime | None = None,
) -> VacuumReport:
    """Delete the files that no retained snapshot has; a dry run, the default, only lists them.

    Retained are the newest snapshot, those with a pin, and each that was the newest one at some moment within
    the retention. A dry run takes no lock, so it also lists the uncommitted files of a concurrent writer.
    """
    check_type(retention_days, (int, float), "retention_days", "a number of days")
    if not retention_days >= 0:
        raise InvalidInput(
            f"The retention is {retention_days!r}; expected a number of days, at least 0.",
            retention_days=retention_days,
        )
    cutoff = _cutoff(now or datetime.now(UTC), retention_days)
    if dry_run:
        return _planned(layout, VacuumReport(dry_run, retention_days), cutoff)
    # Delete what no snapshot needs before anything is written: on a full disk that makes room for the rest.
    with writer_lock(layout):
        leftover = _planned(layout, VacuumReport(dry_run, retention_days), _EARLIEST)
        for inside, _ in leftover.files:
            _delete(layout.root / inside)
    with transaction(layout, reason="vacuum", program_version=program_version):
        report = _planned(layout, VacuumReport(dry_run, retention_days), cutoff)
        paths = [layout.root / path for path, _ in report.files]
        # Delete file lists first: on a full disk this makes room for vacuumed.json.
        for path in (p for p in paths if p.parent == layout.file_lists):
            _delete(path)
        if report.snapshots:
            refs.save_vacuumed(layout, refs.vacuumed(layout) | set(report.snapshots))
        for path in paths:
            _delete(path)
    report.files = sorted([*leftover.files, *report.files])
    report.size_bytes += leftover.size_bytes
    return report


def _cutoff(now: datetime, retention_days: float) -> datetime:
    """Return the time of the oldest snapshot to retain; a retention before the year 1 retains all."""
    try:
        return now - timedelta(days=retention_days)
    except OverflowError:
        return _EARLIEST


def _planned(layout: Layout, report: VacuumReport, cutoff: datetime) -> VacuumReport:
    history = snapshots.history(layout)
    kept = _retained(history, cutoff)
    report.kept = [s.id for s in kept]
    report.snapshots = [s.id for s in history if not s.vacuumed and s not in kept]
    unneeded = {*_unneeded_data(layout, kept), *_unneeded_lists(layout, kept), *_unneeded_logs(layout, kept)}
    for path in sorted({*unneeded, *_stale_temporary_files(layout)}):
        size = path.stat().st_size if path.exists() else 0
        report.files.append((path.relative_to(layout.root).as_posix(), size))
        report.size_bytes += size
    return report


def _retained(history: list[Snapshot], cutoff: datetime) -> list[Snapshot]:
    """Return the newest snapshot, the pinned ones, and those that were the newest one after the cutoff."""
    ends = [s.time for s in history[1:]]
    recent = [s for s, end in zip(history, ends, strict=False) if end > cutoff or s.pins]
    return [s for s in [*recent, *history[-1:]] if not s.vacuumed]


def _unneeded_data(layout: Layout, kept: list[Snapshot]) -> Iterator[Path]:
    """Yield the data files that no retained snapshot has, and the checksum files of only such files.

    A young file that no commit named may be of a writer that is about to commit, if its lock was deleted.
    """
    for name in STORED_TABLES:
        versions = {s.tables[name]: s for s in kept if name in s.tables}
        needed = {f.path for s in versions.values() for f in data_files.files_of(layout, s, name)}
        committed = checksums.stored(layout, name, until=max(versions, default=-1)).keys()
        folder = layout.table(name)
        for path in folder.rglob("*.parquet*"):
            inside = path.relative_to(folder)
            if inside.parts[0] == "_delta_log" or inside.as_posix() in needed:
                continue
            if inside.as_posix() in committed or _is_stale(path):
                yield path
        log = {p.name for p in delta.entries_replayed(folder / "_delta_log", versions)}
        yield from checksums.records_without(layout, name, needed, log)


def _unneeded_lists(layout: Layout, kept: list[Snapshot]) -> Iterator[Path]:
    needed = {data_files.list_path(layout, name, version) for s in kept for name, version in s.tables.items()}
    yield from (path for path in layout.file_lists.glob("*.json") if path not in needed)


def _unneeded_logs(layout: Layout, kept: list[Snapshot]) -> Iterator[Path]:
    """Yield the log entries before the checkpoint from which the oldest retained version is read."""
    for name in STORED_TABLES:
        versions = {s.tables[name] for s in kept if name in s.tables}
        yield from delta.entries_before(layout.table(name) / "_delta_log", versions)


def _stale_temporary_files(layout: Layout) -> Iterator[Path]:
    """Yield the temporary files of dead processes."""
    folders = [layout.root, layout.identity.parent, layout.snapshots, layout.file_lists]
    folders += [layout.digests, layout.checksums]
    temporary = [p for folder in folders for p in folder.glob(".*.*") if len(p.suffix) == len(".") + 32]
    for name in STORED_TABLES:
        temporary += (layout.table(name) / "_delta_log").rglob("*.tmp")
        temporary += (layout.table(name) / "_delta_log").rglob("*#*")
    yield from (p for p in temporary if p.is_file() and _is_stale(p))


def _is_stale(path: Path) -> bool:
    """Return whether a file is too old to be in use; the file system's clock sets its age."""
    return time.time() - path.stat().st_mtime > _STALE_S


def _delete(path: Path) -> None:
    with write_errors(path):
        path.unlink(missing_ok=True)


def _ids(snapshots: list[int]) -> str:
    return ", ".join(map(str, snapshots)) or "none"
