"""Tell from which day a filing can be used: written from the rule alone, in plain Python."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

__all__ = ["MONTHS", "NEW_YORK", "accepted_at", "estimated_day", "months_before", "usable_from"]

NEW_YORK = ZoneInfo("America/New_York")
MONTHS = {"Q1": 3, "Q2": 3, "Q3": 3, "Q4": 3, "H1": 6, "9M": 9, "FY": 12}

_CLOSE, _EARLY_CLOSE = time(16), time(13)
_DAYS_OF_ESTIMATE = {3: 75, 6: 100, 9: 100, 12: 120}
_THURSDAY, _FRIDAY, _SATURDAY = 3, 4, 5


def accepted_at(text: str | None) -> datetime | None:
    """Read an acceptance: New York wall time unless it has an offset; a bare midnight is only a date."""
    if not text or text.startswith("0000"):
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    if moment.time() == time(0):
        return None
    return moment.replace(tzinfo=NEW_YORK).astimezone(UTC)


def usable_from(
    end: date, months: int, accepted: datetime | None, filed: date | None, *, fetched: datetime | None = None
) -> tuple[date, str]:
    """Return the first day on whose close a figure can be used, and what told it.

    An acceptance less than five days after the period's end, or over a day after the fetch, is unknown.
    """
    if accepted is not None:
        local = accepted.astimezone(NEW_YORK)
        impossible = local.date() < end + timedelta(days=5) or (
            fetched is not None and accepted > fetched + timedelta(days=1)
        )
        if not impossible:
            late = local.time() > _close_of(local.date())
            return local.date() + timedelta(days=int(late)), "accepted"
    if filed is not None and filed > end:
        return filed + timedelta(days=1), "filing_date"
    return estimated_day(end, months), "estimated"


def estimated_day(end: date, months: int) -> date:
    """Return the day from which a figure without any date of publication may be used."""
    return end + timedelta(days=_DAYS_OF_ESTIMATE[months])


def months_before(end: date, months: int) -> date:
    """Return the end of the month so many months earlier, on about the same day of the month."""
    month = end.year * 12 + end.month - 1 - months
    first = date(month // 12, month % 12 + 1, 1)
    following = (first + timedelta(days=32)).replace(day=1)
    return min(first + timedelta(days=end.day - 1), following - timedelta(days=1))


def _close_of(day: date) -> time:
    """Return when the New York exchanges closed: at one o'clock around three holidays."""
    thanksgiving = next(
        date(day.year, 11, d) for d in range(22, 29) if date(day.year, 11, d).weekday() == _THURSDAY
    )
    weekday = day.weekday() < _SATURDAY
    eve = (day.month, day.day) == (12, 24) and weekday
    third = (day.month, day.day) == (7, 3) and day.weekday() < _FRIDAY
    return _EARLY_CLOSE if day == thanksgiving + timedelta(days=1) or eve or third else _CLOSE
