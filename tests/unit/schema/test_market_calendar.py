"""Test the trading days of New York."""

from __future__ import annotations

from datetime import date

import pytest

from factorlab_lake.schema.market_calendar import (
    closed_days,
    half_days,
    is_trading_day,
    moved,
    next_trading_day,
)

# As the exchange announced them.
_CLOSED_2024 = ["01-01", "01-15", "02-19", "03-29", "05-27", "06-19", "07-04", "09-02", "11-28", "12-25"]
_HALF_2024 = ["07-03", "11-29", "12-24"]


def test_the_holidays_of_a_year() -> None:
    """2024 has ten holidays, all on weekdays."""
    assert sorted(closed_days(2024)) == [date.fromisoformat(f"2024-{day}") for day in _CLOSED_2024]


def test_the_half_days_of_a_year() -> None:
    """2024 has three half days; the list begins in 1990 and includes next year."""
    assert [d for d in half_days() if d.year == 2024] == [
        date.fromisoformat(f"2024-{day}") for day in _HALF_2024
    ]
    assert half_days()[0].year == 1990
    assert half_days()[-1].year > date.today().year  # noqa: DTZ011  # a year in any zone


@pytest.mark.parametrize("day", ["2001-09-11", "2012-10-29", "2018-12-05", "2025-01-09"])
def test_unscheduled_closings_are_no_trading_days(day: str) -> None:
    """The exchange was closed after an attack, in a hurricane and on days of mourning."""
    assert not is_trading_day(date.fromisoformat(day))
    assert is_trading_day(date.fromisoformat(day), "7203.T")


def test_the_next_trading_day_skips_holidays_and_weekends() -> None:
    """After Thursday before Good Friday comes Monday."""
    assert next_trading_day(date(2024, 3, 28)) == date(2024, 4, 1)
    assert next_trading_day(date(2024, 3, 28), "7203.T") == date(2024, 3, 29)


@pytest.mark.parametrize("symbol", ["AAPL", "BARC.L"])
@pytest.mark.parametrize("day", [date(9999, 12, 30), date(9999, 12, 31), date(1, 1, 1)])
def test_the_calendar_ends_at_the_ends_of_time(day: date, symbol: str) -> None:
    """A stored date at an end of time has a next trading day, where Python's arithmetic would overflow."""
    assert day <= next_trading_day(day, symbol) <= date(9999, 12, 31)
    assert date(1, 1, 1) <= moved(day, -400) <= day <= moved(day, 101)
