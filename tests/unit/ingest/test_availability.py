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
    # An acceptance within five days of the period's end is impossible.
    ("2020-09-30 09:00:00", "2020-10-30", "2020-10-31", "filing_date"),
    ("2020-10-01 09:00:00", "2020-10-30", "2020-10-01", "accepted"),
    # More than a day after the fetch of 2021-03-31, 22:00 UTC.
    ("2021-04-01 18:00:00", "2021-03-31", "2021-04-02", "accepted"),
    ("2021-04-01 18:00:01", "2021-03-31", "2021-04-01", "filing_date"),
    ("2024-01-02 09:00:00", None, "2020-12-10", "estimated"),
    # The day after Thanksgiving is a half day, until 13:00; the Friday before is none.
    ("2020-11-27 13:00:00", "2020-11-27", "2020-11-27", "accepted"),
    ("2020-11-27 13:00:01", "2020-11-27", "2020-11-28", "accepted"),
    ("2020-11-20 15:00:00", "2020-11-20", "2020-11-20", "accepted"),
    ("2020-12-24 15:30:00", "2020-12-24", "2020-12-25", "accepted"),
    # Midnight without an offset is no time.
    ("2020-10-29 00:00:00", "2020-10-30", "2020-10-30", "accepted"),
    # An offset counts: 15:30 in New York, 17:30 in New York.
    ("2020-10-29T19:30:00Z", "2020-10-29", "2020-10-29", "accepted"),
    ("2020-10-29T14:30:00-07:00", "2020-10-29", "2020-10-30", "accepted"),
    ("0000-00-00 00:00:00", "0000-00-00", "2020-12-10", "estimated"),
]


def _row(**fields: Any) -> dict[str, Any]:
    return normalized("income", answer("income", [income(**fields)])).rows.row(0, named=True)


@pytest.mark.parametrize(("accepted", "filed", "available", "basis"), _CASES)
def test_the_first_day_of_use(accepted: str | None, filed: str | None, available: str, basis: str) -> None:
    """A filing can be used from the first New York close at which it was public; the basis is named."""
    row = _row(acceptedDate=accepted, fillingDate=filed)
    assert (row["available_date"].isoformat(), row["availability_basis"]) == (available, basis)


@pytest.mark.parametrize(
    ("period", "day"),
    [
        ("Q1", "2020-12-10"),
        ("Q4", "2020-12-10"),
        ("H1", "2021-01-04"),
        ("9M", "2021-01-04"),
        ("FY", "2021-01-24"),
    ],
)
def test_an_estimate_follows_the_length_of_the_period(period: str, day: str) -> None:
    """Without any date a quarter is available after 75 days, a half year after 100, a year after 120."""
    row = _row(period=period, acceptedDate=None, fillingDate=None)
    assert (row["available_date"].isoformat(), row["availability_basis"]) == (day, "estimated")


@pytest.mark.parametrize(
    ("symbol", "day"),
    [("BARC.L", "2020-10-30"), ("7203.T", "2020-10-30"), ("0700.hk", "2020-10-30"), ("BRK.B", "2020-10-29")],
)
def test_a_symbol_listed_abroad_waits_for_the_next_day(symbol: str, day: str) -> None:
    """An exchange abroad has closed when New York closes; a class of shares is no exchange."""
    sent = answer("income", [income(symbol=symbol, acceptedDate="2020-10-29 09:30:00")])
    sent.symbol = symbol
    assert normalized("income", sent).rows["available_date"].item().isoformat() == day


@pytest.mark.parametrize("accepted", ["2020-09-26 17:00:00", "2025-01-01 09:00:00"])
def test_an_impossible_acceptance_is_unknown_and_its_text_stays(accepted: str) -> None:
    """An acceptance before the report can exist, or after its fetch, is in `extra` alone."""
    row = _row(acceptedDate=accepted)
    assert (row["accepted_at"], row["accepted_date"]) == (None, None)
    assert row["extra"] == f'{{"acceptedDate":"{accepted}"}}'


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
