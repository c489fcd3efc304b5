"""Decide which requests are due, given what the fetch log lists.

Due are new bars, quarters that can be published by now, and from time to time recent quarters, for
restatements. Fetched data is not requested again at once, so an interrupted fetch resumes where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from factorlab_lake.ingest.fetch_log import DatasetState, FetchState
from factorlab_lake.providers.protocol import Offer, Period, Request
from factorlab_lake.schema.market_calendar import is_trading_day, moved
from factorlab_lake.schema.rules import (
    BARS_FINAL_AT,
    EARLIEST_REPORT_DAYS,
    OVERLAP_DAYS,
    RESTATEMENT_INTERVAL_DAYS,
    RESTATEMENT_SEARCH_DAYS,
)

__all__ = ["DEFAULT", "NEW_YORK", "FetchPolicy", "due", "newest_settled", "next_report"]

_SHARES = "shares"
NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """Set how often the same data is requested again, in days.

    - ``polling_days``: a quarter that may be published by now.
    - ``restatement_days``: recent quarters while no new one can be published, to find restatements.
    - ``refresh_days``: splits, dividends, profiles, and statements of a symbol that had none. Splits are also
      requested at once when new bars hint at a split.
    - ``everything``: request the full history, whatever the lake already has.
    """

    polling_days: int = 1
    restatement_days: int = RESTATEMENT_INTERVAL_DAYS
    refresh_days: int = 7
    everything: bool = False

    def refreshed(self, fetched_on: date) -> date:
        """Return the day from which splits, dividends and profiles are requested again."""
        return moved(fetched_on, self.refresh_days)


DEFAULT = FetchPolicy()


@dataclass(frozen=True, slots=True)
class _Planner:
    """Hold the inputs that decide which requests to make for one dataset and symbol."""

    base: Request
    state: FetchState
    since: date | None
    now: datetime
    policy: FetchPolicy

    @property
    def past(self) -> DatasetState | None:
        """Return the state of earlier fetches; None if there is none or the policy requests everything."""
        if self.policy.everything:
            return None
        return self.state.of(self.base.symbol, self.base.dataset, self.base.period)

    def request(self, start: date | None, end: date | None = None) -> Request:
        """Return the request for a range of dates, both ends included; None leaves an end open."""
        return Request(self.base.dataset, self.base.symbol, self.base.period, start, end)

    def newer(self, start: date | None, past: DatasetState) -> Request:
        """Return the request for what is newer than the last fetch, and is from ``start`` on."""
        return replace(self.request(start), last_parameters=past.parameters)


def due(
    symbols: Sequence[str],
    offers: Mapping[str, Offer],
    state: FetchState,
    *,
    since: date | None,
    now: datetime,
    policy: FetchPolicy = DEFAULT,
) -> Iterator[Request]:
    """Yield the requests that are due, symbol by symbol, for the datasets in ``offers``.

    Without ``since``, request the full history of a new symbol and only newer data of a known one. With it,
    also request the missing data between ``since`` and the earliest start requested before.
    """
    # Share counts come last: they are published with the reports.
    ordered = sorted(offers.items(), key=lambda offer: offer[0] == _SHARES)
    for symbol in symbols:
        is_report_due = False
        for dataset, offer in ordered:
            for period in offer.periods or (None,):
                planner = _Planner(Request(dataset, symbol, period), state, since, now, policy)
                if offer.periods:
                    requests = list(_reports(planner, period or "quarterly", complete=offer.complete))
                    is_report_due = is_report_due or bool(requests)
                elif offer.ranged:
                    requests = list(_days(planner))
                else:
                    requests = list(_whole(planner, at_once=dataset == _SHARES and is_report_due))
                yield from requests


def newest_settled(now: datetime, symbol: str = "") -> datetime:
    """Return the time at which the newest final bars before ``now`` became final.

    The trading days are New York's; for a symbol of an exchange abroad every weekday counts.

    >>> from datetime import UTC
    >>> newest_settled(datetime(2026, 11, 26, 23, 30, tzinfo=UTC)).isoformat()  # Thanksgiving
    '2026-11-25T18:00:00-05:00'
    """
    local = now.astimezone(NEW_YORK)
    day = local.date() if local.time() >= BARS_FINAL_AT else local.date() - timedelta(days=1)
    while not is_trading_day(day, symbol):
        day -= timedelta(days=1)
    return datetime.combine(day, BARS_FINAL_AT, NEW_YORK)


def next_report(last: date, spacing_days: float) -> date:
    """Return the first day on which the next report may be published, by the company's usual spacing.

    >>> next_report(date(2026, 9, 30), 91).isoformat()
    '2027-01-09'
    """
    return moved(last, spacing_days + EARLIEST_REPORT_DAYS)


def _days(planner: _Planner) -> Iterator[Request]:
    """Yield requests for bars and other daily figures: earlier than the first request, and newer ones."""
    past, since = planner.past, planner.since
    if past is None:
        yield planner.request(since)
        return
    if since is not None and since < past.requested_from:
        yield planner.request(since, None if past.first is None else moved(past.first, -1))
    if past.fetched_at < newest_settled(planner.now, planner.base.symbol):
        yield planner.request(since if past.last is None else moved(past.last, -OVERLAP_DAYS))


def _reports(planner: _Planner, period: Period, *, complete: bool) -> Iterator[Request]:
    """Yield requests for statements and ratios: the full history first, later the recent periods."""
    past, policy = planner.past, planner.policy
    if past is None or _reaches_further(planner.since, past):
        yield planner.request(planner.since)
        return
    if past.last is None:
        if _days_ago(past, planner.now) >= policy.refresh_days:  # most likely a fund: it has no statements
            yield planner.request(planner.since)
        return
    expected = next_report(past.last, planner.state.spacing(planner.base.symbol, period))
    overdue = _day(planner.now) >= expected
    if _days_ago(past, planner.now) >= (policy.polling_days if overdue else policy.restatement_days):
        # An amendment restates earlier years too: where they cost nothing, none is left out.
        start = past.requested_from if complete else moved(past.last, -RESTATEMENT_SEARCH_DAYS)
        yield planner.newer(None if start == date.min else start, past)


def _whole(planner: _Planner, *, at_once: bool = False) -> Iterator[Request]:
    """Yield requests for splits, share counts, profiles and others whose responses are always complete."""
    past = planner.past
    if past is None:
        yield planner.request(None)
    elif at_once or _day(planner.now) >= planner.policy.refreshed(_day(past.fetched_at)):
        yield planner.newer(None, past)


def _reaches_further(since: date | None, past: DatasetState) -> bool:
    return since is not None and since < past.requested_from


def _days_ago(past: DatasetState, now: datetime) -> int:
    return (_day(now) - _day(past.fetched_at)).days


def _day(moment: datetime) -> date:
    return moment.astimezone(NEW_YORK).date()
