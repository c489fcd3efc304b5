"""Connections to a server, and its drivers' errors as this package's own, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from adbc_driver_manager import Error as BulkError
from adbc_driver_postgresql import dbapi

from factorlab_lake.errors import InvalidInput, LakeError, TargetFailed
from factorlab_lake.sync.postgres.address import Address

__all__ = ["Connection", "connect", "connect_bulk", "explained"]

Connection = psycopg.Connection[tuple[object, ...]]
_OLDEST = 140_000  # PostgreSQL 14, the oldest that is still maintained
_WANTS_PASSWORD = "no password supplied"  # noqa: S105 - the words of the driver, not a password


def connect(address: Address, ask: Callable[[], str] | None = None) -> tuple[Connection, Address]:
    """Open a connection on which each statement is a transaction of its own unless told otherwise.

    ``ask`` is called for the password when the server wants one and none is known; the address returned has
    it. Raises :class:`~factorlab_lake.errors.TargetFailed` and :class:`~factorlab_lake.errors.InvalidInput`.
    """
    try:
        con = psycopg.connect(address.conninfo(), autocommit=True)
    except psycopg.OperationalError as fault:
        if ask is None or _WANTS_PASSWORD not in str(fault):
            raise _failed(address, fault) from None
        known = {**address.parameters, "password": ask()}
        return connect(Address(known, address.secrets | {known["password"]}))
    if con.info.server_version < _OLDEST:
        found = con.info.parameter_status("server_version")
        con.close()
        raise InvalidInput(f"{address} is PostgreSQL {found}; 14 or newer is needed.", target=str(address))
    return con, address


def connect_bulk(address: Address) -> dbapi.Connection:
    """Open a connection that sends and fetches many rows at once; its transactions are ended by hand."""
    with explained(address):
        return dbapi.connect(address.conninfo(), autocommit=False)


@contextmanager
def explained(address: Address) -> Iterator[None]:
    """Turn the drivers' errors into :class:`~factorlab_lake.errors.TargetFailed`."""
    try:
        yield
    except (psycopg.Error, BulkError) as fault:
        raise _failed(address, fault) from None


def _failed(address: Address, fault: Exception) -> LakeError:
    said = address.redact(" ".join(str(fault).partition("Query was:")[0].split()))
    return TargetFailed(
        f"{address}: {said or type(fault).__name__}. What was sent before stays; sync again to go on.",
        target=str(address),
    )
