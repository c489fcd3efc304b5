"""Price histories that were updated in place: which bars are still on an older split basis.

A cache file that was fetched before a split and extended after it holds two bases under one time of
fetching. FMP's v3 bars tell: volume / unadjustedVolume is the split factor applied to a bar. Where that
factor steps by some ratio from one bar to the next and the price steps by the same ratio against it, nothing
happened in the market: the earlier bars were fetched before a split that the later ones count.
"""

from __future__ import annotations

import polars as pl

from factorlab_lake.schema.rules import MAX_DAILY_MOVE, MIN_APPLIED_STEP

__all__ = ["with_split_basis"]


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
