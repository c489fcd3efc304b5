"""Compute the checksums of data files and log entries at their commit, and compare files with them.

Checksums are stored apart from the file lists: a list can be rebuilt from the Delta log, but a checksum
cannot be derived from a file that may be damaged. Data files and their checksums never change.
Early versions of the program wrote no checksums; of their files, only size and content can be checked.
The log entries of formats 1 and 2 are in the inventory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from factorlab_lake.errors import InternalError, LakeDamaged, LakeError
from factorlab_lake.storage import inventory
from factorlab_lake.storage.data_files import DataFile
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.sealed import seal

__all__ = [
    "damage_of",
    "first_damage",
    "origin_version",
    "read_error",
    "record",
    "records_without",
    "sha256_of",
    "stored",
    "stored_of_log",
]

REMEDY = "`factorlab-lake repair --from BACKUP` restores it"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def record(layout: Layout, name: str, version: int, added: list[DataFile], entries: list[Path]) -> None:
    """Write the checksums of the files that a table version added, and of the log entries since the last."""
    layout.checksums.mkdir(exist_ok=True)
    files = {f.path: sha256_of(layout.table(name) / f.path) for f in added}
    log = {entry.name: sha256_of(entry) for entry in entries}
    body = {"table": name, "version": version, "files": files, "log": log}
    write_atomically(layout.checksums / f"{name}-{version}.json", seal(body))


def stored(layout: Layout, name: str, *, until: int | None = None) -> dict[str, str]:
    """Return the checksums of a table's files, or of those that versions up to ``until`` added.

    Raises :class:`LakeDamaged` when they cannot be read.
    """
    sums: dict[str, str] = {}
    for path in sorted(layout.checksums.glob(f"{name}-*.json")):
        if until is None or _version(path) <= until:
            sums |= _read(layout, path)
    return sums


def stored_of_log(layout: Layout, name: str) -> dict[str, str]:
    """Return the checksums of a table's log entries; raise as :func:`stored`.

    The log has one file that later versions replace, so the newest checksum of a file counts.
    """
    prefix = f"{name}/_delta_log/"
    early = inventory.listed(layout).items()
    sums = {path.removeprefix(prefix): value for path, value in early if path.startswith(prefix)}
    for path in sorted(layout.checksums.glob(f"{name}-*.json"), key=_version):
        sums |= _body(layout, path)["log"]
    return sums


def _stored_of(layout: Layout, name: str, paths: set[str]) -> dict[str, str]:
    """Return the stored checksums of some files of a table; read the newest first, until all are found."""
    sums: dict[str, str] = {}
    for path in sorted(layout.checksums.glob(f"{name}-*.json"), key=_version, reverse=True):
        if paths <= sums.keys():
            break
        recorded = _read(layout, path)
        sums |= {inside: recorded[inside] for inside in paths & recorded.keys()}
    return sums


def records_without(layout: Layout, name: str, needed: set[str], log: set[str]) -> Iterator[Path]:
    """Yield the checksum files that name none of the data files and log entries needed."""
    for path in sorted(layout.checksums.glob(f"{name}-*.json")):
        with suppress(LakeDamaged):  # verify reports a file that cannot be read
            body = _body(layout, path)
            if needed.isdisjoint(body["files"]) and log.isdisjoint(body["log"]):
                yield path


def damage_of(path: Path, file: DataFile, checksum: str | None) -> str:
    """Return how a data file's bytes are damaged, or an empty text."""
    try:
        size = path.stat().st_size
        if size != file.size_bytes:
            return f"has {size} bytes instead of {file.size_bytes}"
        if checksum is not None and sha256_of(path) != checksum:
            return "does not have the checksum of its commit"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def origin_version(layout: Layout, name: str, inside: str) -> int | None:
    """Return the table version whose commit added a data file, or None if it has no checksum."""
    for path in layout.checksums.glob(f"{name}-*.json"):
        if inside in _read(layout, path):
            return _version(path)
    return None


def _version(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _read(layout: Layout, path: Path) -> dict[str, str]:
    files: dict[str, str] = _body(layout, path)["files"]
    return files


def _body(layout: Layout, path: Path) -> dict[str, dict[str, str]]:
    """Return the checksums in a file; early programs wrote only those of data files."""
    try:
        body = inventory.read(layout, path)
    except ValueError:
        body = None
    if isinstance(body, dict) and "log" not in body:
        return {"files": body, "log": {}}
    if not isinstance(body, dict) or f"{body['table']}-{body['version']}" != path.stem:
        raise LakeDamaged(f"{path} cannot be read; {REMEDY}.", path=str(path))
    return body


def first_damage(layout: Layout, files: dict[str, list[DataFile]]) -> LakeDamaged | None:
    """Return the error for the first missing or damaged file of some tables' data files, or None."""
    for name, members in files.items():
        sums = _stored_of(layout, name, {f.path for f in members})
        for file in members:
            path = layout.table(name) / file.path
            damage = damage_of(path, file, sums.get(file.path))
            if damage:
                return LakeDamaged(f"{path} {damage}; {REMEDY}.", path=str(path))
    return None


def read_error(layout: Layout, files: dict[str, list[DataFile]], message: str, *, sql: str = "") -> LakeError:
    """Return the error for data files that could not be read, where the reader raised ``message``.

    :class:`LakeDamaged` names the first file whose bytes are damaged. A file without a checksum may be
    damaged too. When all checksums agree, the reader failed: :class:`InternalError`.
    """
    if damage := first_damage(layout, files):
        return damage
    for name, members in files.items():
        if {f.path for f in members} - stored(layout, name).keys():
            folder = layout.table(name)
            return LakeDamaged(
                f"A data file of {folder} cannot be read; `factorlab-lake verify --deep` names it: {message}",
                path=str(folder),
            )
    return InternalError(f"The data files of {layout.root} are sound but cannot be read: {message}", sql=sql)
