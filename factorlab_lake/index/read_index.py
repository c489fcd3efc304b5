"""Answer queries of a snapshot from its tiles; what the tiles cannot answer is left to SQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.functions.question_texts import (
    input_columns,
    inputs_of,
    inputs_text,
    question_text,
)
from factorlab_lake.index import manifest as manifests
from factorlab_lake.index.closes import NO_BAR, Closes, empty_closes, read_closes
from factorlab_lake.index.factor_rows import factors_of, run_text
from factorlab_lake.index.grid import Grid
from factorlab_lake.index.intervals import Reading, read_intervals
from factorlab_lake.index.manifest import Manifest
from factorlab_lake.index.statement_blocks import StatementRequest, delete_damaged, read_statements
from factorlab_lake.index.tiles import Tile, TileDamaged, TileFile
from factorlab_lake.schema import table
from factorlab_lake.schema.derived_tables import cash_flow_names, flow_names
from factorlab_lake.schema.rules import QUARTER_AGE_LIMIT_DAYS
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["ReadIndex"]

_COUNTS = Reading(table("share_count_history"))
_FUNDAMENTALS = table("fundamentals_history")
_ATTRIBUTES = [c.name for c in _FUNDAMENTALS.columns if c.kind != "number"]
_TTM = Reading(_FUNDAMENTALS, [*_ATTRIBUTES, *flow_names("income"), *cash_flow_names().values()])
_INPUTS = inputs_of(list(FACTORS.values()))
_FACTORS = Reading(_FUNDAMENTALS, [*_ATTRIBUTES, *input_columns(_INPUTS)])
_DAYS = {
    "income_day": "income_date",
    "balance_sheet_day": "balance_sheet_date",
    "income_years_available_day": "income_years_available_date",
    "balance_sheet_years_available_day": "balance_sheet_years_available_date",
    "cash_flow_available_day": "cash_flow_available_date",
}


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

    def answer(
        self, question: str, symbols: Iterable[str], dates: Iterable[date], vintage: str
    ) -> pl.DataFrame | None:
        """Return the rows of ``market_caps``, ``ttm`` or ``factors``, ordered by symbol and date, or None."""
        compute = {"market_caps": self._market_caps, "ttm": self._ttm, "factors": self._factors}[question]
        try:
            grid = Grid(symbols, dates, self._places)
            return compute(grid, vintage) if self._excluded.isdisjoint(grid.symbols) else None
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

    def _market_caps(self, grid: Grid, vintage: str) -> pl.DataFrame:
        counts = self._valid_rows(grid, vintage, _COUNTS)
        parts = [grid.keys, self._prices(grid), self._profiles(grid), counts]
        known = pl.col("age") != NO_BAR
        price_day = pl.when(known).then(pl.col("day") - pl.col("age").cast(pl.Int32))
        facts = (
            pl.concat(parts, how="horizontal")
            .lazy()
            .with_columns(
                close_price=pl.when(known).then("close"),
                price_day=price_day,
                price_date=price_day.cast(pl.Date),
                split_factor=pl.col("cumulative_split_factor") / pl.col("level"),
                shares_source=pl.col("source"),
                shares_fiscal_date=pl.col("fiscal_date"),
                shares_fiscal_day=pl.col("fiscal_date").to_physical(),
                shares_available_date=pl.col("available_date"),
                shares_age_limit=pl.lit(QUARTER_AGE_LIMIT_DAYS, pl.Int32),
            )
        )
        return run_text(question_text("market_caps"), facts=facts).collect()

    def _ttm(self, grid: Grid, vintage: str) -> pl.DataFrame:
        parts = [grid.keys, self._valid_rows(grid, vintage, _TTM)]
        facts = (
            pl.concat(parts, how="horizontal")
            .lazy()
            .with_columns(
                age_limit=pl.lit(QUARTER_AGE_LIMIT_DAYS, pl.Int32),
                income_day=pl.col("income_date").to_physical(),
            )
        )
        return run_text(question_text("ttm"), facts=facts).collect()

    def _factors(self, grid: Grid, vintage: str) -> pl.DataFrame:
        caps = self._market_caps(grid, vintage).select(
            "market_cap",
            "currency",
            pl.col("reason").alias("market_cap_reason"),
            pl.col("shares_available_date").to_physical().alias("shares_available_day"),
            pl.col("company_id").alias("shares_company_id"),
            pl.col("statement_provider").alias("shares_statement_provider"),
        )
        parts = [grid.keys, caps, self._valid_rows(grid, vintage, _FACTORS)]
        facts = (
            pl.concat(parts, how="horizontal")
            .lazy()
            .with_columns(
                pl.coalesce("company_id", "shares_company_id"),
                pl.coalesce("statement_provider", "shares_statement_provider"),
                *(pl.col(date_).to_physical().alias(day) for day, date_ in _DAYS.items()),
                age_limit=pl.lit(QUARTER_AGE_LIMIT_DAYS, pl.Int32),
            )
        )
        return factors_of(run_text(inputs_text(_INPUTS), facts=facts).collect())

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

    def _prices(self, grid: Grid) -> pl.DataFrame:
        """Return the last close, its age and its cumulative split factor, one row per symbol and day."""
        closes = self._closes(grid)
        return pl.DataFrame([pl.Series(name, part.reshape(-1)) for name, part in closes._asdict().items()])

    def _profiles(self, grid: Grid) -> pl.DataFrame:
        """Return what is known of each symbol whatever the day, one row per symbol and day."""
        currencies, flags = self._symbols["currency"], self._symbols["multi_class"]
        rows = pl.DataFrame(
            {
                "currency": [currencies[p] if p >= 0 else None for p in grid.places.tolist()],
                "multi_class": [p >= 0 and flags[p] for p in grid.places.tolist()],
            },
            schema={"currency": pl.String, "multi_class": pl.Boolean},
        )
        return rows[np.repeat(np.arange(rows.height, dtype=np.uint32), len(grid.days))]

    def _valid_rows(self, grid: Grid, vintage: str, reading: Reading) -> pl.DataFrame:
        """Return the row of a derived table that is valid on each day; NULLs where there is none."""
        files = self._manifest.intervals[reading.table]
        parts = [
            (self._tile(file), slots, rows)
            for group, rows, slots in grid.groups
            if (file := files[group] if group < len(files) else None) is not None
        ]
        valid = read_intervals(parts, vintage, grid.days, grid.shape, reading)
        return valid.rows[valid.place]
