"""What callers may give as symbols and dates, checked and brought into one form."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from typing import Any, TypeAlias

from factorlab_lake.errors import InvalidInput, nearest

__all__ = ["DateLike", "Dates", "in_sequence", "one_of", "to_date", "to_dates", "to_symbols"]

DateLike: TypeAlias = "str | date"
Dates: TypeAlias = "DateLike | Iterable[DateLike] | None"
_COARSE = {"datetime64[Y]", "datetime64[M]", "datetime64[W]", "datetime64"}  # of numpy, no single days
_FRIDAY, _DECEMBER = 4, 12
_STEPS = {
    "D": "every day",
    "B": "Monday to Friday",
    "W": "Fridays",
    "ME": "month ends",
    "QE": "quarter ends",
    "YE": "year ends",
}


def to_symbols(given: str | Iterable[str]) -> list[str]:
    """Return symbols as a list without repeats, in the order given; text, any length.

    >>> to_symbols("BRK.B"), to_symbols(["AAPL", "AAPL", "0700.HK"])
    (['BRK.B'], ['AAPL', '0700.HK'])
    """
    symbols: list[Any] = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    for symbol in symbols:
        if not isinstance(symbol, str) or not symbol.strip():
            raise InvalidInput(
                f"A symbol is a text such as 'AAPL', but {symbol!r} ({type(symbol).__name__}) was given; "
                "symbols made of digits need quotes.",
                symbol=symbol,
            )
    return list(dict.fromkeys(symbols))


def to_date(given: Any, name: str = "date") -> date:
    """Return a plain date from a date, an ISO text, or a whole day of numpy or pandas; a moment is refused.

    >>> to_date("2024-01-31")
    datetime.date(2024, 1, 31)
    """
    given = _whole_day(given)
    if isinstance(given, datetime):
        raise InvalidInput(
            f"{name} is the moment {given.isoformat()}; give a plain date, such as '2024-01-31'.", given=given
        )
    if isinstance(given, date):
        return given
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"{name} is {given!r}; expected a date such as '2024-01-31'.", given=given
        ) from None


def to_dates(
    given: Dates, *, start: DateLike | None = None, end: DateLike | None = None, freq: str | None = None
) -> list[date]:
    """Return dates: one, several, or every ``freq`` step from ``start`` to ``end`` (both included).

    Several come in any collection, also a column or index of polars, pandas or numpy; in those a midnight
    without a zone is that day. ``freq``: D, B (Monday to Friday), W (Fridays), ME, QE, YE (month, quarter and
    year ends).

    >>> to_dates(None, start="2024-01-15", end="2024-03-31", freq="ME")
    [datetime.date(2024, 1, 31), datetime.date(2024, 2, 29), datetime.date(2024, 3, 31)]
    """
    if given is None:
        if start is None or end is None:
            raise InvalidInput(
                "No dates were given; give dates, or start, end and freq (such as 'ME' for month ends)."
            )
        return list(_steps(*in_sequence(to_date(start, "start"), to_date(end, "end")), freq or "ME"))
    if start is not None or end is not None or freq is not None:
        raise InvalidInput("Both dates and start/end/freq were given; give one or the other.")
    if isinstance(given, str | date) or not isinstance(given, Iterable):
        return [to_date(given)]
    columns = hasattr(given, "dtype")
    return list(dict.fromkeys(to_date(_midnight(d) if columns else d) for d in given))


def in_sequence(start: date, end: date) -> tuple[date, date]:
    """Return the two ends of a range; the error says so where the start lies after the end."""
    if start > end:
        raise InvalidInput(
            f"start is {start} and end is {end}: the start lies after the end; exchange them.",
            start=start,
            end=end,
        )
    return start, end


def one_of(given: str, known: Iterable[str], name: str) -> str:
    """Return ``given`` when it is known; the error names what is, and the nearest."""
    options = list(known)
    if given not in options:
        raise InvalidInput(
            f"{name} is {given!r}; expected one of {', '.join(options)}.{nearest(str(given), options)}",
            given=given,
        )
    return given


def _whole_day(given: Any) -> Any:
    """Return the date of a numpy or pandas value that is a whole day, anything else as it is.

    Known by name, since whoever gives none of them need not have these libraries.
    """
    kind = type(given)
    library, name = kind.__module__.split(".")[0], kind.__name__
    if (library, name) == ("numpy", "datetime64") and given.dtype.name not in _COARSE:
        day = given.astype("datetime64[D]")
        found = day.item()
        return found if isinstance(found, date) and day == given else str(given)
    if library == "pandas" and name in ("Timestamp", "NaTType"):
        return str(given) if name == "NaTType" else _midnight(given)
    return given


def _midnight(given: Any) -> Any:
    """Return the date of a midnight without a zone, which is how columns of moments write whole days."""
    if isinstance(given, datetime) and given.tzinfo is None and given == datetime.combine(given, time()):
        return given.date()
    return given


def _steps(start: date, end: date, freq: str) -> Iterator[date]:
    one_of(freq, _STEPS, "freq")
    for number in range(start.toordinal(), end.toordinal() + 1):
        day = date.fromordinal(number)
        if _ends_step(day, freq):
            yield day


def _ends_step(day: date, freq: str) -> bool:
    if freq == "D":
        return True
    if freq in ("B", "W"):
        return day.weekday() <= _FRIDAY if freq == "B" else day.weekday() == _FRIDAY
    last = day.day == calendar.monthrange(day.year, day.month)[1]
    return last and (
        freq == "ME" or (freq == "QE" and day.month % 3 == 0) or (freq == "YE" and day.month == _DECEMBER)
    )
