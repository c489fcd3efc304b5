"""Run queries on a shared server over a pool of read-only connections."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import polars as pl
import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from factorlab_lake.errors import InvalidInput, LakeError, NotFound, TargetFailed, nearest
from factorlab_lake.schema import TABLES, identifier, literal
from factorlab_lake.storage.cancellation import cancellable
from factorlab_lake.sync.postgres import install
from factorlab_lake.sync.postgres.address import Address
from factorlab_lake.sync.postgres.hypertables import with_chunks
from factorlab_lake.sync.postgres.server_frames import adapt, to_polars
from factorlab_lake.sync.postgres.server_functions import FUNCTIONS, installed
from factorlab_lake.sync.protocol import SessionLimits

__all__ = ["ServerSession", "driver_query"]

# They end with the transaction. A pool would pass a setting of the session on to the next program on the same
# connection. Temporary tables come last in the path, so they replace no table of the lake.
_SETTINGS = """
SELECT set_config('search_path', %(path)s, true), set_config('TimeZone', 'UTC', true),
       set_config('statement_timeout', %(timeout_ms)s, true)
"""
_PATH = """
SELECT pg_catalog.concat_ws(', ', quote_ident(n.nspname),
                 string_agg(quote_ident(s.name), ', ' ORDER BY s.place), 'pg_temp')
FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
LEFT JOIN pg_catalog.unnest(current_schemas(false)) WITH ORDINALITY AS s (name, place)
  ON s.name NOT IN (n.nspname, 'pg_catalog') AND NOT starts_with(s.name, 'pg_temp')
WHERE f.oid = to_regprocedure('lake_functions_digest()')
GROUP BY n.nspname
"""
# A text, quoted name, comment or dollar quote, in which nothing is a parameter; a parameter; a percent sign.
_TOKEN = re.compile(
    r"""(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/
    |\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|(?<![\w$])\$(?P<parameter>[A-Za-z_]\w*)|%""",
    re.DOTALL | re.VERBOSE,
)
# Calls of these take values of any type, so a function of another program for one type would fit them better.
_POLYMORPHIC = re.compile(r"(?<![.\w])(unnest|array_agg|count|lag|lead|first_value|last_value|concat)(?=\()")
_Connection = psycopg.Connection[tuple[object, ...]]
_ROWS_AT_A_TIME = 4096
_CANCEL_TIMEOUT_S = 5.0
_LOST = ("08", "57P")  # classes of errors after which a connection is unusable


class ServerSession:
    """Represents read access to the tables and functions of a server, from any thread and after a fork."""

    def __init__(self, address: Address, *, limits: SessionLimits) -> None:
        self.address = address
        self.limits = limits
        self.lag_days: int | None = None
        self._timeout_ms = str(round(limits.statement_timeout_s * 1000))
        self._path = ""
        self._pool = self._new_pool()
        self._of_process = os.getpid()
        self._abandoned: list[ConnectionPool[_Connection]] = []
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """Return the address without secrets."""
        return str(self.address)

    def frame(
        self,
        sql: str,
        params: dict[str, Any] | None = None,
        *,
        needs: object = None,
    ) -> pl.DataFrame:
        """Run a query, in which ``$name`` takes the value of that parameter, and return its rows.

        A lost connection is replaced once. ``needs`` matters only to sessions over files. Functions that
        another program added to the schema are not used.
        """
        del needs
        return self.sql(_POLYMORPHIC.sub(r"pg_catalog.\1", sql), params)

    def sql(self, text: str, params: dict[str, Any] | None = None) -> pl.DataFrame:
        """Run the SQL of a user; the server refuses all changes."""
        values = params or {}
        query = driver_query(text, values)
        try:
            return self._run(query, values)
        except UnicodeEncodeError:
            raise InvalidInput(
                "A parameter has a surrogate, which stands for a byte that is not text; remove it.",
                sql=text,
            ) from None
        except psycopg.Error as error:
            if not _is_lost(error):
                raise self._query_error(error, text) from None
        try:
            return self._run(query, values)
        except psycopg.Error as error:
            lost = _is_lost(error)
            raise (self._connection_error(error) if lost else self._query_error(error, text)) from None

    def sizes(self) -> pl.DataFrame:
        """Return one row per table of the lake with its rows and bytes, indexes and chunks included.

        Where TimescaleDB stores a table, the rows also have the state of its compression.
        """
        parts = " UNION ALL ".join(
            f"SELECT {place} AS place, {literal(name)}::text AS table, "
            f"pg_total_relation_size({literal(name)}) AS size_bytes, "
            f"(SELECT count(*) FROM {identifier(name)}) AS rows"
            for place, name in enumerate(TABLES)
        )
        sizes = self.frame(f'SELECT "table", rows, size_bytes FROM ({parts}) AS sizes ORDER BY place')
        return with_chunks(sizes, self.frame)

    def close(self) -> None:
        """Close all connections."""
        if self._of_process == os.getpid():
            self._pool.close()

    def _run(self, query: bytes, params: dict[str, Any]) -> pl.DataFrame:
        with self._connection() as con, cancellable(partial(_cancel, con)), con.cursor(binary=True) as cursor:
            with con.pipeline():  # one round trip: BEGIN, the settings, the query
                con.execute(_SETTINGS, {"path": self._path, "timeout_ms": self._timeout_ms})
                cursor.execute(query, params)
            # In slices: with all rows at once, the garbage collector scans each of them repeatedly.
            rows = iter(partial(cursor.fetchmany, _ROWS_AT_A_TIME), [])
            return to_polars(cursor.description, rows) if cursor.description else pl.DataFrame()

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        """Yield a connection in a transaction that is rolled back afterwards."""
        if self._of_process != os.getpid():  # after a fork the connections belong to the parent
            self._abandoned.append(self._pool)
            self._pool, self._of_process = self._new_pool(), os.getpid()
            self._pool.open()
        try:
            with self._pool.connection() as con:
                yield con
                con.rollback()
        except PoolTimeout:
            raise TargetFailed(
                f"{self.address}: no connection within {self.limits.pool_wait_s:g} s; the server cannot be "
                f"reached, or all {self.limits.max_connections} connections are busy. Raise "
                "FACTORLAB_POOL_OVERFLOW or FACTORLAB_POOL_WAIT_S.",
                target=str(self.address),
            ) from None
        except PoolClosed:
            raise InvalidInput(f"{self.address} was closed; open it again.") from None

    def _new_pool(self) -> ConnectionPool[_Connection]:
        return ConnectionPool(
            self.address.conninfo(),
            min_size=self.limits.pool_size,
            max_size=self.limits.max_connections,
            timeout=self.limits.pool_wait_s,
            kwargs={"prepare_threshold": None},  # each query gets its own plan
            configure=self._configure,
            check=ConnectionPool.check_connection,
            open=False,
        )

    def _configure(self, con: _Connection) -> None:
        adapt(con)
        con.read_only = True

    def _check(self) -> None:
        """Check that the server can be reached and has a lake, before the pool starts to retry."""
        try:
            with psycopg.connect(self.address.conninfo(), autocommit=True) as con:
                if installed(con) is None:
                    raise NotFound(
                        f"{self.address} has no tables and functions of a lake; sync one to it first, with "
                        "`factorlab-lake sync ADDRESS`.",
                        target=str(self.address),
                    )
                [(path,)] = con.execute(_PATH).fetchall()
                self._path = str(path)
                con.execute("SELECT set_config('search_path', %s, false)", [self._path])
                self.lag_days = install.lag_days(con)
        except psycopg.Error as error:
            raise self._connection_error(error) from None
        self._pool.open()

    def _connection_error(self, error: psycopg.Error) -> TargetFailed:
        message = self.address.redact(" ".join(str(error).split())) or type(error).__name__
        # The driver's text of a refused connection ends with a question mark.
        end = "" if message.endswith((".", "?", "!")) else "."
        return TargetFailed(
            f"{self.address} cannot be reached, or the connection was lost: {message}{end} Try again when "
            "the server is available.",
            target=str(self.address),
        )

    def _query_error(self, error: psycopg.Error, sql: str) -> LakeError:
        if isinstance(error, errors.QueryCanceled):
            return TargetFailed(
                f"{self.address} cancelled a query after {self.limits.statement_timeout_s:g} s; query fewer "
                "symbols or dates, or raise FACTORLAB_STATEMENT_TIMEOUT_S.",
                target=str(self.address),
            )
        if isinstance(error, errors.ReadOnlySqlTransaction):
            return InvalidInput(
                "Queries of a shared server only read; change the lake and sync it, or use your own client.",
                sql=sql,
            )
        message = error.diag.message_primary or str(error)
        if isinstance(error, errors.UndefinedTable | errors.UndefinedFunction):
            name = message.partition('"')[2].partition('"')[0] or message.split()[1].partition("(")[0]
            known = [*TABLES, "financial_statements", *FUNCTIONS]
            return InvalidInput(f"Postgres refuses the query: {message}.{nearest(name, known)}", sql=sql)
        return InvalidInput(f"Postgres refuses the query: {self.address.redact(message)}", sql=sql)


def driver_query(sql: str, params: Mapping[str, Any]) -> bytes:
    """Return a query with its ``$name`` parameters in the form of the driver.

    >>> driver_query("SELECT * FROM splits WHERE symbol = $s AND label <> '5% $s'", {"s": "AAPL"})
    b"SELECT * FROM splits WHERE symbol = %(s)s AND label <> '5%% $s'"
    """

    def replaced(token: re.Match[str]) -> str:
        name = token["parameter"]
        if name is None:
            return token[0].replace("%", "%%")
        if name not in params:
            raise InvalidInput(
                f"The query has a parameter ${name} without a value; pass {name}=….{nearest(name, params)}",
                sql=sql,
            )
        return f"%({name})s"

    return _TOKEN.sub(replaced, sql).encode()


def _cancel(con: psycopg.Connection[Any]) -> None:
    with suppress(psycopg.Error):  # the query has ended, or its time limit will end it
        con.cancel_safe(timeout=_CANCEL_TIMEOUT_S)


def _is_lost(error: psycopg.Error) -> bool:
    """Return whether the connection is lost: the server reported it, or it stopped answering."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(_LOST)
