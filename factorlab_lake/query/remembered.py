"""Rows of a function that a session keeps for the symbols asked so far; its snapshot never changes.

``company_years`` takes most of the time of ``factors`` and does not depend on the dates asked for. Once its
rows are kept, a macro of the same name that reads them comes first on the search path, for as long as a
question runs whose symbols are known: other queries, which may name any symbol, get the function itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

__all__ = ["REMEMBERED", "Remembered"]

REMEMBERED = "company_years"
_ALWAYS = "[DATE '0001-01-01', DATE '9999-12-31']"


class Remembered:
    """What one connection remembers."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._symbols: set[str] = set()

    @contextmanager
    def used(self, symbols: list[str]) -> Iterator[None]:
        """Answer from kept rows inside; those of symbols that are new are computed and kept first."""
        self._keep([symbol for symbol in symbols if symbol not in self._symbols])
        self._con.execute("SET search_path = 'kept,main'")
        try:
            yield
        finally:
            self._con.execute("SET search_path = 'main'")

    def _keep(self, new: list[str]) -> None:
        if not new:
            return
        rows = f"FROM main.{REMEMBERED}($symbols::VARCHAR[], {_ALWAYS})"
        if self._symbols:
            self._con.execute(f"INSERT INTO kept.{REMEMBERED}_rows {rows}", {"symbols": new})
        else:
            self._con.execute("CREATE SCHEMA IF NOT EXISTS kept")
            self._con.execute(f"CREATE OR REPLACE TABLE kept.{REMEMBERED}_rows AS {rows}", {"symbols": new})
            self._con.execute(
                f"CREATE OR REPLACE MACRO kept.{REMEMBERED}(symbols, dates, vintage := 'known') AS TABLE "
                f"FROM kept.{REMEMBERED}_rows WHERE symbol IN (SELECT unnest(symbols))"
            )
        self._symbols.update(new)
