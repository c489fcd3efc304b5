"""Read and write the manifest of a snapshot: the tiles that have its rows, and what they were built from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from factorlab_lake.derive.computation import scripts_digest
from factorlab_lake.functions.rule_placeholders import fill, rule_placeholders
from factorlab_lake.index.tiles import TileFile
from factorlab_lake.schema.rules import rule_values
from factorlab_lake.storage.lake_settings import read_settings
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.snapshots import Snapshot

__all__ = [
    "INTERVAL_TABLES",
    "Manifest",
    "build_digest",
    "closes_sql",
    "index_folder",
    "is_damaged",
    "manifest_path",
    "read",
    "save",
]

INTERVAL_TABLES = ("share_count_history", "fundamentals_history")

_FORMAT = 1  # rises with every change of the tiles that the SQL does not show


@dataclass(slots=True)
class Manifest:
    """List the tiles of one snapshot.

    ``symbols``: the tile with all symbols; a symbol's place in it tells its group and its slot there.
    ``closes``: by year, one tile per group. ``intervals``: by derived table, one tile per group. None stands
    for a tile without rows.
    """

    symbols: TileFile
    closes: dict[int, list[TileFile | None]] = field(default_factory=dict)
    intervals: dict[str, list[TileFile | None]] = field(default_factory=dict)

    def tiles(self) -> Iterator[TileFile]:
        """Yield every tile."""
        yield self.symbols
        for group in (*self.closes.values(), *self.intervals.values()):
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
    return fill(text, rule_placeholders)


@cache
def build_digest() -> str:
    """Return the hash of all that computes the tiles: tiles of another digest are not used."""
    shell = files("factorlab_lake.functions").joinpath("shell", "duckdb")
    rounding = shell.joinpath("unrounded_close.sql").read_text(encoding="utf-8")
    parts = (_FORMAT, scripts_digest(), closes_sql(), rounding, rule_values())
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def save(layout: Layout, snapshot: Snapshot, manifest: Manifest) -> None:
    """Write the manifest of a snapshot; from then on, readers use its tiles."""
    body = json.dumps(
        {
            "symbols": _row(manifest.symbols),
            "closes": {str(year): list(map(_row, group)) for year, group in manifest.closes.items()},
            "intervals": {name: list(map(_row, group)) for name, group in manifest.intervals.items()},
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
