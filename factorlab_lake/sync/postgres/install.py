"""Create and upgrade a target: steps from one version of the schema to the next, then the functions.

Everything happens in one transaction that holds a lock. A second program that starts at the same time waits,
and then has nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import TypeAlias

from psycopg import errors

from factorlab_lake.errors import InvalidInput, SchemaMismatch
from factorlab_lake.schema import TABLES, identifier, identifiers, literal
from factorlab_lake.storage.snapshots import program_version
from factorlab_lake.sync.postgres import ddl, server_functions
from factorlab_lake.sync.postgres.connection import Connection
from factorlab_lake.sync.postgres.object_changes import Change, is_recorded, record
from factorlab_lake.sync.postgres.table_evolution import add_columns, check_keys
from factorlab_lake.sync.protocol import ROW_HASH, UNTRUSTED, FilledBatches

__all__ = ["STEPS", "lag_days", "prepare", "repair", "roles", "script"]

Step: TypeAlias = Callable[[], list[str]]


# Read through JSON: servers of program version 0.1.0 do not have the column.
_STATE = """
SELECT lake_id, schema_version, pg_catalog.to_jsonb(t) ->> 'program_version' FROM factorlab_lake_target AS t
"""
_OWNED = """
UPDATE factorlab_lake_target
SET lake_id = %(lake)s, program_version = %(version)s, availability_lag_days = %(lag_days)s
WHERE (lake_id, program_version, availability_lag_days)
      IS DISTINCT FROM (%(lake)s::text, %(version)s::text, %(lag_days)s::integer)
"""
# Read through JSON: servers of earlier versions do not have the column, and their rows have the rule close.
_LAG_DAYS = (
    "SELECT (pg_catalog.to_jsonb(t) ->> 'availability_lag_days')::integer FROM factorlab_lake_target AS t"
)

_OWNS = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'factorlab_lake_installed'::regclass"
# While a trigger was missing, changes of other programs left the stored hashes as they were.
_DISTRUST = """
WITH distrusted AS (UPDATE factorlab_lake_ledger SET row_count = %(untrusted)s WHERE table_name = %(table)s)
UPDATE factorlab_lake_written SET verified = -1 WHERE table_name = %(table)s
"""


def _first_version() -> list[str]:
    triggers = [text for name in TABLES for text in _triggers(name)]
    return [*ddl.tables(), _file("ledger"), _file("triggers"), *triggers, _file("timescale")]


def _second_version() -> list[str]:
    return ["ALTER TABLE factorlab_lake_target ADD COLUMN IF NOT EXISTS program_version text"]


def _third_version() -> list[str]:
    return [_file("triggers")]  # before, a trigger's function ran with its owner's rights


def _fourth_version() -> list[str]:
    return ["ALTER TABLE factorlab_lake_target ADD COLUMN IF NOT EXISTS availability_lag_days integer"]


def _fifth_version() -> list[str]:
    return ["ALTER TABLE factorlab_lake_ledger ADD COLUMN IF NOT EXISTS snapshot_digest text"]


def _sixth_version() -> list[str]:
    return [_file("installed")]


def _seventh_version() -> list[str]:
    return [text for spec in TABLES.values() for text in ddl.other_names(spec)]


@dataclass(frozen=True, slots=True)
class _State:
    lake_id: str | None = None
    schema_version: int = 0
    program_version: str = ""


# Step n upgrades version n-1 to n. No target runs a step twice, so a later change is a new step.
STEPS: tuple[Step, ...] = (
    _first_version,
    _second_version,
    _third_version,
    _fourth_version,
    _fifth_version,
    _sixth_version,
    _seventh_version,
)


def prepare(
    con: Connection,
    lake_id: str,
    filled: FilledBatches,
    *,
    target: str,
    lag_days: int | None = None,
    steps: Sequence[Step] = STEPS,
) -> None:
    """Create or upgrade the tables and functions of a target, for one lake alone.

    ``filled`` finds the batches that have values in a column that is added. ``lag_days`` is the availability
    rule of the lake; None stands for ``close``. Raises
    :class:`~factorlab_lake.errors.InvalidInput` for a target of another lake, and
    :class:`~factorlab_lake.errors.SchemaMismatch` for a newer schema or incompatible tables.
    """
    with con.transaction():
        _lock(con)
        state = _state(con)
        if state.lake_id not in (None, lake_id):
            raise InvalidInput(
                f"{target} has another lake ({state.lake_id}; this lake is {lake_id}). A target belongs to "
                "one lake: sync to another database or schema.",
                target=target,
            )
        _upgrade(con, state, target=target, steps=steps)
        created = _create_new_tables(con)
        con.execute(_OWNED, {"lake": lake_id, "version": program_version(), "lag_days": lag_days})
        check_keys(con, target=target, written_by=state.program_version)
        added = add_columns(con, filled, target=target, written_by=state.program_version)
        _install(con, force=added or created or (not is_recorded(con) and _is_owner(con)))


def repair(con: Connection, changes: Iterable[Change]) -> None:
    """Install what somebody replaced or removed of the lake's own objects; only their owner can.

    A table that was without its triggers is compared by its values in the next sync.
    """
    if not _is_owner(con):
        return
    with con.transaction():
        _lock(con)
        repairs = {change.repair for change in changes}
        if "functions" in repairs:
            _install(con, force=True)
        for change in changes:
            if change.repair == "statement":
                con.execute(change.remedy.encode())
        for name in repairs & TABLES.keys():
            for text in _triggers(name):
                con.execute(text.encode())
            con.execute(_DISTRUST, {"table": name, "untrusted": UNTRUSTED})


def _install(con: Connection, *, force: bool) -> None:
    """Install the functions and views, and record them; nothing happens if they are current."""
    if server_functions.install(con, force=force):
        con.execute(_file("triggers").encode())
        con.execute(record().encode())


def _is_owner(con: Connection) -> bool:
    return con.execute(_OWNS).fetchone() == (True,)


def _lock(con: Connection) -> None:
    """Wait for the upgrade of another program, and block others until the transaction ends.

    It is no advisory lock, which every user can take. A reader has no right to this one.
    """
    if con.execute("SELECT to_regclass('factorlab_lake_target')").fetchone() == (None,):
        # If another program is creating the table, the server waits for its end and then refuses.
        with suppress(errors.UniqueViolation, errors.DuplicateTable), con.transaction():
            con.execute(_file("ledger").encode())
    con.execute("LOCK TABLE factorlab_lake_target IN SHARE ROW EXCLUSIVE MODE")


def lag_days(con: Connection) -> int | None:
    """Return the availability rule by which a target was synced: a lag, or None for ``close``."""
    row = con.execute(_LAG_DAYS).fetchone()
    return None if row is None or row[0] is None else int(str(row[0]))


def roles() -> str:
    """Return the statements that create the roles of readers and writers, with their grants."""
    return _file("roles")


def script() -> str:
    """Return a script that creates everything that a sync creates on a server, and the roles."""
    tables = [text for step in STEPS for text in step()]
    parts = (*tables, _version(len(STEPS)), *server_functions.statements(), record(), roles())
    return _joined(dict.fromkeys(parts))  # two steps may have one text


def _joined(statements: Iterable[str]) -> str:
    return "".join(f"{text.rstrip().rstrip(';')};\n\n" for text in statements)


def _version(number: int) -> str:
    return (
        "INSERT INTO factorlab_lake_target (schema_version, program_version) "
        f"VALUES ({number}, {literal(program_version())}) ON CONFLICT (only_row) DO UPDATE "
        "SET schema_version = excluded.schema_version, program_version = excluded.program_version"
    )


def _state(con: Connection) -> _State:
    if con.execute("SELECT to_regclass('factorlab_lake_target')").fetchone() == (None,):
        return _State()
    row = con.execute(_STATE).fetchone()
    if row is None:
        return _State()
    lake_id, version, program = row
    return _State(
        None if lake_id is None else str(lake_id),
        int(str(version)),
        "0.1.0" if program is None else str(program),
    )


def _upgrade(con: Connection, state: _State, *, target: str, steps: Sequence[Step]) -> None:
    version = state.schema_version
    if version > len(steps):
        raise SchemaMismatch(
            f"{target} has version {version} of the server schema; this program supports up to {len(steps)}. "
            f"factorlab-lake {state.program_version} wrote it: upgrade factorlab-lake, then sync again.",
            target=target,
            written_by=state.program_version,
        )
    for step in steps[version:]:
        con.execute(_joined(step()).encode())
    if version < len(steps):
        con.execute(_version(len(steps)).encode())


def _create_new_tables(con: Connection) -> bool:
    """Create the tables that a later program version added, and return whether there were any.

    A table that a sync created and that is gone is no new one: its columns are reported as missing.
    """
    known = {name for (name,) in con.execute("SELECT table_name FROM factorlab_lake_written").fetchall()}
    new = [spec for spec in TABLES.values() if spec.name not in known]
    for spec in new:
        made = (*ddl.create_table(spec), *ddl.indexes(spec), *ddl.other_names(spec))
        for text in (*made, *_triggers(spec.name)):
            con.execute(text.encode())
    if new:
        names = identifiers(spec.name for spec in new)
        con.execute(_file("new_table_rights").replace("{{new_tables}}", names).encode())
    return bool(new)


def _triggers(table: str) -> list[str]:
    """Return the statements that create the triggers which detect changes by other programs."""
    name, row_hash = identifier(table), identifier(ROW_HASH)
    rows = f"FOR EACH ROW WHEN (NEW.{row_hash} IS NOT DISTINCT FROM OLD.{row_hash})"
    statements = "INSERT OR UPDATE OR DELETE OR TRUNCATE"  # once per statement, which is the default
    return [
        f"INSERT INTO factorlab_lake_written (table_name) VALUES ({literal(table)}) ON CONFLICT DO NOTHING",
        f"DROP TRIGGER IF EXISTS factorlab_lake_edited ON {name}",
        f"CREATE TRIGGER factorlab_lake_edited BEFORE UPDATE ON {name} {rows} {_run('edited')}",
        f"DROP TRIGGER IF EXISTS factorlab_lake_wrote ON {name}",
        f"CREATE TRIGGER factorlab_lake_wrote AFTER {statements} ON {name} {_run('wrote')}",
    ]


def _run(function: str) -> str:
    return f"EXECUTE FUNCTION factorlab_lake_{function}()"


def _file(name: str) -> str:
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
