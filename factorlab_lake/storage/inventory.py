"""Read the small files of a lake with their checksums, and list the early files that have none.

Lakes of format 1 and 2 have files without a seal, which later programs never rewrite. The commit that raises
the format writes the inventory: the SHA-256 of each such file. From then on, a file without a seal is sound
only if the inventory has its checksum.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from factorlab_lake.errors import LakeDamaged
from factorlab_lake.schema import STORED_TABLES
from factorlab_lake.storage.layout import FORMAT, SEALED_FORMAT, Layout, write_atomically
from factorlab_lake.storage.sealed import parse, seal, sha256

__all__ = ["is_sound", "listed", "raise_format", "read"]


def read(layout: Layout, path: Path) -> Any:
    """Return the JSON value in a small file of the lake; raise ValueError when its bytes were changed."""
    content = path.read_bytes()
    body = parse(content)
    if body is not None:
        return body
    if not _is_early(layout, path, content):
        raise ValueError(f"{path} does not have its checksum")
    return json.loads(content)


def is_sound(layout: Layout, path: Path) -> bool:
    """Return whether a small file has its seal, or its checksum in the inventory."""
    content = path.read_bytes()
    return parse(content) is not None or _is_early(layout, path, content)


def _is_early(layout: Layout, path: Path, content: bytes) -> bool:
    """Return whether a file without a seal was written before the lake had sealed files."""
    if layout.format < SEALED_FORMAT:
        return True
    return listed(layout).get(path.relative_to(layout.root).as_posix()) == sha256(content)


def listed(layout: Layout) -> dict[str, str]:
    """Return the checksums of the files without a seal, by their path in the lake; empty if it has none.

    Raises :class:`LakeDamaged` when the inventory was changed.
    """
    try:
        state = layout.inventory.stat()
    except FileNotFoundError:
        return {}
    return _inventory(layout.inventory, state.st_mtime_ns, state.st_size, state.st_ino)


@lru_cache(maxsize=16)
def _inventory(path: Path, *_: int) -> dict[str, str]:
    body = parse(path.read_bytes())
    if body is None:
        raise LakeDamaged(
            f"{path} does not have its checksum; `factorlab-lake repair --from BACKUP` restores it.",
            path=str(path),
        )
    files: dict[str, str] = body["files"]
    return files


def raise_format(layout: Layout) -> None:
    """Mark a lake as written by this program, so that programs that would misread its snapshots refuse it.

    The inventory comes first: without it, the raised format would make every early file a damaged one.
    """
    content = layout.identity.read_bytes()
    body = parse(content)
    if body is not None and body["format"] == FORMAT:
        return
    early = sorted(_early_files(layout))
    sums = {p.relative_to(layout.root).as_posix(): sha256(p.read_bytes()) for p in early}
    write_atomically(layout.inventory, seal({"files": sums}))
    write_atomically(layout.identity, seal(json.loads(content) | {"format": FORMAT}))


def _early_files(layout: Layout) -> set[Path]:
    """Return the files without a seal that no program rewrites, and the lists that vacuum and pins change."""
    logs = [layout.table(name) / "_delta_log" for name in STORED_TABLES]
    folders = [layout.snapshots, layout.checksums, layout.file_lists, *logs]
    files = {p for folder in folders if folder.is_dir() for p in folder.iterdir() if p.name[0] != "."}
    files |= {p for p in (layout.pins, layout.vacuumed, layout.newest) if p.exists()}
    return {p for p in files if p.is_file() and parse(p.read_bytes()) is None}
