"""Choose the symbols and dates of each question."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

__all__ = ["month_ends", "moved", "spread"]


def month_ends(days: list[date]) -> list[date]:
    """Return the last day of each month that has any of the days."""
    months = sorted({(d.year, d.month) for d in days})
    return [date(y, m, calendar.monthrange(y, m)[1]) for y, m in months]


def moved(dates: list[date], turn: int) -> list[date]:
    """Return the dates of one run: each lies one day earlier than in the run before."""
    return [day - timedelta(days=turn) for day in dates]


def spread(symbols: list[str], count: int, turn: int = 0, turns: int = 1) -> list[str]:
    """Return symbols from all over the alphabet, as those of a portfolio are; each turn has others.

    No two turns share a symbol where there are at least ``count`` times ``turns`` symbols.
    """
    step = len(symbols) / count
    return [symbols[int((i + (turn + 0.5) / turns) * step)] for i in range(count)]
