"""Compute what splits, dividends and zoned days come to, in plain Python from what was told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

__all__ = ["Telling", "day_in_zone", "dividend_factor", "split_factor"]

_ONE_EVENT_DAYS = 7  # the same ratio told on days so near is one split
_SURE = 1.5  # 3:2: without counts a smaller ratio waits for the next count

Telling = tuple[date, float, float, str | None]  # ex-date, new shares, old shares, kind


def day_in_zone(epoch_s: float, zone: str) -> date:
    """Return the day that the clocks of a zone show at a moment."""
    return datetime.fromtimestamp(epoch_s, ZoneInfo(zone)).date()


def dividend_factor(close_before: float, amounts: Iterable[float]) -> float:
    """Return by how much all dividends of a day lower the closes before it."""
    return 1 - sum(amounts) / close_before


def split_factor(tellings: Iterable[Telling], after: date, to: date) -> float:
    """Return by how much the number of shares grew after one day up to another: each split once."""
    result, last = 1.0, dict[float, date]()
    for day, new, old, kind in sorted(tellings, key=lambda each: each[0]):
        ratio = new / old
        again = ratio in last and (day - last[ratio]).days <= _ONE_EVENT_DAYS
        last[ratio] = day
        if after < day <= to and not again and _changes_shares(ratio, kind):
            result *= ratio
    return result


def _changes_shares(ratio: float, kind: str | None) -> bool:
    if kind is not None:
        return kind in ("split", "stock_dividend")
    return ratio >= _SURE or ratio <= 1 / _SURE
