"""Market caps in plain DuckDB: an ASOF JOIN as its manual shows it, and the bare scan under any answer."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl
from arro3.core import Table

from benchmarks.files import Files

__all__ = ["Plain"]

_CAPS = """
WITH prices AS (
    SELECT symbol, date AS price_date, close_price AS close, split_basis_date AS price_basis
    FROM read_parquet($prices) WHERE date BETWEEN $first::DATE - 10 AND $last
),
counts AS (
    SELECT symbol, fiscal_date, available_date, split_basis_date AS share_basis,
           weighted_average_shares_outstanding AS shares
    FROM read_parquet($income)
),
splits AS (SELECT symbol, date AS ex, numerator / denominator AS ratio FROM read_parquet($splits)),
facts AS (
    SELECT g.symbol, g.date, p.close, p.price_date, c.shares, c.fiscal_date,
           CASE WHEN p.price_date < s.ex AND s.ex <= p.price_basis THEN s.ratio END AS since,
           CASE WHEN p.price_basis < s.ex AND s.ex <= c.share_basis THEN 1 / s.ratio ELSE 1 END AS factor
    FROM grid g
    ASOF LEFT JOIN prices p ON g.symbol = p.symbol AND g.date >= p.price_date
    ASOF LEFT JOIN counts c ON g.symbol = c.symbol AND g.date >= c.available_date
    LEFT JOIN splits s ON g.symbol = s.symbol
),
exact AS (
    SELECT *, CASE WHEN abs(close * 1e4 - round(close * 1e4)) < 1e-5
                    AND abs(close * since - round(close * since, 2)) <= 5.01e-5 * since
                   THEN round(close * since, 2) / since ELSE close END AS price
    FROM facts
)
SELECT symbol, date,
       CASE WHEN date - price_date <= 10 AND date - fiscal_date <= 200
            THEN price * shares * factor END AS market_cap
FROM exact ORDER BY symbol, date
"""


class Plain:
    """DuckDB over the files, without the package."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._con = duckdb.connect()

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return symbol, date, market_cap."""
        grid = pl.DataFrame({"symbol": symbols}).join(pl.DataFrame({"date": dates}), how="cross")
        # A table of its own, so that DuckDB knows how many rows it has.
        self._con.register("given", Table.from_arrow(grid))
        self._con.execute(
            "CREATE OR REPLACE TEMP TABLE grid AS SELECT symbol::VARCHAR AS symbol, date FROM given"
        )
        given = {
            "prices": self._files["price_data"],
            "income": self._files["income_statements"],
            "splits": self._files["splits"],
            "first": min(dates),
            "last": max(dates),
        }
        return pl.DataFrame(Table.from_arrow(self._con.sql(_CAPS, params=given)))

    def scan(self, first: date, last: date) -> tuple[int, float]:
        """Read the price columns that caps between two dates need, and do nothing else with them."""
        query = """
            SELECT count(*), sum(close_price), max(symbol), max(date), max(split_basis_date)
            FROM read_parquet($prices) WHERE date BETWEEN $first::DATE - 10 AND $last
        """
        given = {"prices": self._files["price_data"], "first": first, "last": last}
        # All of it, because an unread result keeps the connection busy.
        ((count, total, *_),) = self._con.execute(query, given).fetchall()
        return int(count), float(total)
