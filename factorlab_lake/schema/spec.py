"""Define what describes a table: column types, columns, line items and the quoting of names in SQL."""

from __future__ import annotations

import csv
from collections.abc import Iterable
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
    "identifiers",
    "line_items",
    "literal",
    "number_column",
]

Additive = Literal["flow", "stock", "per_share", "shares", "ratio", ""]
STATEMENT_TYPES = ("income", "balance_sheet", "cash_flow")
Kind = Literal["text", "json", "integer", "number", "boolean", "date", "timestamp"]


@dataclass(frozen=True, slots=True)
class TypeNames:
    """Name one column type in each engine."""

    duckdb: str
    postgres: str
    snowflake: str
    delta: str
    polars: str


TYPES: dict[Kind, TypeNames] = {
    "text": TypeNames("VARCHAR", "text", "VARCHAR", "string", "String"),
    "json": TypeNames("VARCHAR", "jsonb", "VARIANT", "string", "String"),
    "integer": TypeNames("INTEGER", "integer", "INTEGER", "integer", "Int32"),
    "number": TypeNames("DOUBLE", "double precision", "FLOAT", "double", "Float64"),
    "boolean": TypeNames("BOOLEAN", "boolean", "BOOLEAN", "boolean", "Boolean"),
    "date": TypeNames("DATE", "date", "DATE", "date", "Date"),
    "timestamp": TypeNames(
        "TIMESTAMP WITH TIME ZONE", "timestamptz", "TIMESTAMP_LTZ", "timestamp", "Datetime"
    ),
}


@dataclass(frozen=True, slots=True)
class Column:
    """Describe one column: name, type, meaning and unit.

    ``role`` decides how a merge treats the column. A changed ``value`` makes a new version or revision; a
    changed ``label`` does not. ``derived`` columns follow from others. ``provenance`` columns contain the
    origin and the times of the row. ``zero_is_missing`` marks items that every going concern reports as
    non-zero: vendors write 0 for a missing value. The 0 is stored, and computations skip it. ``zero_unless``
    has a total and its other part: where the total is not 0, both parts cannot be 0, so none was reported.
    ``core`` marks line items that do not move unless company or vendor says something else of the period.
    ``default`` is the value of rows that were stored before the column was added; a key column needs one.
    """

    name: str
    kind: Kind
    doc: str
    unit: str = ""
    role: Literal["key", "value", "label", "derived", "provenance"] = "value"
    additive: Additive = ""
    zero_is_missing: bool = False
    zero_unless: tuple[str, ...] = ()
    core: bool = False
    default: int | None = None

    @property
    def types(self) -> TypeNames:
        """Return the names of the column's type in each engine."""
        return TYPES[self.kind]


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Describe one table; the storage schema, views, DDL and documentation follow from it.

    ``key`` is unique among the current rows. A range query selects by ``time_column``.
    ``partition_by`` names the integer column (a year, or a bucket) by which files are partitioned into
    folders. A ``derived`` table follows from the others, and is computed at each commit;
    its rows are divided into ``buckets`` by symbol. ``other_names`` are pairs (other name, column): the
    column has that name too, where Factor Lab's database calls it so. Such a name is not stored.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    sort_by: tuple[str, ...]
    time_column: str = ""
    partition_by: str = ""
    derived: bool = False
    buckets: int = 0
    other_names: tuple[tuple[str, str], ...] = ()

    @property
    def told_key(self) -> list[str]:
        """Return the key columns that a source gives: the lake itself numbers versions and events."""
        return [name for name in self.key if name not in ("version", "event")]

    @property
    def has_events(self) -> bool:
        """Return whether rows are events as lists told them, several of one day possible."""
        return "event" in self.key

    @property
    def has_symbols(self) -> bool:
        """Return whether rows are of symbols: exchange rates are of currencies."""
        return "symbol" in self.names()

    @property
    def has_intervals(self) -> bool:
        """Return whether each row is valid from ``valid_from`` until the day before ``valid_to``."""
        return "valid_from" in self.key and "valid_to" in self.names()

    @property
    def interval_of(self) -> list[str]:
        """Return the columns within which intervals do not overlap: the key without ``valid_from``."""
        return [name for name in self.key if name != "valid_from"]

    def column(self, name: str) -> Column:
        """Return a column by name; raise :class:`KeyError` for an unknown one."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def names(self, *roles: str) -> list[str]:
        """Return the column names in order: those with one of the roles, by default all."""
        return [c.name for c in self.columns if not roles or c.role in roles]


def number_column(name: str, doc: str, unit: str = "") -> Column:
    """Return a column of numbers.

    >>> number_column("volume", "shares traded on the day", "shares").kind
    'number'
    """
    return Column(name, "number", doc, unit=unit)


@cache
def line_items(statement_type: str) -> tuple[Column, ...]:
    """Return the line items of a statement type as columns, in the order of ``line_items.csv``.

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
            zero_unless=tuple(row["zero"].split(" less ")) if " less " in row["zero"] else (),
            core=row["core"] == "core",
        )
        for row in _item_rows()
        if row["statement"] == statement_type
    )


@cache
def _item_rows() -> list[dict[str, str]]:
    text = files(__package__).joinpath("line_items.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def identifier(name: str) -> str:
    """Quote a name as an SQL identifier, for DuckDB and Postgres.

    >>> identifier('odd"name')
    '"odd""name"'
    """
    return '"' + name.replace('"', '""') + '"'


def identifiers(names: Iterable[str], prefix: str = "") -> str:
    """Quote names for a list of columns, each after a prefix such as ``"t."``.

    >>> identifiers(["symbol", "date"], "t.")
    't."symbol", t."date"'
    """
    return ", ".join(prefix + identifier(name) for name in names)


def literal(text: str) -> str:
    """Quote a text as an SQL literal, for places that take no bound value, such as a view's file list.

    >>> literal("O'Brien")
    "'O''Brien'"
    """
    return "'" + text.replace("'", "''") + "'"
