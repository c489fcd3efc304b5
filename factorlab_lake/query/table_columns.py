"""Describe the columns of tables and views: type, unit and meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from factorlab_lake.schema import TABLES, Column

if TYPE_CHECKING:
    import polars as pl

__all__ = ["described"]

_HEADINGS = ("table", "column", "type", "unit", "meaning")


def described(names: Iterable[str], view: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
    """Return one row per column of the named tables and views.

    ``view`` returns an empty frame with the columns of a view. Such a column means what the column of that
    name means in a table, where there is one.
    """
    import polars as pl

    rows = [row for name in names for row in _of_table(name, view)]
    return pl.DataFrame(rows, schema=dict.fromkeys(_HEADINGS, pl.String), orient="row")


def _of_table(name: str, view: Callable[[str], pl.DataFrame]) -> Iterator[tuple[str, ...]]:
    if name in TABLES:
        for column in TABLES[name].columns:
            yield (name, column.name, column.types.duckdb, column.unit, column.doc)
        return
    known = _known()
    for heading, kind in view(name).schema.items():
        column_or_none = known.get(heading)
        if column_or_none is None:
            yield (name, heading, str(kind), "", "")
        else:
            yield (name, heading, column_or_none.types.duckdb, column_or_none.unit, column_or_none.doc)


def _known() -> dict[str, Column]:
    """Return the columns of all tables by name; the first table that has a name decides."""
    known: dict[str, Column] = {}
    for spec in TABLES.values():
        for column in spec.columns:
            known.setdefault(column.name, column)
    return known
