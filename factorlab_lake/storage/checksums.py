"""Checksums of data files, taken when they are committed, and what they say about a file now.

They are kept apart from the file lists: a list can be rebuilt from the Delta log, a checksum cannot be
derived from a file that may be damaged. Data files never change, so a checksum holds as long as its file.
Files of a lake that was written before there were checksums have none; size and content are checked then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from factorlab_lake.errors import InternalError, LakeDamaged, LakeError
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.layout import Layout, write_atomically

__all__ = ["fault_of", "first_fault", "known", "origin", "read_error", "record", "sha256_of", "without"]

REMEDY = "`factorlab-lake repair --from BACKUP` brings it back"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def record(layout: Layout, name: str, version: int, fresh: list[DataFile]) -> None:
    """Keep the checksums of the files that a table version brought."""
    if not fresh:
        return
    layout.checksums.mkdir(exist_ok=True)
    sums = {f.path: sha256_of(layout.table(name) / f.path) for f in fresh}
    write_atomically(layout.checksums / f"{name}-{version}.json", json.dumps(sums))


def known(layout: Layout, name: str) -> dict[str, str]:
    """Return the checksums of a table's files; :class:`LakeDamaged` when they cannot be read."""
    found: dict[str, str] = {}
    for path in sorted(layout.checksums.glob(f"{name}-*.json")):
        found |= _read(path)
    return found


def _of(layout: Layout, name: str, wanted: set[str]) -> dict[str, str]:
    """Return the checksums that are kept of some files of a table, reading no more than it takes."""
    found: dict[str, str] = {}
    for path in sorted(layout.checksums.glob(f"{name}-*.json"), key=_version, reverse=True):
        if wanted <= found.keys():
            break
        sums = _read(path)
        found |= {inside: sums[inside] for inside in wanted & sums.keys()}
    return found


def without(layout: Layout, name: str, needed: set[str]) -> Iterator[Path]:
    """Yield the files of checksums that have none of the data files needed."""
    for path in sorted(layout.checksums.glob(f"{name}-*.json")):
        with suppress(LakeDamaged):  # one that cannot be read is verify's to tell
            if needed.isdisjoint(_read(path)):
                yield path


def fault_of(path: Path, file: DataFile, checksum: str | None) -> str:
    """Return what is wrong with a data file's bytes, or nothing."""
    try:
        size = path.stat().st_size
        if size != file.size_bytes:
            return f"has {size} bytes instead of {file.size_bytes}"
        if checksum is not None and sha256_of(path) != checksum:
            return "does not have the checksum it was written with"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def origin(layout: Layout, name: str, inside: str) -> int | None:
    """Return the table version whose commit brought a data file, when its checksum was taken then."""
    for path in layout.checksums.glob(f"{name}-*.json"):
        if inside in _read(path):
            return _version(path)
    return None


def _version(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise LakeDamaged(f"{path} cannot be read; {REMEDY}.", path=str(path))
    return found


def first_fault(layout: Layout, chosen: dict[str, list[DataFile]]) -> LakeDamaged | None:
    """Return the error that names the first of some data files that is missing or damaged, if any is."""
    for name, files in chosen.items():
        sums = _of(layout, name, {f.path for f in files})
        for file in files:
            path = layout.table(name) / file.path
            fault = fault_of(path, file, sums.get(file.path))
            if fault:
                return LakeDamaged(f"{path} {fault}; {REMEDY}.", path=str(path))
    return None


def read_error(
    layout: Layout, chosen: dict[str, list[DataFile]], message: str, *, sql: str = ""
) -> LakeError:
    """Return the error for data files that could not be read, where the reader raised ``message``.

    :class:`LakeDamaged` names the first file whose bytes are damaged. A file without a checksum may be
    damaged too. When every file is as it was written, the reader is at fault: :class:`InternalError`.
    """
    if damage := first_fault(layout, chosen):
        return damage
    unchecked = [(n, {f.path for f in files} - known(layout, n).keys()) for n, files in chosen.items()]
    for name, paths in unchecked:
        if paths:
            folder = layout.table(name)
            return LakeDamaged(
                f"A data file of {folder} cannot be read; `factorlab-lake verify --deep` names it: {message}",
                path=str(folder),
            )
    return InternalError(f"The data files of {layout.root} are sound but cannot be read: {message}", sql=sql)
