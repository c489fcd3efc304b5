"""Copy a lake to a backup, and a backup to a new lake.

The files of a snapshot never change. So a copy takes no lock at its source, and copies only missing files. A
crash between any two steps of a copy is safe:

1. Write the marker of the folder.
2. Copy the data files; each is verified and then renamed into place.
3. Copy the Delta logs, then the file lists and checksums.
4. Write the snapshots, oldest first.
5. Write the lake's identity and settings.
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

from factorlab_lake.errors import AlreadyExists, InvalidInput, LakeDamaged, counted
from factorlab_lake.run_report import RunReport
from factorlab_lake.schema import STORED_TABLES
from factorlab_lake.storage import checksums, data_files, delta, refs, snapshots
from factorlab_lake.storage.bucket_path import BucketPath, in_bucket
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.lake_paths import reject_inside_a_lake
from factorlab_lake.storage.layout import Layout, find, layout_at, write_atomically, write_errors
from factorlab_lake.storage.lock import copy_lock
from factorlab_lake.storage.sealed import sha256
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["BackupReport", "backup", "copy_file", "copy_text", "restore"]

_BLOCK_BYTES = 1 << 20


@dataclass(slots=True, repr=False)
class BackupReport(RunReport):
    """Report a copy: its snapshots, and the data files that this run copied, read back and compared.

    ``files_there`` were copied before and are undamaged. ``files_mended`` were damaged and are copied again;
    they also count as copied.
    """

    path: str
    snapshot: int
    snapshots: int = 0
    files_copied: int = 0
    bytes_copied: int = 0
    files_there: int = 0
    files_mended: int = 0

    def lines(self) -> list[str]:
        """Return what was copied, in one line."""
        mended = f"; {counted(self.files_mended, 'damaged file')} replaced" if self.files_mended else ""
        copied = f"{counted(self.files_copied, 'file')} of {counted(self.bytes_copied, 'byte')}"
        there = f"{self.files_there} already in the backup"
        return [f"{self.path}: snapshot {self.snapshot}; {copied} copied and compared, {there}{mended}"]


def backup(layout: Layout, path: str | os.PathLike[str]) -> BackupReport:
    """Copy the lake and its retained history to a folder; copy only files that are missing there.

    Existing files are compared with their checksums, and damaged ones are copied again.

    Raises :class:`AlreadyExists` for a folder with other files or with another history of this lake. Raises
    :class:`LakeDamaged` for a damaged file of the lake before it replaces a sound one, and
    :class:`WriteFailed`. After an error the backup is still valid, and the next run continues.
    """
    return _copy(layout, path, "backup")


def restore(path: str | os.PathLike[str], to: str | os.PathLike[str]) -> BackupReport:
    """Copy a backup to a new lake; after an interruption, run it again.

    Raises as :func:`backup`, and :class:`NotFound` if the backup does not exist.
    """
    source = find(path)
    report = _copy(source, to, "restore")
    layout_at(to).backup_marker.unlink()
    return report


def _copy(source: Layout, path: str | os.PathLike[str], kind: Literal["backup", "restore"]) -> BackupReport:
    to = layout_at(path)
    _claim(source, to, kind)
    with copy_lock(to):
        newest = snapshots.latest(source)  # raises if its file is lost
        history = [s for s in snapshots.history(source) if s.id <= newest.id]
        _assert_same_history(source, to, history)
        report = BackupReport(str(to.root), newest.id)
        kept = [s for s in history if not s.vacuumed]
        report.snapshots = len(kept)
        for name in STORED_TABLES:
            _copy_table(source, to, name, kept, report)
        _copy_refs(source, to, history)
        if source.inventory.exists():
            copy_text(source.inventory, to.inventory)
        for snapshot in history:
            copy_text(snapshots.path_of(source, snapshot.id), snapshots.path_of(to, snapshot.id))
        snapshots.save_newest(to, newest)
        _copy_identity(source, to)
    return report


def _claim(source: Layout, to: Layout, kind: str) -> None:
    """Mark the folder as a copy of this lake, or check that it is one."""
    if to.root == source.root or source.root in to.root.parents or to.root in source.root.parents:
        raise InvalidInput(
            f"{to.root} contains the lake {source.root} or is inside it; choose another folder.",
            path=str(to.root),
        )
    reject_inside_a_lake(to.root)
    marker = {"lake_id": source.lake_id, "kind": kind}
    if to.backup_marker.exists():
        if to.backup_marker.read_text(encoding="utf-8") == json.dumps(marker):
            return
        raise AlreadyExists(
            f"{to.root} is a copy of another lake, or of another kind; choose another folder.",
            path=str(to.root),
        )
    if to.root.is_file() or any(p.is_file() and not p.match(".backup.json.*") for p in to.root.rglob("*")):
        raise AlreadyExists(
            f"{to.root} contains files that are not a backup of this lake; choose an empty or a new folder.",
            path=str(to.root),
        )
    with write_errors(to.root):
        to.snapshots.mkdir(parents=True, exist_ok=True)
    write_atomically(to.backup_marker, json.dumps(marker))


def _assert_same_history(source: Layout, to: Layout, history: list[Snapshot]) -> None:
    """Raise :class:`AlreadyExists` when the copy has other snapshots: this copy would delete them."""
    newest = history[-1].id if history else 0
    for path in sorted(to.snapshots.glob("[0-9]*.json")):
        own = source.snapshots / path.name
        if int(path.stem) > newest or not own.exists() or own.read_bytes() != path.read_bytes():
            raise AlreadyExists(
                f"{to.root} has another history of this lake: {path.name} differs. Choose a new folder; the "
                "old one can still be restored.",
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
        is_there = target.exists()
        if is_there and not checksums.damage_of(target, file, sums.get(file.path)):
            report.files_there += 1
            continue
        copy_file(source.table(name) / file.path, target, file, sums.get(file.path))
        report.files_copied += 1
        report.files_mended += is_there
        report.bytes_copied += file.size_bytes
    for entry in delta.log_entries(source.table(name) / "_delta_log"):
        if delta.entry_version(entry) <= max(versions):
            _copy_entry(entry, to.table(name) / "_delta_log" / entry.name)
    lists = [data_files.list_path(source, name, version) for version in versions]
    for path in [*lists, *source.checksums.glob(f"{name}-*.json")]:
        copy_text(path, to.root / path.relative_to(source.root))


def copy_file(path: Path, target: Path, file: DataFile, checksum: str | None) -> None:
    """Copy a data file atomically and read the copy back.

    Raises :class:`LakeDamaged` when the source is missing or damaged.
    """
    damage = checksums.damage_of(path, file, None)
    if damage:
        raise LakeDamaged(f"{path} {damage}; {checksums.REMEDY}.", path=str(path))
    if (there := in_bucket(target)) is not None:
        _put(path, there, checksum)
        return
    with write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(target) as temporary:
        written = _stream(path, temporary)
        if checksum not in (None, written):
            raise LakeDamaged(
                f"{path} does not have the checksum of its commit; {checksums.REMEDY}.", path=str(path)
            )
        if checksums.sha256_of(temporary) != written:
            raise LakeDamaged(
                f"{temporary} differs from the bytes that were written; check the disk.", path=str(target)
            )
        temporary.replace(target)


def _put(path: Path, target: BucketPath, checksum: str | None) -> None:
    """Copy a data file to a bucket, where it becomes visible as a whole, and read the copy back."""
    content = path.read_bytes()
    written = sha256(content)
    if checksum not in (None, written):
        raise LakeDamaged(
            f"{path} does not have the checksum of its commit; {checksums.REMEDY}.", path=str(path)
        )
    target.write_bytes(content)
    if sha256(target.read_bytes()) != written:
        target.unlink(missing_ok=True)
        raise LakeDamaged(
            f"{target} differs from the bytes that were written; check the store.", path=str(target)
        )


def _stream(path: Path, temporary: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as source, temporary.open("wb") as target:
        while block := source.read(_BLOCK_BYTES):
            total.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    return total.hexdigest()


def _copy_entry(entry: Path, target: Path) -> None:
    """Copy a log entry; raise :class:`LakeDamaged` if it is damaged, or differs from an earlier copy."""
    damage = delta.entry_damage(entry)
    if not damage and target.exists() and target.read_bytes() != entry.read_bytes():
        damage = f"differs from {target} in the backup: it is damaged, or of another history"
    if damage:
        raise LakeDamaged(f"{entry} {damage}; run `factorlab-lake verify`.", path=str(entry))
    copy_text(entry, target)


def _copy_refs(source: Layout, to: Layout, history: list[Snapshot]) -> None:
    """Copy the pins and the vacuumed snapshots; a backup retains snapshots that its source vacuumed later."""
    copied = {s.id for s in history if snapshots.path_of(to, s.id).exists()} - refs.vacuumed(to)
    refs.save_vacuumed(to, {s.id for s in history if s.vacuumed} - copied)
    ids = {s.id for s in history} | {0}
    refs.save_pins(to, {name: pinned for name, pinned in refs.pins(source).items() if pinned in ids})


def _copy_identity(source: Layout, to: Layout) -> None:
    """Write the lake's identity and its present settings, which may have changed since the last copy."""
    text = source.identity.read_text(encoding="utf-8")
    if not to.identity.exists() or to.identity.read_text(encoding="utf-8") != text:
        write_atomically(to.identity, text)


def copy_text(path: Path, target: Path) -> None:
    """Copy a small file that never changes, unless it exists; a missing file list is rebuilt later."""
    if target.exists() or not path.exists():
        return
    if in_bucket(target) is not None:
        target.write_bytes(path.read_bytes())
        return
    with write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(target) as temporary:
        _stream(path, temporary)
        temporary.replace(target)


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """Yield the path of a temporary file beside a file, and delete the temporary file at the end."""
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with write_errors(target):
            yield temporary
    finally:
        temporary.unlink(missing_ok=True)
