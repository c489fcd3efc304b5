"""The deletion of what no kept snapshot needs.

Order of a vacuum, safe at every step: take the writer's lock; undo what a dead writer left; write down which
snapshots go; delete their files. A vacuum that is killed leaves files that the next one deletes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema import TABLES
from factorlab_lake.storage import checksums, data_files, delta, refs, snapshots
from factorlab_lake.storage.layout import Layout, write_errors
from factorlab_lake.storage.refs import RETENTION_DAYS
from factorlab_lake.storage.snapshots import Snapshot
from factorlab_lake.storage.transaction import transaction

__all__ = ["VacuumReport", "vacuum"]

_STALE_S = 3600.0  # a small file is written beside and renamed within moments, also by readers


@dataclass(slots=True)
class VacuumReport:
    """What was deleted, or would be: ``files`` are (path within the lake, bytes).

    ``snapshots`` are those whose files go, ``kept`` those that can be read afterwards.
    """

    dry_run: bool
    retention_days: float
    snapshots: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)
    size_bytes: int = 0


def vacuum(
    layout: Layout,
    *,
    program_version: str,
    retention_days: float = RETENTION_DAYS,
    dry_run: bool = True,
    now: datetime | None = None,
) -> VacuumReport:
    """Delete the files that no kept snapshot has; by default only say which.

    Kept are the newest snapshot, those with a pin, and every one that was the newest at some moment within
    the retention. A dry run takes no lock: what a writer is writing just then is listed too.
    """
    if not retention_days >= 0:
        raise InvalidInput(
            f"The retention is {retention_days!r}; expected a number of days from 0 on.", given=retention_days
        )
    cutoff = (now or datetime.now(UTC)) - timedelta(days=retention_days)
    if dry_run:
        return _planned(layout, VacuumReport(dry_run, retention_days), cutoff)
    with transaction(layout, reason="vacuum", program_version=program_version):
        report = _planned(layout, VacuumReport(dry_run, retention_days), cutoff)
        places = [layout.root / path for path, _ in report.files]
        # Lists can be derived until the data goes: taken away first, they make room for the mark.
        for path in (p for p in places if p.parent == layout.file_lists):
            _delete(path)
        if report.snapshots:
            refs.save_vacuumed(layout, refs.vacuumed(layout) | set(report.snapshots))
        for path in places:
            _delete(path)
    return report


def _planned(layout: Layout, report: VacuumReport, cutoff: datetime) -> VacuumReport:
    taken = snapshots.history(layout)
    keep = _to_keep(taken, cutoff)
    report.kept = [s.id for s in keep]
    report.snapshots = [s.id for s in taken if not s.vacuumed and s not in keep]
    unneeded = {*_unneeded_data(layout, keep), *_unneeded_lists(layout, keep), *_unneeded_logs(layout, keep)}
    for path in sorted({*unneeded, *_leftovers(layout)}):
        size = path.stat().st_size if path.exists() else 0
        report.files.append((path.relative_to(layout.root).as_posix(), size))
        report.size_bytes += size
    return report


def _to_keep(taken: list[Snapshot], cutoff: datetime) -> list[Snapshot]:
    """Return the newest, the pinned, and those that were the newest at some moment after the cutoff."""
    ends = [s.time for s in taken[1:]]
    recent = [s for s, end in zip(taken, ends, strict=False) if end > cutoff or s.pins]
    return [s for s in [*recent, *taken[-1:]] if not s.vacuumed]


def _unneeded_data(layout: Layout, keep: list[Snapshot]) -> Iterator[Path]:
    """Yield the data files that no kept snapshot has, and the files of checksums of none but such."""
    for name in TABLES:
        versions = {s.tables[name]: s for s in keep if name in s.tables}
        needed = {f.path for s in versions.values() for f in data_files.files_of(layout, s, name)}
        folder = layout.table(name)
        for path in folder.rglob("*.parquet*"):
            inside = path.relative_to(folder)
            if inside.parts[0] != "_delta_log" and inside.as_posix() not in needed:
                yield path
        yield from checksums.records_without(layout, name, needed)


def _unneeded_lists(layout: Layout, keep: list[Snapshot]) -> Iterator[Path]:
    needed = {data_files.list_path(layout, name, version) for s in keep for name, version in s.tables.items()}
    yield from (path for path in layout.file_lists.glob("*.json") if path not in needed)


def _unneeded_logs(layout: Layout, keep: list[Snapshot]) -> Iterator[Path]:
    """Yield what lies before the checkpoint from which the oldest kept version of a table is read."""
    for name in TABLES:
        versions = {s.tables[name] for s in keep if name in s.tables}
        yield from delta.entries_before(layout.table(name) / "_delta_log", versions)


def _leftovers(layout: Layout) -> Iterator[Path]:
    """Yield what dead processes left half written."""
    folders = [layout.root, layout.identity.parent, layout.snapshots, layout.file_lists]
    folders += [layout.digests, layout.checksums]
    beside = [p for folder in folders for p in folder.glob(".*.*") if len(p.suffix) == len(".") + 32]
    for name in TABLES:
        beside += (layout.table(name) / "_delta_log").rglob("*.tmp")
        beside += (layout.table(name) / "_delta_log").rglob("*#*")
    # The age of a file is that of the file system's clock.
    yield from (p for p in beside if p.is_file() and time.time() - p.stat().st_mtime > _STALE_S)


def _delete(path: Path) -> None:
    with write_errors(path):
        path.unlink(missing_ok=True)
