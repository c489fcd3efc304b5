"""Test the table of New York's trading days against the package that it is written from."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import holidays
from holidays.constants import HALF_DAY

from docs.market_days import TABLE, market_days
from factorlab_lake.schema.market_calendar import closed_days, half_days


def test_the_table_is_current() -> None:
    """The table is what the installed version knows; `make docs-reference` writes it again."""
    assert TABLE.read_text(encoding="utf-8") == market_days()


def test_the_calendar_has_the_days_of_the_package() -> None:
    """The functions return the holidays and half days of each year as the package does."""
    years = range(1990, 2101)
    for year in years:
        assert closed_days(year) == set(holidays.financial_holidays("NYSE", years=year)), year
    assert half_days() == sorted(holidays.financial_holidays("NYSE", years=years, categories=(HALF_DAY,)))


def test_each_year_has_one_line_and_days_of_its_own() -> None:
    """The lines are in order of years without a gap, and name days in order, none of them twice."""
    heading, *lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert heading == "year,closed,half_days"
    rows = [line.split(",") for line in lines]
    assert all(int(later[0]) - int(row[0]) == 1 for row, later in pairwise(rows))
    for year, closed, half in rows:
        days = [date.fromisoformat(f"{year}-{day}") for day in closed.split()]
        early = [date.fromisoformat(f"{year}-{day}") for day in half.split()]
        assert days == sorted(set(days))
        assert early == sorted(set(early).difference(days))
    assert not any(day.weekday() > 4 and day.year > 1952 for day in half_days())
    assert date.today() + timedelta(days=3650) < date(int(rows[-1][0]), 1, 1)  # noqa: DTZ011 - a day in any zone
