"""Read and write the manifest of a snapshot, which lists its tiles; find damaged and unneeded files."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from factorlab_lake.derive.computation import scripts_digest
from factorlab_lake.functions.rule_placeholders import fill, rule_placeholders
from factorlab_lake.index.statement_blocks import view_text
from factorlab_lake.index.tile_cache import tile_hash
from factorlab_lake.index.tiles import TileFile, is_stored
from factorlab_lake.schema.rules import rule_values
from factorlab_lake.storage.lake_settings import read_settings
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.snapshots import Snapshot

__all__ = [
    "INTERVAL_TABLES",
    "Manifest",
    "build_digest",
    "closes_sql",
    "copy_index",
    "damaged_files",
    "index_folder",
    "is_damaged",
    "manifest_path",
    "read",
    "save",
    "unneeded_files",
]

INTERVAL_TABLES = ("share_count_history", "fundamentals_history", "period_publications")

_UNFINISHED_S = 3600.0  # a younger file may be of a build that has not written its manifest yet
_FORMAT = 5  # rises with every change of the tiles that the SQL does not show


@dataclass(slots=True)
class Manifest:
    """List the tiles of one snapshot.

    ``symbols``: the tile with all symbols; a symbol's place in it tells its group and its slot there.
    ``closes``: by year, one tile per group. ``intervals``: by derived table, one tile per group.
    ``statements``: one tile per group. None stands for a tile without rows.
    """

    symbols: TileFile
    closes: dict[int, list[TileFile | None]] = field(default_factory=dict)
    intervals: dict[str, list[TileFile | None]] = field(default_factory=dict)
    statements: list[TileFile | None] = field(default_factory=list)

    def tiles(self) -> Iterator[TileFile]:
        """Yield every tile."""
        yield self.symbols
        for group in (*self.closes.values(), *self.intervals.values(), self.statements):
            yield from (tile for tile in group if tile is not None)


def index_folder(layout: Layout) -> Path:
    """Return the folder of tiles and manifests."""
    return layout.identity.parent / "index"


def manifest_path(layout: Layout, snapshot_id: int) -> Path:
    """Return the file of a snapshot's manifest."""
    return index_folder(layout) / f"{snapshot_id:012d}.json"


def closes_sql() -> str:
    """Return the query of the bars for the tiles of closes."""
    text = files(__package__).joinpath("closes.sql").read_text(encoding="utf-8")
    return fill(text, lambda: {**rule_placeholders(), "prices": _shell("parts/prices.sql").strip()})


@cache
def build_digest() -> str:
    """Return the hash of all that computes the tiles: tiles of another digest are not used."""
    rounding = _shell("unrounded_close.sql")
    parts = (_FORMAT, scripts_digest(), closes_sql(), rounding, view_text(), rule_values())
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _shell(path: str) -> str:
    """Return a file of the functions' SQL for DuckDB."""
    place = files("factorlab_lake.functions").joinpath("shell", "duckdb", path)
    return place.read_text(encoding="utf-8")


def save(layout: Layout, snapshot: Snapshot, manifest: Manifest) -> None:
    """Write the manifest of a snapshot; from then on, readers use its tiles."""
    body = json.dumps(
        {
            "symbols": _row(manifest.symbols),
            "closes": {str(year): list(map(_row, group)) for year, group in manifest.closes.items()},
            "intervals": {name: list(map(_row, group)) for name, group in manifest.intervals.items()},
            "statements": list(map(_row, manifest.statements)),
        }
    )
    head = json.dumps({"of": _identity(layout, snapshot), "sha256": _sha256(body)})
    write_atomically(manifest_path(layout, snapshot.id), f"{head}\n{body}\n", derived=True)


def read(layout: Layout, snapshot: Snapshot) -> Manifest | None:
    """Return the manifest of a snapshot; None if it is missing, damaged or of another program."""
    try:
        head, body = _lines(manifest_path(layout, snapshot.id))
        if head != {"of": _identity(layout, snapshot), "sha256": _sha256(body)}:
            return None
        parts = json.loads(body)
        return Manifest(
            symbols=TileFile(*parts["symbols"]),
            closes={int(year): list(map(_tile, group)) for year, group in parts["closes"].items()},
            intervals={name: list(map(_tile, group)) for name, group in parts["intervals"].items()},
            statements=list(map(_tile, parts["statements"])),
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None


def is_damaged(path: Path) -> bool:
    """Return whether a manifest's own checksum is wrong; that of another program or setting is not damage."""
    try:
        head, body = _lines(path)
        return bool(head["sha256"] != _sha256(body))
    except (OSError, ValueError, LookupError, TypeError):
        return True


def _lines(path: Path) -> tuple[Any, str]:
    head, body = path.read_text(encoding="utf-8").splitlines()
    return json.loads(head), body


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _identity(layout: Layout, snapshot: Snapshot) -> list[Any]:
    """Return what a manifest must agree with.

    A rolled back or restored lake can have another content, and changed settings give other answers.
    """
    settings = read_settings(layout)
    chosen = [settings.availability, list(settings.provider_order)]
    return [snapshot.id, snapshot.created_at, snapshot.tables, build_digest(), chosen]


def _row(tile: TileFile | None) -> tuple[str, int] | None:
    return None if tile is None else (tile.name, tile.size_bytes)


def _tile(row: list[Any] | None) -> TileFile | None:
    return None if row is None else TileFile(*row)


def copy_index(source: Layout, to: Layout, snapshot: Snapshot) -> None:
    """Copy the read index of a snapshot to a copy of the lake, its manifest last; without one, do nothing."""
    manifest = read(source, snapshot)
    if manifest is None or manifest_path(to, snapshot.id).exists():
        return
    index_folder(to).mkdir(exist_ok=True)
    for tile in manifest.tiles():
        if not is_stored(index_folder(to) / tile.name, tile.size_bytes):
            (index_folder(to) / tile.name).write_bytes((index_folder(source) / tile.name).read_bytes())
    manifest_path(to, snapshot.id).write_bytes(manifest_path(source, snapshot.id).read_bytes())


def unneeded_files(layout: Layout, kept: Iterable[Snapshot]) -> Iterator[Path]:
    """Yield the manifests and tiles that no retained snapshot needs."""
    needed: set[Path] = set()
    folder = index_folder(layout)
    for snapshot in kept:
        manifest = read(layout, snapshot)
        if manifest is not None:
            needed.add(manifest_path(layout, snapshot.id))
            needed.update(folder / tile.name for tile in manifest.tiles())
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path not in needed and _is_old(path):
            yield path


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > _UNFINISHED_S


def damaged_files(layout: Layout, kept: Iterable[Snapshot]) -> Iterator[tuple[Path, str, Snapshot]]:
    """Yield each damaged file of the index, what is wrong, and a snapshot that needs it."""
    folder = index_folder(layout)
    checked: set[TileFile] = set()
    for snapshot in kept:
        path = manifest_path(layout, snapshot.id)
        manifest = read(layout, snapshot)
        if manifest is None and path.exists() and is_damaged(path):
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
