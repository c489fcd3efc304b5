"""Parse raw provider values into typed values, a whole column at a time.

A raw column may have any JSON type, and several types in one batch. A number written as text is parsed as a
number. NaN and empty text are missing. Any other value of a wrong type rejects its record.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from factorlab_lake.schema import Column

__all__ = ["NEW_YORK", "Parsed", "json_object", "parse", "typed_null"]

_NOTHING = pl.lit(None, pl.String)
_DATE_CHARS = len("2024-12-31")
_TIME_CHARS = len("2024-12-31 16:30:00")
NEW_YORK = "America/New_York"


@dataclass(frozen=True, slots=True)
class Parsed:
    """Hold the expressions that parse a raw column: typed value, condition of failure, expected format.

    ``bad`` is None if parsing cannot fail.
    """

    value: pl.Expr
    bad: pl.Expr | None = None
    expected: str = ""


def parse(raw: pl.DataFrame, field: str, column: Column) -> Parsed:
    """Return the expressions that parse ``field`` of ``raw`` as ``column``."""
    dtype, source = raw.schema[field], pl.col(field)
    if dtype == pl.Null:
        return Parsed(typed_null(column))
    if column.kind in ("number", "integer") and dtype.is_numeric():
        return _from_number(column, source)
    if column.kind == "boolean" and dtype == pl.Boolean:
        return Parsed(source)
    text = _as_text(source, dtype)
    return _READERS[column.kind](text)


def json_object(raw: pl.DataFrame, names: list[str]) -> pl.Expr:
    """Return a JSON object of the non-missing values of some columns, by sorted key; null without any.

    The numbers 1 and 1.0 give the same text, so that equal records give equal text.
    """
    if not names:
        return _NOTHING
    members = [_member(name, raw.schema[name]) for name in sorted(names)]
    inside = pl.concat_str(members, separator=", ", ignore_nulls=True)
    return (
        pl.when(pl.all_horizontal(m.is_null() for m in members)).then(_NOTHING).otherwise("{" + inside + "}")
    )


def _member(name: str, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(name)
    if dtype.is_numeric():
        value = value.cast(pl.Float64).fill_nan(None)
    one = pl.struct(value.alias(name)).struct.json_encode()
    return pl.when(value.is_not_null()).then(one.str.slice(1, one.str.len_chars() - 2))


def typed_null(column: Column) -> pl.Expr:
    """Return a NULL of the column's type."""
    if column.kind == "timestamp":
        return pl.lit(None, pl.Datetime("us", "UTC"))
    return pl.lit(None, getattr(pl, column.types.polars))


def _as_text(source: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_nested():
        return pl.struct(source).struct.json_encode()
    text = source if dtype == pl.String else source.cast(pl.String)
    text = text.str.strip_chars()
    return pl.when(text != "").then(text)


def _from_number(column: Column, source: pl.Expr) -> Parsed:
    value = source.cast(pl.Float64).fill_nan(None)
    if column.kind == "integer":
        return _whole(value)
    return Parsed(value, value.is_infinite(), "a finite number")


def _whole(number: pl.Expr) -> Parsed:
    whole = pl.when(number == number.round()).then(number).cast(pl.Int32, strict=False)
    return Parsed(whole, number.is_not_null() & whole.is_null(), "a whole number")


def _read_number(text: pl.Expr) -> Parsed:
    number = text.cast(pl.Float64, strict=False)
    return Parsed(number.fill_nan(None), _unread(text, number) | number.is_infinite(), "a number")


def _read_integer(text: pl.Expr) -> Parsed:
    number = text.cast(pl.Float64, strict=False)
    read = _whole(number)
    unread = _unread(text, number)
    return Parsed(read.value, unread if read.bad is None else read.bad | unread, read.expected)


def _read_boolean(text: pl.Expr) -> Parsed:
    lower = text.str.to_lowercase()
    value = pl.when(lower.is_in(["true", "false"])).then(lower == "true")
    return Parsed(value, _unread(text, value), "true or false")


def _read_date(text: pl.Expr) -> Parsed:
    date = text.str.slice(0, _DATE_CHARS).str.to_date("%Y-%m-%d", strict=False)
    return Parsed(date, _unread(text, date), "a date such as 2024-12-31")


def _read_timestamp(text: pl.Expr) -> Parsed:
    # A date without a time is parsed as its last second: the filing may have come at any time of the day.
    bare = text.str.len_chars() == _DATE_CHARS
    clock = pl.when(bare).then(text + " 23:59:59").otherwise(text.str.replace("T", " "))
    naive = clock.str.slice(0, _TIME_CHARS).str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)
    return Parsed(_new_york(naive), _unread(text, naive), "a time such as 2024-12-31 16:30:00")


def _new_york(naive: pl.Expr) -> pl.Expr:
    """Convert New York wall time to UTC.

    An ambiguous hour counts as the later one; a skipped hour is moved an hour forward.
    """

    def zoned(t: pl.Expr) -> pl.Expr:
        return t.dt.replace_time_zone(NEW_YORK, ambiguous="latest", non_existent="null")

    return (
        pl.coalesce(zoned(naive), zoned(naive.dt.offset_by("1h")))
        .dt.convert_time_zone("UTC")
        .dt.cast_time_unit("us")
    )


def _read_text(text: pl.Expr) -> Parsed:
    return Parsed(text)


def _unread(text: pl.Expr, value: pl.Expr) -> pl.Expr:
    return text.is_not_null() & value.is_null()


_READERS = {
    "number": _read_number,
    "integer": _read_integer,
    "boolean": _read_boolean,
    "date": _read_date,
    "timestamp": _read_timestamp,
    "text": _read_text,
    "json": _read_text,
}
