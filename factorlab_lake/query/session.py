"""Run SQL in DuckDB sessions over one snapshot, the queries of this package apart from those of a user."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import polars as pl

from factorlab_lake.derive.availability_rule import CLOSE, AvailabilityRule
from factorlab_lake.derive.stored import stale_symbols
from factorlab_lake.errors import InternalError, InvalidInput, LakeError, WriteFailed, nearest
from factorlab_lake.functions.duckdb_functions import FUNCTIONS, mentioned, without_texts
from factorlab_lake.query.lake_database import LakeDatabase
from factorlab_lake.query.query_hints import QueryHints, reject_forked_process
from factorlab_lake.query.read_only import reject_write
from factorlab_lake.schema import TABLES
from factorlab_lake.storage import checksums, snapshots
from factorlab_lake.storage.data_files import files_of
from factorlab_lake.storage.duckdb_frames import to_polars
from factorlab_lake.storage.lake_settings import read_settings
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["Session"]

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
_LISTS_NEEDED = ". The functions of a lake take lists: ['AAPL'] for symbols, [DATE '2021-03-31'] for dates."
_ANSWER = "rows_of_the_answer"
_DISCARDED_ROWS = 10_000  # at a time
_VERSION_1 = duckdb.__version__.startswith("1.")
_LONG_PLANS = {"market_caps", "ttm", "factor_inputs", "factors", "ratios", "financial_ratios"}
# CREATE TABLE AS can take these; it cannot take SHOW and DESCRIBE, whose type is SELECT in DuckDB.
_ROWS = re.compile(r"\s*(?:select|from|with|values|\()", re.IGNORECASE)


class Session:
    """Run SQL over the tables and functions of one snapshot, from any thread.

    Each thread has two DuckDB instances, created when they are first needed: one for the queries of this
    package, one for the SQL of the user. So no setting, transaction, view or table of a user can change an
    answer of :meth:`frame`, or anything in another thread.
    """

    def __init__(
        self,
        layout: Layout,
        snapshot: Snapshot,
        *,
        availability: AvailabilityRule = CLOSE,
        providers: tuple[str, ...] | None = None,
    ) -> None:
        self.layout = layout
        self.snapshot = snapshot
        self.availability = availability
        self._files = {name: files_of(layout, snapshot, name) for name in TABLES}
        # Those of a lake that is open stay until it is refreshed, also where another program changes them.
        self._providers = read_settings(layout).provider_order if providers is None else providers
        self._stale = stale_symbols(layout, snapshot, availability, self._providers)
        self._local = threading.local()

    def frame(
        self, sql: str, params: dict[str, Any] | None = None, *, needs: QueryHints | None = None
    ) -> pl.DataFrame:
        """Run a query of this package and return its rows; its errors are :class:`InternalError`.

        Files without needed rows are removed before DuckDB plans the query.
        """
        hints = needs or QueryHints()
        with (
            self._errors_mapped(sql, user_sql=False),
            self._database(of_user=False).prepared(sql, hints) as con,
        ):
            by_table = hints.short or _returns_values(con, sql, params)
            return (_fetch_by_table if by_table else _fetch)(con, sql, params or {})

    def sql(self, text: str, params: dict[str, Any] | None = None) -> pl.DataFrame:
        """Run the SQL of a user and return the rows of its last statement.

        Its errors are :class:`InvalidInput`, also for a statement that would write into the lake's folder.
        """
        with self._errors_mapped(text, user_sql=True):
            database = self._database(of_user=True)
            con = database.user_connection
            statements = con.extract_statements(text)
            if any(statement.type == duckdb.StatementType.TRANSACTION for statement in statements):
                database.install_all()  # the transaction does not see what is created after its start
            else:
                database.install(text)
            return self._run(con, statements, params or {})

    def _run(
        self, con: duckdb.DuckDBPyConnection, statements: list[duckdb.Statement], params: dict[str, Any]
    ) -> pl.DataFrame:
        """Run statements in order and return the rows of the last one, which takes the parameters."""
        for place, statement in enumerate(statements, start=1):
            is_last = place == len(statements)
            reject_write(con, statement, params if is_last else {}, self.layout.root)
            if is_last and (_is_planned_long(statement) or _returns_values(con, statement.query, params)):
                return _fetch_by_table(con, statement.query, params)
            if is_last:
                return to_polars(con.sql(statement, params=params))
            con.execute(statement)
            while con.fetchmany(_DISCARDED_ROWS):  # an open result blocks the connection
                pass
        return pl.DataFrame()

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
        lists = _LISTS_NEEDED if "UNNEST() can only be applied to lists" in str(fault) else ""
        return InvalidInput(f"DuckDB refuses the query: {fault}{lists}", sql=sql)

    def _damage(self) -> LakeError | None:
        """Return the error for files that were vacuumed, or are missing or damaged; None without any."""
        try:
            if self.snapshot.id:
                snapshots.load(self.layout, self.snapshot.id)
            return checksums.first_damage(self.layout, self._files)
        except LakeError as fault:
            return fault

    def _database(self, *, of_user: bool) -> LakeDatabase:
        """Return the thread's database for the SQL of a user or of this package."""
        reject_forked_process()
        databases: dict[str, LakeDatabase] = vars(self._local)
        owner = "user" if of_user else "package"
        if owner not in databases:
            databases[owner] = LakeDatabase(
                self.layout, self._files, self.availability, self._stale, self._providers
            )
        return databases[owner]


def _fetch(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any]) -> pl.DataFrame:
    return to_polars(con.sql(sql, params=params))


def _is_planned_long(statement: duckdb.Statement) -> bool:
    """Return whether planning a query takes longer than copying its rows: then it is planned once."""
    if statement.type != duckdb.StatementType.SELECT or not _ROWS.match(without_texts(statement.query)):
        return False
    return not _LONG_PLANS.isdisjoint(mentioned(statement.query))


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
