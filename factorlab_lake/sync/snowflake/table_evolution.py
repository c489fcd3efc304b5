"""Compare the columns of an account's tables with the lake's; add the tables and columns that are missing."""

from __future__ import annotations

from collections.abc import Mapping

from factorlab_lake.errors import SchemaMismatch
from factorlab_lake.schema import TABLES, TableSpec
from factorlab_lake.sync.protocol import ROW_HASH, UNTRUSTED, FilledBatches
from factorlab_lake.sync.snowflake import ddl
from factorlab_lake.sync.snowflake.connection import Connection

__all__ = ["Columns", "add_columns", "create_tables", "stored_columns"]

Columns = dict[str, dict[str, str]]  # the type of each column, by table; all names in lower case

_COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = CURRENT_SCHEMA()
"""
# The newest line of each batch stays the newest; a batch without a line gets one.
_DISTRUST = """
INSERT INTO factorlab_lake_ledger (line, table_name, batch, snapshot, snapshot_digest, row_count, latest,
                                   row_hashes, rows_sent, rows_removed, recorded_at)
SELECT (SELECT COALESCE(MAX(line), 0) + 1 FROM factorlab_lake_ledger), ?, ?, COALESCE(MAX(snapshot), 0), NULL,
       ?, '', '0', 0, 0, CURRENT_TIMESTAMP()
FROM factorlab_lake_ledger WHERE table_name = ? AND batch = ?
"""
# What an account calls the types of the DDL. A NUMBER holds integers of any size.
_CALLED = {
    "VARCHAR": ("TEXT", "VARCHAR"),
    "INTEGER": ("NUMBER",),
    "FLOAT": ("FLOAT",),
    "TIMESTAMP_LTZ": ("TIMESTAMP_LTZ", "TIMESTAMP_TZ"),
}


def stored_columns(con: Connection) -> Columns:
    """Return the columns of every table of the current schema."""
    columns: Columns = {}
    for table, column, kind in con.rows(_COLUMNS):
        columns.setdefault(str(table).lower(), {})[str(column).lower()] = str(kind).upper()
    return columns


def create_tables(con: Connection, columns: Columns) -> list[str]:
    """Create the tables that are missing, and return their names."""
    created = []
    for name, spec in TABLES.items():
        if name not in columns:
            con.run(ddl.create_table(spec))
            created.append(name)
        if ddl.stage(spec).strip('"').lower() not in columns:
            con.run(ddl.create_stage(spec))
    return created


def add_columns(
    con: Connection, columns: Columns, filled: FilledBatches, *, target: str, written_by: str
) -> bool:
    """Add the columns that tables lack, and return whether there were any.

    Raises :class:`SchemaMismatch` for a column of another type, and for a missing column of the key, the
    partition or the hashes: a table never existed without it, and without it no row can be matched.
    """
    missing = {
        name: _missing(spec, columns[name], target=target, written_by=written_by)
        for name, spec in TABLES.items()
        if name in columns
    }
    for name, added in missing.items():
        if added:
            batches = filled(TABLES[name], added)
            for batch in batches:  # first: a sync that is killed after this only compares values in vain
                con.run(_DISTRUST, [name, batch, UNTRUSTED, name, batch])
            for statement in (*ddl.add_columns(TABLES[name], added), ddl.rehash(TABLES[name], added)):
                con.run(statement)
    return any(missing.values())


def _missing(spec: TableSpec, types: Mapping[str, str], *, target: str, written_by: str) -> list[str]:
    """Return the missing columns of a table that can be added."""
    kinds = {c.name: c.types.snowflake for c in spec.columns} | {
        ROW_HASH: "INTEGER",
        ddl.VALUE_HASH: "VARCHAR",
    }
    required = {*spec.key, spec.partition_by, ROW_HASH, ddl.VALUE_HASH}
    missing = []
    for name, kind in kinds.items():
        expected = _CALLED.get(kind, (kind,))
        if name not in types and name not in required:
            missing.append(name)
        elif types.get(name) not in expected:
            got = types.get(name, "no such column")
            raise SchemaMismatch(
                f"{spec.name}.{name} at {target}: got {got}, expected {expected[0]}. factorlab-lake "
                f"{written_by or 'of an unknown version'} synced it last. Nothing was changed. Restore the "
                "column on the server, or sync to a new schema.",
                target=target,
                got=got,
                expected=expected[0],
                written_by=written_by,
            )
    return missing
