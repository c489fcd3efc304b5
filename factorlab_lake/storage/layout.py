"""Where things lie in a lake's folder.

::

    <root>/price_data/            a Delta table, and so on for each table that has rows
    <root>/_lake/lake.json        format and identity of the lake
    <root>/_lake/write.lock       held by the one writer
    <root>/_lake/snapshots/       one small file per lake-wide snapshot
    <root>/_lake/newest.json      a copy of the newest snapshot, by which the loss of its file shows
    <root>/_lake/files/           file lists of table versions, derived from the Delta logs
    <root>/_lake/digests/         digests of data files, derived from their rows
    <root>/_lake/checksums/       SHA-256 of data files, taken when they were written
    <root>/_lake/pins.json        names given to snapshots, which vacuum keeps
    <root>/_lake/vacuumed.json    snapshots whose files are gone
    <root>/_lake/backup.json      says that this folder is a backup, which only a backup writes to
"""

from __future__ import annotations

import errno
import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from factorlab_lake.errors import (
    AlreadyExists,
    InvalidInput,
    LakeDamaged,
    LakeLocked,
    NotFound,
    SchemaMismatch,
    WriteFailed,
)

__all__ = [
    "FORMAT",
    "Layout",
    "copy_lock",
    "create",
    "find",
    "layout_at",
    "write_atomically",
    "write_faults",
    "writer_lock",
]

FORMAT = 1
# DuckDB reads the first four as patterns of names. Delta decodes %, reads a backslash as a slash, drops tabs
# and line breaks, and panics at ^ and |. A surrogate stands for a byte that is not text: JSON refuses it.
_REFUSED = re.compile(r"[*?\[\]%\\^|\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one lake."""

    root: Path

    def table(self, name: str) -> Path:
        """Folder of a Delta table."""
        return self.root / name

    @property
    def identity(self) -> Path:
        """The file that makes a folder a lake."""
        return self.root / "_lake" / "lake.json"

    @property
    def lock(self) -> Path:
        """The file the writer locks."""
        return self.root / "_lake" / "write.lock"

    @property
    def snapshots(self) -> Path:
        """Folder of the lake-wide snapshots."""
        return self.root / "_lake" / "snapshots"

    @property
    def newest(self) -> Path:
        """The copy of the newest snapshot."""
        return self.root / "_lake" / "newest.json"

    @property
    def file_lists(self) -> Path:
        """Folder of the derived file lists."""
        return self.root / "_lake" / "files"

    @property
    def digests(self) -> Path:
        """Folder of the derived digests of data files."""
        return self.root / "_lake" / "digests"

    @property
    def checksums(self) -> Path:
        """Folder of the checksums of data files."""
        return self.root / "_lake" / "checksums"

    @property
    def pins(self) -> Path:
        """The file of the names given to snapshots."""
        return self.root / "_lake" / "pins.json"

    @property
    def vacuumed(self) -> Path:
        """The file that lists the snapshots whose files are gone."""
        return self.root / "_lake" / "vacuumed.json"

    @property
    def backup_mark(self) -> Path:
        """The file that makes a lake a backup."""
        return self.root / "_lake" / "backup.json"

    @property
    def lake_id(self) -> str:
        """What tells this lake, and every copy of it, from others."""
        return str(json.loads(self.identity.read_text(encoding="utf-8"))["lake_id"])


def layout_at(root: str | os.PathLike[str]) -> Layout:
    """Return the layout of a folder, whether or not it holds a lake.

    Raises :class:`InvalidInput` for a path that DuckDB or Delta would read as another one.
    """
    text = os.fspath(root)
    refused = _REFUSED.search(text if os.sep == "/" else text.replace(os.sep, "/"))
    path = Path(text) if refused else Path(text).resolve()
    refused = refused or _REFUSED.search(path.as_posix())
    if refused:
        raise InvalidInput(
            f"The path {str(path)!r} has the character {refused[0]!r}, which DuckDB or Delta would misread; "
            r"use a folder whose whole path has none of * ? [ ] % \ ^ | and no control character.",
            path=str(path),
        )
    return Layout(path)


def create(root: str | os.PathLike[str]) -> Layout:
    """Make an empty lake at ``root``; :class:`AlreadyExists` when a lake or something else is there."""
    layout = layout_at(root)
    if layout.identity.exists():
        raise AlreadyExists(f"{layout.root} is a lake already; open it instead.", path=str(layout.root))
    if layout.root.is_file() or (layout.root.is_dir() and any(layout.root.iterdir())):
        raise AlreadyExists(
            f"{layout.root} holds something that is not a lake; give an empty or a new folder.",
            path=str(layout.root),
        )
    layout.snapshots.mkdir(parents=True, exist_ok=True)
    layout.file_lists.mkdir(exist_ok=True)
    body = {"format": FORMAT, "lake_id": str(uuid.uuid4())}
    write_atomically(layout.identity, json.dumps(body))
    return layout


def find(root: str | os.PathLike[str]) -> Layout:
    """Return the layout of an existing lake; :class:`NotFound` when there is none at ``root``."""
    layout = layout_at(root)
    try:
        found = json.loads(layout.identity.read_text(encoding="utf-8"))["format"]
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"No lake at {layout.root}; `factorlab-lake init` or factorlab_lake.open(path) makes one.",
            path=str(layout.root),
        ) from None
    except (ValueError, KeyError, TypeError):
        raise LakeDamaged(
            f"{layout.identity} cannot be read; restore it from a backup.", path=str(layout.identity)
        ) from None
    if not isinstance(found, int):
        raise LakeDamaged(
            f"{layout.identity} names no format; restore it from a backup.", path=str(layout.identity)
        )
    if found != FORMAT:
        version = _written_by(layout)
        raise SchemaMismatch(
            f"{layout.root} has lake format {found}; this program reads format {FORMAT}. Program version "
            f"{version} wrote it: install factorlab-lake {version} or newer. Nothing was changed.",
            path=str(layout.root),
            got=found,
            expected=FORMAT,
            written_by=version,
        )
    return layout


def _written_by(layout: Layout) -> str:
    """Return the program version that the newest snapshot names, whatever the format of the rest."""
    try:
        return str(json.loads(layout.newest.read_text(encoding="utf-8"))["program_version"])
    except (OSError, ValueError, LookupError, TypeError):
        return "unknown"


def write_atomically(path: Path, text: str, *, derived: bool = False) -> None:
    """Write a small file so that it is there whole or not at all, also after a power cut.

    With ``derived``, it does not wait for the disk: a power cut may lose the file, and readers rebuild it.
    Raises :class:`WriteFailed` when the disk is full or the folder may not be written to.
    """
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with write_faults(path):
        try:
            with beside.open("w", encoding="utf-8") as handle:
                handle.write(text)
                handle.flush()
                if not derived:  # waiting for the disk is the longest part of a small change
                    os.fsync(handle.fileno())
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


@contextmanager
def write_faults(path: Path) -> Iterator[None]:
    """Tell what the system refuses to write as :class:`WriteFailed`, naming the file and the remedy."""
    try:
        yield
    except OSError as fault:
        remedy = _REMEDIES.get(fault.errno or 0)
        if remedy is None:
            raise
        raise WriteFailed(
            f"{path} cannot be written: {fault.strerror}. {remedy} Nothing that was committed is lost.",
            path=str(path),
        ) from None


_READ_ONLY = "The lake can be read as it is; to change it, make its folder writable, or restore it elsewhere."
_NO_FOLDER = "Make its folder first, or give another path."
_REMEDIES = {
    errno.ENOENT: _NO_FOLDER,
    errno.ENOTDIR: _NO_FOLDER,
    errno.EISDIR: "A folder lies there: give the path of a file.",
    errno.ENOSPC: "Free some space, then do the same again.",
    errno.EDQUOT: "Free some of your quota, then do the same again.",
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
}


@contextmanager
def writer_lock(layout: Layout, *, timeout_s: float = 60.0) -> Iterator[None]:
    """Hold the writer's lock; :class:`LakeLocked` when another process keeps it longer than ``timeout_s``.

    Readers take no lock at all. A backup is refused with :class:`InvalidInput`.
    """
    if layout.backup_mark.exists():
        raise InvalidInput(
            f"{layout.root} is a backup, which is only read; `factorlab-lake restore` makes a lake "
            "of it that can be written to.",
            path=str(layout.root),
        )
    busy = (
        f"Another process has been writing to {layout.root} for more than {timeout_s:g} s; "
        "wait for it to end and try again. Readers are not affected."
    )
    with _held(layout.lock, timeout_s, busy):
        yield


@contextmanager
def copy_lock(layout: Layout) -> Iterator[None]:
    """Hold the lock of a copy in the making; :class:`LakeLocked` when another process is copying to it."""
    busy = f"Another process is copying to {layout.root}; wait for it to end and try again."
    with _held(layout.identity.with_name("backup.lock"), 0, busy):
        yield


@contextmanager
def _held(path: Path, timeout_s: float, busy: str) -> Iterator[None]:
    lock = FileLock(path, timeout=timeout_s)
    try:
        with write_faults(path):
            lock.acquire()
    except Timeout:
        raise LakeLocked(busy, path=str(path.parent.parent)) from None
    try:
        yield
    finally:
        lock.release()
