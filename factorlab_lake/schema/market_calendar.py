"""Return the trading days of the New York Stock Exchange: its holidays and its half days."""

from __future__ import annotations

import csv
import math
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

from factorlab_lake.schema.exchanges import SUFFIXES_ABROAD
from factorlab_lake.schema.rules import BEGINNING_OF_TIME, END_OF_TIME

__all__ = ["closed_days", "half_days", "is_trading_day", "listed_abroad", "moved", "next_trading_day"]

_SATURDAY = 5


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


def closed_days(year: int) -> frozenset[date]:
    """Return the days of a year on which New York does not trade: holidays, and unscheduled closings.

    The years 1885 to 2100 are known. An unscheduled closing is known from the next release on.

    >>> date(2025, 1, 9) in closed_days(2025)
    True
    """
    return _days("closed").get(year, frozenset())


def half_days() -> list[date]:
    """Return the days from 1990 on, in order, on which New York closes at 13:00.

    >>> half_days()[0].isoformat()
    '1990-12-24'
    """
    return sorted(day for days in _days("half_days").values() for day in days)


@cache
def _days(kind: str) -> dict[int, frozenset[date]]:
    text = files(__package__).joinpath("market_days.csv").read_text(encoding="utf-8")
    return {
        int(row["year"]): frozenset(date.fromisoformat(f"{row['year']}-{day}") for day in row[kind].split())
        for row in csv.DictReader(text.splitlines())
    }
