"""Define the paths in a lake's folder, atomic writes of small files, and the writer's lock.

::

    <root>/price_data/            a Delta table, and so on for each table that has rows
    <root>/_lake/lake.json        format, identity and settings of the lake
    <root>/_lake/write.lock       the file that a writer locks
    <root>/_lake/snapshots/       one small file per lake-wide snapshot
    <root>/_lake/newest.json      a copy of the newest snapshot, which detects the loss of its file
    <root>/_lake/index/           the read index, derived from the rows
    <root>/_lake/files/           file lists of table versions, derived from the Delta logs
    <root>/_lake/digests/         digests of data files, derived from their rows
    <root>/_lake/checksums/       SHA-256 of data files and log entries, computed at their commit
    <root>/_lake/pins.json        names of snapshots that vacuum retains
    <root>/_lake/vacuumed.json    snapshots whose files vacuum deleted
    <root>/_lake/inventory.json   checksums of the files that early programs wrote without one
    <root>/_lake/backup.json      marks a backup: only backup and restore write to the folder
"""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from factorlab_lake.errors import (
    AlreadyExists,
    LakeDamaged,
    NotFound,
    SchemaMismatch,
    WriteFailed,
)
from factorlab_lake.storage.bucket_path import in_bucket
from factorlab_lake.storage.lake_paths import (
    folder_path,
    is_address,
    place_hint,
    reject_inside_a_lake,
)
from factorlab_lake.storage.sealed import parse, seal

__all__ = [
    "FORMAT",
    "SEALED_FORMAT",
    "Layout",
    "create",
    "create_atomically",
    "find",
    "is_address",
    "layout_at",
    "write_atomically",
    "write_errors",
]

SEALED_FORMAT = 3  # from this format on, every small file has a checksum
FORMAT = SEALED_FORMAT
_READABLE = (1, 2, FORMAT)  # 1: snapshots without derived tables; 2: without checksums; a commit raises both


@dataclass(frozen=True, slots=True)
class Layout:
    """Represent the paths of one lake, and its format when it was opened."""

    root: Path
    format: int = field(default=FORMAT, compare=False)

    def table(self, name: str) -> Path:
        """Return the folder of a Delta table."""
        return self.root / name

    @property
    def identity(self) -> Path:
        """Return the file that identifies a folder as a lake, and stores its settings."""
        return self.root / "_lake" / "lake.json"

    @property
    def lock(self) -> Path:
        """Return the file that a writer locks."""
        return self.root / "_lake" / "write.lock"

    @property
    def snapshots(self) -> Path:
        """Return the folder of the lake-wide snapshots."""
        return self.root / "_lake" / "snapshots"

    @property
    def newest(self) -> Path:
        """Return the file with the copy of the newest snapshot."""
        return self.root / "_lake" / "newest.json"

    @property
    def file_lists(self) -> Path:
        """Return the folder of the file lists."""
        return self.root / "_lake" / "files"

    @property
    def digests(self) -> Path:
        """Return the folder of the digests of data files."""
        return self.root / "_lake" / "digests"

    @property
    def checksums(self) -> Path:
        """Return the folder of the checksums of data files."""
        return self.root / "_lake" / "checksums"

    @property
    def pins(self) -> Path:
        """Return the file with the names of snapshots."""
        return self.root / "_lake" / "pins.json"

    @property
    def vacuumed(self) -> Path:
        """Return the file that lists the snapshots whose files vacuum deleted."""
        return self.root / "_lake" / "vacuumed.json"

    @property
    def inventory(self) -> Path:
        """Return the file with the checksums of the files that early programs wrote without one."""
        return self.root / "_lake" / "inventory.json"

    @property
    def backup_marker(self) -> Path:
        """Return the file that marks a lake as a backup."""
        return self.root / "_lake" / "backup.json"

    @property
    def lake_id(self) -> str:
        """Return the id that this lake and all its copies share."""
        return str(json.loads(self.identity.read_bytes())["lake_id"])


def layout_at(root: str | os.PathLike[str]) -> Layout:
    """Return the layout of a folder, with or without a lake.

    Raises :class:`InvalidInput` for the address of a server, and for a path that DuckDB or Delta would read
    as another one.
    """
    return Layout(folder_path(root))


def create(root: str | os.PathLike[str]) -> Layout:
    """Create an empty lake; raise :class:`AlreadyExists` when a lake or other files are there."""
    layout = layout_at(root)
    if layout.identity.exists():
        raise AlreadyExists(f"{layout.root} is already a lake; open it instead.", path=str(layout.root))
    if layout.root.is_file() or (layout.root.is_dir() and any(layout.root.iterdir())):
        raise AlreadyExists(
            f"{layout.root} contains files that are not a lake; choose an empty or a new folder.",
            path=str(layout.root),
        )
    reject_inside_a_lake(layout.root)
    with write_errors(layout.root):
        layout.snapshots.mkdir(parents=True, exist_ok=True)
    layout.file_lists.mkdir(exist_ok=True)
    identity = seal({"format": FORMAT, "lake_id": str(uuid.uuid4())})
    if in_bucket(layout.identity) is not None:  # two programs can create it at once, from two machines
        create_atomically(layout.identity, identity)
    else:
        write_atomically(layout.identity, identity)
    return layout


def find(root: str | os.PathLike[str]) -> Layout:
    """Return the layout of an existing lake; raise :class:`NotFound` when ``root`` has none."""
    layout = layout_at(root)
    try:
        content = layout.identity.read_bytes()
        body = json.loads(content)
        stored_format = body["format"]
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"No lake at {layout.root}. {place_hint(layout.root)}`factorlab-lake init` or "
            "factorlab_lake.open(path, create=True) creates one.",
            path=str(layout.root),
        ) from None
    except (ValueError, LookupError, TypeError):
        raise _damaged_identity(layout, "cannot be read") from None
    if not isinstance(stored_format, int):
        raise _damaged_identity(layout, "names no format")
    if ("sha256" in body or stored_format == SEALED_FORMAT) and parse(content) is None:
        raise _damaged_identity(layout, "does not have its checksum")
    if stored_format not in _READABLE:
        version = _written_by(layout)
        raise SchemaMismatch(
            f"{layout.root} has lake format {stored_format}; this program reads format {FORMAT}. Program "
            f"version {version} wrote it: install factorlab-lake {version} or newer. Nothing was changed.",
            path=str(layout.root),
            got=stored_format,
            expected=FORMAT,
            written_by=version,
        )
    return replace(layout, format=stored_format)


def _damaged_identity(layout: Layout, damage: str) -> LakeDamaged:
    return LakeDamaged(f"{layout.identity} {damage}; restore it from a backup.", path=str(layout.identity))


def _written_by(layout: Layout) -> str:
    """Return the program version in the newest snapshot, whatever the format of its other fields."""
    try:
        return str(json.loads(layout.newest.read_text(encoding="utf-8"))["program_version"])
    except (OSError, ValueError, LookupError, TypeError):
        return "unknown"


def write_atomically(path: Path, text: str, *, derived: bool = False) -> None:
    """Write a small file atomically: after a crash or a power cut it is complete or absent.

    ``derived`` skips the wait for the disk. A power cut may then lose the file, and readers rebuild it.
    Raises :class:`WriteFailed` when the disk is full or the folder is read-only.
    """
    if in_bucket(path) is not None:
        path.write_bytes(text.encode())
        return
    with _written(path, text, synced=not derived) as temporary:  # fsync is most of the time of a small change
        temporary.replace(path)


def create_atomically(path: Path, text: str) -> None:
    """Write a new small file atomically; raise :class:`FileExistsError` when it exists, and change nothing.

    A hard link is created or fails, whatever another process does at that moment; a rename would replace the
    other's file. Only a file system without links leaves a gap between the check and the rename.
    """
    if (there := in_bucket(path)) is not None:
        there.create(text.encode())
        return
    with _written(path, text, synced=True) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            temporary.replace(path)


_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}


@contextmanager
def _written(path: Path, text: str, *, synced: bool) -> Iterator[Path]:
    """Write a temporary file beside a file, yield its path, and delete it at the end if it is still there."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with write_errors(path):
        try:
            with temporary.open("w", encoding="utf-8", newline="\n") as handle:
                handle.write(text)
                handle.flush()
                if synced:
                    os.fsync(handle.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Raise an error of the system as :class:`WriteFailed` that names the file and the next step."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        if remedy is None:
            raise
        raise WriteFailed(
            f"{path} cannot be written: {error.strerror}. {remedy} No committed data is lost.",
            path=str(path),
        ) from None


_READ_ONLY = "Reading still works; to change the lake, make its folder writable, or restore it elsewhere."
_NO_FOLDER = "Create its folder first, or choose another path."
_REMEDIES = {
    errno.ENAMETOOLONG: "Choose a shorter path.",
    errno.ENOENT: _NO_FOLDER,
    errno.ENOTDIR: _NO_FOLDER,
    errno.EISDIR: "The path is a folder: choose the path of a file.",
    errno.ENOSPC: "Free some space, then retry.",
    errno.EFBIG: "Raise the limit of file sizes, then retry.",
    errno.EDQUOT: "Free some of your quota, then retry.",
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _READ_ONLY,
    errno.EPERM: _READ_ONLY,
}
