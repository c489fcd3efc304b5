"""What a run asks for, given what the lake holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from factorlab_lake.ingest.fetch_log import DatasetState, FetchState
from factorlab_lake.ingest.plan import FetchPolicy, due, newest_settled
from factorlab_lake.providers.protocol import Offer, Request

PRICE = {"price": Offer(ranged=True)}
INCOME = {"income": Offer(("quarterly",))}
SPLIT = {"split": Offer()}

MONDAY_NIGHT = datetime(2021, 3, 29, 23, tzinfo=UTC)  # 19:00 in New York
MONDAY_NOON = datetime(2021, 3, 29, 16, tzinfo=UTC)
SATURDAY = datetime(2021, 3, 27, 12, tzinfo=UTC)


def past(at: datetime, first: str | None, last: str | None, asked_from: date = date.min) -> DatasetState:
    """Return what an earlier fetch brought."""
    return DatasetState(
        at,
        date.fromisoformat(first) if first else None,
        date.fromisoformat(last) if last else None,
        asked_from,
    )


def asked(
    offers: dict[str, Offer],
    before: DatasetState | None,
    now: datetime,
    since: date | None = None,
    policy: FetchPolicy | None = None,
    spacing: float | None = None,
) -> list[Request]:
    """Return what is due of one symbol and dataset."""
    [(dataset, offer)] = offers.items()
    key = ("AAPL", dataset, offer.periods[0] if offer.periods else None)
    held = FetchState(
        {} if before is None else {key: before},
        {} if spacing is None else {("AAPL", "quarterly"): spacing},
        frozenset(),
    )
    return list(due(["AAPL"], offers, held, since=since, now=now, policy=policy or FetchPolicy()))


def test_a_new_symbol_is_asked_for_from_the_start() -> None:
    """Nothing is held: everything is due, from ``since`` where that is given."""
    assert asked(PRICE, None, MONDAY_NIGHT) == [Request("price", "AAPL")]
    since = date(2015, 1, 1)
    assert asked(PRICE, None, MONDAY_NIGHT, since) == [Request("price", "AAPL", start=since)]
    assert asked(INCOME, None, MONDAY_NIGHT) == [Request("income", "AAPL", "quarterly")]


def test_bars_are_asked_for_once_they_are_final() -> None:
    """Friday's bar is held: nothing is due until Monday's close has settled, then only the end is."""
    held = past(datetime(2021, 3, 26, 23, tzinfo=UTC), "2010-01-04", "2021-03-26")
    assert asked(PRICE, held, SATURDAY) == []
    assert asked(PRICE, held, MONDAY_NOON) == []
    [request] = asked(PRICE, held, MONDAY_NIGHT)
    assert request == Request("price", "AAPL", start=date(2021, 3, 19))


def test_bars_fetched_during_the_day_are_asked_for_again() -> None:
    """A bar fetched at noon is not final: the next run after the close asks for that day once more."""
    held = past(MONDAY_NOON, "2010-01-04", "2021-03-29")
    [request] = asked(PRICE, held, MONDAY_NIGHT)
    assert request.start is not None
    assert request.start <= date(2021, 3, 29)


def test_an_earlier_start_asks_for_what_lies_before() -> None:
    """Bars are held from 2015: a start in 2010 asks for the years between, and only once."""
    held = past(MONDAY_NIGHT, "2015-01-02", "2021-03-29", asked_from=date(2015, 1, 1))
    [request] = asked(PRICE, held, MONDAY_NIGHT, since=date(2010, 1, 1))
    assert (request.start, request.end) == (date(2010, 1, 1), date(2015, 1, 1))
    again = past(MONDAY_NIGHT, "2015-01-02", "2021-03-29", asked_from=date(2010, 1, 1))
    assert asked(PRICE, again, MONDAY_NIGHT, since=date(2010, 1, 1)) == []


@pytest.mark.parametrize(
    ("last", "days_since_fetch", "expected"),
    [
        ("2020-12-26", 1, 0),  # the next quarter ends on 2021-03-27: no report before 2021-04-06
        ("2020-12-26", 30, 1),  # time to look for restatements
        ("2020-09-26", 1, 1),  # the report of December can be out
        ("2020-09-26", 0, 0),  # but was looked for today already
    ],
)
def test_a_quarter_is_asked_for_when_it_can_exist(last: str, days_since_fetch: int, expected: int) -> None:
    """A report is looked for daily from ten days after its quarter's end, restatements every 30 days."""
    held = past(MONDAY_NIGHT - timedelta(days=days_since_fetch), "2010-03-27", last)
    requests = asked(INCOME, held, MONDAY_NIGHT)
    assert len(requests) == expected
    assert all(r.start == date.fromisoformat(last) - timedelta(days=400) for r in requests)


def test_restatements_are_looked_for_as_often_as_the_policy_says() -> None:
    """With seven days instead of thirty, a week is enough."""
    held = past(MONDAY_NIGHT - timedelta(days=8), "2010-03-27", "2020-12-26")
    assert asked(INCOME, held, MONDAY_NIGHT) == []
    assert len(asked(INCOME, held, MONDAY_NIGHT, policy=FetchPolicy(restatement_days=7))) == 1


def test_companies_that_report_half_years_are_not_polled_in_between() -> None:
    """Reports 182 days apart: the next one after 2020-12-31 is that of June."""
    held = past(datetime(2021, 4, 29, tzinfo=UTC), "2010-06-30", "2020-12-31")
    may = datetime(2021, 5, 10, 12, tzinfo=UTC)
    assert len(asked(INCOME, held, may)) == 1
    assert asked(INCOME, held, may, spacing=182) == []


def test_splits_are_refreshed_weekly() -> None:
    """An answer with no split counts as an answer."""
    held = past(MONDAY_NIGHT - timedelta(days=6), None, None)
    assert asked(SPLIT, held, MONDAY_NIGHT) == []
    held = past(MONDAY_NIGHT - timedelta(days=7), None, None)
    assert asked(SPLIT, held, MONDAY_NIGHT) == [Request("split", "AAPL")]


def test_everything_asks_whatever_is_held() -> None:
    """The policy ``everything`` asks as if the lake were empty."""
    held = past(MONDAY_NIGHT, "2010-01-04", "2021-03-29")
    assert asked(PRICE, held, MONDAY_NIGHT, policy=FetchPolicy(everything=True)) == [Request("price", "AAPL")]


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (MONDAY_NIGHT, "2021-03-29"),
        (MONDAY_NOON, "2021-03-26"),
        (SATURDAY, "2021-03-26"),
        (datetime(2021, 3, 27, 1, tzinfo=UTC), "2021-03-26"),  # still Friday evening in New York
    ],
)
def test_the_newest_settled_day_is_a_weekday_in_new_york(now: datetime, day: str) -> None:
    """Bars are final at 18:00 in New York, and nothing trades on weekends."""
    assert newest_settled(now).date() == date.fromisoformat(day)


def test_statements_of_a_fund_are_looked_for_weekly() -> None:
    """An empty answer is an answer: what has no statements is not polled for them every day."""
    held = past(MONDAY_NIGHT - timedelta(days=6), None, None)
    assert asked(INCOME, held, MONDAY_NIGHT) == []
    held = past(MONDAY_NIGHT - timedelta(days=7), None, None)
    assert asked(INCOME, held, MONDAY_NIGHT) == [Request("income", "AAPL", "quarterly")]
