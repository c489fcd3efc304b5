"""Compute the growth and the trend of a figure from its values a year apart.

The compound annual growth rate is (last / first) ** (1 / years) - 1. Slope and standard error are those of
ordinary least squares with n - 2 degrees of freedom (Wooldridge, Introductory Econometrics, chapter 2).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from math import fsum, sqrt
from typing import Any

import polars as pl

from factorlab_lake.research.samples import MONTHS, Sample
from factorlab_lake.schema.rules import MIN_YEAR_DISTANCE_DAYS, YEAR_DAYS

__all__ = ["SCHEMA", "trend"]

SCHEMA = {
    "symbol": pl.String, "as_of": pl.Date, "fiscal_date": pl.Date, "value": pl.Float64,
    "change": pl.Float64, "yoy": pl.Float64, "acceleration": pl.Float64, "cagr": pl.Float64,
    "slope": pl.Float64, "slope_standard_error": pl.Float64, "points": pl.Int64, "reasons": pl.String,
    "reason": pl.String,
}  # fmt: skip

_NEAR_MONTHS = 2  # a report can be published some months earlier or later than a year before
_DAYS_IN_YEAR = 365.25
_MIN_POINTS = 3  # a line through two points has no error


class _Unknown(Exception):
    """Carry the reason why a figure is NULL."""


def are_years_apart(samples: Sequence[Sample]) -> bool:
    """Return whether the fiscal periods of samples, the newest first, are whole years apart."""
    newest, *before = samples
    return all(_is_apart(newest.fiscal_date, sample.fiscal_date, k + 1) for k, sample in enumerate(before))


def is_near(place: int) -> bool:
    """Return whether a month so many months before the newest is near a year before it, or the newest."""
    return place == 0 or (place > MONTHS // 2 and (place + _NEAR_MONTHS) % MONTHS <= 2 * _NEAR_MONTHS)


def trend(symbol: str, samples: Sequence[Sample], months: Sequence[date], years: int) -> dict[str, Any]:
    """Return the figures of one symbol from samples on some days of ``months``, the newest first.

    With several samples around a year, the fiscal period decides; a single one counts as it is.
    """
    newest, by_day = samples[0], {sample.day: sample for sample in samples}
    row: dict[str, Any] = {"symbol": symbol, "as_of": months[0], "fiscal_date": newest.fiscal_date}
    if newest.value is None:
        return row | {"reason": newest.reason, "points": 0}
    points = [newest]
    for k in range(1, years + 1):
        around = months[k * MONTHS - _NEAR_MONTHS : k * MONTHS + _NEAR_MONTHS + 1]
        near = [by_day[day] for day in around if day in by_day]
        points.append(_year_before(near, newest, k))
    figures: dict[str, Callable[[], float]] = {
        "change": lambda: _value(points, 0) - _value(points, 1),
        "yoy": lambda: _growth(points, 0),
        "acceleration": lambda: _growth(points, 0) - _growth(points, 1),
        "cagr": lambda: _cagr(points, years),
        "slope": lambda: _line(points)[0],
        "slope_standard_error": lambda: _line(points)[1],
    }
    reasons = {}
    for name, figure in figures.items():
        try:
            row[name] = figure()
        except _Unknown as unknown:
            reasons[name] = str(unknown)
    text = json.dumps(reasons, separators=(",", ":")) if reasons else None
    return row | {"value": newest.value, "points": len(_known(points)), "reasons": text}


def _year_before(near: Sequence[Sample], newest: Sample, years: int) -> Sample:
    """Return the sample of the same fiscal period, known as near to the middle of some months as any."""
    if len(near) == 1:
        return _comparable(newest, near[0])
    middle = len(near) // 2
    for place in sorted(range(len(near)), key=lambda place: (abs(place - middle), place)):
        if _is_apart(newest.fiscal_date, near[place].fiscal_date, years):
            return _comparable(newest, near[place])
    return Sample(newest.day, None, None, None, None, "no_value_known")


def _is_apart(later: date | None, earlier: date | None, years: int) -> bool:
    if later is None or earlier is None:
        return False
    drift = abs((later - earlier).days - years * _DAYS_IN_YEAR)
    return drift <= YEAR_DAYS - MIN_YEAR_DISTANCE_DAYS


def _comparable(newest: Sample, before: Sample) -> Sample:
    if before.value is None:
        return before
    if newest.company_id != before.company_id:
        reason = "company_changed"
    elif newest.currency != before.currency:
        reason = "currency_changed"
    else:
        return before
    return Sample(before.day, before.fiscal_date, None, None, None, reason)


def _value(points: Sequence[Sample], years: int) -> float:
    value = points[years].value
    if value is None:
        raise _Unknown(f"{years}_years_before: {points[years].reason}")
    return value


def _growth(points: Sequence[Sample], years: int) -> float:
    later, earlier = _value(points, years), _value(points, years + 1)
    if earlier <= 0:
        raise _Unknown(f"{years + 1}_years_before: not_positive")
    return later / earlier - 1


def _cagr(points: Sequence[Sample], years: int) -> float:
    first, last = _value(points, years), _value(points, 0)
    if first <= 0 or last <= 0:
        raise _Unknown("not_positive")
    return float((last / first) ** (1 / years)) - 1


def _known(points: Sequence[Sample]) -> list[tuple[int, float]]:
    return [(-place, point.value) for place, point in enumerate(points) if point.value is not None]


def _line(points: Sequence[Sample]) -> tuple[float, float]:
    """Return slope and standard error of the least-squares line through the known values, per year."""
    known = _known(points)
    count = len(known)
    if count < _MIN_POINTS:
        raise _Unknown(f"fewer_than_{_MIN_POINTS}_values")
    x_mean, y_mean = fsum(x for x, _ in known) / count, fsum(y for _, y in known) / count
    squares = fsum((x - x_mean) ** 2 for x, _ in known)
    slope = fsum((x - x_mean) * (y - y_mean) for x, y in known) / squares
    error = fsum((y - y_mean - slope * (x - x_mean)) ** 2 for x, y in known)
    return slope, sqrt(error / (count - 2) / squares)
