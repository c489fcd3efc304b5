"""Compare the columns and keys of a server's tables with the lake's; add the columns that are missing."""

from __future__ import annotations

from collections.abc import Mapping

from factorlab_lake.errors import SchemaMismatch
from factorlab_lake.schema import TABLES, TYPES, TableSpec
from factorlab_lake.sync.postgres import ddl
from factorlab_lake.sync.postgres.connection import Connection
from factorlab_lake.sync.protocol import ROW_HASH, UNTRUSTED, FilledBatches

__all__ = ["add_columns", "check_keys"]

_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (%s)
      AND a.attnum > 0 AND NOT a.attisdropped
"""
# A table whose first load was interrupted has no key.
_KEYS = """
SELECT c.relname, pg_catalog.array_agg(a.attname::text)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey)
WHERE k.contype = 'p' AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY (%s)
GROUP BY c.relname
"""
# The newest line of each batch stays the newest; a batch without a line gets one.
_DISTRUST = """
INSERT INTO factorlab_lake_ledger
  (table_name, batch, snapshot, row_count, latest, row_hashes, rows_sent, rows_removed)
SELECT %(table)s, batch, coalesce(max(snapshot), 0), %(untrusted)s, '', 0, 0, 0
FROM pg_catalog.unnest(%(batches)s::text[]) AS filled (batch)
     LEFT JOIN (SELECT batch, snapshot FROM factorlab_lake_ledger WHERE table_name = %(table)s) AS lines
     USING (batch)
GROUP BY batch
ON CONFLICT (table_name, batch, snapshot) DO UPDATE SET row_count = excluded.row_count
"""
_SPELT_OUT = {"timestamptz": "timestamp with time zone"}


def check_keys(con: Connection, *, target: str, written_by: str) -> None:
    """Raise :class:`SchemaMismatch` for a table whose primary key has other columns than the lake's.

    With one column more, rows that replace others would be stored beside them. A key without a column that
    was added later, with a default value, is replaced by :func:`add_columns`.
    """
    for table, columns in con.execute(_KEYS, [list(TABLES)]).fetchall():
        spec = TABLES[str(table)]
        actual = sorted(columns) if isinstance(columns, list) else []
        former = sorted(name for name in spec.key if spec.column(name).default is None)
        if actual not in (sorted(spec.key), former):
            raise _mismatch(
                f"the primary key of {spec.name}",
                f"({', '.join(actual)})",
                f"({', '.join(sorted(spec.key))})",
                target,
                written_by,
            )


def add_columns(con: Connection, filled: FilledBatches, *, target: str, written_by: str) -> bool:
    """Add the columns that tables lack, and return whether there were any.

    Raises :class:`SchemaMismatch` for a column of another type: rows are sent as bytes, which would be read
    as other values. A missing column of the key, the partition or the digest is refused too: a table never
    existed without it, and without it no row can be matched. A key column with a default value was added
    later: rows get the value, and the table gets the new key.
    """
    rows = con.execute(_COLUMNS, [list(TABLES)]).fetchall()
    types: dict[str, dict[str, str]] = {name: {} for name in TABLES}
    for table, column, kind in rows:
        types[str(table)][str(column)] = str(kind)
    missing = {
        name: _missing(spec, types[name], target=target, written_by=written_by)
        for name, spec in TABLES.items()
    }
    for name, columns in missing.items():
        if columns:
            batches = filled(TABLES[name], columns)
            _add(con, TABLES[name], columns)
            con.execute(_DISTRUST, {"table": name, "batches": batches, "untrusted": UNTRUSTED})
    return any(missing.values())


def _missing(spec: TableSpec, types: Mapping[str, str], *, target: str, written_by: str) -> list[str]:
    """Return the missing columns of a table that can be added."""
    kinds = {c.name: TYPES[c.kind].postgres for c in spec.columns} | {ROW_HASH: "bigint"}
    missing = []
    for name, kind in kinds.items():
        expected = _SPELT_OUT.get(kind, kind)
        required = [key for key in spec.key if spec.column(key).default is None]
        if name not in types and name not in (*required, spec.partition_by, ROW_HASH):
            missing.append(name)
        elif types.get(name) != expected:
            got = types.get(name, "no such column")
            raise _mismatch(f"{spec.name}.{name}", got, expected, target, written_by)
    return missing


def _add(con: Connection, spec: TableSpec, columns: list[str]) -> None:
    """Add columns, and the indexes and generated columns that a dropped column took with it.

    The table is locked first and the ledger changed afterwards: a batch of another sync takes its locks in
    the same order, so the two never wait for each other.
    """
    for statement in (*ddl.add_columns(spec, columns), *ddl.indexes(spec), *ddl.other_names(spec)):
        con.execute(statement.encode())


def _mismatch(what: str, got: str, expected: str, target: str, written_by: str) -> SchemaMismatch:
    version = written_by or "unknown"
    return SchemaMismatch(
        f"{what} at {target}: got {got}, expected {expected}. factorlab-lake {version} synced it last. "
        "Nothing was changed. Restore the column or key on the server, or sync to a new database or schema.",
        target=target,
        got=got,
        expected=expected,
        written_by=version,
    )
