"""The building blocks of a table's description: column types, columns, tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["TYPES", "Additive", "Column", "TableSpec", "TypeNames"]

Additive = Literal["flow", "stock", "per_share", "shares", "ratio", ""]
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
