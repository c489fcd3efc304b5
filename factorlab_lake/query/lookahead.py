"""How much hindsight would change: a factor by what was known, by first filings, by the latest figures."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from factorlab_lake.schema.rules import SAME_VALUE_TOLERANCE

__all__ = ["cells", "summary"]

_OTHERS = ("first", "latest")


def cells(factor: str, by_vintage: Callable[[str], pl.DataFrame]) -> pl.DataFrame:
    """Return one row per symbol and date with the factor under each vintage, ordered so.

    ``first_change`` and ``latest_change`` are relative to what was known: NULL where either is missing,
    infinite where that was zero and the other is not.
    """
    wide = by_vintage("known").select("symbol", "date", known=factor)
    for vintage in _OTHERS:
        other = by_vintage(vintage).select("symbol", "date", pl.col(factor).alias(vintage))
        wide = wide.join(other, on=["symbol", "date"], how="left", maintain_order="left")
    return wide.with_columns(_change(vintage).alias(f"{vintage}_change") for vintage in _OTHERS)


def _change(vintage: str) -> pl.Expr:
    """Return how far a vintage is from what was known; no change of zero is none, and not 0 / 0."""
    difference = pl.col(vintage) - pl.col("known")
    return pl.when(difference == 0).then(0.0).otherwise(difference / pl.col("known").abs())


def summary(found: pl.DataFrame) -> pl.DataFrame:
    """Return one row per vintage other than ``known``: how many cells differ from it, and by how much.

    ``appear`` are cells without a value as known that have one by that vintage, ``vanish`` the reverse;
    ``differ`` counts both and the changed ones. Changes are relative and without their sign; ``symbol`` and
    ``date`` are those of the largest.
    """
    return pl.concat([_compared(found, vintage) for vintage in _OTHERS])


def _compared(found: pl.DataFrame, vintage: str) -> pl.DataFrame:
    size = pl.col(f"{vintage}_change").abs()
    changed = (size > SAME_VALUE_TOLERANCE).fill_null(value=False)
    appear = pl.col("known").is_null() & pl.col(vintage).is_not_null()
    vanish = pl.col("known").is_not_null() & pl.col(vintage).is_null()
    largest = size.arg_max()
    return found.select(
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
