"""Test the first day on which a filing can be used."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.support import answer, income, normalized

_CASES = [
    # acceptance, filing date, first day of use, basis
    ("2020-10-29 09:30:00", "2020-10-29", "2020-10-29", "accepted"),
    ("2020-10-29 15:59:59", "2020-10-29", "2020-10-29", "accepted"),
    ("2020-10-29 16:00:00", "2020-10-29", "2020-10-29", "accepted"),
    ("2020-10-29 16:00:01", "2020-10-29", "2020-10-30", "accepted"),
    ("2021-01-27 18:03:06", "2021-01-28", "2021-01-28", "accepted"),
    ("2020-10-30 23:59:59", "2020-10-30", "2020-10-31", "accepted"),  # a Friday night: the next calendar day
    ("2020-12-31 17:00:00", "2020-12-31", "2021-01-01", "accepted"),
    ("2020-10-29", "2020-10-30", "2020-10-30", "accepted"),  # without a time: public at the end of the day
    (None, "2020-10-30", "2020-10-31", "filing_date"),
    (None, "2020-12-31", "2021-01-01", "filing_date"),
    (None, None, "2020-12-10", "estimated"),  # 75 days after 2020-09-26
    # An acceptance or filing date on or before the period's end is a placeholder.
    ("2020-09-26 00:00:00", "2020-10-30", "2020-10-31", "filing_date"),
    ("2020-09-25 17:00:00", "2020-10-30", "2020-10-31", "filing_date"),
    ("1970-01-01 00:00:00", None, "2020-12-10", "estimated"),
    ("2020-09-26 00:00:00", "2020-09-26", "2020-12-10", "estimated"),
    (None, "2020-09-26", "2020-12-10", "estimated"),
    ("2020-09-27 09:00:00", "2020-09-27", "2020-09-27", "accepted"),
]


def _row(**fields: Any) -> dict[str, Any]:
    return normalized("income", answer("income", [income(**fields)])).rows.row(0, named=True)


@pytest.mark.parametrize(("accepted", "filed", "available", "basis"), _CASES)
def test_the_first_day_of_use(accepted: str | None, filed: str | None, available: str, basis: str) -> None:
    """A filing can be used from the first New York close at which it was public; the basis is named."""
    row = _row(acceptedDate=accepted, fillingDate=filed)
    assert (row["available_date"].isoformat(), row["availability_basis"]) == (available, basis)


def test_fields_that_are_absent_are_like_missing_ones() -> None:
    """A record without the fields for acceptance and filing date gets the estimated date."""
    row = _row(acceptedDate=..., fillingDate=...)
    assert (row["available_date"], row["availability_basis"]) == (date(2020, 12, 10), "estimated")


@pytest.mark.parametrize(
    ("accepted", "day"),
    [("2020-10-29 23:30:00", "2020-10-29"), ("2021-01-27 00:30:00", "2021-01-27"), (None, None)],
)
def test_the_date_of_acceptance_is_new_yorks(accepted: str | None, day: str | None) -> None:
    """23:30 in New York is the next day in UTC, but accepted_date is the day in New York."""
    assert _row(acceptedDate=accepted)["accepted_date"] == (None if day is None else date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2021-03-14", "2020-11-01", "2020-07-01", "2020-01-15"])
def test_the_close_is_at_four_on_new_yorks_clock_in_any_season(day: str) -> None:
    """The close is at 16:00 New York wall time, also on the days of a clock change."""
    on_time = _row(date="2019-09-28", acceptedDate=f"{day} 16:00:00")
    late = _row(date="2019-09-28", acceptedDate=f"{day} 16:00:01")
    assert on_time["available_date"].isoformat() == day
    assert (late["available_date"] - on_time["available_date"]).days == 1


def test_every_statement_of_the_samples_is_available_after_its_period(lake_both: Any) -> None:
    """No statement of the samples can be used before its acceptance or before the end of its period."""
    early = lake_both.sql(
        "SELECT * FROM financial_statements WHERE available_date IS NULL OR available_date <= fiscal_date "
        "OR available_date < accepted_date"
    )
    assert early.is_empty()
    assert lake_both.sql("SELECT DISTINCT availability_basis FROM financial_statements").rows() == [
        ("accepted",)
    ]
