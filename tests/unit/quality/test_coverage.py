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
from tests.unit.quality.planted import QUARTERS, bars, plant, statements

FRIDAY = date(2020, 3, 27)
MONDAY = date(2020, 3, 30)


def _row(lake: Lake, now: datetime, **which: str) -> dict[str, Any]:
    found = lake.freshness(now=now).filter(**which)
    assert found.height == 1
    return found.row(0, named=True)


@pytest.fixture
def held(lake: Lake) -> Lake:
    """Bars up to Friday, and eight quarters up to the end of 2019."""
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
    held: Lake, now: datetime, overdue_days: int | None
) -> None:
    """The next weekday's bar is expected, and overdue from 18:00 in New York on."""
    row = _row(held, now, dataset="price")
    assert (row["last_date"], row["expected_next"]) == (FRIDAY, MONDAY)
    assert (row["overdue"], row["overdue_days"]) == (overdue_days is not None, overdue_days or 0)


def test_a_report_is_expected_by_the_companys_own_rhythm(held: Lake) -> None:
    """The median distance of its newest reports, here 91.5 days, and ten days after the last one."""
    expected = QUARTERS[-1] + timedelta(days=101)
    before, then = (
        datetime(d.year, d.month, d.day, 16, tzinfo=UTC) for d in (expected - timedelta(1), expected)
    )
    row = _row(held, before, dataset="income", period="quarterly")
    assert (row["last_date"], row["expected_next"], row["overdue"]) == (QUARTERS[-1], expected, False)
    assert _row(held, then, dataset="income", period="quarterly")["overdue"]


def test_half_yearly_reports_are_waited_for_longer(lake: Lake) -> None:
    """A company that reports half-years is not overdue after a quarter."""
    plant(lake, {"income_statements": statements("income", "H", lambda i, r: r if i % 2 else None)})
    row = _row(lake, datetime(2020, 6, 1, tzinfo=UTC), symbol="H")
    assert (row["expected_next"] - row["last_date"]).days > 180
    assert not row["overdue"]


def test_the_newest_fetch_counts_also_where_it_brought_nothing_new(lake: Lake, tmp_path: Any) -> None:
    """The same statement fetched again is as fresh as that fetch."""
    for at in (EARLIER, FETCHED):
        migrate(lake, tmp_path, Entry("AAPL", "income", [income("2019-09-28")], cached_at=at))
    assert _row(lake, FETCHED, dataset="income")["fetched_at"] == FETCHED


def test_what_is_overdue_is_what_a_fetch_would_ask_for(lake: Lake, tmp_path: Any) -> None:
    """The rule is that of fetching: bars of the same lake and moment are asked for when overdue, else not."""
    migrate(lake, tmp_path, Entry("AAPL", "price", [bar("2021-03-31")], cached_at=FETCHED))
    offers = {"price": Offer(ranged=True)}
    for hours in (0, 30, 72):
        now = FETCHED + timedelta(hours=hours)
        asked = list(
            due(["AAPL"], offers, fetch_state(layouts.find(lake.path), ["AAPL"], "fmp"), since=None, now=now)
        )
        assert _row(lake, now, dataset="price")["overdue"] == bool(asked)


def test_splits_and_profiles_are_overdue_after_a_week(lake: Lake) -> None:
    """They are asked for again a week after they were."""
    row = {"symbol": "A", "date": FRIDAY, "numerator": 2.0, "denominator": 1.0, "fetched_at": FETCHED}
    plant(lake, {"splits": [row], "company_profiles": [{"symbol": "A", "fetched_at": FETCHED}]})
    for days, overdue in ((6, False), (7, True)):
        found = lake.freshness(now=FETCHED + timedelta(days=days))
        assert found.select("dataset", "overdue").rows() == [("profile", overdue), ("split", overdue)]


def test_coverage_counts_days_and_what_is_missing_between(lake: Lake) -> None:
    """A gap counts where others traded; what lies before the first and after the last bar does not."""
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
    found = lake.coverage().select("symbol", "dataset", "year", "held", "missing").rows()
    assert found == [
        ("ALSO", "price", 2020, 60, 0),
        ("GAP", "price", 2020, 57, 3),
        ("LATE", "price", 2020, 19, 0),
        ("WHOLE", "price", 2020, 60, 0),
    ]


def test_coverage_counts_reports_by_their_length(lake: Lake) -> None:
    """Quarters and fiscal years by themselves, each version once; a quarter is missing in its year."""
    left_out = statements("income", "A", lambda i, r: None if i == 5 else r)
    again = [row | {"version": 2} for row in left_out[:1]]
    year = statements("income", "A", ends=QUARTERS[3:4], period="FY")
    plant(lake, {"income_statements": [*left_out, *again, *year]})
    found = lake.coverage().select("dataset", "period", "year", "held", "missing").rows()
    assert found == [
        ("income", "annual", 2018, 1, 0),
        ("income", "quarterly", 2018, 4, 0),
        ("income", "quarterly", 2019, 3, 1),
    ]


def test_a_lake_without_rows_is_neither_fresh_nor_overdue(lake: Lake) -> None:
    """Both answers have their columns and no rows."""
    assert lake.freshness().is_empty()
    assert lake.coverage().is_empty()
    assert "expected_next" in lake.freshness().columns
    assert lake.freshness().schema["overdue"] == pl.Boolean
