"""Answer with ArcticDB's embedded store: a frame per symbol and table, batched reads, ``merge_asof``.

The project does not install it, because of its licence (BSL); it takes part where it is installed.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import arcticdb
import pandas as pd

from benchmarks.peers import merge_asof
from benchmarks.peers.flows import FLOWS, NEEDED
from benchmarks.sources import Sources
from factorlab_lake.schema import STATEMENT_TABLES

__all__ = ["Answers"]


class Answers:
    """Keep one library per table, with one versioned frame per symbol, indexed by day."""

    def __init__(self, sources: Sources) -> None:
        store = arcticdb.Arctic(f"lmdb://{sources.arctic}?map_size=20GB")
        self._tables = {name: store[name] for name in NEEDED}

    def market_caps(self, symbols: list[str], dates: list[date]) -> pd.DataFrame:
        """Return symbol, date, market_cap."""
        span = (min(dates) - timedelta(days=10), max(dates))
        bars = self._read("price_data", symbols, ["close_price", "split_basis_date"], span)
        counts = self._read("income_statements", symbols, merge_asof.COUNT_COLUMNS[2:])
        splits = self._tables["splits"].read("all").data.reset_index()
        ratio = splits["numerator"] / splits["denominator"]
        splits = splits[["symbol"]].assign(ex=splits["date"].astype("datetime64[ms]"), ratio=ratio)
        return merge_asof.caps(merge_asof.grid(symbols, dates), bars, counts, splits)

    def factors(self, symbols: list[str], dates: list[date]) -> pd.DataFrame:
        """Return five factors."""
        income = self._read("income_statements", symbols, merge_asof.SUM_COLUMNS[2:])
        sheets = self._read("balance_sheets", symbols, merge_asof.SHEET_COLUMNS[2:])
        return merge_asof.factors(self.market_caps(symbols, dates), income, sheets)

    def ttm(self, symbols: list[str], dates: list[date]) -> pd.DataFrame:
        """Return the sums of all flows."""
        span = (min(dates) - timedelta(days=500), max(dates))
        tables = {n: self._read(n, symbols, ["available_date", *FLOWS[n]], span) for n in FLOWS}
        return merge_asof.ttm(merge_asof.grid(symbols, dates), tables)

    def prices(self, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return one symbol's bars."""
        return self._one("price_data", symbol, (first, last))

    def statements(self, symbol: str, first: date, last: date) -> list[pd.DataFrame]:
        """Return one symbol's statements of each type."""
        return [self._one(name, symbol, (first, last)) for name in STATEMENT_TABLES.values()]

    def _one(self, name: str, symbol: str, span: tuple[date, date]) -> pd.DataFrame:
        rows: pd.DataFrame = self._tables[name].read(symbol, date_range=_range(span)).data
        return rows.reset_index().assign(symbol=symbol)

    def _read(
        self, name: str, symbols: list[str], columns: list[str], span: tuple[date, date] | None = None
    ) -> pd.DataFrame:
        """Read many symbols at once into one frame, their days as merge_asof takes them."""
        span_ns = None if span is None else _range(span)
        requests = [arcticdb.ReadRequest(s, date_range=span_ns, columns=columns) for s in symbols]
        parts = self._tables[name].read_batch(requests)
        rows: pd.DataFrame = pd.concat(
            {s: p.data for s, p in zip(symbols, parts, strict=True)}, names=["symbol"]
        )
        rows = rows.reset_index()
        days = rows.select_dtypes("datetime").columns
        return rows.astype(dict.fromkeys(days, "datetime64[ms]"))


def _range(span: tuple[date, date]) -> tuple[Any, Any]:
    first, last = (datetime.combine(day, datetime.min.time()) for day in span)
    return pd.Timestamp(first), pd.Timestamp(last)
