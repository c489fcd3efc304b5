"""Generate the Postgres DDL of the lake's tables from their specs.

Names, columns and keys are those of the lake. Texts are ordered by their bytes (``COLLATE "C"``), as in the
lake. Each table has one more column, ``row_hash``: the hash of the row's values as they were sent. No name is
qualified, so the statements run in the schema that is first in the ``search_path``.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from factorlab_lake.functions.rule_placeholders import fill
from factorlab_lake.schema import (
    TABLES,
    Column,
    TableSpec,
    identifier,
    identifiers,
    literal,
)
from factorlab_lake.sync.protocol import ROW_HASH

__all__ = [
    "add_columns",
    "column_type",
    "create_table",
    "indexes",
    "key_columns",
    "other_names",
    "tables",
]

_HASH_DOC = "hash of the row as sent by a sync; NULL after another program changed the row"
_BARS = ("price_data", "price_revisions")
# Columns that the key's index includes: after a VACUUM, market caps are computed by index-only scans.
_INCLUDED = {"price_data": ("close_price", "split_basis_date")}
_VIRTUAL_SINCE = 180000  # a generated column need not be stored from version 18 on
# Queries filter statements of all symbols by these columns.
_STATEMENT_DATES = ("fiscal_date", "accepted_date", "available_date")


def tables() -> list[str]:
    """Return the statements that create the tables and indexes that do not exist."""
    return [
        text for spec in TABLES.values() for text in (*create_table(spec), *indexes(spec), *other_names(spec))
    ]


def create_table(spec: TableSpec) -> list[str]:
    """Return the statements that create one table, with comments on its columns."""
    name = identifier(spec.name)
    lines = [f"{identifier(c.name)} {column_type(c)}{_key_part(spec, c)}" for c in spec.columns]
    lines += [f"{identifier(ROW_HASH)} bigint", f"PRIMARY KEY {key_columns(spec)}"]
    body = ",\n  ".join(lines)
    return [
        f"CREATE TABLE IF NOT EXISTS {name} (\n  {body}\n)",
        f"COMMENT ON TABLE {name} IS {literal(spec.doc)}",
        *(_column_comment(name, c) for c in spec.columns),
        _comment(name, ROW_HASH, _HASH_DOC),
    ]


def add_columns(spec: TableSpec, names: Iterable[str]) -> list[str]:
    """Return the statements that add columns to a table that exists, with their comments.

    >>> from factorlab_lake.schema import table
    >>> add_columns(table("splits"), ["label"])[0]
    'ALTER TABLE "splits" ADD COLUMN "label" text COLLATE "C"'
    """
    table = identifier(spec.name)
    columns = [spec.column(name) for name in names]
    added = [
        f"ALTER TABLE {table} ADD COLUMN {identifier(c.name)} {column_type(c)}{_key_part(spec, c)}"
        for c in columns
    ]
    keys = [c for c in columns if c.name in spec.key]
    if keys:
        constraint = identifier(f"{spec.name}_pkey")
        added += [
            f"ALTER TABLE {table} DROP CONSTRAINT {constraint}",
            f"ALTER TABLE {table} ADD CONSTRAINT {constraint} PRIMARY KEY {key_columns(spec)}",
        ]
    return [*added, *(_column_comment(table, c) for c in columns)]


def other_names(spec: TableSpec) -> list[str]:
    """Return the statement that adds the other names of columns to a table that exists."""
    added = [
        f"ADD COLUMN {identifier(other)} {column_type(spec.column(name))} "
        f"GENERATED ALWAYS AS ({identifier(name)}) %1$s"
        for other, name in spec.other_names
    ]
    if not added:
        return []
    change = f"ALTER TABLE {identifier(spec.name)} {', '.join(added)}"
    text = files(__package__).joinpath("sql", "other_names.sql").read_text(encoding="utf-8")
    values = {"table": literal(spec.name), "change": literal(change), "virtual_since": str(_VIRTUAL_SINCE)}
    return [fill(text, lambda: values)]


def key_columns(spec: TableSpec) -> str:
    """Return the column list of a primary key, with the included columns.

    >>> from factorlab_lake.schema import table
    >>> key_columns(table("price_data"))
    '("symbol", "date") INCLUDE ("close_price", "split_basis_date")'
    """
    included = identifiers(_INCLUDED.get(spec.name, ()))
    return f"({identifiers(spec.key)})" + (f" INCLUDE ({included})" if included else "")


def column_type(column: Column) -> str:
    """Return the Postgres type of a column; texts are compared by their bytes.

    >>> from factorlab_lake.schema import table
    >>> [column_type(table("splits").column(name)) for name in ("symbol", "date", "numerator")]
    ['text COLLATE "C"', 'date', 'double precision']
    """
    return f'{column.types.postgres} COLLATE "C"' if column.kind == "text" else column.types.postgres


def indexes(spec: TableSpec) -> list[str]:
    """Return the statements that create a table's indexes; its key already serves symbol and date."""
    if spec.name in _BARS:  # sent year by year, so a BRIN index of a few pages finds a date
        return [_index(spec, ("date",), "brin")]
    if spec.name == "data_fetch_log":
        return [_index(spec, spec.sort_by), _index(spec, ("fetch_date",))]
    if spec.derived:  # found by symbol and day, in the order of the key
        return []
    return [_index(spec, (name,)) for name in _STATEMENT_DATES if name in spec.names()]


def _key_part(spec: TableSpec, column: Column) -> str:
    """Return the part of a key column: rows of a writer that does not know the column have its default."""
    if column.name not in spec.key:
        return ""
    return " NOT NULL" if column.default is None else f" NOT NULL DEFAULT {column.default}"


def _column_comment(table: str, column: Column) -> str:
    return _comment(table, column.name, f"{column.doc} [{column.unit}]" if column.unit else column.doc)


def _comment(table: str, column: str, doc: str) -> str:
    return f"COMMENT ON COLUMN {table}.{identifier(column)} IS {literal(doc)}"


def _index(spec: TableSpec, columns: tuple[str, ...], method: str = "btree") -> str:
    name = identifier("_".join((spec.name, *columns, "idx")))
    place = f"{identifier(spec.name)} USING {method} ({identifiers(columns)})"
    return f"CREATE INDEX IF NOT EXISTS {name} ON {place}"
