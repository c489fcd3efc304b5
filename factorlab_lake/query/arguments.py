"""Check the symbols and dates of callers and convert them to lists."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any, TypeAlias

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.schema.market_calendar import is_trading_day
from factorlab_lake.schema.rules import BEGINNING_OF_TIME, END_OF_TIME

__all__ = [
    "DateLike",
    "Dates",
    "date_range",
    "in_sequence",
    "is_text",
    "one_of",
    "to_date",
    "to_dates",
    "to_symbols",
]

DateLike: TypeAlias = "str | date"
Dates: TypeAlias = "DateLike | Iterable[DateLike] | None"
_COARSE = {
    "datetime64[Y]",
    "datetime64[M]",
    "datetime64[W]",
    "datetime64",
}  # numpy units other than days
_FRIDAY, _DECEMBER = 4, 12
# The names of pandas, and one for New York's calendar, which pandas does not have.
_STEPS = {
    "D": "every day",
    "B": "Monday to Friday",
    "W": "Fridays",
    "ME": "month ends",
    "QE": "quarter ends",
    "YE": "year ends",
    "BME": "last weekdays of months",
    "BQE": "last weekdays of quarters",
    "BYE": "last weekdays of years",
    "trading_days": "days on which New York trades",
}


def to_symbols(symbols: str | Iterable[str]) -> list[str]:
    """Return one or several symbols as a list without duplicates, in the caller's order.

    >>> to_symbols("BRK.B"), to_symbols(["AAPL", "AAPL", "0700.HK"])
    (['BRK.B'], ['AAPL', '0700.HK'])
    """
    single = isinstance(symbols, str) or not isinstance(symbols, Iterable)
    values: list[Any] = [symbols] if single else list(symbols)
    for symbol in values:
        if not isinstance(symbol, str) or not symbol.strip() or not is_text(symbol):
            raise InvalidInput(
                f"A symbol is a string such as 'AAPL', not {symbol!r} ({type(symbol).__name__}); "
                "put symbols of digits in quotes.",
                symbol=symbol,
            )
    return list(dict.fromkeys(values))


def is_text(symbol: str) -> bool:
    """Return whether a string has no surrogates, which stand for bytes that are not text."""
    return symbol.isascii() or not any("\ud800" <= character <= "\udfff" for character in symbol)


def to_date(value: Any, name: str = "date") -> date:
    """Return a plain date from a date, an ISO string, or a midnight, which means its day.

    A midnight with a time zone means the day in that zone. Raises :class:`InvalidInput` for a timestamp with
    a time of day, and for anything else.

    >>> to_date("2024-01-31"), to_date(datetime(2024, 1, 31))
    (datetime.date(2024, 1, 31), datetime.date(2024, 1, 31))
    """
    day = _whole_day(value)
    if isinstance(day, datetime):
        raise InvalidInput(
            f"{name} is the moment {day.isoformat()}; pass a plain date, such as '2024-01-31'.", value=day
        )
    if isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except (TypeError, ValueError):
        raise InvalidInput(f"{name} is {day!r}; expected a date such as '2024-01-31'.", value=day) from None


def to_dates(
    dates: Dates, *, start: DateLike | None = None, end: DateLike | None = None, freq: str | None = None
) -> list[date]:
    """Return one date, several, or every ``freq`` step from ``start`` to ``end`` (both included), as a list.

    Several dates can be any collection, also a column or index of polars, pandas or numpy. A midnight means
    its day, in its own time zone. ``freq`` is D, B (Monday to Friday), W (Fridays), ME, QE or YE (month,
    quarter and year ends), BME, BQE or BYE (the last weekday of each), or trading_days (those of New York).

    >>> to_dates(None, start="2024-01-15", end="2024-03-31", freq="ME")
    [datetime.date(2024, 1, 31), datetime.date(2024, 2, 29), datetime.date(2024, 3, 31)]
    """
    if dates is None:
        if start is None or end is None:
            raise InvalidInput(
                "No dates were given; pass dates, or start, end and freq (such as 'ME' for month ends)."
            )
        step = "ME" if freq is None else freq
        return list(_steps(*in_sequence(to_date(start, "start"), to_date(end, "end")), step))
    if start is not None or end is not None or freq is not None:
        raise InvalidInput("Both dates and start/end/freq were given; pass one or the other.")
    if isinstance(dates, str | date) or not isinstance(dates, Iterable):
        return [to_date(dates)]
    return list(dict.fromkeys(map(to_date, dates)))


def in_sequence(start: date, end: date) -> tuple[date, date]:
    """Return the two ends of a range; raise :class:`InvalidInput` where the start is after the end."""
    if start > end:
        raise InvalidInput(
            f"start is {start} and end is {end}: the start is after the end; swap them.",
            start=start,
            end=end,
        )
    return start, end


def date_range(start: DateLike | None, end: DateLike | None) -> tuple[date, date]:
    """Return the first and the last day of a range; a missing end has no limit.

    >>> date_range("2024-01-31", None)
    (datetime.date(2024, 1, 31), datetime.date(9999, 12, 31))
    """
    first = BEGINNING_OF_TIME if start is None else to_date(start, "start")
    last = END_OF_TIME if end is None else to_date(end, "end")
    return in_sequence(first, last)


def one_of(value: str, options: Iterable[str], name: str) -> str:
    """Return a value that is among the options; else raise an error with the options and the nearest one."""
    allowed = list(options)
    if value not in allowed:
        raise InvalidInput(
            f"{name} is {value!r}; expected one of {', '.join(allowed)}.{nearest(str(value), allowed)}",
            value=value,
        )
    return value


def _whole_day(value: Any) -> Any:
    """Return the date of a numpy or pandas value that is a whole day, and any other value unchanged.

    The types are compared by name, because neither library may be installed.
    """
    kind = type(value)
    library, name = kind.__module__.split(".")[0], kind.__name__
    if (library, name) == ("numpy", "datetime64") and value.dtype.name not in _COARSE:
        day = value.astype("datetime64[D]")
        plain = day.item()
        return plain if isinstance(plain, date) and day == value else str(value)
    if library == "pandas" and name in ("Timestamp", "NaTType"):
        return str(value) if name == "NaTType" else _midnight(value)
    if isinstance(value, str):
        return _midnight_text(value)
    return _midnight(value)


def _midnight(value: Any) -> Any:
    """Return the date of a midnight in its own time zone: columns of timestamps store whole days that way."""
    if isinstance(value, datetime) and value.time() == time() and not getattr(value, "nanosecond", 0):
        return value.date()
    return value


def _midnight_text(text: str) -> Any:
    """Return the date of a text such as 2024-01-31 00:00:00, and any other text unchanged."""
    for separator in (" ", "T"):
        day, _, clock = text.partition(separator)
        if clock in ("00:00", "00:00:00"):
            return day
    return text


def _steps(start: date, end: date, freq: str) -> Iterator[date]:
    one_of(freq, _STEPS, "freq")
    for number in range(start.toordinal(), end.toordinal() + 1):
        day = date.fromordinal(number)
        if _ends_step(day, freq):
            yield day


def _ends_step(day: date, freq: str) -> bool:
    if freq == "D":
        return True
    if freq == "trading_days":
        return is_trading_day(day)
    if freq in ("B", "W"):
        return day.weekday() <= _FRIDAY if freq == "B" else day.weekday() == _FRIDAY
    last = calendar.monthrange(day.year, day.month)[1]
    if freq.startswith("B"):
        last -= max(date(day.year, day.month, last).weekday() - _FRIDAY, 0)
    months = {"M": 1, "Q": 3, "Y": _DECEMBER}[freq[-2]]
    return day.day == last and day.month % months == 0
