"""Making and upgrading a target: steps from one version of the schema to the next, then the functions.

Everything is done in one transaction that holds a lock, so a second program that comes at the same time waits
and then finds it done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from typing import TypeAlias

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema import TABLES, TYPES, TableSpec
from factorlab_lake.sync.postgres import ddl, server_functions
from factorlab_lake.sync.postgres.connection import Connection
from factorlab_lake.sync.postgres.sql_quoting import identifier, literal
from factorlab_lake.sync.protocol import ROW_HASH

__all__ = ["STEPS", "prepare", "script"]

Step: TypeAlias = Callable[[], list[str]]

_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (%s)
      AND a.attnum > 0 AND NOT a.attisdropped
"""
_SPELT_OUT = {"timestamptz": "timestamp with time zone"}


def _first_version() -> list[str]:
    edited = [text for name in TABLES for text in _watched(name)]
    return [*ddl.tables(), _file("ledger"), *edited, _file("timescale")]


# Step n brings version n-1 to n. A step is never changed once it was published; a new one is added.
STEPS: tuple[Step, ...] = (_first_version,)


def prepare(con: Connection, lake_id: str, *, target: str, steps: Sequence[Step] = STEPS) -> None:
    """Make or upgrade the tables of a target and its functions, for one lake alone.

    Raises :class:`~factorlab_lake.errors.InvalidInput` for a target of another lake, of a newer program, or
    with tables that are not as they should be.
    """
    with con.transaction():
        con.execute("SELECT pg_advisory_xact_lock(hashtextextended('factorlab:schema', 0))")
        found = _target(con)
        if found is not None and found[0] not in (None, lake_id):
            raise InvalidInput(
                f"{target} holds another lake ({found[0]}, this one is {lake_id}); a target belongs to one "
                "lake: sync to a database or schema of its own.",
                target=target,
            )
        _upgrade(con, found[1] if found else 0, target=target, steps=steps)
        con.execute("UPDATE factorlab_lake_target SET lake_id = %s WHERE lake_id IS NULL", [lake_id])
        _check_columns(con, target)
        server_functions.install(con)


def script() -> str:
    """Return everything that a sync makes on a server, and the roles, as a script that runs as it is."""
    tables = [text for step in STEPS for text in step()]
    parts = (*tables, _version(len(STEPS)), *server_functions.statements(), _file("roles"))
    return _joined(parts)


def _joined(statements: Iterable[str]) -> str:
    return "".join(f"{text.rstrip().rstrip(';')};\n\n" for text in statements)


def _version(number: int) -> str:
    return (
        f"INSERT INTO factorlab_lake_target (schema_version) VALUES ({number}) "
        "ON CONFLICT (only_row) DO UPDATE SET schema_version = excluded.schema_version"
    )


def _target(con: Connection) -> tuple[str | None, int] | None:
    if con.execute("SELECT to_regclass('factorlab_lake_target')").fetchone() == (None,):
        return None
    row = con.execute("SELECT lake_id, schema_version FROM factorlab_lake_target").fetchone()
    return None if row is None else (None if row[0] is None else str(row[0]), int(str(row[1])))


def _upgrade(con: Connection, version: int, *, target: str, steps: Sequence[Step]) -> None:
    if version > len(steps):
        raise InvalidInput(
            f"{target} has version {version} of the schema, made by a newer program; this one knows up to "
            f"{len(steps)}: upgrade factorlab-lake.",
            target=target,
        )
    for step in steps[version:]:
        con.execute(_joined(step()).encode())
    if version < len(steps):
        con.execute(_version(len(steps)).encode())


def _check_columns(con: Connection, target: str) -> None:
    """Refuse columns of other types than the lake's: rows are sent as bytes, and would be garbage there."""
    rows = con.execute(_COLUMNS, [list(TABLES)]).fetchall()
    found = {(str(table), str(column)): str(kind) for table, column, kind in rows}
    for spec in TABLES.values():
        for name, expected in _expected(spec).items():
            kind = found.get((spec.name, name))
            if kind != expected:
                remedy = (
                    "This version added it, or others dropped it: sync to a new database or schema."
                    if kind is None
                    else "Give it back its type, or sync to another database or schema."
                )
                raise InvalidInput(
                    f"Column {name} of {spec.name} at {target} is {kind or 'missing'}; expected {expected}. "
                    f"{remedy}",
                    target=target,
                )


def _expected(spec: TableSpec) -> dict[str, str]:
    kinds = {c.name: TYPES[c.kind].postgres for c in spec.columns} | {ROW_HASH: "bigint"}
    return {name: _SPELT_OUT.get(kind, kind) for name, kind in kinds.items()}


def _watched(table: str) -> list[str]:
    """Return the statements after which whatever others do to a table's rows shows."""
    name, digest = identifier(table), identifier(ROW_HASH)
    rows = f"FOR EACH ROW WHEN (NEW.{digest} IS NOT DISTINCT FROM OLD.{digest})"
    statements = "INSERT OR UPDATE OR DELETE OR TRUNCATE"  # each as a whole, which is the default
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
