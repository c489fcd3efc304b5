"""Test the plain computation of days against cases by hand."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tests.oracle.counts import factor
from tests.oracle.days import accepted_at, months_before, usable_from

_END, _FILED = date(2023, 9, 30), date(2023, 11, 24)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-11-22 16:00:00", (date(2023, 11, 22), "accepted")),
        ("2023-11-22 16:00:01", (date(2023, 11, 23), "accepted")),
        ("2023-11-24 13:30:00", (date(2023, 11, 25), "accepted")),  # markets closed at one o'clock
        ("2023-11-22T21:30:00Z", (date(2023, 11, 23), "accepted")),
        ("2023-10-01 12:00:00", (date(2023, 11, 25), "filing_date")),  # a day after the period's end
        ("2023-11-24 00:00:00", (date(2023, 11, 25), "filing_date")),  # a date without a time
        ("0000-00-00", (date(2023, 11, 25), "filing_date")),
    ],
)
def test_a_figure_is_usable_from_the_close_after_its_acceptance(
    text: str, expected: tuple[date, str]
) -> None:
    """An acceptance by the close counts that day; one that cannot be is unknown."""
    assert usable_from(_END, 3, accepted_at(text), _FILED) == expected


def test_an_estimate_depends_on_the_length() -> None:
    """A quarter is estimated at 75 days after its end, a half year at 100, a year at 120."""
    days = [(usable_from(_END, months, None, None)[0] - _END).days for months in (3, 6, 12)]
    assert days == [75, 100, 120]


def test_an_acceptance_after_the_fetch_is_unknown() -> None:
    """A fetch on 22 November cannot know a filing of the 24th."""
    fetched = datetime.fromisoformat("2023-11-22T22:00:00+00:00")
    accepted = accepted_at("2023-11-24 10:00:00")
    assert usable_from(_END, 3, accepted, None, fetched=fetched)[1] == "estimated"


def test_months_and_split_factors_run_both_ways() -> None:
    """Three months before the end of May is the end of February; a factor back is the inverse."""
    assert months_before(date(2023, 5, 31), 3) == date(2023, 2, 28)
    splits = {date(2014, 6, 9): 7.0, date(2020, 8, 31): 4.0}
    assert factor(splits, date(2014, 1, 1), date(2021, 1, 1)) == 28.0
    assert factor(splits, date(2020, 8, 31), date(2020, 8, 30)) == 0.25
