"""Parse raw provider values into typed values, a whole column at a time.

A raw column may have any JSON type, and several types in one batch. A number written as text is parsed as a
number, also one with separators of thousands. NaN and empty text are missing. Any other value of a wrong type
is named as unreadable.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import polars as pl

from factorlab_lake.schema import Column

__all__ = ["NEW_YORK", "Parsed", "json_object", "parse", "typed_null"]

_NOTHING = pl.lit(None, pl.String)
_DATE_CHARS = len("2024-12-31")
_CLOCK_CHARS = len("16:30:00")
_TIMESTAMP = (
    r"^(\d{4}-\d\d-\d\d)"  # the day
    r"(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?)?"  # the time
    r"\s?([Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)?$"  # the offset
)
_DAY_WITHOUT_DASHES = r"^(\d{4})(?:/(\d\d)/|(\d\d))(\d\d)$"
NEW_YORK = "America/New_York"


@dataclass(frozen=True, slots=True)
class Parsed:
    """Hold the expressions that parse a raw column: typed value, condition of failure, expected format.

    ``bad`` is None if parsing cannot fail.
    """

    value: pl.Expr
    bad: pl.Expr | None = None
    expected: str = ""


def parse(raw: pl.DataFrame, field: str, column: Column, *, any_days: bool = False) -> Parsed:
    """Return the expressions that parse ``field`` of ``raw`` as ``column``.

    With ``any_days``, days such as 20210305 and 2021/03/05 are read too.
    """
    dtype, source = raw.schema[field], pl.col(field)
    if dtype == pl.Null:  # a literal would give a frame without rows one row
        return Parsed(pl.when(source.is_not_null()).then(typed_null(column)))
    if column.kind in ("number", "integer") and dtype.is_numeric():
        return _from_number(column, source)
    if column.kind == "boolean" and dtype == pl.Boolean:
        return Parsed(source)
    text = _as_text(source, dtype)
    if any_days and column.kind == "date":
        text = text.str.replace(_DAY_WITHOUT_DASHES, "$1-$2$3-$4")
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
    member = one.str.slice(1, one.str.len_chars() - 2)
    if dtype.is_numeric():  # JSON has no infinity; Python writes this word for it
        sign = pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit(""))
        member = (
            pl.when(value.is_infinite())
            .then(pl.lit(_json_name(name)) + sign + pl.lit('Infinity"'))
            .otherwise(member)
        )
    return pl.when(value.is_not_null()).then(member)


def _json_name(name: str) -> str:
    """Return the start of a JSON member with a text."""
    return json.dumps(name) + ':"'


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
    return Parsed(pl.when(value.is_finite()).then(value), value.is_infinite(), "a finite number")


def _whole(number: pl.Expr) -> Parsed:
    whole = pl.when(number == number.round()).then(number).cast(pl.Int32, strict=False)
    return Parsed(whole, number.is_not_null() & whole.is_null(), "a whole number")


def _read_number(text: pl.Expr) -> Parsed:
    number = _plain_number(text).cast(pl.Float64, strict=False)
    value = pl.when(number.is_finite()).then(number)
    return Parsed(value, _unread(text, number) | number.is_infinite(), "a number")


def _plain_number(text: pl.Expr) -> pl.Expr:
    """Return the text of a number without separators of thousands, as in 3,000,000.50."""
    grouped = text.str.contains(r"^[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?$")
    return pl.when(grouped).then(text.str.replace_all(",", "", literal=True)).otherwise(text)


def _read_integer(text: pl.Expr) -> Parsed:
    number = _plain_number(text).cast(pl.Float64, strict=False)
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
    """Parse a time: an explicit offset counts, any other time is New York's wall time."""
    day, clock, zone = (text.str.extract(_TIMESTAMP, group) for group in (1, 2, 3))
    # Without a time, or at exactly midnight, the filing may have come at any time of the day: take its last
    # second.
    timed = clock.is_not_null() & (zone.is_not_null() | ~clock.is_in(["00:00:00", "00:00"]))
    seconds = pl.when(clock.str.len_chars() == _CLOCK_CHARS).then(clock).otherwise(clock + ":00")
    wall = day + " " + pl.when(timed).then(seconds).otherwise(pl.lit("23:59:59"))
    naive = wall.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    moment = pl.when(timed & zone.is_not_null()).then(_with_offset(naive, zone)).otherwise(_new_york(naive))
    return Parsed(moment, _unread(text, moment), "a time such as 2024-12-31 16:30:00")


def _with_offset(naive: pl.Expr, zone: pl.Expr) -> pl.Expr:
    """Convert wall time with an offset such as -08:00 to UTC; a letter or name means UTC."""
    hours, minutes = (zone.str.extract(r"(\d\d):?(\d\d)?$", group).cast(pl.Int32) for group in (1, 2))
    distance = hours.fill_null(0) * 60 + minutes.fill_null(0)
    east = pl.when(zone.str.starts_with("-")).then(-distance).otherwise(distance)
    return (naive - pl.duration(minutes=east)).dt.replace_time_zone("UTC")


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
