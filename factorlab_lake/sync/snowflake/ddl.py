"""Generate the Snowflake DDL of the lake's tables from their specs.

Names and columns are those of the lake; an unquoted name finds them, whatever its case. Keys are not
declared: Snowflake would not enforce them. Each table has two more columns: ``row_hash`` is the hash of the
row as it was sent, and ``value_hash`` the server's own hash of the stored values. A row whose values no
longer have that hash was changed by another program.

Each table has a second one with the prefix ``factorlab_lake_stage_``: a batch copies its files there and
merges them from there, in one transaction that also empties it.
"""

from __future__ import annotations

from collections.abc import Iterable

from factorlab_lake.schema import TABLES, Column, TableSpec, literal
from factorlab_lake.sync.protocol import ROW_HASH

__all__ = [
    "VALUE_HASH",
    "add_columns",
    "column_name",
    "create_stage",
    "create_table",
    "names",
    "rehash",
    "stage",
    "stored",
    "tables",
    "text",
    "value_hash",
]

VALUE_HASH = "value_hash"
_HASHES = {
    ROW_HASH: "NUMBER(38, 0) COMMENT 'hash of the row as sent by a sync'",
    VALUE_HASH: "VARCHAR COMMENT 'hash of the stored values when a sync wrote them'",
}
# Snowflake prunes a table by the order of its rows. Smaller tables have few partitions.
_CLUSTERED = {"price_data": "symbol, date", "price_revisions": "symbol, date"}
_STAGE = "factorlab_lake_stage_"


def tables() -> list[str]:
    """Return the statements that create the tables that do not exist."""
    return [text for spec in TABLES.values() for text in (create_table(spec), create_stage(spec))]


def create_table(spec: TableSpec) -> str:
    """Return the statement that creates one table, with comments on its columns.

    >>> from factorlab_lake.schema import table
    >>> print(create_table(table("split_lists")).splitlines()[0])
    CREATE TABLE IF NOT EXISTS "SPLIT_LISTS" (
    """
    lines = [f"{_definition(spec, c)} COMMENT {_comment(_column_doc(c))}" for c in spec.columns]
    lines += [f"{column_name(name)} {kind}" for name, kind in _HASHES.items()]
    clustered = f"\nCLUSTER BY ({_CLUSTERED[spec.name]})" if spec.name in _CLUSTERED else ""
    body = ",\n  ".join(lines)
    comment = _comment(f"{spec.doc} Key: {', '.join(spec.key)}.")
    name = column_name(spec.name)
    return f"CREATE TABLE IF NOT EXISTS {name} (\n  {body}\n){clustered}\nCOMMENT = {comment}"


def create_stage(spec: TableSpec) -> str:
    """Return the statement that creates the table to which the files of a batch are copied; JSON is text."""
    kinds = [f"{column_name(c.name)} {_staged_type(c)}" for c in spec.columns]
    body = ", ".join([*kinds, f"{column_name(ROW_HASH)} NUMBER(38, 0)"])
    return f"CREATE TRANSIENT TABLE IF NOT EXISTS {stage(spec)} ({body})"


def add_columns(spec: TableSpec, missing: Iterable[str]) -> list[str]:
    """Return the statements that add columns to a table, and to the one of its files.

    >>> from factorlab_lake.schema import table
    >>> add_columns(table("splits"), ["label"])[0]
    'ALTER TABLE "SPLITS" ADD COLUMN "LABEL" VARCHAR'
    """
    columns = [spec.column(name) for name in missing]
    return [
        f"ALTER TABLE {place} ADD COLUMN {column_name(c.name)} {kind}"
        for c in columns
        for place, kind in (
            (column_name(spec.name), f"{c.types.snowflake}{_default(c)}"),
            (stage(spec), _staged_type(c)),
        )
    ]


def stage(spec: TableSpec) -> str:
    """Return the name of the table to which the files of a batch are copied."""
    return column_name(_STAGE + spec.name)


def column_name(name: str) -> str:
    """Quote a name of the lake in upper case, so that an unquoted name finds it too.

    >>> column_name("close_price")
    '"CLOSE_PRICE"'
    """
    return '"' + name.upper().replace('"', '""') + '"'


def names(columns: Iterable[str], prefix: str = "") -> str:
    """Quote names for a list of columns, each after a prefix such as ``"t."``."""
    return ", ".join(prefix + column_name(name) for name in columns)


def text(value: str) -> str:
    r"""Quote a text as a literal of Snowflake, where a backslash escapes.

    >>> text("O'X\\")
    "'O''X\\\\'"
    """
    return literal(value.replace("\\", "\\\\"))


def value_hash(spec: TableSpec, *, staged: bool = False, without: Iterable[str] = ()) -> str:
    """Return the expression for the server's hash of a row's values, of those of a file if ``staged``."""
    columns = [c for c in spec.columns if c.name not in {*without}]
    values = ", ".join(stored(c) if staged else column_name(c.name) for c in columns)
    return f"TO_VARCHAR(HASH({values}))"


def rehash(spec: TableSpec, added: Iterable[str]) -> str:
    """Return the statement that gives the hash over new columns to the rows that had it over the others."""
    name = column_name(VALUE_HASH)
    before = value_hash(spec, without=added)
    return f"UPDATE {column_name(spec.name)} SET {name} = {value_hash(spec)} WHERE {name} = {before}"


def stored(column: Column, prefix: str = "") -> str:
    """Return the expression that makes a stored value of that of a file."""
    name = prefix + column_name(column.name)
    return f"PARSE_JSON({name})" if column.kind == "json" else name


def _comment(doc: str) -> str:
    """Quote a comment; an apostrophe in the comment of a column stops an emulator."""
    return text(doc.replace("'", "\u2019"))


def _definition(spec: TableSpec, column: Column) -> str:
    required = " NOT NULL" if column.name in spec.key else ""
    return f"{column_name(column.name)} {column.types.snowflake}{required}{_default(column)}"


def _default(column: Column) -> str:
    return "" if column.default is None else f" DEFAULT {column.default}"


def _staged_type(column: Column) -> str:
    return "VARCHAR" if column.kind == "json" else column.types.snowflake


def _column_doc(column: Column) -> str:
    return f"{column.doc} [{column.unit}]" if column.unit else column.doc
