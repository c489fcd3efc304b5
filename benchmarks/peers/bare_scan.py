"""Scan the price columns that market caps need: the floor of any answer from these files."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import polars as pl

from benchmarks.sources import Sources

__all__ = ["Answers"]

_FEW = 100  # symbols; with more of them a filter costs more than it saves
_SCAN = """
    SELECT count(*) AS bars, sum(close_price) AS total, max(symbol) AS symbol, max(date) AS date,
           max(split_basis_date) AS basis
    FROM read_parquet($files, hive_partitioning = true)
    WHERE year BETWEEN $first AND $last AND date BETWEEN $start AND $stop
"""


class Answers:
    """Read the bars from ten days before the first date on, and compute nothing."""

    def __init__(self, sources: Sources) -> None:
        self._files = sources.files["price_data"]
        self._con = duckdb.connect()

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return one row that says how much was read."""
        start, stop = min(dates) - timedelta(days=10), max(dates)
        parameters = {
            "files": self._files,
            "start": start,
            "stop": stop,
            "first": start.year,
            "last": stop.year,
        }
        named = ", ".join(f"'{s}'" for s in symbols)
        query = f"{_SCAN} AND symbol IN ({named})" if len(symbols) <= _FEW else _SCAN
        rows = self._con.execute(query, parameters).fetchall()
        return pl.DataFrame(rows, schema=["bars", "total", "symbol", "date", "basis"], orient="row")
