"""Decide in which time zone SEC wrote an acceptance time, and return it as New York wall time.

``acceptanceDateTime`` ends in ``Z`` and is either UTC or New York's clock with a ``Z`` behind it, changing
within one file and between two downloads. EDGAR accepts from 06:00 to 22:00 in New York. A filing accepted up
to 17:30 has that day as its filing date, a later one the next business day; ownership forms keep the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from factorlab_lake.schema.rules import EARLIEST_DATE

__all__ = ["acceptance_times"]

_NEW_YORK = ZoneInfo("America/New_York")
_OPENS, _CLOSES, _CUT_OFF = time(6), time(22, 1), time(17, 30, 59)
_MOST_DAYS_LATER = 5  # a filing of the evening before a long weekend
_SAME_DAY_FORMS = frozenset({"3", "4", "5", "144"})  # they keep their day up to 22:00
_STAMP = slice(0, len("2020-10-29T18:06:25"))


def acceptance_times(stamps: Sequence[tuple[object, date, str]]) -> list[datetime | None]:
    """Return the acceptance of each filing of one file as naive New York wall time, in the file's order.

    A stamp is ``(acceptanceDateTime, filing date, form)``. Where both readings are possible, or neither, it
    is New York's clock: the later instant, so that no filing counts before it was public. It is UTC only
    where the nearest decided stamps on both sides are UTC. What is no time gives None.

    >>> from datetime import date
    >>> acceptance_times([("2020-10-29T18:06:25.000Z", date(2020, 10, 30), "10-K")])
    [datetime.datetime(2020, 10, 29, 18, 6, 25)]
    """
    clocks = [_moment(text) for text, _, _ in stamps]
    decided = [
        None if clock is None else _decided(clock, filed, form)
        for clock, (_, filed, form) in zip(clocks, stamps, strict=True)
    ]
    newer, older = _nearest(decided), _nearest(decided[::-1])[::-1]
    return [
        clock if clock is None or (own or (before if before == after else "N")) != "Z" else _from_utc(clock)
        for clock, own, before, after in zip(clocks, decided, newer, older, strict=True)
    ]


def _decided(clock: datetime, filed: date, form: str) -> str | None:
    """Return Z for UTC or N for New York where only one reading is possible, else None."""
    same_day = form.removesuffix("/A") in _SAME_DAY_FORMS
    as_utc = _is_possible(_from_utc(clock), filed, same_day=same_day)
    as_local = _is_possible(clock, filed, same_day=same_day)
    if as_utc == as_local:
        return None
    return "Z" if as_utc else "N"


def _is_possible(moment: datetime, filed: date, *, same_day: bool) -> bool:
    clock = moment.time()
    if not _OPENS <= clock <= _CLOSES:
        return False
    days = (filed - moment.date()).days
    if same_day:
        return days == 0
    return 1 <= days <= _MOST_DAYS_LATER if clock > _CUT_OFF else days == 0


def _nearest(decided: list[str | None]) -> list[str | None]:
    """Return for each stamp the nearest decided one before it."""
    last: str | None = None
    out: list[str | None] = []
    for one in decided:
        out.append(last)
        last = one or last
    return out


def _moment(stamp: object) -> datetime | None:
    if not isinstance(stamp, str):
        return None
    try:
        moment = datetime.fromisoformat(stamp[_STAMP])
    except ValueError:
        return None
    return moment if moment.tzinfo is None and moment.date() >= EARLIEST_DATE else None


def _from_utc(clock: datetime) -> datetime:
    return clock - _offset(clock.replace(minute=0, second=0, microsecond=0))


@cache
def _offset(hour: datetime) -> timedelta:
    return hour - hour.replace(tzinfo=UTC).astimezone(_NEW_YORK).replace(tzinfo=None)
