"""Answer with the lake's own Python methods, or with its SQL functions."""

from __future__ import annotations

from datetime import date

import polars as pl

import factorlab_lake as fl
from benchmarks.sources import Sources

__all__ = ["Answers", "Sql"]


class Answers:
    """Call the methods; the result cache is off until the benchmark measures repeated questions."""

    def __init__(self, sources: Sources) -> None:
        self._lake = fl.open(sources.lake, create=False)
        self._cache_bytes = self._lake.result_cache.limit_bytes
        self.cache_answers(on=False)

    def cache_answers(self, *, on: bool) -> None:
        """Turn the result cache on or off."""
        self._lake.result_cache.clear()
        self._lake.result_cache.limit_bytes = self._cache_bytes if on else 0

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return market caps with all figures that explain them."""
        return self._lake.market_caps(symbols, dates)

    def factors(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return all factors."""
        return self._lake.factors(symbols, dates)

    def ttm(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return the sums of all flows."""
        return self._lake.ttm(symbols, dates)

    def prices(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """Return one symbol's bars."""
        return self._lake.prices(symbol, first, last)

    def statements(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """Return one symbol's statements of all types, the line items as JSON."""
        return self._lake.statements(symbol, first, last)

    def ratios(self, symbols: list[str], first: date, last: date) -> pl.DataFrame:
        """Return the factors of each fiscal period."""
        return self._lake.ratios(symbols, first, last)

    def quarters(self, symbols: list[str], first: date, last: date) -> pl.DataFrame:
        """Return the flows of each quarter."""
        return self._lake.quarters(symbols, first, last)


class Sql(Answers):
    """Call the same functions in SQL, through ``lake.sql``."""

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return market caps with all figures that explain them."""
        return self._sql("market_caps", symbols, dates)

    def factors(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return all factors."""
        return self._sql("factors", symbols, dates)

    def ttm(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return the sums of all flows."""
        return self._sql("ttm", symbols, dates)

    def _sql(self, function: str, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        query = f"FROM {function}($symbols::VARCHAR[], $dates::DATE[]) ORDER BY symbol, date"
        return self._lake.sql(query, symbols=symbols, dates=dates)
