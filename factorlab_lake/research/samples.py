"""Sample a figure at the months before a date, each value as it was known on its own day."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date

import polars as pl

from factorlab_lake.errors import InvalidInput, check_type
from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.research.grids import Figures

__all__ = ["MONTHS", "Sample", "by_symbol", "checked_years", "months_before", "refuse_shares"]

MONTHS = 12
_MAX_YEARS = 30


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold a value, the day on which it was known, its fiscal period, and what it can be compared with."""

    day: date
    fiscal_date: date | None
    company_id: str | None
    currency: str | None
    value: float | None
    reason: str | None


def checked_years(years: int) -> int:
    """Return the number of years; raise :class:`InvalidInput` unless from 2 to 30."""
    check_type(years, int, "years", "a number of years such as 5")
    if not 2 <= years <= _MAX_YEARS:  # noqa: PLR2004 - an acceleration needs two
        raise InvalidInput(f"years is {years}; expected a number from 2 to {_MAX_YEARS}.", years=years)
    return years


def refuse_shares(figures: Figures) -> None:
    """Raise :class:`InvalidInput` for counts of shares: a split between two dates moves them."""
    [factor] = figures.factors
    if figures.names[0] not in FACTORS and any(not item.has_currency for item in factor.inputs):
        raise InvalidInput(
            f"{figures.names[0]!r} has share counts of several split bases; use the factor share_growth.",
            factor=figures.names[0],
        )


def months_before(day: date, count: int) -> list[date]:
    """Return a day and the same day of the months before it, or the last day of a shorter month.

    >>> months_before(date(2024, 3, 31), 2)
    [datetime.date(2024, 3, 31), datetime.date(2024, 2, 29)]
    """
    days = []
    for back in range(count):
        month = day.year * MONTHS + day.month - 1 - back
        year, number = month // MONTHS, month % MONTHS + 1
        if year >= 1:
            days.append(date(year, number, min(day.day, calendar.monthrange(year, number)[1])))
    return days


def by_symbol(rows: pl.DataFrame) -> dict[str, list[Sample]]:
    """Return the samples of each symbol, the newest first.

    ``rows`` has ``symbol, date, fiscal_date, company_id, currency, value`` and ``reason``.
    """
    ordered = rows.sort("symbol", "date", descending=[False, True])
    samples: dict[str, list[Sample]] = {}
    names = ("symbol", "date", "fiscal_date", "company_id", "currency", "value", "reason")
    for symbol, *values in ordered.select(names).iter_rows():
        samples.setdefault(symbol, []).append(Sample(*values))
    return samples
