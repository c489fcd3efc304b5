"""Choose the share count that speaks at a day, and bring it to a split basis, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from math import prod

__all__ = ["Count", "chosen", "factor"]

_RANK = {"cover_page": 0, "balance_sheet": 1, "weighted_average": 2}
_OLDER_DAYS = 45  # a better source may be a period and so many days older than the newest count


@dataclass(frozen=True)
class Count:
    """Hold one share count with its day, the day it became known, and its split basis."""

    source: str
    as_of: date
    known: date
    order: int
    shares: float
    basis: date


def chosen(counts: Iterable[Count], day: date, period_days: int) -> Count | None:
    """Return the count of the best source that is recent enough, as known at a day."""
    known = [each for each in counts if each.known <= day and each.shares > 0]
    if not known:
        return None
    newest = max(each.as_of for each in known)
    for source in sorted({each.source for each in known}, key=_RANK.__getitem__):
        best = max(
            (each for each in known if each.source == source), key=lambda e: (e.as_of, e.known, e.order)
        )
        if (newest - best.as_of).days <= period_days + _OLDER_DAYS:
            return best
    return None


def factor(splits: Mapping[date, float], basis: date, to: date) -> float:
    """Return by how much the splits after one basis, up to another, multiply a count."""
    if basis <= to:
        return prod(ratio for day, ratio in splits.items() if basis < day <= to)
    return 1 / prod(ratio for day, ratio in splits.items() if to < day <= basis)
