"""Turn statements with their items in JSON into frames with a typed column per line item."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from factorlab_lake.query.frame_columns import chosen_columns
from factorlab_lake.schema import STATEMENT_TABLES, line_items, table

__all__ = ["STATEMENT_KEY", "wide_columns", "wide_statements"]

STATEMENT_KEY = ("symbol", "fiscal_date", "fiscal_period", "version")
"""The columns that tell the rows of one statement type apart."""

_LABELS = ("symbol", "fiscal_date", "fiscal_period", "fiscal_year", "reported_currency")
_DATES = (
    *("version", "change_kind", "available_date", "availability_basis", "filing_date", "accepted_date"),
    *("period_start", "period_end", "source_provider"),
)


def wide_columns(kind: str, columns: Iterable[str] | None) -> list[str]:
    """Return the columns of a wide frame: the key and the chosen ones, by default content, then dates.

    By default there is no timestamp, because Excel has no time zones.
    """
    standard = [*_LABELS, *(item.name for item in line_items(kind)), *_DATES]
    if columns is None:
        return standard
    spec = table(STATEMENT_TABLES[kind])
    known = [*standard, *(name for name in spec.names() if name not in standard)]
    return chosen_columns(columns, known, key=STATEMENT_KEY, example="revenue")


def wide_statements(rows: pl.DataFrame, kind: str, columns: list[str]) -> pl.DataFrame:
    """Return the rows of one statement type with these columns; an item that is not reported is NULL."""
    items = [item.name for item in line_items(kind) if item.name in columns]
    if items:
        decoded = rows["metrics"].str.json_decode(pl.Struct(dict.fromkeys(items, pl.Float64)))
        rows = pl.concat([rows, decoded.struct.unnest()], how="horizontal")
    return rows.select(columns)
