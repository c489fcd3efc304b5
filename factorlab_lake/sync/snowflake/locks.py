"""Take the lock of a table: a row that a transaction updates before it writes there.

Snowflake has no other lock that a program can take. Its own locks are of whole tables, so two syncs of one
schema alternate batch by batch.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from factorlab_lake.errors import LakeLocked
from factorlab_lake.sync.snowflake.connection import LOCKED, WHO_LOCKS, Connection, Error

__all__ = ["locked"]

_LOCK = "UPDATE factorlab_lake_locks SET holder = ?, taken_at = CURRENT_TIMESTAMP() WHERE table_name = ?"
_ROW = "INSERT INTO factorlab_lake_locks (table_name) SELECT ?"
_BETWEEN_TRIES_S = 0.2


@contextmanager
def locked(
    con: Connection, name: str, *, timeout_s: float, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Open a transaction that holds a table's lock; leaving the block commits it, an exception rolls it back.

    Raises :class:`LakeLocked` after ``timeout_s``.
    """
    end = time.monotonic() + timeout_s
    while not _begun(con, name):
        if time.monotonic() > end:
            raise LakeLocked(
                f"Another program has been syncing to {con.address} for more than {timeout_s:g} s. "
                f"Wait for it to end and sync again. {WHO_LOCKS}",
                target=str(con.address),
            )
        sleep(_BETWEEN_TRIES_S)
    try:
        yield
        con.run("COMMIT")
    except BaseException:
        _roll_back(con)
        raise


def _begun(con: Connection, name: str) -> bool:
    """Begin a transaction and take a lock; return False, without a transaction, if another has it.

    A table without a row of its own would have no lock, so that row is committed first.
    """
    con.run("BEGIN")
    try:
        if not con.run(_LOCK, [f"{socket.gethostname()}, process {os.getpid()}", name]).rowcount:
            con.run(_ROW, [name])
            con.run("COMMIT")
            return False
    except BaseException as error:
        _roll_back(con)
        if isinstance(error, Error) and error.errno == LOCKED:
            return False
        raise
    return True


def _roll_back(con: Connection) -> None:
    with suppress(Error):  # on a lost connection, the server rolls back
        con.run("ROLLBACK")
