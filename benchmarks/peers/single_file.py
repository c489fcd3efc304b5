"""Answer from the lake's single file, ``lake.duckdb``, opened by DuckDB alone."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks.peers.plain_sql import to_polars
from benchmarks.sources import Sources

__all__ = ["Answers"]


class Answers:
    """Call the functions of the file with DuckDB's default settings."""

    def __init__(self, sources: Sources) -> None:
        self._con = duckdb.connect(str(Path(sources.lake, "lake.duckdb")), read_only=True)

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return market caps with all figures that explain them."""
        return self._grid("market_caps", symbols, dates)

    def factors(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return all factors."""
        return self._grid("factors", symbols, dates)

    def ttm(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return the sums of all flows."""
        return self._grid("ttm", symbols, dates)

    def prices(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """Return one symbol's bars."""
        return self._rows("price_data", "date", "date", (symbol, first, last))

    def statements(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """Return one symbol's statements of all types, the line items as JSON."""
        order = "statement_type, fiscal_date, fiscal_period, version"
        return self._rows("financial_statements", "fiscal_date", order, (symbol, first, last))

    def ratios(self, symbols: list[str], first: date, last: date) -> pl.DataFrame:
        """Return the factors of each fiscal period."""
        parameters = {"symbols": symbols, "first": first, "last": last}
        return to_polars(self._con.sql("FROM ratios($symbols::VARCHAR[], $first, $last)", params=parameters))

    def quarters(self, symbols: list[str], first: date, last: date) -> pl.DataFrame:
        """Return the flows of each quarter, as known a year after the last day."""
        as_of = last + timedelta(days=365)
        parameters = {"symbols": symbols, "as_of": as_of, "first": first, "last": last}
        query = (
            "FROM quarters($symbols::VARCHAR[], $as_of) WHERE fiscal_date BETWEEN $first AND $last "
            "ORDER BY symbol, fiscal_date"
        )
        return to_polars(self._con.sql(query, params=parameters))

    def _grid(self, function: str, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        query = f"FROM {function}($symbols::VARCHAR[], $dates::DATE[]) ORDER BY symbol, date"
        return to_polars(self._con.sql(query, params={"symbols": symbols, "dates": dates}))

    def _rows(self, table: str, day: str, order: str, parameters: tuple[Any, ...]) -> pl.DataFrame:
        query = f"FROM {table} WHERE symbol = $1 AND {day} BETWEEN $2 AND $3 ORDER BY {order}"
        return to_polars(self._con.sql(query, params=list(parameters)))
