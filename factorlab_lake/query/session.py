"""Run SQL questions in a DuckDB session over one snapshot; it is in memory, so it locks no file."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

import duckdb
import polars as pl

from factorlab_lake.errors import Forked, InternalError, InvalidInput, LakeError, WriteFailed, nearest
from factorlab_lake.functions.duckdb_functions import FUNCTIONS, names_in, sql_text, without_texts
from factorlab_lake.query.availability_rule import CLOSE, AvailabilityRule
from factorlab_lake.query.query_hints import QueryHints, RowFilter
from factorlab_lake.query.read_only import reject_write
from factorlab_lake.query.result_frames import to_polars
from factorlab_lake.query.row_cache import BY_SYMBOL, COMPANIES, DAYS, FUNDAMENTALS, WHOLE, SessionCache
from factorlab_lake.query.row_cache_files import FEW_CELLS, KEPT_ROWS, SOURCES, RowCache
from factorlab_lake.schema import TABLES, literal
from factorlab_lake.schema.rules import FEW_SYMBOLS
from factorlab_lake.storage import checksums, snapshots
from factorlab_lake.storage.data_files import DataFile, files_of, prune
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["Session"]

Chosen: TypeAlias = dict[str, list[DataFile]]  # by table: the files that can contain the needed rows

_UNKNOWN = re.compile(r"(?:Table|Table Function|Function|View) with name (\S+) does not exist")
_OF_THE_QUESTION = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.ParserException,
)
# Our own SQL can raise these without a bug. The text decides: an error that DuckDB raises while rows are
# fetched has lost its class.
_NOT_INTERNAL = re.compile(r"(?:Conversion|Out of Memory|INTERRUPT) Error")
_ANSWER = "rows_of_the_answer"
_VERSION_1 = duckdb.__version__.startswith("1.")
# CREATE TABLE AS can take these; it cannot take SHOW and DESCRIBE, whose type is SELECT in DuckDB.
_ROWS = re.compile(r"\s*(?:select|from|with|values|\()", re.IGNORECASE)
_SETTINGS = {
    "TimeZone": "UTC",
    "parquet_metadata_cache": "true",  # data files never change
    # The text type of polars, so that nothing is converted.
    "arrow_output_version": "1.4",
    "produce_arrow_string_view": "true",
}


class Session:
    """Run SQL over the tables and functions of one snapshot. Each thread has its own connection."""

    def __init__(self, layout: Layout, snapshot: Snapshot, *, availability: AvailabilityRule = CLOSE) -> None:
        self.layout = layout
        self.snapshot = snapshot
        self.availability = availability
        self._files = {name: files_of(layout, snapshot, name) for name in TABLES}
        self._local = threading.local()

    def frame(
        self,
        sql: str,
        params: dict[str, Any] | None = None,
        *,
        needs: QueryHints | None = None,
        user_sql: bool = False,
    ) -> pl.DataFrame:
        """Run a query and return its rows.

        Files without needed rows are removed before DuckDB plans the query, and rows that later queries also
        read are cached (see :mod:`.row_cache`). ``user_sql`` marks the text of a user: its errors
        are :class:`InvalidInput`, those of this package's SQL :class:`InternalError`.
        """
        if user_sql:
            reject_write(sql)
        needs = needs or QueryHints()
        chosen = {name: self._needed(name, rows) for name, rows in needs.tables.items()}
        with self._errors_mapped(sql, user_sql=user_sql), self._shown(sql, chosen, needs) as con:
            answer = _fetch_by_table if needs.short or _returns_values(con, sql, params) else _fetch
            return answer(con, sql, params or {})

    def _needed(self, table: str, rows: RowFilter | None) -> list[DataFile]:
        """Return the files of a table that can contain any of these rows."""
        if rows is None:
            return []
        return prune(self._files[table], symbols=rows.symbols, first=rows.first, last=rows.last)

    @contextmanager
    def _shown(self, sql: str, chosen: Chosen, needs: QueryHints) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection with all that a query names; tables in ``chosen`` have only these files."""
        con = self._connection()
        named = names_in(sql)
        in_memory = self._in_memory(con, named, chosen, needs)
        for name in named:
            if name not in in_memory:
                self._prepare(con, name, chosen, needs)
        lasting = needs.lasting and needs.symbols is not None and FUNDAMENTALS in named
        if lasting:
            self._local.kept.add_companies(needs.symbols)
        first = {FEW_CELLS: in_memory and needs.few_cells, KEPT_ROWS: in_memory, COMPANIES: lasting}
        schemas = [name for name, is_read in first.items() if is_read]
        with _searching(con, schemas):
            yield con

    @contextmanager
    def _errors_mapped(self, sql: str, *, user_sql: bool) -> Iterator[None]:
        """Raise errors of DuckDB as errors of this package."""
        try:
            yield
        except duckdb.Error as fault:
            raise self._explained(fault, sql, user_sql=user_sql) from None
        except RuntimeError as fault:
            if str(fault) == "Query interrupted":  # how DuckDB reports Ctrl-C
                raise KeyboardInterrupt from None
            raise

    def _in_memory(
        self, con: duckdb.DuckDBPyConnection, named: list[str], chosen: Chosen, needs: QueryHints
    ) -> set[str]:
        """Cache the rows of few symbols, if the hints allow it; return the names that need no files."""
        rows: RowCache | None = self._local.rows.get(needs.rows_of)
        if (
            rows is None
            or rows.source.name not in named
            or not needs.symbols
            or len(needs.symbols) > FEW_SYMBOLS
        ):
            return set()
        tables = rows.source.tables
        files = frozenset((name, file) for name in tables for file in chosen[name])
        missing = rows.missing(needs.symbols, files)
        for name in named if missing else ():  # the sources of the rows
            self._prepare(con, name, chosen, needs)
        for unread, symbols in missing.items():
            for name in tables:
                self._show(con, name, [file for file in chosen[name] if (name, file) in unread])
            rows.add(symbols, unread)
        return {rows.source.name, *tables} if files else set()

    def _prepare(self, con: duckdb.DuckDBPyConnection, name: str, chosen: Chosen, needs: QueryHints) -> None:
        """Install a table or function, with its cached rows."""
        if name in chosen:
            self._show(con, name, chosen[name])
        else:
            self._install(con, name)
        self._keep(con, name, chosen, needs)

    def _explained(self, fault: duckdb.Error, sql: str, *, user_sql: bool) -> LakeError:
        """Return the error of the cause: damaged files, then the caller, then this package."""
        damage = None if user_sql and isinstance(fault, _OF_THE_QUESTION) else self._damage()
        if damage is not None:
            return damage
        if "No space left on device" in str(fault):
            return WriteFailed(f"The disk is full; free some space and retry the query: {fault}")
        if not user_sql and not _NOT_INTERNAL.match(str(fault)):
            return InternalError(
                f"SQL of factorlab-lake failed, which is a bug in the program; please report it: {fault}",
                sql=sql,
            )
        unknown = _UNKNOWN.search(str(fault))
        if unknown:
            known = [*TABLES, *FUNCTIONS]
            name = unknown[1]
            return InvalidInput(
                f"No table or function is called {name!r}; SHOW TABLES lists them.{nearest(name, known)}",
                sql=sql,
            )
        return InvalidInput(f"DuckDB refuses the query: {fault}", sql=sql)

    def _damage(self) -> LakeError | None:
        """Return the error for files that were vacuumed, or are missing or damaged; None without any."""
        try:
            if self.snapshot.id:
                snapshots.load(self.layout, self.snapshot.id)
            return checksums.first_damage(self.layout, self._files)
        except LakeError as fault:
            return fault

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if _first_process() != os.getpid():
            raise Forked(
                "This process was forked from one that had queried a lake. It has no threads of DuckDB and "
                "polars, so any query would hang. Start workers with "
                "multiprocessing.get_context('spawn'); a lake can be passed to them."
            )
        con: duckdb.DuckDBPyConnection | None = getattr(self._local, "con", None)
        if con is None:
            con = duckdb.connect(":memory:")
            for setting, value in _SETTINGS.items():
                con.execute(f"SET {setting} = {literal(value)}")
            self._local.con, self._local.shown, self._local.installed = con, {}, set()
            self._local.kept = SessionCache(con)
            self._local.rows = {source.name: RowCache(con, source) for source in SOURCES}
        return con

    def _install(self, con: duckdb.DuckDBPyConnection, name: str) -> None:
        if name in TABLES:
            self._show(con, name, self._files[name])
        elif name not in self._local.installed:
            con.execute(sql_text(name))
            if name in {*WHOLE, *BY_SYMBOL, DAYS}:
                self._local.kept.turn(name)
            self._local.installed.add(name)

    def _keep(self, con: duckdb.DuckDBPyConnection, name: str, chosen: Chosen, needs: QueryHints) -> None:
        kept: SessionCache = self._local.kept
        if name in BY_SYMBOL:
            kept.cover(name, needs.symbols)
        elif name == DAYS:
            bars = chosen.get("price_data", self._files["price_data"])
            paths = [file.path for file in bars]
            if kept.unread(paths):
                self._show(con, "price_data", bars)
                kept.add_days(paths)

    def _show(self, con: duckdb.DuckDBPyConnection, name: str, chosen: list[DataFile]) -> None:
        """Create a table's view over these files; functions read through the view."""
        shown: dict[str, list[DataFile]] = self._local.shown
        if shown.get(name) != chosen:
            folder = self.layout.table(name)
            con.execute(self.availability.table_view(TABLES[name], folder, chosen))
            shown[name] = chosen


@contextmanager
def _searching(con: duckdb.DuckDBPyConnection, schemas: list[str]) -> Iterator[None]:
    """Search names in these schemas first, and in the main schema alone afterwards."""
    try:
        if schemas:
            con.execute(f"SET search_path = {literal(','.join([*schemas, 'main']))}")
        yield
    finally:
        if schemas:
            con.execute("SET search_path = 'main'")


@cache
def _first_process() -> int:
    """Return the process of the first query; a process that is forked later inherits the cached value."""
    return os.getpid()


def _fetch(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any]) -> pl.DataFrame:
    return to_polars(con.sql(sql, params=params))


def _returns_values(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any] | None) -> bool:
    """Return whether DuckDB would return a query's rows value by value, as version 1 does with parameters.

    Fetching millions of rows takes twenty seconds then.
    """
    if not _VERSION_1 or not params or not _ROWS.match(without_texts(sql)):
        return False
    return [statement.type for statement in con.extract_statements(sql)] == [duckdb.StatementType.SELECT]


def _fetch_by_table(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any]) -> pl.DataFrame:
    """Run a query through a temporary table, which is faster for small results.

    DuckDB plans a query once for its columns and again to run it, and planning takes most of the time of a
    small query. CREATE TABLE AS plans once.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_ANSWER} AS {sql}", params)
    try:
        return to_polars(con.sql(f"FROM {_ANSWER}"))
    finally:
        con.execute(f"DROP TABLE {_ANSWER}")
