"""Repair a lake: rebuild derived files, and restore damaged ones from a backup."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from factorlab_lake.errors import InvalidInput, LakeDamaged, NotFound
from factorlab_lake.run_report import RunReport
from factorlab_lake.storage import backup, checksums, data_files, delta, snapshots
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.lock import writer_lock
from factorlab_lake.storage.verification import FileFinding, finding_lines, verify

__all__ = ["RepairReport", "repair"]

_ROUNDS = 4  # a restored snapshot or log may reveal further damage


@dataclass(slots=True, repr=False)
class RepairReport(RunReport):
    """Report the repaired files as (file, how), and the damage that remains."""

    lake: str
    repaired: list[tuple[str, str]] = field(default_factory=list)
    findings: list[FileFinding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Return whether no damage remains."""
        return not self.findings

    def lines(self) -> list[str]:
        """Return the repaired files, the damage that remains, and the verdict."""
        repaired = [f"{file}: {how}" for file, how in self.repaired]
        verdict = "no faults" if self.clean else "not all faults could be repaired"
        return [*repaired, *finding_lines(self.findings), verdict]


def repair(layout: Layout, *, from_backup: Layout | None = None, deep: bool = False) -> RepairReport:
    """Rebuild derived files, and restore damaged files from a backup.

    A data file is restored only if the backup's copy has the checksum of its commit. Nothing else is changed.
    Raises :class:`InvalidInput` for the backup of another lake.
    """
    if from_backup is not None:
        _assert_same_lake(layout, from_backup)
    report = RepairReport(str(layout.root))
    with writer_lock(layout):
        report.findings = verify(layout, deep=deep).findings
        for _ in range(_ROUNDS):
            repaired = [(f.file, how) for f in report.findings if (how := _repair(layout, from_backup, f))]
            new = [each for each in repaired if each not in report.repaired]
            if not new:
                break
            report.repaired += new
            report.findings = verify(layout, deep=deep).findings
    return report


def _assert_same_lake(layout: Layout, source: Layout) -> None:
    """Raise :class:`InvalidInput` for the backup of another lake, or of a copy that went on by itself."""
    if source.lake_id != layout.lake_id:
        raise InvalidInput(
            f"{source.root} is a backup of another lake than {layout.root}.", path=str(source.root)
        )
    for snapshot_id in range(min(snapshots.newest_id(layout), snapshots.newest_id(source)), 0, -1):
        with suppress(LakeDamaged, NotFound):  # compare one that both have undamaged
            own, other = (snapshots.read(each, snapshot_id) for each in (layout, source))
            if own.digest != other.digest:
                raise InvalidInput(
                    f"{source.root} is a backup of another copy of this lake: their snapshots {snapshot_id} "
                    "differ. Use a backup of this copy.",
                    path=str(source.root),
                )
            return


def _repair(layout: Layout, source: Layout | None, finding: FileFinding) -> str:
    """Repair one file and return how, or an empty text."""
    how = ""
    with suppress(LakeDamaged, NotFound):  # its source is damaged too; the next round may succeed
        how = _rebuild(layout, finding)
    if not how and source is not None:
        with suppress(LakeDamaged, NotFound):  # the backup's copy is missing or damaged too
            how = _restore(layout, source, finding)
    return how


def _rebuild(layout: Layout, finding: FileFinding) -> str:
    if finding.kind == "list":
        name, _, version = Path(finding.file).stem.rpartition("-")
        data_files.save_list(layout, name, int(version))
        return "rebuilt from the Delta log"
    if finding.kind == "newest":
        snapshots.save_newest(layout, snapshots.latest(layout))
        return "copied from the newest snapshot"
    if finding.kind == "snapshot":
        return _from_newest(layout, layout.root / finding.file)
    if finding.kind == "log" and _is_uncommitted_end(layout, finding):
        (layout.root / finding.file).unlink()
        return "deleted: the entry of a change that was never committed"
    return ""


def _from_newest(layout: Layout, lost: Path) -> str:
    """Write the newest snapshot from its copy, if its file is the lost one."""
    newest = snapshots.read_newest(layout)
    if newest is None or snapshots.path_of(layout, newest.id) != lost:
        return ""
    # A folder that was copied during a write may have newest.json without the log entries of that snapshot.
    logs = {
        delta.log_entry(layout.table(name) / "_delta_log", version) for name, version in newest.tables.items()
    }
    if not all(entry.exists() for entry in logs):
        return ""
    snapshots.restore_from_newest(layout, newest.id)
    return f"written from {layout.newest.name}"


def _is_uncommitted_end(layout: Layout, finding: FileFinding) -> bool:
    """Return whether a damaged log entry is the last one and no snapshot names its version."""
    entry = layout.root / finding.file
    if not entry.exists() or not entry.stem.isdigit() or not delta.entry_damage(entry):
        return False
    committed = [s.tables.get(Path(finding.file).parts[0], -1) for s in snapshots.history(layout)]
    later = [p for p in entry.parent.glob("*.json") if p.stem.isdigit() and int(p.stem) > int(entry.stem)]
    return int(entry.stem) > max(committed, default=-1) and not later


def _restore(layout: Layout, source: Layout, finding: FileFinding) -> str:
    functions: dict[str, Callable[[Layout, Layout, str], bool]] = {
        "data": _restore_data,
        "content": _restore_data,
        "log": _restore_log,
        "snapshot": _restore_text,
        "metadata": _restore_text,
    }
    restored = finding.kind in functions and functions[finding.kind](layout, source, finding.file)
    return f"restored from {source.root}" if restored else ""


def _restore_data(layout: Layout, source: Layout, place: str) -> bool:
    name, _, inside = place.partition("/")
    file = _listed_files(layout, name).get(inside)
    sums = checksums.stored(source, name) | checksums.stored(layout, name)
    if file is None or not checksums.damage_of(layout.root / place, file, sums.get(inside)):
        return False
    backup.copy_file(source.root / place, layout.root / place, file, sums.get(inside))
    return True


def _listed_files(layout: Layout, name: str) -> dict[str, DataFile]:
    return {f.path: f for s in snapshots.retained(layout) for f in data_files.files_of(layout, s, name)}


def _restore_log(layout: Layout, source: Layout, place: str) -> bool:
    """Restore every entry of a table's log that differs from the backup."""
    log = (layout.root / place).parent
    restored = False
    for entry in delta.log_entries(source.root / Path(place).parent):
        target = log / entry.name
        if not target.exists() or target.read_bytes() != entry.read_bytes():
            restored |= _replace(entry, target)
    return restored


def _restore_text(layout: Layout, source: Layout, place: str) -> bool:
    entry = source.root / place
    return entry.exists() and _replace(entry, layout.root / place)


def _replace(entry: Path, target: Path) -> bool:
    if delta.entry_damage(entry):  # other metadata files are JSON too, so the check is valid for them
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    backup.copy_text(entry, target)
    return True
