"""Serve an emulator of Snowflake on loopback, in an environment of its own, until its input ends.

Usage: python snowflake_emulator.py PORT. Prints a line when it serves. In four things it is more like an
account than the emulator as it comes:

- A NULL time is sent as NULL, and not as 1970.
- An update of a row that another transaction has updated is the error of a lock, not a failure of the server.
- A MERGE can be part of a transaction.
- ``/abort`` ends all transactions, as an account ends those of a program that is gone.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import duckdb
import pyarrow as pa
from fakesnow import arrow, info_schema
from fakesnow import server as serve
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.server import app, sessions
from snowflake.connector.errors import ProgrammingError
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

_to_struct = arrow.timestamp_to_sf_struct
_execute = FakeSnowflakeCursor.execute
_LOCKED = 625


def _with_nulls(times: Any) -> Any:
    """Return the driver's form of times, in which NULL stays NULL."""
    made = _to_struct(times)
    mask = pa.array(times.is_null().to_pylist(), type=pa.bool_())
    return pa.StructArray.from_arrays(made.flatten(), fields=list(made.type), mask=mask)


def _with_locks(self: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return _execute(self, *args, **kwargs)
    except duckdb.TransactionException as conflict:
        raise ProgrammingError(msg=str(conflict), errno=_LOCKED, sqlstate="57014") from None


async def _abort(_: Request) -> PlainTextResponse:
    for session in list(sessions.values()):
        with suppress(duckdb.Error):  # there was no transaction
            session._duck_conn.rollback()
    return PlainTextResponse("done")


arrow.timestamp_to_sf_struct = _with_nulls
FakeSnowflakeCursor.execute = _with_locks
# A MERGE would write the comment of a table to another database, which one transaction cannot.
info_schema.insert_table_comment_sql = lambda *_: "SELECT 1"
app.router.routes.append(Route("/abort", _abort, methods=["POST"]))

with serve(port=int(sys.argv[1])):
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # its log has no reader, and a full pipe would stop it
    sys.stdin.read()
