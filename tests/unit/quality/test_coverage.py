from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from factorlab_lake.ingest.fetch_log import fetch_state
from factorlab_lake.ingest.plan import due
from factorlab_lake.lake import Lake
from factorlab_lake.providers.protocol import Offer
from factorlab_lake.storage import layout as layouts
from tests.support import EARLIER, FETCHED, Entry, bar, income, migrate
from tests.unit.quality.planted_faults import QUARTERS, bars, plant, statements

FRIDAY = date(2020, 3, 27)
MONDAY = date(2020, 3, 30)


def _row(lake: Lake, now: datetime, **which: str) -> dict[str, Any]:
    rows = lake.freshness(now=now).filter(**which)
    assert rows.height == 1
    return rows.row(0, named=True)


@pytest.fixture
def stored(lake: Lake) -> Lake:
    """Create a lake with bars up to Friday, and eight quarters up to the end of 2019."""
    plant(lake, {"price_data": bars("A"), "income_statements": statements("income", "A")})
    assert lake.prices("A")["date"].max() == FRIDAY
    return lake


@pytest.mark.parametrize(
    ("now", "overdue_days"),
    [
        (datetime(2020, 3, 29, 12, tzinfo=UTC), None),
        (datetime(2020, 3, 30, 21, 59, tzinfo=UTC), None),
        (datetime(2020, 3, 30, 22, 1, tzinfo=UTC), 0),
        (datetime(2020, 4, 2, 23, tzinfo=UTC), 3),
    ],
    ids=["at the weekend", "before Monday's bars are final", "once they are", "three days later"],
)
def test_bars_are_overdue_once_the_next_day_is_final(
    stored: Lake, now: datetime, overdue_days: int | None
) -> None:
    """The next weekday's bar is expected, and it is overdue from 18:00 in New York."""
    row = _row(stored, now, dataset="price")
    assert (row["last_date"], row["expected_next"]) == (FRIDAY, MONDAY)
    assert (row["overdue"], row["overdue_days"]) == (overdue_days is not None, overdue_days or 0)


def test_a_report_is_expected_by_the_companys_own_interval(stored: Lake) -> None:
    """A report is expected ten days after the median interval of its newest reports, here 91.5 days."""
    expected = QUARTERS[-1] + timedelta(days=101)
    before, then = (
        datetime(d.year, d.month, d.day, 16, tzinfo=UTC) for d in (expected - timedelta(1), expected)
    )
    row = _row(stored, before, dataset="income", period="quarterly")
    assert (row["last_date"], row["expected_next"], row["overdue"]) == (QUARTERS[-1], expected, False)
    assert _row(stored, then, dataset="income", period="quarterly")["overdue"]


def test_half_yearly_reports_are_expected_later(lake: Lake) -> None:
    """A company that reports half-years is not overdue after a quarter."""
    plant(lake, {"income_statements": statements("income", "H", lambda i, r: r if i % 2 else None)})
    row = _row(lake, datetime(2020, 6, 1, tzinfo=UTC), symbol="H")
    assert (row["expected_next"] - row["last_date"]).days > 180
    assert not row["overdue"]


def test_the_newest_fetch_counts_even_without_new_rows(lake: Lake, tmp_path: Any) -> None:
    """A statement that is fetched again has the time of the newest fetch."""
    for at in (EARLIER, FETCHED):
        migrate(lake, tmp_path, Entry("AAPL", "income", [income("2019-09-28")], cached_at=at))
    assert _row(lake, FETCHED, dataset="income")["fetched_at"] == FETCHED


def test_overdue_bars_are_those_that_a_fetch_requests(lake: Lake, tmp_path: Any) -> None:
    """At the same moment, a fetch requests bars if and only if they are overdue."""
    migrate(lake, tmp_path, Entry("AAPL", "price", [bar("2021-03-31")], cached_at=FETCHED))
    offers = {"price": Offer(ranged=True)}
    for hours in (0, 30, 72):
        now = FETCHED + timedelta(hours=hours)
        requests = list(
            due(["AAPL"], offers, fetch_state(layouts.find(lake.path), ["AAPL"], "fmp"), since=None, now=now)
        )
        assert _row(lake, now, dataset="price")["overdue"] == bool(requests)


def test_splits_and_profiles_are_overdue_after_a_week(lake: Lake) -> None:
    """Splits and profiles are fetched again after a week."""
    row = {"symbol": "A", "date": FRIDAY, "numerator": 2.0, "denominator": 1.0, "fetched_at": FETCHED}
    plant(lake, {"splits": [row], "company_profiles": [{"symbol": "A", "fetched_at": FETCHED}]})
    for days, overdue in ((6, False), (7, True)):
        rows = lake.freshness(now=FETCHED + timedelta(days=days))
        assert rows.select("dataset", "overdue").rows() == [("profile", overdue), ("split", overdue)]


def test_coverage_counts_stored_and_missing_days(lake: Lake) -> None:
    """A day is missing if others traded, but not before the first or after the last bar."""
    gap = bars("GAP", lambda i, b: None if i in (5, 6, 50) else b)
    plant(
        lake,
        {
            "price_data": [
                *gap,
                *bars("WHOLE"),
                *bars("ALSO"),
                *bars("LATE", lambda i, b: b if i > 40 else None),
            ]
        },
    )
    rows = lake.coverage().select("symbol", "dataset", "year", "held", "missing").rows()
    assert rows == [
        ("ALSO", "price", 2020, 60, 0),
        ("GAP", "price", 2020, 57, 3),
        ("LATE", "price", 2020, 19, 0),
        ("WHOLE", "price", 2020, 60, 0),
    ]


def test_coverage_counts_reports_by_their_length(lake: Lake) -> None:
    """Quarters and fiscal years are counted separately, each once; a missing quarter counts in its year."""
    left_out = statements("income", "A", lambda i, r: None if i == 5 else r)
    again = [row | {"version": 2} for row in left_out[:1]]
    year = statements("income", "A", ends=QUARTERS[3:4], period="FY")
    plant(lake, {"income_statements": [*left_out, *again, *year]})
    rows = lake.coverage().select("dataset", "period", "year", "held", "missing").rows()
    assert rows == [
        ("income", "annual", 2018, 1, 0),
        ("income", "quarterly", 2018, 4, 0),
        ("income", "quarterly", 2019, 3, 1),
    ]


def test_an_empty_lake_has_empty_coverage_and_freshness(lake: Lake) -> None:
    """Both frames have their columns and no rows."""
    assert lake.freshness().is_empty()
    assert lake.coverage().is_empty()
    assert "expected_next" in lake.freshness().columns
    assert lake.freshness().schema["overdue"] == pl.Boolean


@pytest.mark.parametrize("day", [date(9999, 12, 31), date(1, 1, 1)])
def test_a_date_at_an_end_of_time_does_not_fail_the_lake(stored: Lake, tmp_path: Any, day: date) -> None:
    """A lake of an earlier version can have such a bar; the rows of the other symbols stay right."""
    before = stored.freshness(now=FETCHED)
    plant(stored, {"price_data": bars("ENDS", days=[day])})
    rows = stored.freshness(now=FETCHED)
    assert rows.filter(pl.col("symbol") != "ENDS").equals(before)
    assert rows.filter(symbol="ENDS")["last_date"].to_list() == [day]
    assert stored.coverage().filter(symbol="ENDS")["year"].to_list() == [day.year]
    assert stored.report(tmp_path / "report.html", now=FETCHED).is_file()
    stored.quality()
