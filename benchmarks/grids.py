"""Choose the symbols and dates of each question."""

from __future__ import annotations

import calendar
from datetime import date

__all__ = ["month_ends", "spread"]


def month_ends(days: list[date]) -> list[date]:
    """Return the last day of each month that has any of the days."""
    months = sorted({(d.year, d.month) for d in days})
    return [date(y, m, calendar.monthrange(y, m)[1]) for y, m in months]


def spread(symbols: list[str], count: int) -> list[str]:
    """Return so many symbols from all over the alphabet, as those of a portfolio are."""
    step = len(symbols) / count
    return [symbols[int((i + 0.5) * step)] for i in range(count)]
