"""Keep the tiles of lakes in buckets in a folder of the user, from where they are mapped.

A tile never changes and its name is the hash of its content. So a copy is of use to every lake and snapshot
that names it, and its first use in a process compares the hash.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

from factorlab_lake.settings import configured
from factorlab_lake.storage.bucket_path import in_bucket

__all__ = ["cache_folder", "cached_tile", "tile_hash"]

_UNUSED_DAYS = 30  # a copy that was not used for this long is deleted
_CHECKED: set[Path] = set()


def tile_hash(*content: bytes | memoryview) -> str:
    """Return the name of a tile whose content has these parts."""
    digest = hashlib.sha1(usedforsecurity=False)
    for part in content:
        digest.update(part)
    return digest.hexdigest()


def cached_tile(path: Path) -> Path:
    """Return the local copy of a tile in a bucket, and any other path as it is.

    A missing or changed copy is read from the bucket. Raises :class:`OSError` where the tile is not there,
    and :class:`ValueError` where the bucket has another content.
    """
    if in_bucket(path) is None:
        return path
    copy = cache_folder() / path.name
    if copy in _CHECKED and copy.exists():
        return copy
    if not _is_sound(copy):
        content = path.read_bytes()
        if tile_hash(content) != path.name:
            raise ValueError(f"{path} does not have the checksum in its name")
        _keep(copy, content)
    _CHECKED.add(copy)
    return copy


def cache_folder() -> Path:
    """Return the folder of the copies: ``FACTORLAB_CACHE_FOLDER``, or one in the cache of the user."""
    chosen = configured("cache_folder")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen).expanduser() / "tiles" if chosen else Path(base) / "factorlab-lake" / "tiles"


def _is_sound(copy: Path) -> bool:
    try:
        sound = tile_hash(copy.read_bytes()) == copy.name
    except OSError:
        return False
    with suppress(OSError):
        os.utime(copy)  # the time of its last use
    return sound


def _keep(copy: Path, content: bytes) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    _delete_unused(copy.parent)
    temporary = copy.with_name(f".{copy.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(content)
        temporary.replace(copy)
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _delete_unused(folder: Path) -> None:
    """Delete the copies that no process has used for long, once in the life of this process."""
    oldest = time.time() - _UNUSED_DAYS * 86_400
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
