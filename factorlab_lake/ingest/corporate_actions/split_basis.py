"""Bars that claim to count a split but do not: histories extended after a split without being re-based.

A re-based history has no step at a split's ex-date. Where the price steps there by the split's ratio, the
bars before it are still as they were fetched earlier. This follows from the bars and splits held, so it is
settled again whenever either changes, and splits may arrive before or after the bars. Bars that arrive when
those next to the ex-date were already corrected are judged by themselves.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from factorlab_lake.schema.rules import MAX_DAILY_MOVE, MAX_SPLIT_GAP_DAYS, MIN_APPLIED_STEP, MIN_SPLIT_RATIO

__all__ = ["LOOKED_AT", "affected_splits", "corrected", "with_split_basis", "wrong_basis", "years_around"]

LOOKED_AT = ["symbol", "date", "close_price", "split_basis_date"]  # of a bar

_GAP = pl.duration(days=MAX_SPLIT_GAP_DAYS)


def affected_splits(splits: pl.DataFrame, since: pl.DataFrame) -> pl.DataFrame:
    """Keep the splits of which the arriving bars can change what is found; ``since`` has each symbol's first.

    What is found depends on the bars next to the ex-date, and what is corrected lies before it.
    """
    return splits.join(since, on="symbol").filter(pl.col("since") <= pl.col("date") + _GAP).drop("since")


def years_around(splits: pl.DataFrame) -> list[int]:
    """Return the years in which bars lie next to the splits' ex-dates."""
    around = splits.select(pl.concat_list(pl.col("date") - _GAP, pl.col("date") + _GAP).explode())
    return around.to_series().dt.year().unique().to_list()


def wrong_basis(bars: pl.DataFrame, splits: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the splits that bars before them do not count, though they claim to: symbol, ex_date, last_day.

    ``bars`` are at least those of :func:`years_around` the splits, with the columns :data:`LOOKED_AT`;
    ``known`` are all splits of their symbols.
    """
    ratio = pl.col("numerator") / pl.col("denominator")
    large = splits.filter(pl.max_horizontal(ratio, 1 / ratio) > MIN_SPLIT_RATIO)
    claims = bars.select(LOOKED_AT).join(large.select("symbol", ex_date="date", ratio=ratio), on="symbol")
    claims = claims.filter(pl.col("split_basis_date") >= pl.col("ex_date")).sort("date")
    last = claims.filter(pl.col("date") < pl.col("ex_date")).group_by("symbol", "ex_date", "ratio")
    first = claims.filter(pl.col("date") >= pl.col("ex_date")).group_by("symbol", "ex_date")
    steps = last.agg(last_day=pl.col("date").last(), **_at("before", pl.Expr.last)).join(
        first.agg(first_day=pl.col("date").first(), **_at("after", pl.Expr.first)), on=["symbol", "ex_date"]
    )
    near = pl.col("first_day") - pl.col("last_day") <= _GAP
    steps = _on_one_basis(steps.filter(near), known)
    moved = (pl.col("before") / pl.col("after")).log()
    # Nearer to the split's ratio than to no move at all.
    return steps.filter((moved - pl.col("ratio").log()).abs() < moved.abs()).select(
        "symbol", "ex_date", "last_day"
    )


def corrected(bars: pl.DataFrame, found: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the bars whose ``split_basis_date`` is too late by what was found, and as they should be."""
    wrong = (
        bars.join(found, on="symbol")
        .filter(pl.col("date") <= pl.col("last_day"), pl.col("split_basis_date") >= pl.col("ex_date"))
        .sort("last_day")
        .unique(["symbol", "date"], keep="first", maintain_order=True)
    )
    right = wrong.with_columns(split_basis_date="last_day")
    return wrong.select(bars.columns), right.select(bars.columns)


def _at(name: str, pick: Callable[[pl.Expr], pl.Expr]) -> dict[str, pl.Expr]:
    return {name: pick(pl.col("close_price")), f"{name}_basis": pick(pl.col("split_basis_date"))}


def _on_one_basis(steps: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Keep the steps whose two closes claim to count the same splits: others cannot be compared."""
    earlier = pl.min_horizontal("before_basis", "after_basis")
    later = pl.max_horizontal("before_basis", "after_basis")
    other = splits.select("symbol", other_date="date")
    between = steps.join(other, on="symbol").filter(
        pl.col("other_date") > earlier, pl.col("other_date") <= later
    )
    return steps.join(between, on=["symbol", "ex_date"], how="anti")


def with_split_basis(bars: pl.DataFrame) -> pl.DataFrame:
    """Set ``split_basis_date`` of bars on an older basis to their last day before the step; keep the others'.

    That day is a lower bound of when they were fetched, and no split lies between it and the real one: a
    split in between would show as another step.
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
    """Return the bars of an older basis with the day to take for it."""
    # Of two bars of a day the one that counts more splits belongs to the newer basis.
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
