"""List the files of the read index that are damaged, or that no retained snapshot needs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from factorlab_lake.index import manifest as manifests
from factorlab_lake.index.tiles import TileFile, tile_hash
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["damaged_files", "unneeded_files"]

_UNFINISHED_S = 3600.0  # a younger file may be of a build that has not written its manifest yet


def unneeded_files(layout: Layout, kept: Iterable[Snapshot]) -> Iterator[Path]:
    """Yield the manifests and tiles that no retained snapshot needs."""
    needed: set[Path] = set()
    folder = manifests.index_folder(layout)
    for snapshot in kept:
        manifest = manifests.read(layout, snapshot)
        if manifest is not None:
            needed.add(manifests.manifest_path(layout, snapshot.id))
            needed.update(folder / tile.name for tile in manifest.tiles())
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path not in needed and _is_old(path):
            yield path


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _UNFINISHED_S


def damaged_files(layout: Layout, kept: Iterable[Snapshot]) -> Iterator[tuple[Path, str, Snapshot]]:
    """Yield each damaged file of the index, what is wrong, and a snapshot that needs it."""
    folder = manifests.index_folder(layout)
    checked: set[TileFile] = set()
    for snapshot in kept:
        path = manifests.manifest_path(layout, snapshot.id)
        manifest = manifests.read(layout, snapshot)
        if manifest is None and path.exists() and manifests.is_damaged(path):
            yield path, "cannot be read", snapshot
        for tile in manifest.tiles() if manifest is not None else ():
            if tile not in checked and (damage := _damage(folder / tile.name, tile)):
                yield folder / tile.name, damage, snapshot
            checked.add(tile)


def _damage(path: Path, tile: TileFile) -> str:
    """Return what is wrong with a tile, or an empty text."""
    if not path.is_file():
        return "is missing"
    content = path.read_bytes()
    if len(content) != tile.size_bytes:
        return f"has {len(content)} bytes instead of {tile.size_bytes}"
    return "" if tile_hash(content) == tile.name else "does not have the checksum in its name"
