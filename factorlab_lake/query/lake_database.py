"""Show the tables and functions of one snapshot in an in-memory DuckDB database, with cached rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TypeAlias

import duckdb

from factorlab_lake.functions.duckdb_functions import FUNCTIONS, names_in, sql_text
from factorlab_lake.query.availability_rule import AvailabilityRule
from factorlab_lake.query.query_hints import QueryHints, RowFilter
from factorlab_lake.query.row_cache import BY_SYMBOL, COMPANIES, DAYS, FUNDAMENTALS, WHOLE, SessionCache
from factorlab_lake.query.row_cache_files import FEW_CELLS, KEPT_ROWS, SOURCES, RowCache
from factorlab_lake.schema import TABLES, literal
from factorlab_lake.schema.rules import FEW_SYMBOLS
from factorlab_lake.storage.data_files import DataFile, prune
from factorlab_lake.storage.layout import Layout

__all__ = ["Files", "LakeDatabase"]

Files: TypeAlias = dict[str, list[DataFile]]  # by table

# Each connection has its own value of these.
_OF_A_CONNECTION = "SET TimeZone = 'UTC'"
_SETTINGS = {
    "parquet_metadata_cache": "true",  # data files never change
    # The text type of polars, so that nothing is converted.
    "arrow_output_version": "1.4",
    "produce_arrow_string_view": "true",
    "python_enable_replacements": "false",  # a name in a query is no variable of this program
}


class LakeDatabase:
    """Hold views, functions and cached rows in a DuckDB instance of its own; it locks no file.

    A table or function is created when a query names it first. One thread may use a database.
    """

    def __init__(
        self, layout: Layout, files: Files, availability: AvailabilityRule, *, of_user: bool
    ) -> None:
        self._layout = layout
        self._files = files
        self._availability = availability
        self._con = duckdb.connect(":memory:")
        for setting, value in _SETTINGS.items():
            self._con.execute(f"SET {setting} = {literal(value)}")
        self._con.execute(_OF_A_CONNECTION)
        self._shown: Files = {}
        self._installed: set[str] = set()
        self._cache = SessionCache(self._con, of_user=of_user)
        self._rows = {source.name: RowCache(self._con, source) for source in SOURCES}

    @cached_property
    def user_connection(self) -> duckdb.DuckDBPyConnection:
        """Return another connection, with a transaction, a search path and temporary tables of its own.

        A user can roll back a transaction or change the search path, so no view may be created on it.
        """
        con = self._con.cursor()
        con.execute(_OF_A_CONNECTION)
        return con

    def install(self, sql: str) -> None:
        """Create all tables and functions that a query names, over all files."""
        self._prepare(names_in(sql), {}, QueryHints())

    def install_all(self) -> None:
        """Create every table and function."""
        self._prepare([*TABLES, *FUNCTIONS], {}, QueryHints())

    @contextmanager
    def prepared(self, sql: str, hints: QueryHints) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection with all that a query names; tables in the hints show only the needed files."""
        chosen = {name: self._needed(name, rows) for name, rows in hints.tables.items()}
        named = names_in(sql)
        cached = self._cache_rows(named, chosen, hints)
        self._prepare([name for name in named if name not in cached], chosen, hints)
        lasting = hints.lasting and hints.symbols is not None and FUNDAMENTALS in named
        if lasting:
            self._cache.add_companies(hints.symbols or [])
        first = {FEW_CELLS: cached and hints.few_cells, KEPT_ROWS: cached, COMPANIES: lasting}
        with self._searching([name for name, is_read in first.items() if is_read]):
            yield self._con

    def _needed(self, table: str, rows: RowFilter | None) -> list[DataFile]:
        """Return the files of a table that can contain any of these rows."""
        if rows is None:
            return []
        return prune(self._files[table], symbols=rows.symbols, first=rows.first, last=rows.last)

    def _cache_rows(self, named: list[str], chosen: Files, hints: QueryHints) -> set[str]:
        """Cache the rows of few symbols, if the hints allow it; return the names that need no files."""
        rows = self._rows.get(hints.rows_of or "")
        if (
            rows is None
            or rows.source.name not in named
            or not hints.symbols
            or len(hints.symbols) > FEW_SYMBOLS
        ):
            return set()
        tables = rows.source.tables
        files = frozenset((name, file) for name in tables for file in chosen[name])
        missing = rows.missing(hints.symbols, files)
        if missing:
            self._prepare(named, chosen, hints)  # the sources of the rows
        for unread, symbols in missing.items():
            for name in tables:
                self._show(name, [file for file in chosen[name] if (name, file) in unread])
            rows.add(symbols, unread)
        return {rows.source.name, *tables} if files else set()

    def _prepare(self, names: list[str], chosen: Files, hints: QueryHints) -> None:
        """Create tables and functions, with their cached rows."""
        for name in names:
            if name in TABLES:
                self._show(name, chosen.get(name, self._files[name]))
            elif name not in self._installed:
                self._con.execute(sql_text(name))
                if name in {*WHOLE, *BY_SYMBOL, DAYS}:
                    self._cache.turn(name)
                self._installed.add(name)
            if name in BY_SYMBOL:
                self._cache.cover(name, hints.symbols)
            elif name == DAYS:
                self._add_days(chosen.get("price_data", self._files["price_data"]))

    def _add_days(self, bars: list[DataFile]) -> None:
        paths = [file.path for file in bars]
        if self._cache.unread(paths):
            self._show("price_data", bars)
            self._cache.add_days(paths)

    def _show(self, name: str, chosen: list[DataFile]) -> None:
        """Create a table's view over these files; functions read through the view."""
        if self._shown.get(name) != chosen:
            folder = self._layout.table(name)
            self._con.execute(self._availability.table_view(TABLES[name], folder, chosen))
            self._shown[name] = chosen

    @contextmanager
    def _searching(self, schemas: list[str]) -> Iterator[None]:
        """Search names in these schemas first, and in the main schema alone afterwards.

        A function then reads cached rows, or has a plan for few rows, without another text of its own.
        """
        try:
            if schemas:
                self._con.execute(f"SET search_path = {literal(','.join([*schemas, 'main']))}")
            yield
        finally:
            if schemas:
                self._con.execute("SET search_path = 'main'")
