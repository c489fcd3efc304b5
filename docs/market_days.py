"""Write the table of New York's holidays and half days from the package `holidays`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import holidays
from holidays.constants import HALF_DAY

__all__ = ["TABLE", "market_days"]

TABLE = Path(__file__).parents[1] / "factorlab_lake" / "schema" / "market_days.csv"
_YEARS = range(1885, 2101)  # what the package knows of the exchange begins in 1885
_HALF_DAYS_FROM = 1990  # from here on they were compared with another source; EDGAR begins in 1993


def market_days() -> str:
    """Return the table: one line per year, with the days as MM-DD."""
    return "".join(f"{line}\n" for line in ["year,closed,half_days", *_lines()])


def _lines() -> Iterator[str]:
    for year in _YEARS:
        closed = holidays.financial_holidays("NYSE", years=year)
        half = holidays.financial_holidays("NYSE", years=year, categories=(HALF_DAY,))
        yield f"{year},{_joined(closed)},{_joined(half) if year >= _HALF_DAYS_FROM else ''}"


def _joined(days: Iterable[date]) -> str:
    return " ".join(f"{day:%m-%d}" for day in sorted(days))
