"""Find and correct bars whose split basis is older than the day of their fetch.

Two cases: with_split_basis treats histories that were updated in place within one file, wrong_basis
histories that were extended after a split without re-adjustment. ``adjusted_bars`` has the opposite case.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl

from factorlab_lake.schema.rules import (
    MAX_DAILY_MOVE,
    MAX_SPARSE_GAP_DAYS,
    MAX_SPLIT_GAP_DAYS,
    MIN_APPLIED_STEP,
    MIN_STEP_RATIO,
    SAME_SPLIT_DAYS,
)

__all__ = [
    "BASIS_COLUMNS",
    "affected_splits",
    "as_stated",
    "corrected",
    "with_decisive_bars",
    "with_split_basis",
    "wrong_basis",
    "years_around",
]

# The columns of a bar that wrong_basis and adjusted_bars need.
BASIS_COLUMNS = [
    "symbol",
    "date",
    "close_price",
    "split_basis_date",
    "stated_basis_date",
    "source_provider",
]

_GAP = pl.duration(days=MAX_SPLIT_GAP_DAYS)
# The bars that adjusted_bars compares: vendors correct ex-dates by some days.
_WIDEST = pl.duration(days=MAX_SPARSE_GAP_DAYS + SAME_SPLIT_DAYS)
_STATED = pl.coalesce("stated_basis_date", "split_basis_date")


def affected_splits(splits: pl.DataFrame, since: pl.DataFrame) -> pl.DataFrame:
    """Return the splits for which new bars can change the result of :func:`wrong_basis`.

    ``since`` has each symbol's first new day. The result depends on the bars next to the ex-date, and the
    corrected bars are before it.
    """
    near = pl.col("since") <= pl.col("date") + _WIDEST
    return splits.join(since, on="symbol").filter(near).drop("since")


def years_around(splits: pl.DataFrame) -> list[int]:
    """Return the years with bars next to the splits' ex-dates."""
    around = splits.select(pl.concat_list(pl.col("date") - _WIDEST, pl.col("date") + _WIDEST).explode())
    return around.to_series().dt.year().unique().to_list()


def wrong_basis(bars: pl.DataFrame, splits: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the splits before which bars have a split_basis_date that is too late.

    Such a history was extended after the split without re-adjustment: its price steps at the ex-date by the
    split's ratio, while an adjusted history has no step. The result has one row per split with the columns
    symbol, ex_date and last_day, the last bar before the step. Splits and bars may arrive in any order.

    ``bars`` has at least the years of :func:`years_around` the splits, with the columns
    :data:`BASIS_COLUMNS`; ``known`` has all splits of the symbols.
    """
    ratio = pl.col("numerator") / pl.col("denominator")
    large = splits.filter(_is_large())
    claims = bars.select(BASIS_COLUMNS).join(large.select("symbol", ex_date="date", ratio=ratio), on="symbol")
    claims = claims.filter(pl.col("split_basis_date") >= pl.col("ex_date")).sort("date")
    last = claims.filter(pl.col("date") < pl.col("ex_date")).group_by("symbol", "ex_date", "ratio")
    first = claims.filter(pl.col("date") >= pl.col("ex_date")).group_by("symbol", "ex_date")
    steps = last.agg(last_day=pl.col("date").last(), **_at("before", pl.Expr.last)).join(
        first.agg(first_day=pl.col("date").first(), **_at("after", pl.Expr.first)), on=["symbol", "ex_date"]
    )
    near = pl.col("first_day") - pl.col("last_day") <= _GAP
    steps = _on_one_basis(steps.filter(near), known)
    moved = (pl.col("before") / pl.col("after")).log()
    # A real move on the ex-date of an adjusted history can look like a small split, but not like a large one.
    near_ratio = (moved - pl.col("ratio").log()).abs() <= math.log(1 + MAX_DAILY_MOVE)
    return steps.filter(near_ratio).select("symbol", "ex_date", "last_day")


def with_decisive_bars(splits: pl.DataFrame) -> list[str]:
    """Return the symbols with a told split whose day the derivation compares with the steps of the bars."""
    return splits.filter(_is_large(), pl.col("source") != "inferred")["symbol"].unique().to_list()


def _is_large() -> pl.Expr:
    """Return whether a price shows a split by its step alone."""
    ratio = pl.col("numerator") / pl.col("denominator")
    return pl.max_horizontal(ratio, 1 / ratio) >= MIN_STEP_RATIO


def corrected(bars: pl.DataFrame, steps: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the bars whose ``split_basis_date`` is too late, and the same bars with the right one.

    ``steps`` is the result of :func:`wrong_basis`.
    """
    wrong = (
        bars.join(steps, on="symbol")
        .filter(pl.col("date") <= pl.col("last_day"), pl.col("split_basis_date") >= pl.col("ex_date"))
        .sort("last_day")
        .unique(["symbol", "date"], keep="first", maintain_order=True)
    )
    right = wrong.with_columns(split_basis_date="last_day", stated_basis_date=_STATED)
    return wrong.select(bars.columns), right.select(bars.columns)


def as_stated(bars: pl.DataFrame) -> pl.DataFrame:
    """Return bars on the split basis with which they were served, uncorrected."""
    return bars.with_columns(
        split_basis_date=pl.coalesce("stated_basis_date", "split_basis_date"),
        stated_basis_date=pl.lit(None, pl.Date),
    )


def _at(name: str, pick: Callable[[pl.Expr], pl.Expr]) -> dict[str, pl.Expr]:
    return {name: pick(pl.col("close_price")), f"{name}_basis": pick(pl.col("split_basis_date"))}


def _on_one_basis(steps: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return the steps whose two closes include the same splits; other closes cannot be compared."""
    earlier = pl.min_horizontal("before_basis", "after_basis")
    later = pl.max_horizontal("before_basis", "after_basis")
    other = splits.select("symbol", other_date="date")
    between = steps.join(other, on="symbol").filter(
        pl.col("other_date") > earlier, pl.col("other_date") <= later
    )
    return steps.join(between, on=["symbol", "ex_date"], how="anti")


def with_split_basis(bars: pl.DataFrame) -> pl.DataFrame:
    """Set ``split_basis_date`` of bars on an older basis to their last day before the step.

    A cache file that was fetched before a split and extended after it has two bases under one fetch time. In
    FMP's v3 bars, volume / unadjustedVolume is the split factor applied to a bar. Where the factor and the
    price step by the same ratio in opposite directions, the earlier bars were fetched before a split that the
    later ones include. Their last day is a lower bound of their fetch time. No split is between the two: it
    would show as another step.
    """
    if "unadjusted_volume" not in bars.columns:
        return bars
    applied = pl.col("volume") / pl.col("unadjusted_volume")
    split = bars.filter(((applied - 1).abs() > MIN_APPLIED_STEP).fill_null(value=False))["fetch_id"].unique()
    if split.is_empty():
        return bars
    basis = _steps(bars.filter(pl.col("fetch_id").is_in(split.implode())), applied)
    older = pl.coalesce("_older_basis", "split_basis_date").alias("split_basis_date")
    joined = bars.join(basis, on=["fetch_id", "date", "close_price"], how="left", maintain_order="left")
    return joined.with_columns(older).drop("_older_basis")


def _steps(bars: pl.DataFrame, applied: pl.Expr) -> pl.DataFrame:
    """Return the bars on an older basis, with the day of that basis as ``_older_basis``."""
    # Of two bars of one day, the bar that includes more splits is on the newer basis.
    one_a_day = (
        bars.select("fetch_id", "date", "close_price", _applied=applied)
        .drop_nulls("_applied")
        .sort("fetch_id", "date", "_applied")
        .unique(["fetch_id", "date"], keep="last", maintain_order=True)
    )
    next_applied = pl.col("_applied").shift(-1).over("fetch_id")
    factor = next_applied / pl.col("_applied")
    price = pl.col("close_price") / pl.col("close_price").shift(-1).over("fetch_id")
    step = ((factor - 1).abs() > MIN_APPLIED_STEP) & ((price / factor - 1).abs() < MAX_DAILY_MOVE)
    return (
        one_a_day.with_columns(_older_basis=pl.when(step).then("date"))
        .with_columns(pl.col("_older_basis").backward_fill().over("fetch_id"))
        .drop_nulls("_older_basis")
        .select("fetch_id", "date", "close_price", "_older_basis")
    )
