"""Questions to a shared server: a pool of connections that can only read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import polars as pl
import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from factorlab_lake.errors import InvalidInput, LakeError, NotFound, TargetFailed, nearest
from factorlab_lake.schema import TABLES
from factorlab_lake.sync.postgres import stopping
from factorlab_lake.sync.postgres.address import Address
from factorlab_lake.sync.postgres.availability_sql import LAG_SETTING
from factorlab_lake.sync.postgres.parameters import driver_query
from factorlab_lake.sync.postgres.server_frames import adapt, to_polars
from factorlab_lake.sync.postgres.server_functions import FUNCTIONS, installed
from factorlab_lake.sync.postgres.sql_quoting import identifier, literal
from factorlab_lake.sync.protocol import SessionLimits

__all__ = ["ServerSession"]

_Connection = psycopg.Connection[tuple[object, ...]]
_ROWS_AT_A_TIME = 4096
_LOST = ("08", "57P")  # the classes of errors after which a connection is of no more use


class ServerSession:
    """Answers SQL over the tables and functions of a server, from any thread, and after a fork too."""

    def __init__(self, address: Address, *, limits: SessionLimits, lag_days: int | None = None) -> None:
        self.address = address
        self.limits = limits
        self._lag_days = lag_days
        self._pool = self._made()
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
        user_sql: bool = False,
    ) -> pl.DataFrame:
        """Run a query, in which ``$name`` takes the value of that parameter, and return its rows.

        A connection that was lost is replaced once. ``needs`` and ``user_sql`` are for sessions over files.
        """
        del needs, user_sql
        given = params or {}
        query = driver_query(sql, given)
        try:
            return self._ask(query, given)
        except psycopg.Error as fault:
            if not _lost(fault):
                raise self._refused(fault, sql) from None
        try:
            return self._ask(query, given)
        except psycopg.Error as fault:
            raise (self._failed(fault) if _lost(fault) else self._refused(fault, sql)) from None

    def sizes(self) -> pl.DataFrame:
        """Return one row per table of the lake with its rows and its bytes, indexes included."""
        parts = " UNION ALL ".join(
            f"SELECT {place} AS place, {literal(name)}::text AS table, "
            f"pg_total_relation_size({literal(name)}) AS size_bytes, "
            f"(SELECT count(*) FROM {identifier(name)}) AS rows"
            for place, name in enumerate(TABLES)
        )
        return self.frame(f'SELECT "table", rows, size_bytes FROM ({parts}) AS sizes ORDER BY place')

    def stoppable(self) -> Callable[[], None]:
        """Return what ends, from any thread, the questions asked in this context from now on."""
        return stopping.begin(str(self.address))

    def close(self) -> None:
        """Give all connections back to the server."""
        if self._of_process == os.getpid():
            self._pool.close()

    def _ask(self, query: bytes, params: dict[str, Any]) -> pl.DataFrame:
        with self._connection() as con, stopping.asked(con), con.cursor(binary=True) as cursor:
            cursor.execute(query, params)
            # Some at a time: of all at once, Python's collector of garbage looks at each again and again.
            rows = iter(partial(cursor.fetchmany, _ROWS_AT_A_TIME), [])
            return to_polars(cursor.description, rows) if cursor.description else pl.DataFrame()

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        """Give a connection in a transaction that is undone afterwards: there is nothing to keep in it."""
        if self._of_process != os.getpid():  # a fork: the connections are the parent's
            self._abandoned.append(self._pool)
            self._pool, self._of_process = self._made(), os.getpid()
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

    def _made(self) -> ConnectionPool[_Connection]:
        return ConnectionPool(
            self.address.conninfo(),
            min_size=self.limits.pool_size,
            max_size=self.limits.max_connections,
            timeout=self.limits.pool_wait_s,
            kwargs={"prepare_threshold": None},  # each question has a plan of its own
            configure=self._configure,
            check=ConnectionPool.check_connection,
            open=False,
        )

    def _configure(self, con: _Connection) -> None:
        timeout_ms = round(self.limits.statement_timeout_s * 1000)
        lag = "" if self._lag_days is None else str(self._lag_days)
        settings = {"TimeZone": "UTC", "statement_timeout": str(timeout_ms), LAG_SETTING: lag}
        for name, value in settings.items():
            con.execute("SELECT set_config(%s, %s, false)", [name, value])
        adapt(con)
        con.commit()
        con.read_only = True

    def _check(self) -> None:
        """See that the server is there and has been synced to, before a pool goes on trying in vain."""
        try:
            with psycopg.connect(self.address.conninfo(), autocommit=True) as con:
                if installed(con) is None:
                    raise NotFound(
                        f"{self.address} has no tables and functions of a lake; sync one to it first: "
                        "factorlab-lake sync ADDRESS.",
                        target=str(self.address),
                    )
        except psycopg.Error as fault:
            raise self._failed(fault) from None
        self._pool.open()

    def _failed(self, fault: psycopg.Error) -> TargetFailed:
        said = self.address.redact(" ".join(str(fault).split())) or type(fault).__name__
        return TargetFailed(
            f"{self.address} cannot be reached or was lost: {said}. Try again when the server is there.",
            target=str(self.address),
        )

    def _refused(self, fault: psycopg.Error, sql: str) -> LakeError:
        if isinstance(fault, errors.QueryCanceled):
            return TargetFailed(
                f"{self.address} ended a question after {self.limits.statement_timeout_s:g} s; ask for fewer "
                "symbols or dates, or raise FACTORLAB_STATEMENT_TIMEOUT_S.",
                target=str(self.address),
            )
        if isinstance(fault, errors.ReadOnlySqlTransaction):
            return InvalidInput(
                "A question only reads; change the lake and sync it, or use a client of your own.", sql=sql
            )
        said = fault.diag.message_primary or str(fault)
        if isinstance(fault, errors.UndefinedTable | errors.UndefinedFunction):
            name = said.partition('"')[2].partition('"')[0] or said.split()[1].partition("(")[0]
            known = [*TABLES, "financial_statements", *FUNCTIONS]
            return InvalidInput(f"Postgres refuses the query: {said}.{nearest(name, known)}", sql=sql)
        return InvalidInput(f"Postgres refuses the query: {self.address.redact(said)}", sql=sql)


def _lost(fault: psycopg.Error) -> bool:
    """Say whether the connection is gone: the server said so, or it said nothing any more."""
    if fault.sqlstate is None:
        return isinstance(fault, psycopg.OperationalError)
    return fault.sqlstate.startswith(_LOST)
