"""Build the read index of a snapshot from SQL queries; tiles of unchanged symbols and years are reused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from factorlab_lake.index import manifest as manifests
from factorlab_lake.index.closes import SYMBOLS_PER_TILE, days_of_year, write_closes
from factorlab_lake.index.intervals import odd_symbols, write_intervals
from factorlab_lake.index.manifest import INTERVAL_TABLES, Manifest
from factorlab_lake.index.statement_blocks import STATEMENTS, encode, is_present, stored_blocks, write_blocks
from factorlab_lake.index.tiles import TileFile, write_tile
from factorlab_lake.index.touched import Changes, Previous, changes_since, previous_index
from factorlab_lake.schema import table
from factorlab_lake.schema.rules import BEGINNING_OF_TIME, EPOCH, PRICE_AGE_LIMIT_DAYS
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["Query", "build"]

Query: TypeAlias = Callable[[str, dict[str, Any]], pl.DataFrame]

_GROUPS_AT_A_TIME = 8  # bounds the memory
_STATEMENT_GROUPS_AT_A_TIME = 4  # their rows take more memory: 50 MB for ten years of 256 symbols
_PROFILES = """
SELECT s.symbol, p.currency, s.symbol IN (SELECT symbol FROM multi_class_symbols) AS multi_class
FROM (SELECT unnest($symbols::VARCHAR[]) AS symbol) s LEFT JOIN company_profiles p ON p.symbol = s.symbol
"""


def build(layout: Layout, snapshot: Snapshot, query: Query, *, reuse: bool = True) -> Manifest:
    """Write the tiles and the manifest of a snapshot.

    ``query`` runs SQL over the tables and functions of the snapshot, with the lake's own availability rule.
    ``reuse`` takes the tiles of the newest earlier manifest for what has not changed since.
    """
    folder = manifests.index_folder(layout)
    folder.mkdir(exist_ok=True)
    previous = previous_index(layout, snapshot) if reuse else None
    changes = changes_since(layout, snapshot, previous, query)
    manifest = _Build(folder, query, previous or Previous(), changes).manifest()
    manifests.save(layout, snapshot, manifest)
    return manifest


@dataclass(slots=True)
class _Build:
    """Write the tiles of one snapshot that differ from those of the index before it."""

    folder: Path
    query: Query
    previous: Previous
    changes: Changes
    excluded: dict[str, list[str]] = field(default_factory=dict)

    def manifest(self) -> Manifest:
        """Write all changed tiles and return the manifest of all."""
        years = {*self.previous.closes, *self.changes.years}
        closes = {year: tiles for year in sorted(years) if any(tiles := self._closes(year))}
        intervals = {name: self._intervals(name) for name in INTERVAL_TABLES}
        return Manifest(self._symbols(), closes, intervals, self._statements())

    def _symbols(self) -> TileFile:
        """Write the tile that lists the symbols, in the order of their places."""
        symbols = self.changes.symbols
        profiles = pl.DataFrame({"symbol": symbols}, schema={"symbol": pl.String}).join(
            self.query(_PROFILES, {"symbols": symbols}), on="symbol", how="left", maintain_order="left"
        )
        attributes = {**profiles.to_dict(as_series=False), "excluded": self.excluded}
        digests = {
            name: np.array([by_symbol.get(s, 0) for s in symbols], "<u8")
            for name, by_symbol in self.changes.digests.items()
        }
        return write_tile(self.folder, np.zeros((1, 1)), digests, attributes)

    def _closes(self, year: int) -> list[TileFile | None]:
        """Return the tiles of closes of a year."""
        first, end = days_of_year(year)
        params = {"first": _day(first - PRICE_AGE_LIMIT_DAYS), "last": _day(end - 1)}
        every = year in self.changes.years
        groups = self._groups() if every else self._groups_of(self.changes.symbols_of("split_history"))
        tiles = self._padded(self.previous.closes.get(year, []))
        for group, bars in self._grouped(manifests.closes_sql(), params, groups):
            tiles[group] = None if bars.is_empty() else write_closes(self.folder, year, bars)
        return tiles

    def _intervals(self, name: str) -> list[TileFile | None]:
        """Return the tiles of a derived table, without the symbols that a tile cannot represent."""
        spec = table(name)
        groups = self._groups_of(self.changes.symbols_of(name))
        tiles = self._padded(self.previous.intervals.get(name, []))
        excluded = set(self.previous.excluded.get(name, []))
        sql = f"SELECT * FROM {name} WHERE symbol IN (SELECT unnest($symbols::VARCHAR[]))"  # noqa: S608
        for group, rows in self._grouped(sql, {}, groups):
            odd = odd_symbols(rows, spec)
            excluded = excluded.difference(self._in_group(group)).union(odd)
            kept = rows.filter(~pl.col("symbol").is_in(odd))
            tiles[group] = None if kept.is_empty() else write_intervals(self.folder, spec, kept)
        self.excluded[name] = sorted(excluded)
        return tiles

    def _statements(self) -> list[TileFile | None]:
        """Return the tiles of statements, with the missing and truncated ones written again."""
        tiles = self._padded(self.previous.statements)
        lost = {group for group, tile in enumerate(tiles) if not is_present(self.folder, tile)}
        groups = sorted(lost.union(self._groups_of(self.changes.statements)))
        for start in range(0, len(groups), _STATEMENT_GROUPS_AT_A_TIME):
            self._write_statements(tiles, groups[start : start + _STATEMENT_GROUPS_AT_A_TIME])
        return tiles

    def _write_statements(self, tiles: list[TileFile | None], groups: list[int]) -> None:
        """Write the tiles of some groups; a symbol without changes keeps its block if the tile is intact."""
        changed = self.changes.statements
        stored = {group: stored_blocks(self.folder, tiles[group]) for group in groups}
        outdated = {
            symbol
            for group, blocks in stored.items()
            for symbol in self._in_group(group)
            if blocks is None or symbol in changed
        }
        new = encode(self.query(STATEMENTS, {"symbols": sorted(outdated)}))
        for group, blocks in stored.items():
            places = enumerate(self._in_group(group))
            kept = blocks or {}
            chosen = {slot: new.get(s) if s in outdated else kept.get(slot) for slot, s in places}
            present = {slot: block for slot, block in chosen.items() if block is not None}
            tiles[group] = write_blocks(self.folder, present)

    def _grouped(
        self, sql: str, params: Mapping[str, Any], groups: list[int]
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield some groups with the rows of their symbols and the slot of each row."""
        for start in range(0, len(groups), _GROUPS_AT_A_TIME):
            some = groups[start : start + _GROUPS_AT_A_TIME]
            places = pl.concat([self._placed(group) for group in some])
            rows = self.query(sql, {**params, "symbols": places["symbol"].to_list()})
            rows = rows.join(places, on="symbol")
            for group in some:
                yield group, rows.filter(pl.col("group") == group)

    def _placed(self, group: int) -> pl.DataFrame:
        names = self._in_group(group)
        columns = {"symbol": names, "slot": range(len(names)), "group": [group] * len(names)}
        return pl.DataFrame(columns, schema={"symbol": pl.String, "slot": pl.Int32, "group": pl.Int32})

    def _in_group(self, group: int) -> list[str]:
        first = group * SYMBOLS_PER_TILE
        return self.changes.symbols[first : first + SYMBOLS_PER_TILE]

    def _groups(self) -> list[int]:
        return list(range(-(-len(self.changes.symbols) // SYMBOLS_PER_TILE)))

    def _groups_of(self, symbols: set[str]) -> list[int]:
        places = self.changes.places
        return sorted({places[s] // SYMBOLS_PER_TILE for s in symbols})

    def _padded(self, tiles: list[TileFile | None]) -> list[TileFile | None]:
        return [*tiles, *[None] * (len(self._groups()) - len(tiles))]


def _day(number: int) -> date:
    return EPOCH + timedelta(days=max(number, (BEGINNING_OF_TIME - EPOCH).days))
