"""Connect to an account, run statements, and turn the driver's errors into this package's own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import snowflake.connector as driver
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import Error

from factorlab_lake.errors import LakeError, LakeLocked, TargetFailed
from factorlab_lake.sync.snowflake.address import SnowflakeAddress

__all__ = ["LOCKED", "Connection", "Error", "connect", "failed", "translate_errors"]

LOCKED = 625
"""The number of the error that another transaction has held a lock for too long."""

_CONTINUE = "Batches that were sent stay; sync again to continue."
_NOT_CONNECTED = "Nothing was sent; check the account, the address and the password, then sync again."
_REFUSED = 3001  # insufficient privileges


@dataclass(slots=True)
class Connection:
    """Represents an open session of an account; every statement of a sync goes through :meth:`run`."""

    address: SnowflakeAddress
    raw: driver.SnowflakeConnection

    def run(self, sql: str, values: Sequence[Any] = ()) -> SnowflakeCursor:
        """Run one statement, in which each ``?`` takes the next value, and return its cursor."""
        cursor = self.raw.cursor()
        cursor.execute(sql, tuple(values) or None)
        return cursor

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query and return all rows."""
        return list(self.run(sql, values).fetchall())

    def scalar(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run a query and return the first value of its first row; None without one."""
        rows = self.rows(sql, values)
        return rows[0][0] if rows else None

    def close(self) -> None:
        """End the session."""
        with suppress(Error):
            self.raw.close()


def connect(
    address: SnowflakeAddress, *, lock_timeout_s: float = 60.0, statement_timeout_s: float | None = None
) -> Connection:
    """Log in to an account; raise :class:`~factorlab_lake.errors.TargetFailed` if that fails."""
    settings: dict[str, Any] = {
        "TIMEZONE": "UTC",
        "LOCK_TIMEOUT": max(1, round(lock_timeout_s)),
        "QUERY_TAG": f"factorlab-lake on {socket.gethostname()}, process {os.getpid()}",
        # A detached session would hold its locks until the account gives up on it.
        "ABORT_DETACHED_QUERY": True,
    }
    if statement_timeout_s is not None:
        settings["STATEMENT_TIMEOUT_IN_SECONDS"] = max(1, round(statement_timeout_s))
    try:
        raw = driver.connect(
            **{"login_timeout": 30, **address.arguments()},
            paramstyle="qmark",
            session_parameters=settings,
            client_session_keep_alive=False,
        )
    except Error as error:
        raise failed(address, error, _NOT_CONNECTED) from None
    return Connection(address, raw)


@contextmanager
def translate_errors(address: SnowflakeAddress) -> Iterator[None]:
    """Turn the driver's errors into :class:`~factorlab_lake.errors.TargetFailed`."""
    try:
        yield
    except Error as error:
        raise failed(address, error) from None


def failed(address: SnowflakeAddress, error: Error, advice: str = _CONTINUE) -> LakeError:
    """Return an error of the driver as one of this package, without secrets."""
    message = address.redact(" ".join((error.msg or str(error)).split())) or type(error).__name__
    end = "" if message.endswith((".", "?", "!")) else "."
    if error.errno == LOCKED:
        return LakeLocked(f"{address}: {message}{end} {WHO_LOCKS}", target=str(address))
    if error.errno == _REFUSED:
        advice = "An upgrade needs the owner of the tables: sync once with that role."
    return TargetFailed(f"{address}: {message}{end} {advice}", target=str(address))


WHO_LOCKS = (
    "SHOW LOCKS names the transaction; the account ends the one of a killed program after four hours, and "
    "SELECT SYSTEM$ABORT_TRANSACTION(id) at once."
)
