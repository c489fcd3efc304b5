"""The tables of a lake as Postgres DDL, made from their descriptions: the same names, columns and keys.

Texts are ordered by their bytes (``COLLATE "C"``), as in the lake. Each table has one column more than the
lake's, the last: ``row_hash``, a digest of the row's values as they were sent. No name is qualified, so the
statements run in whatever schema is first in the ``search_path``.
"""

from __future__ import annotations

from collections.abc import Iterable

from factorlab_lake.schema import STATEMENT_TABLES, TABLES, Column, TableSpec, line_items
from factorlab_lake.schema.quality_rules import quality_score
from factorlab_lake.sync.postgres.availability_sql import available
from factorlab_lake.sync.postgres.sql_quoting import identifier, identifiers, literal
from factorlab_lake.sync.protocol import ROW_HASH

__all__ = [
    "add_columns",
    "column_type",
    "create_table",
    "indexes",
    "key_columns",
    "statement_columns",
    "tables",
    "views",
]

_HASH_DOC = "digest of the row as sent by a sync; NULL once the row was changed by other means"
_BARS = ("price_data", "price_revisions")
# Columns that the index of the key holds too: once vacuumed, a market cap needs no look into the table.
_HELD_BY_KEY = {"price_data": ("close_price", "split_basis_date")}
_ASKED_BY = (
    "fiscal_date",
    "accepted_date",
    "available_date",
)  # what statements are looked up by across symbols


def tables() -> list[str]:
    """Return the statements that make every table and its indexes, where they are not there yet."""
    return [text for spec in TABLES.values() for text in (*create_table(spec), *indexes(spec))]


def create_table(spec: TableSpec) -> list[str]:
    """Return the statements that make one table, with what its columns mean."""
    name = identifier(spec.name)
    lines = [f"{identifier(c.name)} {column_type(c)}{_not_null(spec, c)}" for c in spec.columns]
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
    added = [f"ALTER TABLE {table} ADD COLUMN {identifier(c.name)} {column_type(c)}" for c in columns]
    return [*added, *(_column_comment(table, c) for c in columns)]


def key_columns(spec: TableSpec) -> str:
    """Return the columns of a table's key as its index has them.

    >>> from factorlab_lake.schema import table
    >>> key_columns(table("price_data"))
    '("symbol", "date") INCLUDE ("close_price", "split_basis_date")'
    """
    held = identifiers(_HELD_BY_KEY.get(spec.name, ()))
    return f"({identifiers(spec.key)})" + (f" INCLUDE ({held})" if held else "")


def column_type(column: Column) -> str:
    """Return a column's type; texts are compared by their bytes.

    >>> from factorlab_lake.schema import table
    >>> [column_type(table("splits").column(name)) for name in ("symbol", "date", "numerator")]
    ['text COLLATE "C"', 'date', 'double precision']
    """
    return f'{column.types.postgres} COLLATE "C"' if column.kind == "text" else column.types.postgres


def indexes(spec: TableSpec) -> list[str]:
    """Return the statements that make a table's indexes besides its key, which serves symbol and date."""
    if spec.name in _BARS:  # sent year by year: a few pages say where a date can be
        return [_index(spec, ("date",), "brin")]
    if spec.name == "data_fetch_log":
        return [_index(spec, spec.sort_by), _index(spec, ("fetch_date",))]
    return [_index(spec, (name,)) for name in _ASKED_BY if name in spec.names()]


def views() -> list[str]:
    """Return the statements that make the views over the tables; they replace what is there."""
    selects = "\nUNION ALL\n".join(_statement_select(kind) for kind in STATEMENT_TABLES)
    statements = (
        "CREATE OR REPLACE VIEW financial_statements AS\n"
        "SELECT s.*, recorded_at AS created_at, recorded_at AS updated_at\n"
        f"FROM (\n{selects}\n) AS s"
    )
    return [statements]


def statement_columns() -> list[str]:
    """Return the columns of ``financial_statements`` in order."""
    attributes = [c.name for c in TABLES[STATEMENT_TABLES["income"]].columns if not c.additive]
    return ["statement_type", *attributes, "metrics", "data_quality_score", "created_at", "updated_at"]


def _statement_select(kind: str) -> str:
    spec = TABLES[STATEMENT_TABLES[kind]]
    items = identifiers((c.name for c in line_items(kind)), "t.")
    attributes = ", ".join(_attribute(spec, c.name) for c in spec.columns if not c.additive)
    return (
        f'SELECT {literal(kind)}::text COLLATE "C" AS statement_type, {attributes},\n'
        f"       (SELECT jsonb_strip_nulls(to_jsonb(i)) FROM (SELECT {items}) AS i) AS metrics,\n"
        f"       {quality_score(kind)} AS data_quality_score\n"
        f"FROM {identifier(spec.name)} AS t"
    )


def _attribute(spec: TableSpec, name: str) -> str:
    """Return a column of the view; when it may be used follows from the session's rule."""
    if name == "available_date":
        return f"{available(spec)} AS available_date"
    return f"t.{identifier(name)}"


def _not_null(spec: TableSpec, column: Column) -> str:
    return " NOT NULL" if column.name in spec.key else ""


def _column_comment(table: str, column: Column) -> str:
    return _comment(table, column.name, f"{column.doc} [{column.unit}]" if column.unit else column.doc)


def _comment(table: str, column: str, doc: str) -> str:
    return f"COMMENT ON COLUMN {table}.{identifier(column)} IS {literal(doc)}"


def _index(spec: TableSpec, columns: tuple[str, ...], method: str = "btree") -> str:
    name = identifier("_".join((spec.name, *columns, "idx")))
    place = f"{identifier(spec.name)} USING {method} ({identifiers(columns)})"
    return f"CREATE INDEX IF NOT EXISTS {name} ON {place}"
