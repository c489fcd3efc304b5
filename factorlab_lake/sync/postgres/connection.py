"""Connect to a server, and turn the drivers' errors into this package's own, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from adbc_driver_manager import Error as BulkError
from adbc_driver_postgresql import dbapi

from factorlab_lake.errors import InvalidInput, LakeError, LakeLocked, TargetFailed
from factorlab_lake.sync.postgres.address import Address

__all__ = ["Connection", "check_primary", "connect", "connect_bulk", "translate_errors"]

Connection = psycopg.Connection[tuple[object, ...]]
_OLDEST = 140_000  # PostgreSQL 14, the oldest version that is still maintained
_LOCK_NOT_AVAILABLE = "55P03"
_CONTINUE = "Batches that were sent stay; sync again to continue."
_NOT_CONNECTED = "Nothing was sent; check the server, the address and the password, then sync again."
_WANTS_PASSWORD = "no password supplied"  # noqa: S105 - a message of the driver, not a password


def connect(address: Address, ask: Callable[[], str] | None = None) -> tuple[Connection, Address]:
    """Open a connection in autocommit mode.

    ``ask`` is called for the password if the server requires one and none is known. The returned address
    includes it. Raises :class:`~factorlab_lake.errors.TargetFailed` and
    :class:`~factorlab_lake.errors.InvalidInput`.
    """
    try:
        con = psycopg.connect(address.conninfo(), autocommit=True)
    except psycopg.OperationalError as error:
        if ask is None or _WANTS_PASSWORD not in str(error):
            raise _failed(address, error, _NOT_CONNECTED) from None
        known = {**address.parameters, "password": ask()}
        return connect(Address(known, address.secrets | {known["password"]}))
    if con.info.server_version < _OLDEST:
        version = con.info.parameter_status("server_version")
        con.close()
        raise InvalidInput(
            f"{address} is PostgreSQL {version}; version 14 or newer is required.", target=str(address)
        )
    return con, address


def connect_bulk(address: Address) -> dbapi.Connection:
    """Open a connection that transfers many rows; the caller begins and ends its transactions.

    The driver's own transactions begin twice, and the server logs a warning each time.
    """
    with translate_errors(address):
        return dbapi.connect(address.conninfo(), autocommit=True)


def check_primary(con: Connection, address: Address) -> None:
    """Refuse a standby, which only reads: it receives its rows from its primary server."""
    if con.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
        raise InvalidInput(
            f"{address} is a standby server, which only reads. Sync to its primary server: the rows "
            "arrive here by replication.",
            target=str(address),
        )


@contextmanager
def translate_errors(address: Address) -> Iterator[None]:
    """Turn the drivers' errors into :class:`~factorlab_lake.errors.TargetFailed`."""
    try:
        yield
    except (psycopg.Error, BulkError) as error:
        raise _failed(address, error) from None


def _failed(address: Address, error: psycopg.Error | BulkError, advice: str = _CONTINUE) -> LakeError:
    message = address.redact(" ".join(str(error).partition("Query was:")[0].split()))
    message = message or type(error).__name__
    # The driver's text of a refused connection ends with a question mark.
    end = "" if message.endswith((".", "?", "!")) else "."
    if error.sqlstate == _LOCK_NOT_AVAILABLE:
        return LakeLocked(
            f"{address}: {message}{end} Another program has locked a table of the lake too long; pg_locks "
            "and pg_stat_activity show which. Wait for it, or end its session, then sync again.",
            target=str(address),
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        advice = "An upgrade needs the owner of the tables: sync once as that user."
    return TargetFailed(f"{address}: {message}{end} {advice}", target=str(address))
