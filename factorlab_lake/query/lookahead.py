"""Measure how much hindsight changes a factor: as known, by first filings, and by the latest figures."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from factorlab_lake.schema.rules import SAME_VALUE_TOLERANCE

__all__ = ["by_pair", "summary"]

_OTHERS = ("first", "latest")


def by_pair(factor: str, by_vintage: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
    """Return one row per symbol and date with the factor under each vintage, in this order.

    ``first_change`` and ``latest_change`` are relative to the known value. They are NULL where a value is
    missing, and infinite where only the known value is zero.
    """
    wide = by_vintage("known").select("symbol", "date", known=factor)
    for vintage in _OTHERS:
        other = by_vintage(vintage).select("symbol", "date", pl.col(factor).alias(vintage))
        wide = wide.join(other, on=["symbol", "date"], how="left", maintain_order="left")
    return wide.with_columns(_change(vintage).alias(f"{vintage}_change") for vintage in _OTHERS)


def _change(vintage: str) -> pl.Expr:
    """Return the relative change from the known value; equal values, also zeros, have a change of 0."""
    difference = pl.col(vintage) - pl.col("known")
    return pl.when(difference == 0).then(0.0).otherwise(difference / pl.col("known").abs())


def summary(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return one row per vintage other than ``known``: how many values differ from it, and by how much.

    ``cells`` counts the (symbol, date) pairs. ``appear`` counts those with a value by that vintage but none
    as known, ``vanish`` the reverse; ``differ`` counts both and the changed ones. Changes are relative and
    absolute; ``symbol`` and ``date`` are those of the largest.
    """
    return pl.concat([_compared(pairs, vintage) for vintage in _OTHERS])


def _compared(pairs: pl.DataFrame, vintage: str) -> pl.DataFrame:
    size = pl.col(f"{vintage}_change").abs()
    changed = (size > SAME_VALUE_TOLERANCE).fill_null(value=False)
    appear = pl.col("known").is_null() & pl.col(vintage).is_not_null()
    vanish = pl.col("known").is_not_null() & pl.col(vintage).is_null()
    largest = size.arg_max()
    return pairs.select(
        vintage=pl.lit(vintage),
        cells=pl.len(),
        known=pl.col("known").count(),
        differ=(changed | appear | vanish).sum(),
        appear=appear.sum(),
        vanish=vanish.sum(),
        changed=changed.sum(),
        median_change=size.filter(changed).median(),
        largest_change=size.filter(changed).max(),
        symbol=pl.when(changed.any()).then(pl.col("symbol").get(largest, null_on_oob=True)),
        date=pl.when(changed.any()).then(pl.col("date").get(largest, null_on_oob=True)),
    )
