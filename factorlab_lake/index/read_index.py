"""Answer queries of a snapshot from its tiles; what the tiles cannot answer is left to SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property, partial
from typing import Any

import numpy as np
import polars as pl

from factorlab_lake.factors.formulas import FACTORS, Factor
from factorlab_lake.functions.question_texts import facts_text, inputs_of, inputs_text, question_text
from factorlab_lake.index import manifest as manifests
from factorlab_lake.index.answer_columns import Column, Numbers, Texts, Vocabulary
from factorlab_lake.index.answer_frames import to_frame
from factorlab_lake.index.closes import NO_BAR, Closes, empty_closes, read_closes, read_closes_of_pairs
from factorlab_lake.index.evaluation import Columns, Relation, run
from factorlab_lake.index.factor_rows import factors_of
from factorlab_lake.index.grid import Grid, Pairs
from factorlab_lake.index.intervals import Intervals, interval_columns, rows_between
from factorlab_lake.index.manifest import Manifest
from factorlab_lake.index.portable_sql import names_in
from factorlab_lake.index.statement_blocks import StatementRequest, delete_damaged, read_statements
from factorlab_lake.index.tiles import Array, Tile, TileDamaged, TileFile
from factorlab_lake.schema import TableSpec, table
from factorlab_lake.schema.derived_tables import VINTAGES
from factorlab_lake.schema.rules import NO_DAY
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["ReadIndex"]

_COUNTS = table("share_count_history")
_FUNDAMENTALS = table("fundamentals_history")
_PERIODS = table("period_publications")
# Columns of market_caps that the facts of factors have, with their names there.
_OF_CAPS = {
    "symbol": "symbol",
    "date": "date",
    "day": "date",
    "market_cap": "market_cap",
    "currency": "currency",
    "market_cap_reason": "reason",
    "multi_class": "multi_class",
    "shares_available_day": "shares_available_date",
    "shares_company_id": "company_id",
    "shares_statement_provider": "statement_provider",
}
_ALL = tuple(FACTORS.values())
# What is known of a symbol whatever the day, with the value where there is none.
_PROFILE_TEXTS = ("currency", "quote_reason", "receipt_reason")
_PROFILE_NUMBERS = {
    "multi_class": False,
    "quoted_units": 1.0,
    "shares_per_receipt": 1.0,
    "told_day": NO_DAY,
}


class LookUp:
    """Hold what all look-ups of one question share: its rows, vintage and texts."""

    def __init__(self, rows: Grid | Pairs, vintage: str) -> None:
        self.rows = rows
        self.vintage = vintage
        self.vocabulary = Vocabulary()
        self.keys = rows.keys(self.vocabulary)

    def relation(self, columns: Columns) -> Relation:
        """Return a relation with these rows."""
        return Relation(self.rows.size, self.vocabulary, columns)


class ReadIndex:
    """Answer queries of one snapshot from tiles.

    A method returns None where the caller has to use SQL. Then a tile is missing or damaged, or a tile cannot
    represent a value of a symbol, so the index has no rows of it.
    """

    def __init__(self, layout: Layout, manifest: Manifest) -> None:
        self._folder = manifests.index_folder(layout)
        self._manifest = manifest
        self._tiles: dict[str, Tile] = {}

    @classmethod
    def open(cls, layout: Layout, snapshot: Snapshot) -> ReadIndex | None:
        """Return the index of a snapshot, or None without a manifest that this program can use."""
        manifest = manifests.read(layout, snapshot)
        return None if manifest is None else cls(layout, manifest)

    def held(self, symbols: Iterable[str]) -> list[str]:
        """Return which of some symbols have a place in the index; another one may be held too."""
        try:
            return [symbol for symbol in symbols if symbol in self._places]
        except TileDamaged:
            return []

    def answer(
        self,
        question: str,
        symbols: Iterable[str],
        dates: Iterable[date],
        vintage: str,
        factors: tuple[Factor, ...] = (),
    ) -> pl.DataFrame | None:
        """Return the rows of ``market_caps``, ``ttm`` or ``factors``, ordered by symbol and date, or None.

        With ``factors``, they are the rows of these factors.
        """
        try:
            grid = Grid(symbols, dates, self._places)
            if not self._excluded.isdisjoint(grid.symbols):
                return None
            look = LookUp(grid, vintage)
            with np.errstate(all="ignore"):  # values in rows that are NULL have no meaning
                return to_frame(self._rows(question, look, factors))
        except TileDamaged:
            return None

    def statements(self, symbols: Iterable[str], request: StatementRequest) -> pl.DataFrame | None:
        """Return the requested statements, ordered by symbol, type, period and version, or None."""
        files = self._manifest.statements
        some = [file for file in files if file is not None][:1]  # has the columns of an empty answer
        try:
            groups = Grid(symbols, (), self._places).groups
            requested = [(files[group], slots.tolist()) for group, _, slots in groups]
            parts = [(self._tile(file), slots) for file, slots in requested if file is not None]
            return read_statements(parts or [(self._tile(file), []) for file in some], request)
        except TileDamaged as error:
            delete_damaged(error)
            return None

    def ratios(self, symbols: Iterable[str], first: date, last: date) -> pl.DataFrame | None:
        """Return the rows of ``ratios`` whose fiscal period ends between two dates, or None."""
        try:
            grid = Grid(symbols, (first, last), self._places)
            if not self._excluded.isdisjoint(grid.symbols):
                return None
            with np.errstate(all="ignore"):  # values in rows that are NULL have no meaning
                return to_frame(self._ratios(grid))
        except TileDamaged:
            return None

    def _ratios(self, grid: Grid) -> Relation:
        symbols, dates = self._periods(grid)
        look = LookUp(Pairs(symbols, dates["published_on"].astype(np.int32), self._places), VINTAGES[0])
        caps = self._market_caps(look)
        factors = self._factors(look, _ALL, caps)
        accepted = dates["accepted_date"]
        periods: Columns = {
            **{name: partial(factors.column, name) for name in factors.names},
            "known_fiscal_date": partial(factors.column, "fiscal_date"),
            "shares_outstanding": partial(caps.column, "shares_outstanding"),
            "fiscal_date": Numbers(dates["fiscal_date"].astype(np.int32)),
            "accepted_date": Numbers(np.nan_to_num(accepted).astype(np.int32), ~np.isnan(accepted)),
        }
        return run(question_text("ratios"), periods=look.relation(periods))

    def _periods(self, grid: Grid) -> tuple[list[str], dict[str, Array]]:
        """Return the symbol and the dates of each fiscal period that ends between the days of a grid.

        Rows are ordered by symbol and end. A date is in days since 1970-01-01, NaN where it is missing.
        """
        names = [c.name for c in interval_columns(_PERIODS)]
        places, parts = [np.empty(0, int)], [np.empty((0, len(names)))]
        for tile, positions, slots in self._parts(grid, _PERIODS):
            rows, owners = rows_between(tile, VINTAGES[0], slots)
            of_slot = dict(zip(slots.tolist(), positions.tolist(), strict=True))
            places.append(np.array([of_slot[slot] for slot in owners.tolist()], int))
            parts.append(tile.rows(rows).view("<f8"))
        place, values = np.concatenate(places), np.concatenate(parts)
        end = values[:, names.index("fiscal_date")]
        order = np.lexsort((end, place))
        order = order[(end[order] >= grid.days[0]) & (end[order] <= grid.days[-1])]
        symbols = [grid.symbols[i] for i in place[order].tolist()]
        return symbols, {name: values[order, i] for i, name in enumerate(names)}

    def _rows(self, question: str, look: LookUp, factors: tuple[Factor, ...]) -> Relation:
        if factors or question == "factors":
            return self._factors(look, factors or _ALL, self._market_caps(look))
        return {"market_caps": self._market_caps, "ttm": self._ttm}[question](look)

    def _market_caps(self, look: LookUp) -> Relation:
        facts, text = facts_text("market_caps"), question_text("market_caps")
        looked_up = {
            **self._valid_rows(look, _COUNTS, names_in(facts) | names_in(text)),
            **look.keys,
            **self._prices(look.rows),
            **self._profiles(look),
        }
        return run(text, facts=run(facts, looked_up=look.relation(looked_up)))

    def _ttm(self, look: LookUp) -> Relation:
        facts, text = facts_text("ttm"), question_text("ttm")
        looked_up = {**self._valid_rows(look, _FUNDAMENTALS, names_in(facts) | names_in(text)), **look.keys}
        return run(text, facts=run(facts, looked_up=look.relation(looked_up)))

    def _factors(self, look: LookUp, factors: tuple[Factor, ...], caps: Relation) -> Relation:
        facts, text = facts_text("factor_inputs"), inputs_text(inputs_of(factors))
        looked_up: Columns = {
            **self._valid_rows(look, _FUNDAMENTALS, names_in(facts) | names_in(text)),
            **{name: partial(caps.column, column) for name, column in _OF_CAPS.items()},
        }
        return factors_of(run(text, facts=run(facts, looked_up=look.relation(looked_up))), factors)

    @cached_property
    def _symbols(self) -> dict[str, Any]:
        return self._tile(self._manifest.symbols).attributes

    @cached_property
    def _places(self) -> dict[str, int]:
        return {symbol: place for place, symbol in enumerate(self._symbols["symbol"])}

    @cached_property
    def _excluded(self) -> frozenset[str]:
        return frozenset(s for names in self._symbols["excluded"].values() for s in names)

    def _tile(self, file: TileFile) -> Tile:
        tile = self._tiles.get(file.name)
        if tile is None:
            tile = self._tiles[file.name] = Tile(self._folder / file.name, file.size_bytes)
        return tile

    def _closes(self, grid: Grid) -> Closes:
        closes = empty_closes(*grid.shape)
        for year, start, end in grid.years:
            files = self._manifest.closes.get(year, [])
            for group, rows, slots in grid.groups:
                file = files[group] if group < len(files) else None
                if file is not None:
                    read_closes(self._tile(file), slots, grid.days[start:end], closes, (rows, start))
        return closes

    def _closes_of_pairs(self, pairs: Pairs) -> Closes:
        closes = empty_closes(pairs.size)
        for group, rows, slots in pairs.groups:
            years = pairs.years[rows]
            for year in np.unique(years).tolist():
                files = self._manifest.closes.get(year, [])
                file = files[group] if group < len(files) else None
                if file is not None:
                    of_year = years == year
                    days = pairs.days[rows[of_year]]
                    read_closes_of_pairs(self._tile(file), slots[of_year], days, closes, rows[of_year])
        return closes

    def _prices(self, rows: Grid | Pairs) -> dict[str, Column]:
        """Return the last close, its age, its split basis and its level of each row."""
        closes = self._closes(rows) if isinstance(rows, Grid) else self._closes_of_pairs(rows)
        known = (closes.age != NO_BAR).reshape(-1)
        return {name: Numbers(part.reshape(-1), known) for name, part in closes._asdict().items()}

    def _profiles(self, look: LookUp) -> dict[str, Column]:
        """Return what is known of the symbol of each row, whatever the day."""
        places, spread = look.rows.places, look.rows.spread
        has_place = places >= 0

        def of_symbols(name: str) -> list[Any]:
            return [self._symbols[name][p] for p in places[has_place].tolist()]

        columns: dict[str, Column] = {}
        for name in _PROFILE_TEXTS:
            codes = np.full(len(places), -1, np.int32)
            codes[has_place] = [-1 if t is None else look.vocabulary.place(t) for t in of_symbols(name)]
            columns[name] = Texts(spread(codes))
        for name, other in _PROFILE_NUMBERS.items():
            values = np.full(len(places), other)
            values[has_place] = [other if v is None else v for v in of_symbols(name)]
            columns[name] = Numbers(spread(values))
        return columns

    def _valid_rows(self, look: LookUp, spec: TableSpec, names: frozenset[str]) -> Columns:
        """Return some columns of a derived table: the row that is valid on each day, or NULLs."""
        valid = Intervals(spec, names, look.vocabulary, look.rows.size)
        for tile, *part in self._parts(look.rows, spec):
            valid.add(tile, *look.rows.rows_in(tile, look.vintage, (part[0], part[1])))
        return valid.columns()

    def _parts(self, rows: Grid | Pairs, spec: TableSpec) -> Iterator[tuple[Tile, Array, Array]]:
        """Yield the tiles of a derived table with their part of the rows."""
        files = self._manifest.intervals[spec.name]
        for group, part, slots in rows.groups:
            file = files[group] if group < len(files) else None
            if file is not None:
                yield self._tile(file), part, slots
