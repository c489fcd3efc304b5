"""Run queries on an account, over connections that are kept for the next query."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from queue import Empty, LifoQueue
from threading import BoundedSemaphore
from typing import Any

import polars as pl

from factorlab_lake.errors import InvalidInput, LakeError, NotFound, TargetFailed, nearest
from factorlab_lake.schema import TABLES, literal
from factorlab_lake.sync.protocol import SessionLimits
from factorlab_lake.sync.snowflake import install
from factorlab_lake.sync.snowflake.address import SnowflakeAddress
from factorlab_lake.sync.snowflake.connection import Connection, Error, connect, failed
from factorlab_lake.sync.snowflake.placeholders import with_dates
from factorlab_lake.sync.snowflake.query_text import called, expanded, with_values
from factorlab_lake.sync.snowflake.server_frames import to_polars
from factorlab_lake.sync.snowflake.server_functions import FUNCTIONS, VIEWS

__all__ = ["SnowflakeSession"]

_ROWS_AT_A_TIME = 10_000
_READS = re.compile(r"\s*\(*\s*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXPLAIN|VALUES|LIST|LS)\b", re.IGNORECASE)
_NO_OBJECT = frozenset({2003, 2140, 1003})  # an object or a function is missing, or the text is no SQL
_NAMES = re.compile(r"(?:name|Object|function|FUNCTION) '?\"?([A-Za-z_][\w.]*)")
_TIMED_OUT = frozenset({604, 630})
_TRY_AGAIN = "Try again when the account is available."


class SnowflakeSession:
    """Represents read access to the tables and functions of a schema, from any thread and after a fork."""

    def __init__(self, address: SnowflakeAddress, *, limits: SessionLimits) -> None:
        self.address = address
        self.limits = limits
        self._idle: LifoQueue[Connection] = LifoQueue()
        self._free = BoundedSemaphore(limits.max_connections)
        self._of_process = os.getpid()
        self._closed = False
        self.lag_days = self._check()

    @property
    def name(self) -> str:
        """Return the address without secrets."""
        return str(self.address)

    def frame(self, sql: str, params: dict[str, Any] | None = None, *, needs: object = None) -> pl.DataFrame:
        """Run a query, in which ``$name`` takes the value of that parameter, and return its rows.

        ``needs`` matters only to sessions over files.
        """
        del needs
        return self.sql(with_dates(sql), params)

    def sql(self, text: str, params: dict[str, Any] | None = None) -> pl.DataFrame:
        """Run the SQL of a user; anything but a query is refused."""
        values = params or {}
        if not _READS.match(without_comments(text)):
            raise InvalidInput(
                "Queries of a shared server only read, so the text must begin with SELECT or WITH; got "
                f"{text.strip()[:40]!r}.",
                sql=text,
            )
        query, bound = with_values(expanded(text, FUNCTIONS, values), values)
        with self._connection() as con:
            try:
                cursor = con.run(query, bound)
                rows = iter(partial(cursor.fetchmany, _ROWS_AT_A_TIME), [])
                return to_polars(cursor.description, (row for part in rows for row in part))
            except Error as error:
                raise self._query_error(error, text) from None

    def sizes(self) -> pl.DataFrame:
        """Return one row per table of the lake with its rows and its bytes, as the account counts them."""
        listed = ", ".join(literal(name.upper()) for name in TABLES)
        stored = self.frame(
            'SELECT LOWER(table_name) AS "table", row_count AS "rows", bytes AS "size_bytes" '
            "FROM information_schema.tables "
            f"WHERE table_schema = CURRENT_SCHEMA() AND table_name IN ({listed})"
        )
        order = pl.DataFrame({"table": list(TABLES)})
        return order.join(stored, on="table", how="left").select("table", "rows", "size_bytes")

    def close(self) -> None:
        """Close all connections."""
        self._closed = True
        if self._of_process == os.getpid():
            while (con := self._waiting()) is not None:
                con.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Yield a connection that no other query uses; a broken one is not kept."""
        if self._closed:
            raise InvalidInput(f"{self.address} was closed; open it again.")
        if self._of_process != os.getpid():  # after a fork the connections belong to the parent
            self._idle, self._of_process = LifoQueue(), os.getpid()
            self._free = BoundedSemaphore(self.limits.max_connections)
        if not self._free.acquire(timeout=self.limits.pool_wait_s):
            raise TargetFailed(
                f"{self.address}: no connection within {self.limits.pool_wait_s:g} s; all "
                f"{self.limits.max_connections} are busy. Raise FACTORLAB_POOL_OVERFLOW or "
                "FACTORLAB_POOL_WAIT_S.",
                target=str(self.address),
            )
        try:
            con = self._waiting() or self._connect()
            yield con
            if self._idle.qsize() < self.limits.pool_size:
                self._idle.put(con)
            else:
                con.close()
        finally:
            self._free.release()

    def _waiting(self) -> Connection | None:
        try:
            return self._idle.get_nowait()
        except Empty:
            return None

    def _connect(self) -> Connection:
        return connect(self.address, statement_timeout_s=self.limits.statement_timeout_s)

    def _check(self) -> int | None:
        """Check that the schema can be reached and has a lake; return its availability rule."""
        missing = NotFound(
            f"{self.address} has no tables of a lake; sync one to it first, with `factorlab-lake sync "
            "ADDRESS`.",
            target=str(self.address),
        )
        with self._connection() as con:
            try:
                state = install.read_state(con)
            except Error as error:
                raise (
                    missing if error.errno in _NO_OBJECT else failed(self.address, error, _TRY_AGAIN)
                ) from None
        if not state.schema_version:
            raise missing
        return state.lag_days

    def _query_error(self, error: Error, sql: str) -> LakeError:
        message = self.address.redact(" ".join((error.msg or str(error)).split())) or type(error).__name__
        if error.errno in _TIMED_OUT:
            return TargetFailed(
                f"{self.address} cancelled a query after {self.limits.statement_timeout_s:g} s; query fewer "
                "symbols or dates, or raise FACTORLAB_STATEMENT_TIMEOUT_S.",
                target=str(self.address),
            )
        if (error.sqlstate or "08").startswith("08"):
            return failed(self.address, error, _TRY_AGAIN)
        known = [*TABLES, *VIEWS, *FUNCTIONS]
        names = [name.lower() for name in (*_NAMES.findall(message), *called(sql))]
        unknown = [name for name in names if name not in known] if error.errno in _NO_OBJECT else []
        hint = nearest(unknown[0], known) if unknown else ""
        return InvalidInput(f"Snowflake refuses the query: {message}.{hint}", sql=sql)


def without_comments(sql: str) -> str:
    r"""Return a query without the comments at its start, which decide nothing.

    >>> without_comments("-- all of them\nSELECT 1")
    'SELECT 1'
    """
    return re.sub(r"^(\s|--[^\n]*(\n|$)|/\*.*?\*/)*", "", sql, flags=re.DOTALL)
