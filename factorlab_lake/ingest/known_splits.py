"""Bars that claim to count a split but do not: histories extended after a split without being re-based.

A re-based history has no step at a split's ex-date. Where the price steps there by the split's ratio, the
bars before it are still as they were fetched earlier. This follows from the bars and splits held, so it is
settled again whenever either changes, and the order in which they arrive does not matter.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

__all__ = ["settled"]

_LEAST_RATIO = 1.2  # below that a split cannot be told from a day's move
_LONGEST_GAP_DAYS = 10  # over longer ones a price can move by a split's ratio by itself


def settled(bars: pl.DataFrame, splits: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the bars whose ``split_basis_date`` is too late, as they are and as they should be."""
    ratio = pl.col("numerator") / pl.col("denominator")
    large = splits.filter(pl.max_horizontal(ratio, 1 / ratio) > _LEAST_RATIO)
    claims = bars.select("symbol", "date", "close_price", "split_basis_date").join(
        large.select("symbol", ex_date="date", ratio=ratio), on="symbol"
    )
    claims = claims.filter(pl.col("split_basis_date") >= pl.col("ex_date")).sort("date")
    last = claims.filter(pl.col("date") < pl.col("ex_date")).group_by("symbol", "ex_date", "ratio")
    first = claims.filter(pl.col("date") >= pl.col("ex_date")).group_by("symbol", "ex_date")
    steps = last.agg(last_day=pl.col("date").last(), **_at("before", pl.Expr.last)).join(
        first.agg(first_day=pl.col("date").first(), **_at("after", pl.Expr.first)), on=["symbol", "ex_date"]
    )
    near = pl.col("first_day") - pl.col("last_day") <= pl.duration(days=_LONGEST_GAP_DAYS)
    steps = _on_one_basis(steps.filter(near), splits)
    moved = (pl.col("before") / pl.col("after")).log()
    # Nearer to the split's ratio than to no move at all.
    unadjusted = steps.filter((moved - pl.col("ratio").log()).abs() < moved.abs()).select(
        "symbol", "ex_date", "last_day"
    )
    wrong = (
        bars.join(unadjusted, on="symbol")
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
