"""Answer from PostgreSQL with the lake's tables, over loopback: hand-written SQL with LATERAL look-ups.

CPU time and memory are those of the client alone; the server has its own.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import psycopg

from benchmarks.sources import Sources
from factorlab_lake.schema import STATEMENT_TABLES

__all__ = ["Answers"]

_CAPS = Path(__file__).resolve().parent / "sql" / "market_caps_postgres.sql"


class Answers:
    """Use one connection; rows arrive in PostgreSQL's binary format."""

    def __init__(self, sources: Sources) -> None:
        self._con = psycopg.connect(sources.url, autocommit=True)

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return symbol, date, market_cap."""
        return self._frame(_CAPS.read_text(encoding="utf-8"), {"symbols": symbols, "dates": dates})

    def prices(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """Return one symbol's bars."""
        return self._rows("price_data", "date", (symbol, first, last))

    def statements(self, symbol: str, first: date, last: date) -> list[pl.DataFrame]:
        """Return one symbol's statements of each type."""
        return [self._rows(n, "fiscal_date", (symbol, first, last)) for n in STATEMENT_TABLES.values()]

    def _rows(self, table: str, day: str, parameters: tuple[str, date, date]) -> pl.DataFrame:
        where = f"symbol = %s AND {day} BETWEEN %s AND %s"
        return self._frame(f"SELECT * FROM {table} WHERE {where} ORDER BY {day}", parameters)

    def _frame(self, query: str, parameters: Any) -> pl.DataFrame:
        with self._con.cursor(binary=True) as cursor:
            cursor.execute(query.encode(), parameters)
            assert cursor.description is not None
            names = [column.name for column in cursor.description]
            return pl.DataFrame(
                cursor.fetchall(), schema=names, orient="row", infer_schema_length=None, strict=False
            )
