"""The key of a table is built after its first load, of all rows at once: in place, it is half of the work.

A table without its key is one whose first load did not end: the next sync goes on and builds it at its end,
or before the first rows that are to take the place of others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from adbc_driver_manager import Error as BulkError

from factorlab_lake.errors import TargetFailed
from factorlab_lake.schema import TableSpec
from factorlab_lake.sync.postgres.connection import Connection
from factorlab_lake.sync.postgres.ddl import key_columns
from factorlab_lake.sync.postgres.rows import scalar
from factorlab_lake.sync.postgres.sql_quoting import identifier

if TYPE_CHECKING:
    from adbc_driver_postgresql.dbapi import Cursor

__all__ = ["build_key", "drop_key", "droppable", "keyless"]

_HERE = "relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname = ANY (%(names)s)"
_KEYLESS = f"""
SELECT relname::text FROM pg_class c
WHERE {_HERE} AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')
"""
# Of another owner's table the key stays, and where something is built on it. A hypertable's is many indexes.
_DROPPABLE = f"""
SELECT relname::text FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
WHERE {_HERE} AND pg_has_role(c.relowner, 'USAGE')
  AND k.conname = c.relname || '_pkey'
  AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refobjid IN (k.oid, k.conindid) AND d.deptype = 'n')
"""
_HAS_KEY = "SELECT EXISTS (SELECT FROM pg_constraint WHERE contype = 'p' AND conrelid = to_regclass($1))"
_DUPLICATED = "could not create unique index"


def keyless(con: Connection, specs: Iterable[TableSpec]) -> list[TableSpec]:
    """Return those of the tables that have no key."""
    return _found(con, _KEYLESS, specs)


def droppable(con: Connection, specs: Iterable[TableSpec]) -> list[TableSpec]:
    """Return those of the tables that have a key which can be built later."""
    return _found(con, _DROPPABLE, specs)


def drop_key(cursor: Cursor, spec: TableSpec) -> None:
    """Take the key from a table."""
    cursor.execute(f"ALTER TABLE {identifier(spec.name)} DROP CONSTRAINT {_key(spec)}")


def build_key(cursor: Cursor, spec: TableSpec, *, target: str) -> None:
    """Give a table its key back, unless it is there; whoever reads the table can go on meanwhile."""
    name = identifier(spec.name)
    # Asked in this transaction: it may have built the key itself.
    if scalar(cursor, _HAS_KEY, name):
        return
    cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
    try:
        cursor.execute(f"CREATE UNIQUE INDEX {_key(spec)} ON {name} {key_columns(spec)}")
    except BulkError as fault:
        if _DUPLICATED not in str(fault):
            raise
        raise TargetFailed(
            f"{target}: somebody else wrote rows to {spec.name} while it was first loaded, and some keys are "
            f"there twice. TRUNCATE {spec.name} there, then sync with repair.",
            target=target,
        ) from None
    cursor.execute(f"ALTER TABLE {name} ADD CONSTRAINT {_key(spec)} PRIMARY KEY USING INDEX {_key(spec)}")


def _found(con: Connection, query: str, specs: Iterable[TableSpec]) -> list[TableSpec]:
    by_name = {spec.name: spec for spec in specs}
    rows = con.execute(query.encode(), {"names": [*by_name]}).fetchall()
    return [by_name[str(name)] for (name,) in rows]


def _key(spec: TableSpec) -> str:
    return identifier(f"{spec.name}_pkey")
