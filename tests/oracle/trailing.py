"""Compute quarters and trailing years from published figures, in plain Python.

A difference takes both figures on one basis: a restated year less unrestated quarters is no quarter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

from tests.oracle.days import months_before

__all__ = [
    "NEAR", "Content", "Trailing", "difference", "is_fresh", "quarter", "rhythm_days", "sum_of_year",
    "trailing",
]  # fmt: skip

NEAR = timedelta(days=10)  # the ends of one period may differ by some days between filings
_FRESH_DAYS = {3: 200, 6: 320, 12: 500}


@dataclass(frozen=True, order=True)
class Content:
    """One content of a period: what one filing, or one fetch of it, says."""

    known: date
    order: int
    end: date
    months: int
    starts_year: bool = field(compare=False)  # cumulative from the start of a fiscal year
    items: dict[str, float | None] = field(compare=False)


@dataclass(frozen=True)
class Trailing:
    """Twelve months up to ``end``, or why there are none."""

    end: date | None
    value: float | None
    reason: str | None = None


Versions = Sequence[Content]  # of one period, oldest first


def trailing(contents: Iterable[Content], item: str, day: date) -> Trailing:
    """Return an item's twelve months up to the newest period's end, as known at a day."""
    known = [each for each in contents if each.known <= day]
    if not known:
        return Trailing(None, None, "no_statement")
    end = max(each.end for each in known)
    if not is_fresh(known, day):
        return Trailing(end, None, "stale")
    value = sum_of_year(known, end, item)
    has_year = bool(_versions(known, end, 12))
    return Trailing(end, value, None if value is not None or has_year else "leg_missing")


def sum_of_year(known: list[Content], end: date, item: str) -> float | None:
    """Return an item's twelve months up to a period's end: as stated, or from shorter periods."""
    year = _versions(known, end, 12)
    if year:
        return year[-1].items.get(item)
    value = _year_to_date(known, end, item)
    return _four_quarters(known, end, item) if value is None else value


def quarter(contents: Iterable[Content], item: str, end: date, day: date) -> float | None:
    """Return an item of three months as known at a day: as reported, or the difference of two figures."""
    return _quarter([each for each in contents if each.known <= day], item, end)


def difference(longer: Versions, shorter: Versions, item: str) -> float | None:
    """Return the longer figure less the shorter one, both on one basis."""
    m, s = longer[-1], shorter[-1]
    m_again = m.known > max(longer[0].known, shorter[0].known)
    s_again = s.known > max(longer[0].known, shorter[0].known)
    if m_again and not s_again:
        m = [each for each in longer if each.known < m.known][-1]
    if s_again and not m_again:
        s = ([each for each in shorter if each.known <= m.known] or [shorter[0]])[-1]
    return _less(m.items.get(item), s.items.get(item))


def is_fresh(known: Iterable[Content], day: date) -> bool:
    """Return whether the newest period may still be used, by the rhythm of the reports."""
    known = list(known)
    newest = max(each.end for each in known)
    return (day - newest).days <= _FRESH_DAYS[rhythm_days(known)[0]]


def rhythm_days(known: Iterable[Content]) -> tuple[int, int]:
    """Return the months of a company's rhythm, and its days: by the ends of its last three statements."""
    known = list(known)
    ends = sorted({each.end for each in known})[-3:]
    if len(ends) == 1:
        months = min(each.months for each in known if each.end == ends[0])
        days = {3: 91, 6: 182, 9: 182, 12: 365}[months]
    else:
        days = min((b - a).days for a, b in pairwise(ends))
    if days <= 120:
        return 3, 91
    return (6, 182) if days <= 230 else (12, 365)


def _versions(
    known: Iterable[Content], end: date, months: int, *, starts_year: bool = False
) -> list[Content]:
    return sorted(
        each
        for each in known
        if each.months == months and abs(each.end - end) <= NEAR and (each.starts_year or not starts_year)
    )


def _year_to_date(known: list[Content], end: date, item: str) -> float | None:
    for months in (9, 6, 3):
        part = _versions(known, end, months, starts_year=True)
        before = _versions(known, months_before(end, 12), months, starts_year=True)
        year = _versions(known, months_before(end, months), 12)
        if part and before and year:
            rest = difference(year, before, item)
            now = part[-1].items.get(item)
            if rest is not None and now is not None:
                return rest + now
    return None


def _four_quarters(known: list[Content], end: date, item: str) -> float | None:
    values = [_quarter(known, item, months_before(end, back)) for back in (0, 3, 6, 9)]
    return None if None in values else sum(value for value in values if value is not None)


def _quarter(known: list[Content], item: str, end: date) -> float | None:
    stated = _versions(known, end, 3)
    if stated and stated[-1].items.get(item) is not None:
        return stated[-1].items[item]
    for months in (12, 9, 6):
        longer = _versions(known, end, months)
        shorter = _versions(known, months_before(end, 3), months - 3, starts_year=True)
        if longer and shorter:
            return difference(longer, shorter, item)
    values = [_less_quarters(known, end, item, months) for months in (12, 9, 6)]
    return next((value for value in values if value is not None), None)


def _less_quarters(known: list[Content], end: date, item: str, months: int) -> float | None:
    """Return a year, or a shorter fiscal year, less its earlier quarters."""
    longer = _versions(known, end, months, starts_year=True)
    others = [_versions(known, months_before(end, back), 3) for back in range(3, months, 3)]
    if not longer or not all(others):
        return None
    value = longer[-1].items.get(item)
    for each in others:
        value = _less(value, each[-1].items.get(item))
    return value


def _less(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b
