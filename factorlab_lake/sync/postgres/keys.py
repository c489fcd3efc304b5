"""Drop the primary key of a table before its first load, and build it afterwards.

Maintaining the key during the load is half of the work. A table without a key is one whose first load was
interrupted. The next sync builds it at its end, or before the first upsert.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from adbc_driver_manager import Error as BulkError

from factorlab_lake.errors import TargetFailed
from factorlab_lake.schema import TableSpec, identifier
from factorlab_lake.sync.postgres.connection import Connection
from factorlab_lake.sync.postgres.ddl import key_columns
from factorlab_lake.sync.postgres.transfer import scalar

if TYPE_CHECKING:
    from adbc_driver_postgresql.dbapi import Cursor

__all__ = ["build_key", "drop_key", "droppable", "keyless"]

_HERE = "relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname = ANY (%(names)s)"
_KEYLESS = f"""
SELECT relname::text FROM pg_class c
WHERE {_HERE} AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p')
"""
# The key stays on a table of another owner, on a table whose key others reference, and on a hypertable, which
# has one index per chunk.
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
    """Return the tables that have no key."""
    return _select(con, _KEYLESS, specs)


def droppable(con: Connection, specs: Iterable[TableSpec]) -> list[TableSpec]:
    """Return the tables whose key can be dropped and built later."""
    return _select(con, _DROPPABLE, specs)


def drop_key(cursor: Cursor, spec: TableSpec) -> None:
    """Drop the key of a table."""
    cursor.execute(f"ALTER TABLE {identifier(spec.name)} DROP CONSTRAINT {_key(spec)}")


def build_key(cursor: Cursor, spec: TableSpec, *, target: str) -> None:
    """Build the key of a table that has none; other sessions can read the table meanwhile."""
    name = identifier(spec.name)
    # Checked in this transaction, which may have built the key itself.
    if scalar(cursor, _HAS_KEY, name):
        return
    cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
    try:
        cursor.execute(f"CREATE UNIQUE INDEX {_key(spec)} ON {name} {key_columns(spec)}")
    except BulkError as error:
        if _DUPLICATED not in str(error):
            raise
        raise TargetFailed(
            f"{target}: another program wrote rows to {spec.name} during its first load, so some keys exist "
            f"twice. TRUNCATE {spec.name} on the server, then sync with repair.",
            target=target,
        ) from None
    cursor.execute(f"ALTER TABLE {name} ADD CONSTRAINT {_key(spec)} PRIMARY KEY USING INDEX {_key(spec)}")


def _select(con: Connection, query: str, specs: Iterable[TableSpec]) -> list[TableSpec]:
    by_name = {spec.name: spec for spec in specs}
    rows = con.execute(query.encode(), {"names": [*by_name]}).fetchall()
    return [by_name[str(name)] for (name,) in rows]


def _key(spec: TableSpec) -> str:
    return identifier(f"{spec.name}_pkey")
