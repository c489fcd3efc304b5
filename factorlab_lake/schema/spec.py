"""The building blocks of a table's description: column types, columns, tables."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

__all__ = [
    "STATEMENT_TYPES",
    "TYPES",
    "Additive",
    "Column",
    "TableSpec",
    "TypeNames",
    "identifier",
    "line_items",
    "literal",
]

Additive = Literal["flow", "stock", "per_share", "shares", "ratio", ""]
STATEMENT_TYPES = ("income", "balance_sheet", "cash_flow")
Kind = Literal["text", "json", "integer", "number", "boolean", "date", "timestamp"]


@dataclass(frozen=True, slots=True)
class TypeNames:
    """How one column type is called by each engine."""

    duckdb: str
    postgres: str
    delta: str
    polars: str


TYPES: dict[Kind, TypeNames] = {
    "text": TypeNames("VARCHAR", "text", "string", "String"),
    "json": TypeNames("VARCHAR", "jsonb", "string", "String"),
    "integer": TypeNames("INTEGER", "integer", "integer", "Int32"),
    "number": TypeNames("DOUBLE", "double precision", "double", "Float64"),
    "boolean": TypeNames("BOOLEAN", "boolean", "boolean", "Boolean"),
    "date": TypeNames("DATE", "date", "date", "Date"),
    "timestamp": TypeNames("TIMESTAMP WITH TIME ZONE", "timestamptz", "timestamp", "Datetime"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, type, meaning and unit.

    ``role`` says what the column is for the merging of what several fetches sent:
    ``value`` columns make the content of a row, ``derived`` ones follow from it, and ``provenance``
    ones say where and when the row came from. ``zero_is_missing`` marks items that no going concern reports
    as exactly zero: vendors write 0 there for "not reported". Stored as sent; computations skip them.
    """

    name: str
    kind: Kind
    doc: str
    unit: str = ""
    role: Literal["key", "value", "label", "derived", "provenance"] = "value"
    additive: Additive = ""
    zero_is_missing: bool = False

    @property
    def types(self) -> TypeNames:
        """The column's type in each engine."""
        return TYPES[self.kind]


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table, described once: storage schema, views, DDL and documentation come from here.

    ``key`` is unique in the table's current rows. ``time_column`` is the date a range query asks about.
    ``partition_by`` is a column (an integer year) that becomes the folder of a row's file.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    sort_by: tuple[str, ...]
    time_column: str = ""
    partition_by: str = ""

    def column(self, name: str) -> Column:
        """Return the column of that name; ``KeyError`` when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def names(self, *roles: str) -> list[str]:
        """Column names in order, of the given roles, or all."""
        return [c.name for c in self.columns if not roles or c.role in roles]


@cache
def line_items(statement_type: str) -> tuple[Column, ...]:
    """Return the line items of a statement type as columns, in the order of the vocabulary.

    >>> [c.name for c in line_items("income")][:2]
    ['revenue', 'cost_of_revenue']
    """
    return tuple(
        Column(
            row["column"],
            "number",
            row["description"],
            unit=row["unit"],
            additive=cast("Additive", row["kind"]),
            zero_is_missing=row["zero"] == "missing",
        )
        for row in _item_rows()
        if row["statement"] == statement_type
    )


@cache
def _item_rows() -> list[dict[str, str]]:
    text = files(__package__).joinpath("line_items.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def identifier(name: str) -> str:
    """Quote a name for SQL, as DuckDB and Postgres both read it.

    >>> identifier('odd"name')
    '"odd""name"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL, for the few places where no value can be bound (a view's file list).

    >>> literal("O'Brien")
    "'O''Brien'"
    """
    return "'" + text.replace("'", "''") + "'"
