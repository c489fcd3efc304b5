"""Create and upgrade a target: its tables, then its views and functions.

Snowflake commits each DDL statement by itself, so every statement here can run twice, and a second program
that starts at the same time does the same again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from factorlab_lake.errors import InvalidInput, SchemaMismatch
from factorlab_lake.functions.rule_placeholders import fill
from factorlab_lake.schema import TABLES
from factorlab_lake.storage.snapshots import program_version
from factorlab_lake.sync.protocol import FilledBatches
from factorlab_lake.sync.snowflake import ddl, object_changes, server_functions
from factorlab_lake.sync.snowflake.connection import LOCKED, Connection, Error
from factorlab_lake.sync.snowflake.locks import locked
from factorlab_lake.sync.snowflake.table_evolution import add_columns, create_tables, stored_columns

__all__ = ["SCHEMA_VERSION", "State", "install_functions", "prepare", "read_state", "script", "sql_file"]

SCHEMA_VERSION = 1
# Two programs that created the row at once made two: all of them are read and written together.
_STATE = """
SELECT MIN(lake_id), MAX(lake_id), MAX(schema_version), MAX(program_version), MAX(availability_lag_days),
       MIN(functions_digest), COUNT(*)
FROM factorlab_lake_target
"""
_OWN = (
    "INSERT INTO factorlab_lake_target (lake_id, schema_version, program_version, availability_lag_days, "
    "functions_digest) SELECT ?, ?, ?, CAST(? AS INTEGER), ?"
)
_NAME = "factorlab_lake_target"
_BETWEEN_TRIES_S = 0.2
_PLACE = {"database": "lake", "schema": "public"}  # of the printed script, where they are replaced by hand


@dataclass(frozen=True, slots=True)
class State:
    """Describe what a target records of itself; ``lake_id`` is empty before the first sync."""

    lake_id: str = ""
    schema_version: int = 0
    program_version: str = ""
    lag_days: int | None = None
    functions: str = ""


def read_state(con: Connection) -> State:
    """Return what a target records of itself; raise for one that two lakes were synced to at once."""
    [(lake, other, version, program, lag, functions, count)] = con.rows(_STATE)
    if lake != other:
        target = str(con.address)
        raise InvalidInput(
            f"{target} has two lakes ({lake} and {other}): both were synced to the empty schema at once. "
            "Drop the schema, then sync one of them.",
            target=target,
        )
    if not count:
        return State()
    return State(
        str(lake or ""),
        int(version),
        str(program or ""),
        None if lag is None else int(lag),
        str(functions or ""),
    )


def prepare(
    con: Connection,
    lake_id: str,
    filled: FilledBatches,
    *,
    lag_days: int | None = None,
    timeout_s: float = 60.0,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Create or upgrade the tables, views and functions of a target, for one lake alone.

    ``filled`` finds the batches that have values in a column that is added. ``lag_days`` is the availability
    rule of the lake; None stands for ``close``. Returns the functions that the server refused. Raises
    :class:`~factorlab_lake.errors.InvalidInput` for a target of another lake, and
    :class:`~factorlab_lake.errors.SchemaMismatch` for a newer schema or incompatible tables.
    """
    end = time.monotonic() + timeout_s
    while True:
        try:
            return _prepared(con, lake_id, filled, lag_days=lag_days, timeout_s=timeout_s)
        except Error as error:  # another program creates or changes the same object at this moment
            if error.errno != LOCKED or time.monotonic() > end:
                raise
        sleep(_BETWEEN_TRIES_S)


def _prepared(
    con: Connection, lake_id: str, filled: FilledBatches, *, lag_days: int | None, timeout_s: float
) -> list[str]:
    """Create or upgrade everything once; a second call does what is left."""
    if con.scalar("SELECT CURRENT_SCHEMA()") is None:
        con.run(f"CREATE SCHEMA IF NOT EXISTS {con.address.schema}")
        con.run(f"USE SCHEMA {con.address.schema}")
    columns = stored_columns(con)
    is_new = not {_NAME, object_changes.RECORD} <= columns.keys()
    if is_new:
        for statement in statements(sql_file("ledger")):
            con.run(statement)
    with locked(con, _NAME, timeout_s=timeout_s):  # of two lakes that come at once, the second sees the first
        state = read_state(con)
        _check(state, lake_id, target=str(con.address))
        _write(con, State(lake_id, SCHEMA_VERSION, program_version(), lag_days, state.functions), state)
    created = create_tables(con, columns)
    added = add_columns(con, columns, filled, target=str(con.address), written_by=state.program_version)
    installed, *refused = state.functions.split() or [""]
    if installed == server_functions.digest() and not (is_new or created or added):
        return refused
    return install_functions(con, timeout_s=timeout_s)


def install_functions(con: Connection, *, timeout_s: float = 60.0) -> list[str]:
    """Create or replace the views and functions and record them; return those that the server refused."""
    refused = server_functions.install(con)
    installed = object_changes.definitions(con)
    with locked(con, _NAME, timeout_s=timeout_s):
        object_changes.record(con, installed)
        digest = " ".join([server_functions.digest(), *refused])
        con.run(f"UPDATE {_NAME} SET functions_digest = ?", [digest])
    return refused


def _write(con: Connection, now: State, before: State) -> None:
    if now != before:
        con.run(f"DELETE FROM {_NAME}")
        con.run(_OWN, [now.lake_id, now.schema_version, now.program_version, now.lag_days, now.functions])


def script() -> str:
    """Return a script that creates everything that a sync creates in a schema, and the roles.

    It ends with what reads the lake's files in a bucket instead, without a sync.
    """
    parts = [f"USE SCHEMA {_PLACE['database']}.{_PLACE['schema']}", *statements(sql_file("ledger"))]
    parts += [*ddl.tables(), *server_functions.statements()]
    made = "".join(f"{part.rstrip().rstrip(';')};\n\n" for part in parts)
    return f"{made}{roles()}\n{delta_direct()}"


def roles() -> str:
    """Return the statements that create the roles of readers and writers, with their grants."""
    return fill(sql_file("roles"), lambda: _PLACE)


def delta_direct() -> str:
    """Return the script with which an account reads the lake's files in a bucket, without a copy."""
    tables = (
        f"CREATE ICEBERG TABLE IF NOT EXISTS {_PLACE['database']}.lake_files.{name}\n"
        "  EXTERNAL_VOLUME = 'factorlab_lake_volume' CATALOG = 'factorlab_lake_delta'\n"
        f"  BASE_LOCATION = '{name}/' AUTO_REFRESH = TRUE;"
        for name in TABLES
    )
    return fill(sql_file("delta_direct"), lambda: {**_PLACE, "tables": "\n".join(tables)})


def statements(text: str) -> list[str]:
    r"""Return the statements of a file that has no semicolon within one, without comments.

    >>> statements("-- a head\nSELECT 1;\nSELECT 2;")
    ['SELECT 1', 'SELECT 2']
    """
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [part.strip() for part in code.split(";") if part.strip()]


@cache
def sql_file(name: str) -> str:
    """Return the text of a file of this target."""
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def _check(state: State, lake_id: str, *, target: str) -> None:
    if state.lake_id not in ("", lake_id):
        raise InvalidInput(
            f"{target} has another lake ({state.lake_id}; this lake is {lake_id}). A target belongs to one "
            "lake: sync to another schema.",
            target=target,
        )
    if state.schema_version > SCHEMA_VERSION:
        raise SchemaMismatch(
            f"{target} has version {state.schema_version} of the server schema; this program supports up to "
            f"{SCHEMA_VERSION}. factorlab-lake {state.program_version} wrote it: upgrade factorlab-lake, "
            "then sync again.",
            target=target,
            written_by=state.program_version,
        )
