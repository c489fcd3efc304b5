"""Answer the questions in DuckDB's SQL, over any tables with the lake's names."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from arro3.core import Table

from benchmarks.peers.flows import FLOWS
from factorlab_lake.schema import STATEMENT_TABLES

__all__ = ["PlainSql", "to_polars"]

_SQL = Path(__file__).resolve().parent / "sql"
_SUMS = [name for flows in FLOWS.values() for name in flows.values()]


def to_polars(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """Return an answer as a frame, without pyarrow."""
    return pl.DataFrame(Table.from_arrow(relation))


def _text(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


class PlainSql:
    """Query a connection that has the tables."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return market caps with the figures they follow from."""
        self._grid(symbols, dates)
        return to_polars(self._con.sql(_text("market_caps"), params=_span(dates)))

    def factors(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return five factors."""
        self._grid(symbols, dates)
        caps = f"CREATE OR REPLACE TEMP TABLE caps AS {_text('market_caps')}"
        self._con.execute(caps, _span(dates))
        return to_polars(self._con.sql(_text("factors")))

    def ttm(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return the sums of all flows."""
        self._grid(symbols, dates)
        if len(dates) > 1:
            return to_polars(self._con.sql(_ttm_of_many_dates()))
        (day,) = dates
        income, cash = (_sums(name) for name in FLOWS)
        query = (
            f"SELECT g.symbol, g.date, i.fiscal_date, {', '.join(_SUMS)} FROM grid g "
            f"LEFT JOIN ({income}) i USING (symbol) "
            f"LEFT JOIN ({cash}) c ON c.symbol = i.symbol AND c.fiscal_date = i.fiscal_date ORDER BY ALL"
        )
        return to_polars(self._con.sql(query, params={"day": day}))

    def prices(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """Return one symbol's bars."""
        years = f"year BETWEEN {first.year} AND {last.year}"
        query = f"FROM price_data WHERE symbol = $1 AND date BETWEEN $2 AND $3 AND {years} ORDER BY date"
        return to_polars(self._con.sql(query, params=[symbol, first, last]))

    def statements(self, symbol: str, first: date, last: date) -> list[pl.DataFrame]:
        """Return one symbol's statements of each type."""
        where = "symbol = $1 AND fiscal_date BETWEEN $2 AND $3 ORDER BY fiscal_date"
        parameters: list[Any] = [symbol, first, last]
        return [
            to_polars(self._con.sql(f"FROM {name} WHERE {where}", params=parameters))
            for name in STATEMENT_TABLES.values()
        ]

    def _grid(self, symbols: list[str], dates: list[date]) -> None:
        """Write the (symbol, date) pairs into a table, so that DuckDB knows their number."""
        grid = pl.DataFrame({"symbol": symbols}).join(pl.DataFrame({"date": dates}), how="cross")
        self._con.register("pairs", Table.from_arrow(grid))
        pairs = "SELECT symbol::VARCHAR AS symbol, date FROM pairs"
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE grid AS {pairs}")


def _span(dates: list[date]) -> dict[str, date]:
    return {"first": min(dates), "last": max(dates)}


def _sums(table: str) -> str:
    """Return the sums of the newest four quarters known on $day that make up a year, by symbol."""
    sums = ", ".join(f"CASE WHEN count({n}) = 4 THEN sum({n}) END AS {to}" for n, to in FLOWS[table].items())
    known = (
        f"FROM {table} SEMI JOIN grid USING (symbol) "
        "WHERE available_date <= $day AND fiscal_date > $day::DATE - 500 "
        "QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY fiscal_date DESC) <= 4"
    )
    return (
        f"SELECT symbol, max(fiscal_date) AS fiscal_date, {sums} FROM ({known}) GROUP BY symbol "
        "HAVING count(*) = 4 AND max(fiscal_date) - min(fiscal_date) BETWEEN 245 AND 300 "
        "AND $day::DATE - max(fiscal_date) <= 200"
    )


def _ttm_of_many_dates() -> str:
    """Return the query that joins the sums of four quarters as of each date."""
    income, cash = (_rolling(name) for name in FLOWS)
    fresh = ", ".join(
        f"CASE WHEN g.date - s.fiscal_date <= 200 THEN s.{n} END AS {n}" for n in ("fiscal_date", *_SUMS)
    )
    return (
        f"WITH income AS ({income}), cash AS ({cash}), "
        f"sums AS (SELECT i.symbol, i.fiscal_date, i.available_date, {', '.join(_SUMS)} "
        "FROM income i LEFT JOIN cash c ON c.symbol = i.symbol AND c.fiscal_date = i.fiscal_date) "
        f"SELECT g.symbol, g.date, {fresh} FROM grid g "
        "ASOF LEFT JOIN sums s ON g.symbol = s.symbol AND g.date >= s.available_date "
        "ORDER BY g.symbol, g.date"
    )


def _rolling(table: str) -> str:
    """Return the sums of each four consecutive quarters, by symbol and fiscal date."""
    sums = ", ".join(
        f"CASE WHEN count({n}) OVER four = 4 THEN sum({n}) OVER four END AS {to}"
        for n, to in FLOWS[table].items()
    )
    return (
        f"SELECT symbol, fiscal_date, available_date, {sums} FROM {table} "
        "SEMI JOIN grid USING (symbol) WINDOW four AS "
        "(PARTITION BY symbol ORDER BY fiscal_date ROWS 3 PRECEDING) "
        "QUALIFY fiscal_date - min(fiscal_date) OVER four BETWEEN 245 AND 300 AND count(*) OVER four = 4"
    )
