"""Build the read index of a snapshot from SQL queries; tiles of unchanged symbols and years are reused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from factorlab_lake.derive.staleness import stale_symbols
from factorlab_lake.index import manifest as manifests
from factorlab_lake.index.closes import SYMBOLS_PER_TILE, days_of_year, read_bars, write_closes
from factorlab_lake.index.intervals import odd_symbols, with_validity, write_intervals
from factorlab_lake.index.manifest import INTERVAL_TABLES, Manifest
from factorlab_lake.index.recent_bars import recent_bars
from factorlab_lake.index.statement_blocks import STATEMENTS, encode, is_present, stored_blocks, write_blocks
from factorlab_lake.index.tiles import Array, Tile, TileDamaged, TileFile, write_tile
from factorlab_lake.index.touched import Changes, Previous, changes_since, previous_index
from factorlab_lake.schema import STATEMENT_TABLES, table
from factorlab_lake.schema.limits import INDEX_VALUES_AT_A_TIME
from factorlab_lake.schema.quote_units import is_quote_unit_unknown, quote_currency
from factorlab_lake.schema.rules import BEGINNING_OF_TIME, EPOCH, PRICE_AGE_LIMIT_DAYS
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["Query", "build"]

Query: TypeAlias = Callable[[str, dict[str, Any]], pl.DataFrame]

_GROUPS_AT_A_TIME = 8  # bounds the memory
_GROUP_DAYS_AT_A_TIME = 3000  # a year of eight groups: of a day, more groups are read at once
_PROFILES = (
    f"SELECT DISTINCT r.symbol, {quote_currency('r.symbol', 'f.currency')} AS currency, "  # noqa: S608
    "coalesce(f.quoted_units, 1) AS quoted_units, "
    "f.shares_per_receipt, f.receipt_reason, "
    f"CASE WHEN f.currency IS NULL AND {is_quote_unit_unknown('r.symbol')} THEN 'quote_unit_unknown' END "
    "AS quote_reason, "
    "r.symbol IN (SELECT symbol FROM multi_class_symbols) AS multi_class, "
    "(k.told_to - DATE '1970-01-01')::INTEGER AS told_day "
    "FROM (SELECT unnest($symbols::VARCHAR[]) AS symbol) r LEFT JOIN instruments f ON f.symbol = r.symbol "
    "LEFT JOIN split_lists k ON k.symbol = r.symbol"
)


def build(
    layout: Layout, snapshot: Snapshot, query: Query, *, bars: Query | None = None, reuse: bool = True
) -> Manifest:
    """Write the tiles and the manifest of a snapshot.

    ``query`` runs SQL over the tables and functions of the snapshot, with the lake's own availability rule;
    ``bars`` runs that of prices, which are most rows of a lake.
    ``reuse`` takes the tiles of the newest earlier manifest for what has not changed since.
    """
    folder = manifests.index_folder(layout)
    folder.mkdir(exist_ok=True)
    previous = previous_index(layout, snapshot) if reuse else None
    changes = changes_since(layout, snapshot, previous, query)
    stored = stale_symbols(layout, snapshot) == frozenset()
    recent = partial(recent_bars, layout, snapshot) if stored else _no_bars
    manifest = _Build(folder, query, bars or query, recent, previous or Previous(), changes).manifest()
    manifests.save(layout, snapshot, manifest)
    return manifest


@dataclass(slots=True)
class _Build:
    """Write the tiles of one snapshot that differ from those of the index before it."""

    folder: Path
    query: Query
    bars: Query
    recent: Callable[[tuple[int, int]], pl.DataFrame | None]
    previous: Previous
    changes: Changes
    excluded: dict[str, list[str]] = field(default_factory=dict)

    def manifest(self) -> Manifest:
        """Write all changed tiles and return the manifest of all."""
        years = {*self.previous.closes, *self.changes.days}
        splits = self._groups_of(self.changes.symbols_of("split_history"))
        closes = {year: tiles for year in sorted(years) if any(tiles := self._closes(year, splits))}
        intervals = {name: self._intervals(name) for name in INTERVAL_TABLES}
        return Manifest(self._symbols(), closes, intervals, self._statements())

    def _symbols(self) -> TileFile:
        """Write the tile that lists the symbols, in the order of their places."""
        symbols, before = self.changes.symbols, self.previous
        self.excluded["instruments"] = before.excluded.get("instruments", [])
        same = self.changes.same_profiles and self.changes.digests == before.digests
        if before.symbols_tile and same and (symbols, self.excluded) == (before.symbols, before.excluded):
            return before.symbols_tile
        rows = self.query(_PROFILES, {"symbols": symbols})
        several = rows.filter(pl.col("symbol").is_duplicated())["symbol"].unique().sort().to_list()
        self.excluded["instruments"] = several  # quoted in one unit, later in another: a place has only one
        profiles = pl.DataFrame({"symbol": symbols}, schema={"symbol": pl.String}).join(
            rows.unique("symbol"), on="symbol", how="left", maintain_order="left"
        )
        attributes = {**profiles.to_dict(as_series=False), "excluded": self.excluded}
        digests = {
            name: np.array([by_symbol.get(s, 0) for s in symbols], "<u8")
            for name, by_symbol in self.changes.digests.items()
        }
        return write_tile(self.folder, np.zeros((1, 1)), digests, attributes)

    def _closes(self, year: int, with_splits: list[int]) -> list[TileFile | None]:
        """Return the tiles of closes of a year; all bars of the groups with other splits are read."""
        first, end = days_of_year(year)
        tiles = self._padded(self.previous.closes.get(year, []))
        changed = self.changes.days.get(year)
        groups = with_splits
        if changed:
            others = sorted({*self._groups()}.difference(with_splits))
            groups = [*with_splits, *self._change_days(year, tiles, others, changed)]
        for group, bars in self._grouped(self.bars, _bars_of(first - PRICE_AGE_LIMIT_DAYS, end - 1), groups):
            tiles[group] = self._written(year, bars)
        return tiles

    def _change_days(
        self, year: int, tiles: list[TileFile | None], groups: list[int], days: tuple[int, int]
    ) -> Iterator[int]:
        """Replace the bars of some days in the tiles of a year; yield the groups whose tile is damaged."""
        groups_at_a_time = max(_GROUPS_AT_A_TIME, _GROUP_DAYS_AT_A_TIME // (days[1] - days[0] + 1))
        recent = self.recent(days) if groups else None
        grouped = self._grouped(self.bars, _bars_of(*days), groups, groups_at_a_time * SYMBOLS_PER_TILE)
        for group, bars in grouped if recent is None else self._by_group(recent, groups):
            tile = tiles[group]
            try:
                before = None if tile is None else read_bars(Tile(self.folder / tile.name, tile.size_bytes))
            except TileDamaged:
                yield group
                continue
            if before is not None:
                unchanged = before.filter(~pl.col("day").is_between(*days))
                if bars.is_empty() and unchanged.height == before.height:
                    continue
                bars = pl.concat([unchanged, bars.select(unchanged.columns)])  # noqa: PLW2901 - the complete bars
            tiles[group] = self._written(year, bars)

    def _written(self, year: int, bars: pl.DataFrame) -> TileFile | None:
        return None if bars.is_empty() else write_closes(self.folder, year, bars)

    def _intervals(self, name: str) -> list[TileFile | None]:
        """Return the tiles of a derived table, without the symbols that a tile cannot represent."""
        spec = table(name)
        groups = self._groups_of(self.changes.symbols_of(name))
        tiles = self._padded(self.previous.intervals.get(name, []))
        excluded = set(self.previous.excluded.get(name, []))
        sql = f"SELECT * FROM {name} WHERE symbol IN (SELECT unnest($symbols::VARCHAR[]))"  # noqa: S608
        at_a_time = self._symbols_at_a_time([name]) if groups else 1
        for group, table_rows in self._grouped(self.query, (sql, {}), groups, at_a_time):
            rows = with_validity(table_rows, spec)
            odd = odd_symbols(rows, spec)
            excluded = excluded.difference(self._in_group(group)).union(odd)
            kept = rows.filter(~pl.col("symbol").is_in(odd)) if odd else rows
            tiles[group] = None if kept.is_empty() else write_intervals(self.folder, spec, kept)
        self.excluded[name] = sorted(excluded)
        return tiles

    def _statements(self) -> list[TileFile | None]:
        """Return the tiles of statements, with the missing and truncated ones written again."""
        tiles = self._padded(self.previous.statements)
        lost = {group for group, tile in enumerate(tiles) if not is_present(self.folder, tile)}
        groups = sorted(lost.union(self._groups_of(self.changes.statements)))
        at_a_time = self._symbols_at_a_time(STATEMENT_TABLES.values()) if groups else 1
        groups_at_a_time = max(1, at_a_time // SYMBOLS_PER_TILE)
        for start in range(0, len(groups), groups_at_a_time):
            self._write_statements(tiles, groups[start : start + groups_at_a_time], at_a_time)
        return tiles

    def _symbols_at_a_time(self, tables: Iterable[str]) -> int:
        """Return of how many symbols the rows of some tables are read at once, by the values of each."""
        values: int = sum(
            self.query(f"SELECT count(*) AS rows FROM {name}", {})["rows"].item() * len(table(name).columns)  # noqa: S608
            for name in tables
        )
        each = values // max(1, len(self.changes.symbols))
        most = _GROUPS_AT_A_TIME * SYMBOLS_PER_TILE
        return max(1, min(most, INDEX_VALUES_AT_A_TIME // max(1, each)))

    def _write_statements(self, tiles: list[TileFile | None], groups: list[int], at_a_time: int) -> None:
        """Write the tiles of some groups; a symbol without changes keeps its block if the tile is intact.

        Rows are read of so many symbols at a time.
        """
        changed = self.changes.statements
        stored = {group: stored_blocks(self.folder, tiles[group]) for group in groups}
        outdated = {
            symbol
            for group, blocks in stored.items()
            for symbol in self._in_group(group)
            if blocks is None or symbol in changed
        }
        new: dict[str, Array] = {}
        symbols = sorted(outdated)
        for start in range(0, len(symbols), at_a_time):
            new |= encode(self.query(STATEMENTS, {"symbols": symbols[start : start + at_a_time]}))
        for group, blocks in stored.items():
            places = enumerate(self._in_group(group))
            kept = blocks or {}
            chosen = {slot: new.get(s) if s in outdated else kept.get(slot) for slot, s in places}
            present = {slot: block for slot, block in chosen.items() if block is not None}
            tiles[group] = write_blocks(self.folder, present)

    def _grouped(
        self,
        query: Query,
        text: tuple[str, dict[str, Any]],
        groups: list[int],
        symbols_at_a_time: int = _GROUPS_AT_A_TIME * SYMBOLS_PER_TILE,
    ) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield some groups with the rows of their symbols and the slot of each row.

        ``text`` is a query and its parameters without the symbols. It is asked for so many symbols at a time.
        """
        sql, params = text
        at_a_time = max(1, symbols_at_a_time // SYMBOLS_PER_TILE)
        for start in range(0, len(groups), at_a_time):
            some = groups[start : start + at_a_time]
            names = [name for group in some for name in self._in_group(group)]
            parts = [
                query(sql, {**params, "symbols": names[first : first + symbols_at_a_time]})
                for first in range(0, len(names), symbols_at_a_time)
            ]
            yield from self._by_group(pl.concat(parts), some)

    def _by_group(self, rows: pl.DataFrame, groups: list[int]) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield some groups with the rows of their symbols and the slot of each row."""
        names = [name for group in groups for name in self._in_group(group)]
        places = [self.changes.places[name] for name in names]
        place = pl.col("symbol").replace_strict(names, places, default=None, return_dtype=pl.Int32)
        rows = rows.with_columns(slot=place % SYMBOLS_PER_TILE, group=place // SYMBOLS_PER_TILE)
        if len(groups) == 1 and not rows["group"].null_count():
            yield groups[0], rows  # the same memory: wide rows of a group are read alone
            return
        empty, by_group = rows.clear(), rows.partition_by("group", as_dict=True)
        del rows  # each copy of the rows takes memory until the last group is written
        for group in groups:
            yield group, by_group.pop((group,), empty)

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


def _no_bars(_days: tuple[int, int]) -> None:
    """Return None: only SQL computes the rows of a snapshot that are not stored."""


def _bars_of(first_day: int, last_day: int) -> tuple[str, dict[str, Any]]:
    """Return the query of the bars of some days, and its parameters without the symbols."""
    return manifests.closes_sql(), {"first": _day(first_day), "last": _day(last_day)}


def _day(number: int) -> date:
    return EPOCH + timedelta(days=max(number, (BEGINNING_OF_TIME - EPOCH).days))
