"""Answer with pandas over Parquet files; pyarrow reads only the columns and rows that are needed."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.dataset as ds

from benchmarks.peers import merge_asof
from benchmarks.peers.flows import FLOWS, NEEDED
from benchmarks.sources import Sources
from factorlab_lake.schema import STATEMENT_TABLES

__all__ = ["Answers"]


class Answers:
    """Answer from datasets over the files; the years of the folders prune them."""

    def __init__(self, sources: Sources) -> None:
        self._tables = {n: ds.dataset(Path(sources.parquet, n), partitioning="hive") for n in NEEDED}

    def market_caps(self, symbols: list[str], dates: list[date]) -> pd.DataFrame:
        """Return symbol, date, market_cap."""
        first, last = min(dates) - timedelta(days=10), max(dates)
        condition = _of(symbols) & _between("date", first, last) & _between("year", first.year, last.year)
        bars = self._read("price_data", merge_asof.BAR_COLUMNS, condition)
        counts = self._read("income_statements", merge_asof.COUNT_COLUMNS, _of(symbols))
        splits = self._read("splits", ["symbol", "date", "numerator", "denominator"], _of(symbols))
        ratio = splits["numerator"] / splits["denominator"]
        splits = splits[["symbol"]].assign(ex=splits["date"], ratio=ratio)
        return merge_asof.caps(merge_asof.grid(symbols, dates), bars, counts, splits)

    def factors(self, symbols: list[str], dates: list[date]) -> pd.DataFrame:
        """Return five factors."""
        income = self._read("income_statements", merge_asof.SUM_COLUMNS, _of(symbols))
        sheets = self._read("balance_sheets", merge_asof.SHEET_COLUMNS, _of(symbols))
        return merge_asof.factors(self.market_caps(symbols, dates), income, sheets)

    def ttm(self, symbols: list[str], dates: list[date]) -> pd.DataFrame:
        """Return the sums of all flows."""
        first = min(dates) - timedelta(days=500)
        condition = _of(symbols) & _between("fiscal_date", first, max(dates))
        columns = ["symbol", "fiscal_date", "available_date"]
        tables = {name: self._read(name, [*columns, *FLOWS[name]], condition) for name in FLOWS}
        return merge_asof.ttm(merge_asof.grid(symbols, dates), tables)

    def prices(self, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return one symbol's bars."""
        condition = _of([symbol]) & _between("date", first, last) & _between("year", first.year, last.year)
        return self._read("price_data", None, condition).sort_values("date")

    def statements(self, symbol: str, first: date, last: date) -> list[pd.DataFrame]:
        """Return one symbol's statements of each type."""
        condition = _of([symbol]) & _between("fiscal_date", first, last)
        return [self._read(n, None, condition).sort_values("fiscal_date") for n in STATEMENT_TABLES.values()]

    def _read(self, name: str, columns: list[str] | None, condition: Any) -> pd.DataFrame:
        rows: pd.DataFrame = (
            self._tables[name].to_table(columns=columns, filter=condition).to_pandas(date_as_object=False)
        )
        return rows


def _of(symbols: list[str]) -> Any:
    return pc.field("symbol").isin(symbols)


def _between(name: str, first: Any, last: Any) -> Any:
    return (pc.field(name) >= first) & (pc.field(name) <= last)
