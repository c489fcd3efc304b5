"""Return the trading days of the New York Stock Exchange: its holidays and its half days."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from functools import cache

from factorlab_lake.schema.exchanges import SUFFIXES_ABROAD
from factorlab_lake.schema.rules import BEGINNING_OF_TIME, END_OF_TIME

__all__ = ["closed_days", "half_days", "is_trading_day", "listed_abroad", "moved", "next_trading_day"]

_SATURDAY = 5
_FIRST_YEAR = 1990  # the calendar was compared with another source from here on; EDGAR begins in 1993


def listed_abroad(symbol: str) -> bool:
    """Return whether a symbol has the suffix of an exchange outside the United States.

    >>> [listed_abroad(symbol) for symbol in ("BARC.L", "0700.HK", "BRK.B", "AAPL")]
    [True, True, False, False]
    """
    _, dot, suffix = symbol.rpartition(".")
    return bool(dot) and suffix.upper() in SUFFIXES_ABROAD


def is_trading_day(day: date, symbol: str = "") -> bool:
    """Return whether the symbol's exchange trades on a day.

    The calendar is New York's. For an exchange abroad every weekday counts, because its holidays are not
    known.

    >>> is_trading_day(date(2024, 7, 4)), is_trading_day(date(2024, 7, 4), "BARC.L")
    (False, True)
    """
    return day.weekday() < _SATURDAY and (listed_abroad(symbol) or day not in closed_days(day.year))


def next_trading_day(day: date, symbol: str = "") -> date:
    """Return the first trading day after a day.

    >>> next_trading_day(date(2024, 7, 3)).isoformat()
    '2024-07-05'
    """
    following = moved(day, 1)
    while not is_trading_day(following, symbol) and following < END_OF_TIME:
        following += timedelta(days=1)
    return following


def moved(day: date, days: float) -> date:
    """Return the day that is so many days later, or earlier if negative; no day is beyond the ends of time.

    One stored date such as 9999-12-31 would otherwise fail the questions about all symbols.

    >>> moved(date(9999, 12, 31), 101).isoformat(), moved(date(1, 1, 1), -7).isoformat()
    ('9999-12-31', '0001-01-01')
    """
    earliest, latest = BEGINNING_OF_TIME.toordinal(), END_OF_TIME.toordinal()
    return date.fromordinal(min(max(day.toordinal() + math.floor(days), earliest), latest))


@cache
def closed_days(year: int) -> frozenset[date]:
    """Return the holidays of a year on which New York does not trade, and its unscheduled closings."""
    import holidays  # not at the top: most commands ask for no trading day

    return frozenset(holidays.financial_holidays("NYSE", years=year))


def half_days() -> list[date]:
    """Return the days from 1990 to the end of next year on which New York closes at 13:00, in order."""
    return _half_days(datetime.now(UTC).year + 1)


@cache
def _half_days(last_year: int) -> list[date]:
    import holidays
    from holidays.constants import HALF_DAY

    years = range(_FIRST_YEAR, last_year + 1)
    return sorted(holidays.financial_holidays("NYSE", years=years, categories=(HALF_DAY,)))
