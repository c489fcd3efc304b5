"""What a session keeps for later questions; its snapshot never changes.

Views that every grid question reads, and a function that takes most of the time of ``factors``, give the
same rows for all dates. A session keeps their rows in memory. Of some views it keeps all (:data:`WHOLE`), of
others those of the symbols asked so far (:data:`BY_SYMBOL`, :data:`FUNDAMENTALS`). Of the trading days it
keeps those of the files asked so far (:data:`DAYS`). A question that may be about any symbol gets the
rows of all, or the function itself. Rows as they are in the files are kept by :mod:`.row_cache_files`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from factorlab_lake.schema import identifier, literal
from factorlab_lake.schema.rules import BEGINNING_OF_TIME, END_OF_TIME, FEW_SYMBOLS

if TYPE_CHECKING:
    import duckdb

__all__ = ["BY_SYMBOL", "COMPANIES", "DAYS", "FUNDAMENTALS", "WHOLE", "SessionCache"]

WHOLE = frozenset({"split_factors", "multi_class_symbols"})
BY_SYMBOL = frozenset({"share_count_validity", "statement_periods"})
DAYS = "market_days"
FUNDAMENTALS = "fundamentals_validity"
COMPANIES = "kept"  # the schema of the rows kept of companies

_ALWAYS = f"[DATE '{BEGINNING_OF_TIME}', DATE '{END_OF_TIME}']"


class SessionCache:
    """What one connection keeps."""

    def __init__(self, con: duckdb.DuckDBPyConnection, *, of_user: bool = False) -> None:
        self._con = con
        # A user's SQL sees a view of the rows, which DuckDB refuses to change. Planning takes longer with it.
        self._suffix = "_rows" if of_user else ""
        self._symbols: dict[str, set[str] | None] = {}  # by view; None: of all symbols
        self._companies: set[str] = set()
        self._read: set[str] = set()

    def turn(self, view: str) -> None:
        """See to it that the rows of a view that was just created are kept: all, or those asked for later.

        Interrupted, it can be done again.
        """
        name, source = identifier(view), identifier(_source(view))
        self._con.execute(f"DROP VIEW IF EXISTS {source}")
        self._con.execute(f"ALTER VIEW {name} RENAME TO {source}")
        if view in BY_SYMBOL:
            self._symbols[view] = set()
        else:
            self._create(view, f"FROM {source}{'' if view in WHOLE else ' LIMIT 0'}")

    def cover(self, view: str, symbols: list[str] | None) -> None:
        """See to it that the table of a view has the rows of these symbols; None: of all."""
        known = self._symbols[view]
        if known is None:
            return
        new = None if symbols is None else [symbol for symbol in symbols if symbol not in known]
        source = identifier(_source(view))
        if new is None or len(known) + len(new) > FEW_SYMBOLS:
            self._create(view, f"FROM {source}")
            self._symbols[view] = None
        elif new or not known:
            # Written out, they pass below the view's windows, to the parts of files that can hold them.
            names = ", ".join(map(literal, new)) or "NULL"
            rows = f"FROM {source} WHERE symbol IN ({names})"
            self._symbols[view] = set()  # cleared first: an interrupted insert must not count as cached
            if known:
                self._con.execute(f"INSERT INTO {self._rows_of(view)} {rows}")
            else:
                self._create(view, rows)
            self._symbols[view] = known.union(new)

    def _create(self, view: str, rows: str) -> None:
        """Create the table of a view's cached rows."""
        table = self._rows_of(view)
        self._con.execute(f"CREATE OR REPLACE TABLE {table} AS {rows}")
        if self._suffix:
            self._con.execute(f"CREATE OR REPLACE VIEW {identifier(view)} AS FROM {table}")

    def _rows_of(self, view: str) -> str:
        return identifier(f"{view}{self._suffix}")

    def add_days(self, files: Iterable[str]) -> None:
        """Add the trading days of the bars that are shown, which lie in these files."""
        new = set(files) - self._read
        if new:
            self._con.execute(
                f"INSERT INTO {self._rows_of(DAYS)} FROM {_source(DAYS)} ANTI JOIN {DAYS} USING (date)"
            )
            self._read |= new

    def unread(self, files: Iterable[str]) -> bool:
        """Say whether any of these files is one whose trading days are not kept yet."""
        return not self._read.issuperset(files)

    def add_companies(self, symbols: list[str]) -> None:
        """See to it that the rows of these companies are kept.

        They are read by the macro of the same name in the schema :data:`COMPANIES`.
        """
        known = self._companies
        new = [symbol for symbol in symbols if symbol not in known]
        if not new:
            return
        self._companies = set()  # cleared first: an interrupted insert must not count as cached
        rows = f"FROM main.{FUNDAMENTALS}($symbols::VARCHAR[], {_ALWAYS})"
        if known:
            self._con.execute(f"INSERT INTO {COMPANIES}.{FUNDAMENTALS}_rows {rows}", {"symbols": new})
        else:
            self._con.execute(f"CREATE SCHEMA IF NOT EXISTS {COMPANIES}")
            self._con.execute(
                f"CREATE OR REPLACE TABLE {COMPANIES}.{FUNDAMENTALS}_rows AS {rows}", {"symbols": new}
            )
            self._con.execute(
                f"CREATE OR REPLACE MACRO {COMPANIES}.{FUNDAMENTALS}(symbols, dates, vintage := 'known') "
                f"AS TABLE FROM {COMPANIES}.{FUNDAMENTALS}_rows WHERE symbol IN (SELECT unnest(symbols))"
            )
        self._companies = known.union(new)


def _source(view: str) -> str:
    return f"{view}_source"
