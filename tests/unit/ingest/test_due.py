"""Test which requests are due, given the fetch state."""

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


def past(at: datetime, first: str | None, last: str | None, requested_from: date = date.min) -> DatasetState:
    """Return the state of an earlier fetch."""
    return DatasetState(
        at,
        date.fromisoformat(first) if first else None,
        date.fromisoformat(last) if last else None,
        requested_from,
    )


def requests(
    offers: dict[str, Offer],
    before: DatasetState | None,
    now: datetime,
    since: date | None = None,
    policy: FetchPolicy | None = None,
    spacing: float | None = None,
) -> list[Request]:
    """Return the due requests of one symbol and dataset."""
    [(dataset, offer)] = offers.items()
    key = ("AAPL", dataset, offer.periods[0] if offer.periods else None)
    state = FetchState(
        {} if before is None else {key: before},
        {} if spacing is None else {("AAPL", "quarterly"): spacing},
        frozenset(),
    )
    return list(due(["AAPL"], offers, state, since=since, now=now, policy=policy or FetchPolicy()))


def test_a_new_symbol_is_requested_in_full() -> None:
    """For a new symbol the full history is due, or the history from ``since``."""
    assert requests(PRICE, None, MONDAY_NIGHT) == [Request("price", "AAPL")]
    since = date(2015, 1, 1)
    assert requests(PRICE, None, MONDAY_NIGHT, since) == [Request("price", "AAPL", start=since)]
    assert requests(INCOME, None, MONDAY_NIGHT) == [Request("income", "AAPL", "quarterly")]


def test_bars_are_due_once_they_are_final() -> None:
    """After Friday's bar nothing is due until Monday's bar is final; then only the last days are."""
    state = past(datetime(2021, 3, 26, 23, tzinfo=UTC), "2010-01-04", "2021-03-26")
    assert requests(PRICE, state, SATURDAY) == []
    assert requests(PRICE, state, MONDAY_NOON) == []
    [request] = requests(PRICE, state, MONDAY_NIGHT)
    assert request == Request("price", "AAPL", start=date(2021, 3, 19))


def test_bars_fetched_during_the_day_are_due_again() -> None:
    """A bar fetched at noon is not final, so it is due again after the close."""
    state = past(MONDAY_NOON, "2010-01-04", "2021-03-29")
    [request] = requests(PRICE, state, MONDAY_NIGHT)
    assert request.start is not None
    assert request.start <= date(2021, 3, 29)


def test_an_earlier_start_requests_the_missing_years() -> None:
    """With bars from 2015, a start in 2010 requests the years between once."""
    state = past(MONDAY_NIGHT, "2015-01-02", "2021-03-29", requested_from=date(2015, 1, 1))
    [request] = requests(PRICE, state, MONDAY_NIGHT, since=date(2010, 1, 1))
    assert (request.start, request.end) == (date(2010, 1, 1), date(2015, 1, 1))
    again = past(MONDAY_NIGHT, "2015-01-02", "2021-03-29", requested_from=date(2010, 1, 1))
    assert requests(PRICE, again, MONDAY_NIGHT, since=date(2010, 1, 1)) == []


@pytest.mark.parametrize(
    ("last", "days_since_fetch", "expected"),
    [
        ("2020-12-26", 1, 0),  # the next quarter ends on 2021-03-27: no report before 2021-04-06
        ("2020-12-26", 30, 1),  # restatements are due
        ("2020-09-26", 1, 1),  # the report of December can be published
        ("2020-09-26", 0, 0),  # but it was requested today already
    ],
)
def test_a_quarter_is_due_when_it_can_be_published(last: str, days_since_fetch: int, expected: int) -> None:
    """A report is due daily from ten days after its quarter's end, restatements every 30 days."""
    state = past(MONDAY_NIGHT - timedelta(days=days_since_fetch), "2010-03-27", last)
    due_requests = requests(INCOME, state, MONDAY_NIGHT)
    assert len(due_requests) == expected
    assert all(r.start == date.fromisoformat(last) - timedelta(days=400) for r in due_requests)


def test_the_policy_sets_the_interval_of_restatements() -> None:
    """With seven days instead of thirty, restatements are due after a week."""
    state = past(MONDAY_NIGHT - timedelta(days=8), "2010-03-27", "2020-12-26")
    assert requests(INCOME, state, MONDAY_NIGHT) == []
    assert len(requests(INCOME, state, MONDAY_NIGHT, policy=FetchPolicy(restatement_days=7))) == 1


def test_companies_that_report_half_years_are_not_polled_in_between() -> None:
    """With reports 182 days apart, the next report after December is that of June."""
    state = past(datetime(2021, 4, 29, tzinfo=UTC), "2010-06-30", "2020-12-31")
    may = datetime(2021, 5, 10, 12, tzinfo=UTC)
    assert len(requests(INCOME, state, may)) == 1
    assert requests(INCOME, state, may, spacing=182) == []


def test_splits_are_refreshed_weekly() -> None:
    """An answer without splits counts as a fetch, so splits are due after a week."""
    state = past(MONDAY_NIGHT - timedelta(days=6), None, None)
    assert requests(SPLIT, state, MONDAY_NIGHT) == []
    state = past(MONDAY_NIGHT - timedelta(days=7), None, None)
    assert requests(SPLIT, state, MONDAY_NIGHT) == [Request("split", "AAPL")]


def test_everything_requests_the_full_history() -> None:
    """The policy ``everything`` requests the same as for an empty lake."""
    state = past(MONDAY_NIGHT, "2010-01-04", "2021-03-29")
    assert requests(PRICE, state, MONDAY_NIGHT, policy=FetchPolicy(everything=True)) == [
        Request("price", "AAPL")
    ]


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
    """Bars are final at 18:00 in New York, and weekends have no bars."""
    assert newest_settled(now).date() == date.fromisoformat(day)


def test_statements_of_a_fund_are_due_weekly() -> None:
    """An empty answer counts as a fetch: a symbol without statements is not polled daily."""
    state = past(MONDAY_NIGHT - timedelta(days=6), None, None)
    assert requests(INCOME, state, MONDAY_NIGHT) == []
    state = past(MONDAY_NIGHT - timedelta(days=7), None, None)
    assert requests(INCOME, state, MONDAY_NIGHT) == [Request("income", "AAPL", "quarterly")]


@pytest.mark.parametrize(
    ("now", "symbol", "day"),
    [
        (datetime(2020, 11, 26, 23, 30, tzinfo=UTC), "AAPL", "2020-11-25"),  # Thanksgiving
        (datetime(2020, 11, 26, 23, 30, tzinfo=UTC), "BARC.L", "2020-11-26"),  # London trades
        (datetime(2020, 11, 27, 23, 30, tzinfo=UTC), "AAPL", "2020-11-27"),  # a half day has bars
        (datetime(2012, 10, 30, 23, 30, tzinfo=UTC), "AAPL", "2012-10-26"),  # closed for a hurricane
        (datetime(2021, 5, 31, 23, 30, tzinfo=UTC), "AAPL", "2021-05-28"),  # Memorial Day after a weekend
    ],
)
def test_the_newest_settled_day_is_no_holiday(now: datetime, symbol: str, day: str) -> None:
    """On a holiday of New York no bar is expected of a symbol that trades there."""
    assert newest_settled(now, symbol).date() == date.fromisoformat(day)


def test_no_bars_are_due_on_a_holiday() -> None:
    """After Wednesday's bars nothing is due on Thanksgiving, but on Friday the half day's bar is."""
    wednesday = datetime(2020, 11, 25, 23, 30, tzinfo=UTC)
    state = past(wednesday, "2010-01-04", "2020-11-25")
    assert requests(PRICE, state, wednesday + timedelta(days=1)) == []
    assert len(requests(PRICE, state, wednesday + timedelta(days=2))) == 1


def test_share_counts_are_due_with_the_reports_that_publish_them() -> None:
    """Counts of yesterday are due again when a report is; both have the parameters of the last fetch."""
    yesterday = MONDAY_NOON - timedelta(days=1)
    shares = DatasetState(yesterday, date(2020, 12, 1), date(2021, 1, 15), date.min, '{"accession": "7"}')
    offers = {"shares": Offer(), **INCOME}
    for quarter, expected in ((date(2020, 12, 31), []), (date(2020, 9, 30), ["income", "shares"])):
        income = DatasetState(yesterday, date(2010, 12, 31), quarter, date.min, '{"accession": "8"}')
        states = {("AAPL", "income", "quarterly"): income, ("AAPL", "shares", None): shares}
        state = FetchState(states, {}, frozenset())
        requested = list(due(["AAPL"], offers, state, since=None, now=MONDAY_NOON))
        assert [request.dataset for request in requested] == expected
        assert [request.last_parameters for request in requested] == [
            '{"accession": "8"}',
            '{"accession": "7"}',
        ][: len(requested)]


def test_a_longer_history_is_no_question_of_what_is_new() -> None:
    """A request that reaches further back, or for everything, has no parameters of an earlier fetch."""
    state = past(datetime(2021, 3, 1, tzinfo=UTC), "2015-03-31", "2020-12-31", date(2015, 1, 1))
    further = requests(INCOME, state, MONDAY_NIGHT, since=date(2010, 1, 1))
    everything = requests(INCOME, state, MONDAY_NIGHT, policy=FetchPolicy(everything=True))
    assert [request.last_parameters for request in further + everything] == [None, None]


@pytest.mark.parametrize(
    ("limit", "start"), [(date.min, None), (date(2015, 1, 1), date(2015, 1, 1))], ids=["all", "since 2015"]
)
def test_a_complete_answer_is_requested_from_where_the_first_began(limit: date, start: date | None) -> None:
    """An amendment restates a year of any age: where an answer has the whole history, none is left out."""
    before = past(datetime(2021, 1, 4, 12, tzinfo=UTC), "2009-06-27", "2020-09-26", limit)
    for offer, expected in (
        (Offer(("quarterly",), complete=True), start),
        (INCOME["income"], date(2019, 8, 23)),
    ):
        [request] = requests({"income": offer}, before, MONDAY_NIGHT)
        assert request.start == expected
