"""Answer with the lake's own Python methods."""

from __future__ import annotations

from datetime import date

import polars as pl

import factorlab_lake as fl
from benchmarks.sources import Sources

__all__ = ["Answers", "AskedAgain", "OtherSymbols"]


class AskedAgain:
    """The methods as they are, which keep their answers; opening the lake is part of the first one."""

    def __init__(self, sources: Sources) -> None:
        self._lake = fl.open(sources.lake, create=False)

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return market caps with all that explains them."""
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


class Answers(AskedAgain):
    """Without keeping answers, so that every asking is computed again."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(sources)
        self._lake.result_cache.limit_bytes = 0


class OtherSymbols(Answers):
    """About the next symbols of the alphabet each time: a session keeps the rows of those asked before."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(sources)
        symbols = self._lake.sql("SELECT DISTINCT symbol FROM price_data ORDER BY symbol")
        self._all: list[str] = symbols["symbol"].to_list()
        self._turn = 0

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return market caps of as many others."""
        return super().market_caps(self._others(symbols), dates)

    def factors(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return the factors of as many others."""
        return super().factors(self._others(symbols), dates)

    def statements(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """Return another symbol's statements."""
        [other] = self._others([symbol])
        return super().statements(other, first, last)

    def _others(self, symbols: list[str]) -> list[str]:
        self._turn += 1
        at = [self._all.index(symbol) + self._turn for symbol in symbols]
        return [self._all[place % len(self._all)] for place in at]
