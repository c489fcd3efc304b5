"""What is worth asking a provider for, given what a lake holds.

New bars, quarters that can exist by now, restatements of recent ones now and then, and never what landed a
moment ago: so a run that was cut off goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from factorlab_lake.ingest.fetch_log import DatasetState, FetchState
from factorlab_lake.providers.protocol import Offer, Period, Request
from factorlab_lake.schema.rules import (
    BARS_FINAL_AT,
    EARLIEST_REPORT_DAYS,
    OVERLAP_DAYS,
    RESTATEMENT_INTERVAL_DAYS,
    RESTATEMENT_SEARCH_DAYS,
)

__all__ = ["DEFAULT", "NEW_YORK", "FetchPolicy", "due", "newest_settled", "next_report", "next_trading_day"]

NEW_YORK = ZoneInfo("America/New_York")
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """How often the same is asked for again.

    ``polling_days``: a quarter that may be out by now. ``restatement_days``: recent quarters, though no new
    one can be out. ``refresh_days``: splits, dividends, profiles, and statements of a symbol that had none;
    splits are asked for at once, too, where bars hint at one. ``everything`` asks for all of it, whatever the
    lake holds.
    """

    polling_days: int = 1
    restatement_days: int = RESTATEMENT_INTERVAL_DAYS
    refresh_days: int = 7
    everything: bool = False

    def refreshed(self, asked: date) -> date:
        """Return from which day on splits, dividends and profiles asked for on a day are asked for again."""
        return asked + timedelta(days=self.refresh_days)


DEFAULT = FetchPolicy()


@dataclass(frozen=True, slots=True)
class _Asking:
    """What decides on the requests of one dataset of one symbol."""

    base: Request
    held: FetchState
    since: date | None
    now: datetime
    policy: FetchPolicy

    @property
    def past(self) -> DatasetState | None:
        """What earlier fetches brought."""
        if self.policy.everything:
            return None
        return self.held.of(self.base.symbol, self.base.dataset, self.base.period)

    def ask(self, start: date | None, end: date | None = None) -> Request:
        """Return the request for some days."""
        return Request(self.base.dataset, self.base.symbol, self.base.period, start, end)


def due(
    symbols: Sequence[str],
    offers: Mapping[str, Offer],
    held: FetchState,
    *,
    since: date | None,
    now: datetime,
    policy: FetchPolicy = DEFAULT,
) -> Iterator[Request]:
    """Yield what to ask for, symbol by symbol, of the datasets in ``offers``.

    Without ``since``, all there is of a symbol that is new to the lake, and only what is newer of others;
    with it, also what is missing between it and the earliest that was asked for before.
    """
    for symbol in symbols:
        for dataset, offer in offers.items():
            for period in offer.periods or (None,):
                asking = _Asking(Request(dataset, symbol, period), held, since, now, policy)
                if offer.periods:
                    yield from _reports(asking, period or "quarterly")
                elif offer.ranged:
                    yield from _days(asking)
                else:
                    yield from _whole(asking)


def newest_settled(now: datetime) -> datetime:
    """Return when the newest trading day whose bars are final by ``now`` became so; weekdays all count.

    >>> from datetime import UTC
    >>> newest_settled(datetime(2026, 11, 23, 22, 0, tzinfo=UTC)).isoformat()
    '2026-11-20T18:00:00-05:00'
    """
    local = now.astimezone(NEW_YORK)
    day = local.date() if local.time() >= BARS_FINAL_AT else local.date() - timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day -= timedelta(days=1)
    return datetime.combine(day, BARS_FINAL_AT, NEW_YORK)


def next_trading_day(day: date) -> date:
    """Return the next day that may have bars; weekdays all count."""
    following = day + timedelta(days=1)
    while following.weekday() >= _SATURDAY:
        following += timedelta(days=1)
    return following


def next_report(last: date, spacing_days: float) -> date:
    """Return the first day on which a report may follow that of a period, at the company's own rhythm.

    >>> next_report(date(2026, 9, 30), 91).isoformat()
    '2027-01-09'
    """
    return last + timedelta(days=spacing_days + EARLIEST_REPORT_DAYS)


def _days(asking: _Asking) -> Iterator[Request]:
    """Bars and other daily figures: those before what was asked for, and those since."""
    past, since = asking.past, asking.since
    if past is None:
        yield asking.ask(since)
        return
    if since is not None and since < past.asked_from:
        yield asking.ask(since, None if past.first is None else past.first - timedelta(days=1))
    if past.fetched_at < newest_settled(asking.now):
        yield asking.ask(since if past.last is None else past.last - timedelta(days=OVERLAP_DAYS))


def _reports(asking: _Asking, period: Period) -> Iterator[Request]:
    """Statements and ratios: all of them at first, then the recent ones when there can be news."""
    past, policy = asking.past, asking.policy
    if past is None or _reaches_further(asking.since, past):
        yield asking.ask(asking.since)
        return
    if past.last is None:
        if _days_ago(past, asking.now) >= policy.refresh_days:  # a fund, most likely: it has none
            yield asking.ask(asking.since)
        return
    expected = next_report(past.last, asking.held.spacing(asking.base.symbol, period))
    overdue = _day(asking.now) >= expected
    if _days_ago(past, asking.now) >= (policy.polling_days if overdue else policy.restatement_days):
        yield asking.ask(past.last - timedelta(days=RESTATEMENT_SEARCH_DAYS))


def _whole(asking: _Asking) -> Iterator[Request]:
    """Splits, dividends, profiles: one answer tells all."""
    past = asking.past
    if past is None or _day(asking.now) >= asking.policy.refreshed(_day(past.fetched_at)):
        yield asking.ask(None)


def _reaches_further(since: date | None, past: DatasetState) -> bool:
    return since is not None and since < past.asked_from


def _days_ago(past: DatasetState, now: datetime) -> int:
    return (_day(now) - _day(past.fetched_at)).days


def _day(moment: datetime) -> date:
    return moment.astimezone(NEW_YORK).date()
