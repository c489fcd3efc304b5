"""Putting right what can be put right without losing a row."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from factorlab_lake.errors import InvalidInput, LakeDamaged, NotFound
from factorlab_lake.storage import backup, checksums, data_files, delta, snapshots
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.layout import Layout, writer_lock
from factorlab_lake.storage.verification import FileFault, verify

__all__ = ["RepairReport", "repair"]

_ROUNDS = 4  # a snapshot that is back shows what else is wrong, and so may a log


@dataclass(slots=True)
class RepairReport:
    """What was put right, as (file, how), and what is still wrong."""

    lake: str
    repaired: list[tuple[str, str]] = field(default_factory=list)
    findings: list[FileFault] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong any more."""
        return not self.findings


def repair(layout: Layout, *, from_backup: Layout | None = None, deep: bool = False) -> RepairReport:
    """Rebuild what can be derived, and restore from a backup what it holds as it was written.

    A data file is taken from the backup only when it has the checksum it was written with. What cannot be
    put right is left as it is. Raises :class:`InvalidInput` for the backup of another lake.
    """
    if from_backup is not None and from_backup.lake_id != layout.lake_id:
        raise InvalidInput(
            f"{from_backup.root} is a backup of another lake than {layout.root}.", path=str(from_backup.root)
        )
    report = RepairReport(str(layout.root))
    with writer_lock(layout):
        report.findings = verify(layout, deep=deep).findings
        for _ in range(_ROUNDS):
            done = [(f.file, how) for f in report.findings if (how := _put_right(layout, from_backup, f))]
            new = [each for each in done if each not in report.repaired]
            if not new:
                break
            report.repaired += new
            report.findings = verify(layout, deep=deep).findings
    return report


def _put_right(layout: Layout, source: Layout | None, finding: FileFault) -> str:
    """Put one fault right and return how, or nothing."""
    done = ""
    with suppress(LakeDamaged, NotFound):  # what it is derived from is damaged too; the next round may do it
        done = _from_what_is_here(layout, finding)
    if not done and source is not None:
        with suppress(LakeDamaged, NotFound):  # the backup does not have it as it was written either
            done = _from_backup(layout, source, finding)
    return done


def _from_what_is_here(layout: Layout, finding: FileFault) -> str:
    if finding.kind == "list":
        name, _, version = Path(finding.file).stem.rpartition("-")
        data_files.save_list(layout, name, int(version))
        return "rebuilt from the Delta log"
    if finding.kind == "note":
        snapshots.save_newest(layout, snapshots.latest(layout))
        return "copied from the newest snapshot"
    if finding.kind == "snapshot":
        return _from_note(layout, layout.root / finding.file)
    if finding.kind == "log" and _is_torn(layout, finding):
        (layout.root / finding.file).unlink()
        return "removed: the end of a change that was never committed"
    return ""


def _from_note(layout: Layout, lost: Path) -> str:
    """Write the newest snapshot from its copy, if it is the one that was lost."""
    noted = snapshots.read_newest(layout)
    if noted is None or snapshots.path_of(layout, noted.id) != lost:
        return ""
    # A folder copied while it was written to may have the note, and not what it is about.
    logs = {
        delta.log_entry(layout.table(name) / "_delta_log", version) for name, version in noted.tables.items()
    }
    if not all(entry.exists() for entry in logs):
        return ""
    snapshots.save(layout, noted)
    return f"written from {layout.newest.name}"


def _is_torn(layout: Layout, finding: FileFault) -> bool:
    """Whether a log entry is the last one, and no snapshot names its version."""
    entry = layout.root / finding.file
    if not entry.exists() or not entry.stem.isdigit() or not delta.entry_damage(entry):
        return False
    named = [s.tables.get(Path(finding.file).parts[0], -1) for s in snapshots.history(layout)]
    later = [p for p in entry.parent.glob("*.json") if p.stem.isdigit() and int(p.stem) > int(entry.stem)]
    return int(entry.stem) > max(named, default=-1) and not later


def _from_backup(layout: Layout, source: Layout, finding: FileFault) -> str:
    ways: dict[str, Callable[[Layout, Layout, str], bool]] = {
        "data": _data,
        "content": _data,
        "log": _log,
        "snapshot": _text,
        "mark": _text,
    }
    done = finding.kind in ways and ways[finding.kind](layout, source, finding.file)
    return f"brought back from {source.root}" if done else ""


def _data(layout: Layout, source: Layout, place: str) -> bool:
    name, _, inside = place.partition("/")
    file = _listed(layout, name).get(inside)
    sums = checksums.stored(source, name) | checksums.stored(layout, name)
    if file is None or not checksums.damage_of(layout.root / place, file, sums.get(inside)):
        return False
    backup.copy_file(source.root / place, layout.root / place, file, sums.get(inside))
    return True


def _listed(layout: Layout, name: str) -> dict[str, DataFile]:
    return {f.path: f for s in snapshots.retained(layout) for f in data_files.files_of(layout, s, name)}


def _log(layout: Layout, source: Layout, place: str) -> bool:
    """Bring back every entry of a table's log that is not as the backup has it."""
    mine = (layout.root / place).parent
    theirs = source.root / Path(place).parent
    done = False
    for entry in delta.log_entries(theirs):
        target = mine / entry.name
        if not target.exists() or target.read_bytes() != entry.read_bytes():
            done |= _bring(entry, target)
    return done


def _text(layout: Layout, source: Layout, place: str) -> bool:
    entry = source.root / place
    return entry.exists() and _bring(entry, layout.root / place)


def _bring(entry: Path, target: Path) -> bool:
    if delta.entry_damage(entry):  # each line of such a file is JSON too
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    backup.copy_text(entry, target)
    return True
