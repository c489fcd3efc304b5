"""Find what changed since the newest earlier index: symbols, years of bars, and rows of derived tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import MAXYEAR, date
from functools import cached_property
from typing import Any, TypeAlias

import polars as pl

from factorlab_lake.derive.computation import buckets_of
from factorlab_lake.derive.staleness import stale_symbols
from factorlab_lake.errors import LakeDamaged, NotFound
from factorlab_lake.index import manifest as manifests
from factorlab_lake.index.closes import days_of_year
from factorlab_lake.index.manifest import INTERVAL_TABLES
from factorlab_lake.index.tiles import Tile, TileDamaged, TileFile
from factorlab_lake.schema import STATEMENT_TABLES, table
from factorlab_lake.schema.rules import EPOCH, PRICE_AGE_LIMIT_DAYS
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.data_files import DataFile, files_of
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["Changes", "Previous", "changes_since", "previous_index"]

Query: TypeAlias = Callable[[str, dict[str, Any]], pl.DataFrame]
Digests: TypeAlias = dict[str, dict[str, int]]  # by table and symbol

_DIGESTED = ("split_history", *INTERVAL_TABLES)
_NONE: frozenset[str] = frozenset()
_REPORTERS = " UNION ".join(f"SELECT symbol FROM {name}" for name in STATEMENT_TABLES.values())  # noqa: S608
_NAMED_BY = (
    "price_data",
    "company_profiles",
    "company_symbols",
    "split_lists",
)  # the tables whose symbols have a place
_SYMBOLS = " UNION ".join(f"SELECT symbol FROM {name}" for name in _NAMED_BY)  # noqa: S608 - tables of the schema


@dataclass(frozen=True, slots=True)
class Previous:
    """Hold an earlier index: its snapshot, its tiles and what it was built from."""

    snapshot: Snapshot | None = None
    symbols: list[str] = field(default_factory=list)
    closes: dict[int, list[TileFile | None]] = field(default_factory=dict)
    intervals: dict[str, list[TileFile | None]] = field(default_factory=dict)
    statements: list[TileFile | None] = field(default_factory=list)
    excluded: dict[str, list[str]] = field(default_factory=dict)
    digests: Digests = field(default_factory=dict)
    symbols_tile: TileFile | None = None


@dataclass(frozen=True)
class Changes:
    """Describe the new content: all symbols in the order of their places, and what differs from before.

    ``days`` are the first and last day of bars that may differ, by year, in days since 1970-01-01.
    ``digests`` have the hash of each symbol's rows. ``statements`` are the symbols whose statements may
    differ. ``same_profiles``: no company, no profile and no split differs.
    """

    symbols: list[str]
    days: dict[int, tuple[int, int]]
    statements: set[str]
    digests: Digests
    before: Digests
    same_profiles: bool

    @cached_property
    def places(self) -> dict[str, int]:
        """Return the place of each symbol."""
        return {symbol: place for place, symbol in enumerate(self.symbols)}

    def symbols_of(self, name: str) -> set[str]:
        """Return the symbols whose rows of a table differ."""
        old, new = self.before.get(name, {}), self.digests[name]
        return {s for s in old.keys() | new.keys() if old.get(s) != new.get(s)}


def previous_index(layout: Layout, snapshot: Snapshot) -> Previous | None:
    """Return the newest earlier index that this program can use."""
    folder = manifests.index_folder(layout)
    ids = sorted((int(p.stem) for p in folder.glob("[0-9]*.json") if int(p.stem) < snapshot.id), reverse=True)
    for number in ids:
        try:
            earlier = snapshots.read(layout, number)
            manifest = manifests.read(layout, earlier)
            if manifest is None:
                continue
            tile = Tile(folder / manifest.symbols.name, manifest.symbols.size_bytes)
            names = tile.attributes["symbol"]
            digests = {name: _known(names, tile.array(name).tolist()) for name in _DIGESTED}
        except (NotFound, LakeDamaged, TileDamaged):
            continue
        excluded = tile.attributes["excluded"]
        tiles = (manifest.closes, manifest.intervals, manifest.statements)
        return Previous(earlier, names, *tiles, excluded, digests, manifest.symbols)
    return None


def _known(symbols: list[str], digests: list[int]) -> dict[str, int]:
    return {s: digest for s, digest in zip(symbols, digests, strict=True) if digest}


def changes_since(layout: Layout, snapshot: Snapshot, previous: Previous | None, query: Query) -> Changes:
    """Return the content of a snapshot as far as an index needs it, compared with an earlier one."""
    before = previous or Previous()
    stored = _are_stored(layout, before.snapshot, snapshot)
    digests = {name: _digests(layout, snapshot, before, name, query, stored=stored) for name in _DIGESTED}
    symbols = {s for by_symbol in digests.values() for s in by_symbol}
    statements = _changed_statements(layout, before, snapshot, query)
    symbols.update(statements)
    symbols.update(
        _new_symbols(layout, before.snapshot, snapshot) if stored else query(_SYMBOLS, {})["symbol"]
    )
    new = sorted(symbols.difference(before.symbols))
    files = _changed_files(layout, before.snapshot, snapshot, "price_data")
    about = ("profile_history", "split_events", "symbol_history", *_NAMED_BY[1:])
    same = stored and not any(_changed_files(layout, before.snapshot, snapshot, n) for n in about)
    return Changes([*before.symbols, *new], _days_by_year(files), statements, digests, before.digests, same)


def _are_stored(layout: Layout, before: Snapshot | None, after: Snapshot) -> bool:
    """Return whether the derived rows of both snapshots are in files: those that readers compute are not."""
    return before is not None and all(stale_symbols(layout, s) == frozenset() for s in (before, after))


def _new_symbols(layout: Layout, before: Snapshot | None, after: Snapshot) -> set[str]:
    """Return the symbols in the files that an earlier snapshot does not have."""
    symbols: set[str] = set()
    for name in _NAMED_BY:
        _, added = _file_changes(layout, before, after, name)
        for file in added:
            symbols.update(read_files(layout, name, [file], columns=["symbol"])["symbol"].unique())
    return symbols


def _days_by_year(files: list[DataFile]) -> dict[int, tuple[int, int]]:
    """Return the first and last day of bars in some files by year: a year counts the days before it too.

    A tile has only the last of the bars before its year, and not even that one if there is a bar on the
    year's first day. If the bar that hides an earlier one is removed, the earlier one takes its place, so all
    days before the year are read again.
    """
    spans: dict[int, tuple[int, int]] = {}
    for file, year in ((f, f.partition) for f in files if f.partition is not None):
        low, high = _span(file, year)
        first, first_after = days_of_year(year)
        _widen(spans, year, low if low > first else first - PRICE_AGE_LIMIT_DAYS, high)
        if year < MAXYEAR and high >= first_after - PRICE_AGE_LIMIT_DAYS:
            _widen(spans, year + 1, first_after - PRICE_AGE_LIMIT_DAYS, high)
    return spans


def _widen(spans: dict[int, tuple[int, int]], year: int, low: int, high: int) -> None:
    known = spans.get(year, (low, high))
    spans[year] = min(low, known[0]), max(high, known[1])


def _span(file: DataFile, year: int) -> tuple[int, int]:
    """Return the first and the last day in a file of bars; a file without ranges can have any of the year."""
    first, end = days_of_year(year)
    low, high = ((date.fromisoformat(d) - EPOCH).days if d else None for d in file.dates)
    return first if low is None else low, end - 1 if high is None else high


def _changed_files(layout: Layout, before: Snapshot | None, after: Snapshot, name: str) -> list[DataFile]:
    """Return the files that only one of two snapshots has."""
    removed, added = _file_changes(layout, before, after, name)
    return [*removed, *added]


def _file_changes(
    layout: Layout, before: Snapshot | None, after: Snapshot, name: str
) -> tuple[list[DataFile], list[DataFile]]:
    """Return the files that only the earlier, and those that only the later snapshot has."""
    new = {f.path: f for f in files_of(layout, after, name)}
    old = {} if before is None else {f.path: f for f in files_of(layout, before, name)}
    return [old[path] for path in old.keys() - new.keys()], [new[path] for path in new.keys() - old.keys()]


def _changed_statements(layout: Layout, before: Previous, after: Snapshot, query: Query) -> set[str]:
    """Return the symbols whose statements differ between two snapshots; only changed files are read."""
    if before.snapshot is not None:
        try:
            return _differing_statements(layout, before.snapshot, after)
        except LakeDamaged:
            pass  # a vacuum deleted the files of the earlier snapshot, so what changed is unknown
    return {*before.symbols, *query(_REPORTERS, {})["symbol"]}


def _differing_statements(layout: Layout, before: Snapshot, after: Snapshot) -> set[str]:
    differing: set[str] = set()
    for name in STATEMENT_TABLES.values():
        removed, added = _file_changes(layout, before, after, name)
        for year in {f.partition for f in (*removed, *added)}:  # one year at a time bounds the memory
            old = _row_digests(layout, name, [f for f in removed if f.partition == year])
            new = _row_digests(layout, name, [f for f in added if f.partition == year])
            differing.update(symbol for symbol, _ in old.items() ^ new.items())
    return differing


def _row_digests(layout: Layout, name: str, files: list[DataFile]) -> dict[str, tuple[int, int]]:
    """Return the hash and the number of each symbol's rows in some files of a table."""
    rows = read_files(layout, name, files)
    hashes = rows.select("symbol", digest=rows.hash_rows())
    by_symbol = hashes.group_by("symbol").agg(pl.col("digest").bitwise_xor(), count=pl.len())
    return {symbol: (digest, count) for symbol, digest, count in by_symbol.iter_rows()}


def _digests(
    layout: Layout, snapshot: Snapshot, before: Previous, name: str, query: Query, *, stored: bool
) -> dict[str, int]:
    """Return the hash of each symbol's rows of a derived table; only changed buckets are read."""
    old = before.digests.get(name, {})
    sql = f"SELECT symbol, bit_xor(hash(t)) AS digest FROM {name} t"  # noqa: S608 - a table of the schema
    if not stored:
        return _by_symbol(query(f"{sql} GROUP BY symbol", {}))
    buckets = {f.partition for f in _changed_files(layout, before.snapshot, snapshot, name)}
    if not buckets:
        return old
    if None in buckets:
        return _by_symbol(query(f"{sql} GROUP BY symbol", {}))
    changed = f"bucket IN ({', '.join(map(str, sorted(buckets)))})"  # type: ignore[type-var]
    kept = {s: digest for s, digest in old.items() if buckets.isdisjoint(buckets_of([s], table(name)))}
    return kept | _by_symbol(query(f"{sql} WHERE {changed} GROUP BY symbol", {}))


def _by_symbol(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.iter_rows())
