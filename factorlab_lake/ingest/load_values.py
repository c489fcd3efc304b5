"""Read the values of a load: numbers and days in texts, and moments of frames."""

from __future__ import annotations

from datetime import time

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.parse_values import Parsed, parse
from factorlab_lake.schema import Column, TableSpec

__all__ = ["ambiguous_columns", "has_two_readings", "number_texts", "read_column"]

_WHOLE_UNITS = ("shares", "reported_currency")  # of numbers whose comma separates thousands
# What may follow a day in a text: nothing, midnight, or a time with the zone of an exchange.
_DAY_ALONE = (
    r"^(?:[T ]00:00(?::00(?:\.0+)?)?(?:\s?(?:[Zz]|UTC|GMT|[+-]00:?(?:00)?))?"
    r"|[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s?[+-](?:\d[1-9]|[1-9]\d)(?::?\d\d)?)?$"
)


def number_texts(raw: pl.DataFrame, spec: TableSpec) -> list[str]:
    """Return the columns of text whose values are numbers."""
    kinds = ("number", "integer")
    return [c for c in raw.columns if raw.schema[c] == pl.String and spec.column(c).kind in kinds]


def ambiguous_columns(raw: pl.DataFrame, spec: TableSpec) -> list[str]:
    """Return the columns of text whose numbers may have decimals: prices, figures per share, ratios."""
    return [
        c.name
        for c in spec.columns
        if c.kind == "number" and c.unit not in _WHOLE_UNITS and raw.schema.get(c.name) == pl.String
    ]


def has_two_readings(name: str) -> pl.Expr:
    """Return whether a text is a number under two conventions: 221,681 is a price of 221.681 in Europe.

    A number of the same column such as 1,221.50 or 1,221,000 shows that its commas separate thousands.
    """
    text = pl.col(name)
    shown = text.str.contains(r"\d,\d{3}[.,]\d").any()
    return (text.str.contains(r"^\s*[+-]?\d{1,3},\d{3}\s*$") & ~shown).fill_null(value=False)


def read_column(rows: pl.DataFrame, column: Column) -> Parsed:
    """Return the expression that reads a column of a frame or of a file, of any fitting type."""
    dtype = rows.schema[column.name]
    if column.kind == "timestamp" and isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            raise InvalidInput(f"{column.name} has times without a time zone; add it.", column=column.name)
        return Parsed(pl.col(column.name).dt.convert_time_zone("UTC").dt.cast_time_unit("us"))
    if column.kind == "date" and isinstance(dtype, pl.Datetime):
        return _local_day(column.name, dtype)
    if column.kind == "date" and dtype == pl.Date:
        return Parsed(pl.col(column.name))
    read = parse(rows, column.name, column, any_days=True)
    if column.kind != "date" or read.bad is None:
        return read
    # The rule for moments holds for texts: a time of day without an exchange's zone tells no day.
    rest = pl.col(column.name).cast(pl.String).str.strip_chars().str.slice(len("2024-12-31"))
    timed = ~rest.str.contains(_DAY_ALONE)
    return Parsed(pl.when(~timed).then(read.value), timed | read.bad, read.expected)


def _local_day(name: str, dtype: pl.Datetime) -> Parsed:
    """Return the day of moments in their own time zone.

    yfinance dates a bar of Tokyo by midnight in Tokyo, which is the day before in UTC. A time of day without
    a zone, or in UTC, does not tell the day of an exchange.
    """
    moment = pl.col(name)
    day = moment.dt.replace_time_zone(None).dt.date()
    if dtype.time_zone not in (None, "UTC", "Etc/UTC"):
        return Parsed(day)
    return Parsed(day, moment.dt.time() != time(), "a date, or midnight of a date")
