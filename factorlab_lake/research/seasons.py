"""Compute the seasonal pattern of a figure from consecutive quarters.

The index is the mean ratio to the centred moving average of four quarters, scaled to a mean of 1: the
classical multiplicative decomposition (Hyndman and Athanasopoulos, Forecasting, 3rd ed., section 3.4). The
strength is max(0, 1 - Var(remainder) / Var(season + remainder)) of the additive decomposition (Wang, Smith
and Hyndman 2006; section 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from statistics import fmean, pvariance
from typing import Any

import polars as pl

from factorlab_lake.research.samples import Sample
from factorlab_lake.schema.rules import MAX_QUARTER_DISTANCE_DAYS, MIN_QUARTER_DISTANCE_DAYS

__all__ = ["SCHEMA", "seasons"]

SCHEMA = {
    "symbol": pl.String, "as_of": pl.Date, "quarter_end_month": pl.Int32, "share": pl.Float64,
    "seasonal_index": pl.Float64, "strength": pl.Float64, "quarters": pl.Int64, "reason": pl.String,
}  # fmt: skip

_QUARTERS = 4
_INDEX_QUARTERS, _STRENGTH_QUARTERS = 8, 12  # each season twice in the moving average for a remainder
_MAX_DRIFT = timedelta(days=10)  # fiscal quarters of 13 weeks end some days before or after a month's end


def seasons(
    symbol: str, samples: Sequence[Sample], as_of: date, years: int, *, is_flow: bool
) -> list[dict[str, Any]]:
    """Return one row per quarter of the fiscal year, in the order of its month.

    ``samples`` are one per quarter, the newest first. The pattern is that of the newest unbroken run.
    """
    run = _run(samples)[-_QUARTERS * years :]
    row = {"symbol": symbol, "as_of": as_of, "quarters": len(run)}
    if len(run) < _QUARTERS:
        reason = samples[0].reason if samples and samples[0].value is None else None
        return [row | {"reason": reason or "fewer_than_4_quarters"}]
    shares, indexes = _shares(run) if is_flow else {}, _indexes(run)
    strength = _strength(run)
    rows = []
    for month in sorted({_month(sample) for sample in run}):
        share, index = shares.get(month), indexes.get(month)
        figures = {"share": share, "seasonal_index": index, "strength": strength}
        reason = _reason(len(run), share, index, strength, is_flow=is_flow)
        rows.append(row | {"quarter_end_month": month, **figures, "reason": reason})
    return rows


def _reason(
    count: int, share: float | None, index: float | None, strength: float | None, *, is_flow: bool
) -> str | None:
    parts = []
    if share is None:
        parts.append("share: " + ("year_not_positive" if is_flow else "not_a_flow"))
    if index is None:
        few = count < _INDEX_QUARTERS
        parts.append(
            "seasonal_index: " + (f"fewer_than_{_INDEX_QUARTERS}_quarters" if few else "not_positive")
        )
    if strength is None:
        few = count < _STRENGTH_QUARTERS
        parts.append("strength: " + (f"fewer_than_{_STRENGTH_QUARTERS}_quarters" if few else "no_variation"))
    return "; ".join(parts) or None


def _run(samples: Sequence[Sample]) -> list[Sample]:
    """Return the newest consecutive quarters of one company and currency, the oldest first."""
    run: list[Sample] = []
    for sample in samples:
        if sample.value is None or sample.fiscal_date is None:
            break
        if run:
            after = run[-1]
            distance = (after.fiscal_date or sample.fiscal_date) - sample.fiscal_date
            is_next = MIN_QUARTER_DISTANCE_DAYS <= distance.days <= MAX_QUARTER_DISTANCE_DAYS
            if not is_next or (after.company_id, after.currency) != (sample.company_id, sample.currency):
                break
        run.append(sample)
    return run[::-1]


def _month(sample: Sample) -> int:
    return ((sample.fiscal_date or sample.day) - _MAX_DRIFT).month


def _values(run: Sequence[Sample]) -> list[float]:
    return [sample.value for sample in run if sample.value is not None]


def _shares(run: Sequence[Sample]) -> dict[int, float]:
    """Return the mean share of each quarter in its year; years are counted back from the newest quarter."""
    values, shares = _values(run), dict[int, list[float]]()
    for end in range(len(run), _QUARTERS - 1, -_QUARTERS):
        total = sum(values[end - _QUARTERS : end])
        if total <= 0:
            return {}
        for place in range(end - _QUARTERS, end):
            shares.setdefault(_month(run[place]), []).append(values[place] / total)
    return {month: fmean(parts) for month, parts in shares.items()}


def _trend(values: Sequence[float]) -> dict[int, float]:
    """Return the centred moving average of four quarters by place."""
    return {
        place: (values[place - 2] / 2 + sum(values[place - 1 : place + 2]) + values[place + 2] / 2)
        / _QUARTERS
        for place in range(2, len(values) - 2)
    }


def _indexes(run: Sequence[Sample]) -> dict[int, float]:
    values = _values(run)
    if len(run) < _INDEX_QUARTERS or any(value <= 0 for value in values):
        return {}
    ratios: dict[int, list[float]] = {}
    for place, average in _trend(values).items():
        ratios.setdefault(_month(run[place]), []).append(values[place] / average)
    means = {month: fmean(parts) for month, parts in ratios.items()}
    level = fmean(means.values())
    return {month: mean / level for month, mean in means.items()}


def _strength(run: Sequence[Sample]) -> float | None:
    if len(run) < _STRENGTH_QUARTERS:
        return None
    values = _values(run)
    detrended = {place: values[place] - average for place, average in _trend(values).items()}
    of_month: dict[int, list[float]] = {}
    for place, value in detrended.items():
        of_month.setdefault(_month(run[place]), []).append(value)
    means = {month: fmean(parts) for month, parts in of_month.items()}
    level = fmean(means.values())
    remainders = [value - (means[_month(run[place])] - level) for place, value in detrended.items()]
    variance = pvariance(detrended.values())
    return max(0.0, 1 - pvariance(remainders) / variance) if variance > 0 else None
