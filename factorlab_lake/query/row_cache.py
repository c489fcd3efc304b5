"""Cache rows of views and functions in a session; its snapshot never changes, so no row becomes stale.

Views that every query of many dates reads, and a function that takes most of the time of ``factors``, give
the same rows for all dates. Of the views in :data:`WHOLE`, the cache has all rows. Of those in
:data:`BY_SYMBOL`, and of :data:`FUNDAMENTALS`, it has the rows of the symbols queried so far. Of
:data:`DAYS`, it has the days of the files read so far. A query that can name any symbol gets the rows of all,
or the function itself. :mod:`.row_cache_files` caches rows as they are in the files.
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
COMPANIES = "kept"  # the schema of cached rows of companies

_ALWAYS = f"[DATE '{BEGINNING_OF_TIME}', DATE '{END_OF_TIME}']"


class SessionCache:
    """Cache the rows of one DuckDB instance."""

    def __init__(self, con: duckdb.DuckDBPyConnection, *, of_user: bool = False) -> None:
        self._con = con
        # A user's SQL sees a view of the rows, which DuckDB refuses to change. Planning takes longer with it.
        self._suffix = "_rows" if of_user else ""
        self._symbols: dict[str, set[str] | None] = {}  # by view; None: of all symbols
        self._companies: set[str] = set()
        self._read: set[str] = set()

    def turn(self, view: str) -> None:
        """Replace a view that was just created by a table of its rows: of all, or of those queried later.

        After an interruption, it can run again.
        """
        name, source = identifier(view), identifier(_source(view))
        self._con.execute(f"DROP VIEW IF EXISTS {source}")
        self._con.execute(f"ALTER VIEW {name} RENAME TO {source}")
        if view in BY_SYMBOL:
            self._symbols[view] = set()
        else:
            self._create(view, f"FROM {source}{'' if view in WHOLE else ' LIMIT 0'}")

    def cover(self, view: str, symbols: list[str] | None) -> None:
        """Add the missing rows of these symbols to the table of a view; None stands for all symbols."""
        known = self._symbols[view]
        if known is None:
            return
        new = None if symbols is None else [symbol for symbol in symbols if symbol not in known]
        source = identifier(_source(view))
        if new is None or len(known) + len(new) > FEW_SYMBOLS:
            self._create(view, f"FROM {source}")
            self._symbols[view] = None
        elif new or not known:
            # DuckDB applies a list of literals before the view's windows, and so reads fewer parts of files.
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
        """Add the trading days of the bars in these files, which the view ``price_data`` shows."""
        new = set(files) - self._read
        if new:
            self._con.execute(
                f"INSERT INTO {self._rows_of(DAYS)} FROM {_source(DAYS)} ANTI JOIN {DAYS} USING (date)"
            )
            self._read |= new

    def unread(self, files: Iterable[str]) -> bool:
        """Return whether the trading days of any of these files are not cached yet."""
        return not self._read.issuperset(files)

    def add_companies(self, symbols: list[str]) -> None:
        """Compute and cache the missing rows of these companies.

        The macro of the same name in the schema :data:`COMPANIES` reads them.
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
