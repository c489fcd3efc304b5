"""Run the SQL of a user on a connection of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from duckdb import StatementType

from factorlab_lake.errors import InvalidInput, QueryStopped
from factorlab_lake.functions.duckdb_functions import mentioned, without_texts
from factorlab_lake.query.read_only import reject_logs, reject_write
from factorlab_lake.query.sandbox import Sandbox
from factorlab_lake.query.user_frames import UserFrames
from factorlab_lake.storage.duckdb_frames import to_polars

__all__ = ["UserSql", "fetch", "fetch_by_table", "returns_values"]

_ANSWER = "rows_of_the_answer"
_DISCARDED_ROWS = 10_000  # at a time
_VERSION_1 = duckdb.__version__.startswith("1.")
_LONG_PLANS = {"market_caps", "ttm", "factor_inputs", "factors", "ratios", "financial_ratios"}
# CREATE TABLE AS can take these; it cannot take SHOW and DESCRIBE, whose type is SELECT in DuckDB.
_ROWS = re.compile(r"\s*(?:select|from|with|values|\()", re.IGNORECASE)
# A rollback would restore the view of a frame that is freed, and a prepared statement keeps its frame.
_WITHOUT_FRAMES = (StatementType.TRANSACTION, StatementType.PREPARE)
_ROLLBACK = re.compile(r"\s*(?:rollback|abort)\b", re.IGNORECASE)


class UserSql:
    """Run statements on the connection of a user, whose settings, tables and transaction stay.

    DuckDB aborts a transaction at the first error in it and refuses all that follows. Here it is rolled back
    at once, and the error says so.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, lake: Path, *, sandbox: Sandbox | None = None) -> None:
        self._con = con
        self._lake = lake
        self._sandbox = sandbox
        self._frames = UserFrames(con)
        self._is_unsettled = False

    def interrupt(self) -> None:
        """Interrupt the running statement, from another thread."""
        self._con.interrupt()

    def parsed(self, text: str) -> list[duckdb.Statement]:
        """Return the statements of a text."""
        return self._con.extract_statements(text)

    def run(
        self,
        statements: Sequence[duckdb.Statement],
        params: dict[str, Any],
        *,
        frames: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        """Run statements in order and return the rows of the last one, which takes the parameters.

        They can read ``frames`` as tables under these names.
        """
        if self._is_unsettled:  # an interrupt ended the last call
            self._settle()
        if frames and any(statement.type in _WITHOUT_FRAMES for statement in statements):
            raise InvalidInput("frames cannot be used with a transaction or PREPARE in one call; use two.")
        limited = nullcontext() if self._sandbox is None else self._sandbox.limited(self._con)
        with self._frames.shown(frames or {}):
            self._is_unsettled = True
            try:
                with limited:
                    rows = self._rows(statements, params)
            except (duckdb.Error, QueryStopped) as error:
                if self._settle():
                    facts = error.facts if isinstance(error, QueryStopped) else {}
                    raise type(error)(f"{error}\nThe open transaction is rolled back.", **facts) from None
                raise
            self._is_unsettled = False
        return rows

    def _settle(self) -> bool:
        """Roll back a transaction that DuckDB has aborted, and return whether there was one."""
        drop = partial(self._con.execute, f"DROP TABLE IF EXISTS temp.{_ANSWER}")
        is_aborted = False
        try:
            drop()
        except duckdb.TransactionException:
            is_aborted = True
            self._con.rollback()
            drop()
        self._is_unsettled = False
        return is_aborted

    def _rows(self, statements: Sequence[duckdb.Statement], params: dict[str, Any]) -> pl.DataFrame:
        for place, statement in enumerate(statements, start=1):
            is_last = place == len(statements)
            if self._sandbox is not None:
                reject_logs(statement)
            reject_write(self._con, statement, params if is_last else {}, self._lake)
            if is_last and not _ROLLBACK.match(without_texts(statement.query)):
                return self._last_rows(statement, params)
            self._run_without_rows(statement)
        return pl.DataFrame()

    def _last_rows(self, statement: duckdb.Statement, params: dict[str, Any]) -> pl.DataFrame:
        if _is_planned_long(statement) or returns_values(self._con, statement.query, params):
            return fetch_by_table(self._con, statement.query, params, limit_bytes=self._limit_bytes)
        return to_polars(self._con, self._con.sql(statement, params=params), limit_bytes=self._limit_bytes)

    @property
    def _limit_bytes(self) -> int | None:
        return None if self._sandbox is None else self._sandbox.answer_bytes

    def _run_without_rows(self, statement: duckdb.Statement) -> None:
        try:
            self._con.execute(statement)
        except duckdb.TransactionException:
            # Without a transaction, also after one was rolled back here, ROLLBACK changes nothing.
            if not _ROLLBACK.match(without_texts(statement.query)):
                raise
            return
        while self._con.fetchmany(_DISCARDED_ROWS):  # an open result blocks the connection
            pass


def fetch(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any]) -> pl.DataFrame:
    """Run a query and return its rows."""
    return to_polars(con, con.sql(sql, params=params))


def _is_planned_long(statement: duckdb.Statement) -> bool:
    """Return whether planning a query takes longer than copying its rows: then it is planned once."""
    if statement.type != StatementType.SELECT or not _ROWS.match(without_texts(statement.query)):
        return False
    return not _LONG_PLANS.isdisjoint(mentioned(statement.query))


def returns_values(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any] | None) -> bool:
    """Return whether DuckDB would return a query's rows value by value, as version 1 does with parameters.

    Fetching millions of rows takes twenty seconds then.
    """
    if not _VERSION_1 or not params or not _ROWS.match(without_texts(sql)):
        return False
    return [statement.type for statement in con.extract_statements(sql)] == [StatementType.SELECT]


def fetch_by_table(
    con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any], *, limit_bytes: int | None = None
) -> pl.DataFrame:
    """Run a query through a temporary table, which is faster for small results.

    DuckDB plans a query once for its columns and again to run it, and planning takes most of the time of a
    small query. CREATE TABLE AS plans once.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_ANSWER} AS {sql}", params)
    try:
        return to_polars(con, con.sql(f"FROM {_ANSWER}"), limit_bytes=limit_bytes)
    finally:
        con.execute(f"DROP TABLE {_ANSWER}")
