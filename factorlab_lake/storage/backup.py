"""Copies of a lake that are lakes themselves: backups, and what is restored from them.

Nothing that a snapshot names ever changes, so a copy takes no lock at its source and only brings what is not
there yet. Order, safe at every step: the mark that says what the folder is to be; data files, each verified
and then renamed into place; logs; what belongs to them; snapshots, oldest first; the lake's identity.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from factorlab_lake.errors import AlreadyExists, InvalidInput, LakeDamaged
from factorlab_lake.schema import TABLES
from factorlab_lake.storage import checksums, data_files, delta, refs, snapshots
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.layout import Layout, copy_lock, find, layout_at, write_atomically, write_errors
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["BackupReport", "backup", "copy_file", "copy_text", "restore"]

_BLOCK_BYTES = 1 << 20


@dataclass(slots=True)
class BackupReport:
    """What a copy holds, and what this run brought: data files, each read back and compared.

    ``files_there`` were copied before and are as they were written; ``files_mended``, which count as copied
    too, were not.
    """

    path: str
    snapshot: int
    snapshots: int = 0
    files_copied: int = 0
    bytes_copied: int = 0
    files_there: int = 0
    files_mended: int = 0


def backup(layout: Layout, path: str | os.PathLike[str]) -> BackupReport:
    """Bring a folder to hold the lake as it is now, with its kept history; only what is not there is copied.

    What is there is read and compared with its checksum; where the disk spoilt it, it is copied again.

    Raises :class:`AlreadyExists` for a folder that holds something else, or another history of this lake,
    :class:`LakeDamaged` for a damaged file of the lake, before it can take a good one's place, and
    :class:`WriteFailed`. In each case the backup stays what it was, and the next run goes on.
    """
    return _copied(layout, path, "backup")


def restore(path: str | os.PathLike[str], to: str | os.PathLike[str]) -> BackupReport:
    """Make a lake of a backup in a new place; cut off, it can be run again.

    Raises as :func:`backup`, and :class:`NotFound` where there is no backup.
    """
    source = find(path)
    report = _copied(source, to, "restore")
    layout_at(to).backup_marker.unlink()
    return report


def _copied(source: Layout, path: str | os.PathLike[str], kind: Literal["backup", "restore"]) -> BackupReport:
    to = layout_at(path)
    _claim(source, to, kind)
    with copy_lock(to):
        newest = snapshots.latest(source)  # stops where its file was lost
        taken = [s for s in snapshots.history(source) if s.id <= newest.id]
        _same_history(source, to, taken)
        report = BackupReport(str(to.root), newest.id)
        kept = [s for s in taken if not s.vacuumed]
        report.snapshots = len(kept)
        for name in TABLES:
            _copy_table(source, to, name, kept, report)
        _copy_marks(source, to, taken)
        for snapshot in taken:
            copy_text(snapshots.path_of(source, snapshot.id), snapshots.path_of(to, snapshot.id))
        snapshots.save_newest(to, newest)
        copy_text(source.identity, to.identity)
    return report


def _claim(source: Layout, to: Layout, kind: str) -> None:
    """Mark the folder as a copy of this lake, or see that it is one."""
    if to.root == source.root or source.root in to.root.parents or to.root in source.root.parents:
        raise InvalidInput(
            f"{to.root} and the lake {source.root} lie in each other; give a folder elsewhere.",
            path=str(to.root),
        )
    mark = {"lake_id": source.lake_id, "kind": kind}
    if to.backup_marker.exists():
        if to.backup_marker.read_text(encoding="utf-8") == json.dumps(mark):
            return
        raise AlreadyExists(
            f"{to.root} is a copy of another lake, or for another purpose; give another folder.",
            path=str(to.root),
        )
    if to.root.is_file() or any(p.is_file() and not p.match(".backup.json.*") for p in to.root.rglob("*")):
        raise AlreadyExists(
            f"{to.root} holds something that is no backup of this lake; give an empty or a new folder.",
            path=str(to.root),
        )
    with write_errors(to.root):
        to.snapshots.mkdir(parents=True, exist_ok=True)
    write_atomically(to.backup_marker, json.dumps(mark))


def _same_history(source: Layout, to: Layout, taken: list[Snapshot]) -> None:
    """Refuse a copy whose snapshots are not this lake's: it would lose them."""
    newest = taken[-1].id if taken else 0
    for path in sorted(to.snapshots.glob("[0-9]*.json")):
        mine = source.snapshots / path.name
        if int(path.stem) > newest or not mine.exists() or mine.read_bytes() != path.read_bytes():
            raise AlreadyExists(
                f"{to.root} holds another history of this lake: {path.name} is not the same here. Give a new "
                "folder; the old one can still be restored.",
                path=str(to.root),
            )


def _copy_table(source: Layout, to: Layout, name: str, kept: list[Snapshot], report: BackupReport) -> None:
    versions = {s.tables[name]: s for s in kept if name in s.tables}
    if not versions:
        return
    sums = checksums.stored(source, name)
    needed: dict[str, DataFile] = {}
    for snapshot in versions.values():
        needed |= {f.path: f for f in data_files.files_of(source, snapshot, name)}
    for file in needed.values():
        target = to.table(name) / file.path
        was_there = target.exists()
        if was_there and not checksums.damage_of(target, file, sums.get(file.path)):
            report.files_there += 1
            continue
        copy_file(source.table(name) / file.path, target, file, sums.get(file.path))
        report.files_copied += 1
        report.files_mended += was_there
        report.bytes_copied += file.size_bytes
    for entry in delta.log_entries(source.table(name) / "_delta_log"):
        if delta.entry_version(entry) <= max(versions):
            _copy_entry(entry, to.table(name) / "_delta_log" / entry.name)
    lists = [data_files.list_path(source, name, version) for version in versions]
    for path in [*lists, *source.checksums.glob(f"{name}-*.json")]:
        copy_text(path, to.root / path.relative_to(source.root))


def copy_file(path: Path, target: Path, file: DataFile, checksum: str | None) -> None:
    """Copy a data file so that it is there whole or not at all, and read it back.

    :class:`LakeDamaged` names the file when it is missing or not as it was written.
    """
    fault = checksums.damage_of(path, file, None)
    if fault:
        raise LakeDamaged(f"{path} {fault}; {checksums.REMEDY}.", path=str(path))
    with write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with _beside(target) as beside:
        found = _stream(path, beside)
        if checksum not in (None, found):
            raise LakeDamaged(
                f"{path} does not have the checksum it was written with; {checksums.REMEDY}.", path=str(path)
            )
        if checksums.sha256_of(beside) != found:
            raise LakeDamaged(
                f"{beside} reads otherwise than it was written; check the disk.", path=str(target)
            )
        beside.replace(target)


def _stream(path: Path, beside: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as source, beside.open("wb") as target:
        while block := source.read(_BLOCK_BYTES):
            total.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    return total.hexdigest()


def _copy_entry(entry: Path, target: Path) -> None:
    """Copy a log entry, which never changes; one that did is damaged, or of another history."""
    fault = delta.entry_damage(entry)
    if not fault and target.exists() and target.read_bytes() != entry.read_bytes():
        fault = f"is not what the backup has in {target}: damaged, or of another history"
    if fault:
        raise LakeDamaged(f"{entry} {fault}; `factorlab-lake verify` tells more.", path=str(entry))
    copy_text(entry, target)


def _copy_marks(source: Layout, to: Layout, taken: list[Snapshot]) -> None:
    """A snapshot vacuumed at its source stays in a backup that has it."""
    had = {s.id for s in taken if snapshots.path_of(to, s.id).exists()} - refs.vacuumed(to)
    refs.save_vacuumed(to, {s.id for s in taken if s.vacuumed} - had)
    known = {s.id for s in taken} | {0}
    refs.save_pins(to, {name: of for name, of in refs.pins(source).items() if of in known})


def copy_text(path: Path, target: Path) -> None:
    """Copy a small file that never changes, unless it is there; a list that is not kept is rebuilt."""
    if target.exists() or not path.exists():
        return
    with write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with _beside(target) as beside:
        _stream(path, beside)
        beside.replace(target)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Give a place beside a file to write it to; what is left there is taken away, and faults are told."""
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with write_errors(target):
            yield beside
    finally:
        beside.unlink(missing_ok=True)
