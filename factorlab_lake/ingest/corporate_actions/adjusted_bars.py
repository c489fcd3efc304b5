"""Find and correct adjusted bars that are stored on the basis of their own day, as prices as traded are.

Users load split-adjusted closes as if they were prices as traded. Then the bars before a split do not state
that they count it, yet the price does not step on its day. Market caps before the split would be too small
by its ratio.

The quality rule ``split_without_step`` finds those that remain. A test compares the two texts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import polars as pl

from factorlab_lake.schema.columns import FILE_PROVIDER
from factorlab_lake.schema.rules import (
    MAX_DAILY_MOVE,
    MAX_SPARSE_GAP_DAYS,
    MAX_SPLIT_GAP_DAYS,
    MIN_SPLIT_RATIO,
    MIN_STEP_RATIO,
    SAME_SPLIT_DAYS,
    SPLIT_EVIDENCE_FACTOR,
)

__all__ = ["NO_STEPS", "continued", "missing_steps", "near_splits", "step_texts"]

NO_STEPS = pl.DataFrame(
    schema={
        "symbol": pl.String,
        "ex_date": pl.Date,
        "ratio": pl.Float64,
        "last_day": pl.Date,
        "before": pl.Float64,
        "first_day": pl.Date,
        "after": pl.Float64,
        "is_large": pl.Boolean,
    }
)
_GAP = pl.duration(days=MAX_SPARSE_GAP_DAYS)
_MARGIN = pl.duration(days=SAME_SPLIT_DAYS)  # vendors correct ex-dates by some days
_STATED = pl.coalesce("stated_basis_date", "split_basis_date")


def missing_steps(bars: pl.DataFrame, splits: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the splits over which bars do not step, although only those after it state that they count it.

    Such bars are adjusted for the split, and were loaded on the basis of their own day. The result has one
    row per split: symbol, ex_date, ratio, the bars around it (last_day, before, first_day, after), and
    is_large, for a ratio that real moves between the two days do not reach. No other step of the days around
    may be the split's: lists date splits wrongly by some days. Bars of a provider are no such case, because
    ``unmoved_bars`` judges them. ``bars`` and ``known`` are those of ``split_basis.wrong_basis``.
    """
    size = pl.max_horizontal("ratio", 1 / pl.col("ratio"))
    pairs = _pairs(bars).join(_counting(splits).filter(size >= MIN_SPLIT_RATIO), on="symbol")
    pairs = pairs.filter(
        pl.col("last_day") < pl.col("ex_date") + _MARGIN,
        pl.col("first_day") >= pl.col("ex_date") - _MARGIN,
        pl.col("first_day") - pl.col("last_day") <= _GAP,
    )
    off = (pl.col("moved") - pl.col("ratio").log()).abs()
    may_step = (SPLIT_EVIDENCE_FACTOR * pl.col("moved").abs() > off).any().over("symbol", "ex_date")
    around = pairs.filter(~may_step).filter(
        pl.col("last_day") < pl.col("ex_date"),
        pl.col("first_day") >= pl.col("ex_date"),
        pl.col("before_provider") == FILE_PROVIDER,
        pl.col("before_basis") < pl.col("ex_date"),
        pl.col("after_basis") >= pl.col("ex_date"),
    )
    other = around.join(known.select("symbol", other_date="date"), on="symbol").filter(
        pl.col("other_date") > pl.col("before_basis"),
        pl.col("other_date") <= pl.col("after_basis"),
        (pl.col("other_date") - pl.col("ex_date")).abs() > _MARGIN,
    )
    steps = around.join(other, on=["symbol", "ex_date"], how="anti").with_columns(
        is_large=(size >= MIN_STEP_RATIO)
        & (pl.col("first_day") - pl.col("last_day") <= pl.duration(days=MAX_SPLIT_GAP_DAYS))
    )
    return steps.select(NO_STEPS.columns).sort("symbol", "ex_date")


def step_texts(steps: pl.DataFrame) -> Iterator[str]:
    """Yield what is wrong at each split, as a part of a sentence."""
    for step in steps.iter_rows(named=True):
        ratio = step["ratio"]
        sides = f"{ratio:.4g}:1" if ratio >= 1 else f"1:{1 / ratio:.4g}"
        yield (
            f"{step['symbol']} closes at {step['before']:g} on {step['last_day']} and at {step['after']:g} "
            f"on {step['first_day']}, without the step of its {sides} split of {step['ex_date']}"
        )


def near_splits(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return the bars that :func:`missing_steps` compares: those near a split, with the columns it needs."""
    wide = _GAP + _MARGIN
    days = bars.select("symbol", "date").join(splits.select("symbol", ex_date="date"), on="symbol")
    near = days.filter((pl.col("date") - pl.col("ex_date")).abs() <= wide)
    columns = ["symbol", "date", "close_price", "split_basis_date"]
    loaded = {"stated_basis_date": pl.lit(None, pl.Date), "source_provider": pl.lit(FILE_PROVIDER)}
    rows = bars.select(*columns, **loaded)
    return rows.join(near, on=["symbol", "date"], how="semi")


def continued(bars: pl.DataFrame, steps: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the bars before large splits without a step, and the same bars on the basis of those after it.

    ``bars`` has all bars of the symbols, ``steps`` is the result of :func:`missing_steps`. A history that
    steps by the ratio on another day has parts of two kinds, so it stays as it is.
    """
    wrong, right = [bars.clear()], [bars.clear()]
    by_symbol = steps.filter("is_large").sort("ex_date", descending=True).partition_by("symbol")
    symbols = pl.concat(by_symbol)["symbol"].unique() if by_symbol else pl.Series("symbol", [], pl.String)
    own = bars.filter(pl.col("symbol").is_in(symbols.implode())).partition_by("symbol", as_dict=True)
    for some in by_symbol:
        before = own[some["symbol"][0],].sort("date")
        after = before
        for step in some.iter_rows(named=True):
            after = _continued_over(after, step)
        is_other = after["split_basis_date"] != before["split_basis_date"]
        wrong.append(before.filter(is_other))
        right.append(after.filter(is_other))
    return pl.concat(wrong), pl.concat(right)


def _counting(splits: pl.DataFrame) -> pl.DataFrame:
    """Return the splits that count for a day: those of a file are before a provider's."""
    loaded = splits.filter(pl.col("source") == FILE_PROVIDER)
    others = splits.filter(pl.col("source") != FILE_PROVIDER)
    chosen = pl.concat([loaded, others.join(loaded, on=["symbol", "date"], how="anti")])
    return chosen.select("symbol", ex_date="date", ratio=pl.col("numerator") / pl.col("denominator")).unique()


def _continued_over(bars: pl.DataFrame, step: dict[str, Any]) -> pl.DataFrame:
    loaded = pl.col("source_provider") == FILE_PROVIDER
    older = loaded & (pl.col("date") <= step["last_day"]) & (step["ex_date"] > _STATED)
    pairs = _pairs(bars.filter(older))
    is_near = pairs["first_day"] - pairs["last_day"] <= timedelta(days=MAX_SPLIT_GAP_DAYS)
    moves = pairs.filter(is_near)["moved"].abs()
    if ((moves - abs(math.log(step["ratio"]))).abs() <= math.log(1 + MAX_DAILY_MOVE)).any():
        return bars
    basis = bars.filter(pl.col("date") == step["first_day"])["split_basis_date"].item()
    return bars.with_columns(
        split_basis_date=pl.when(older).then(pl.lit(basis)).otherwise("split_basis_date"),
        stated_basis_date=pl.when(older).then(_STATED).otherwise("stated_basis_date"),
    )


def _pairs(bars: pl.DataFrame) -> pl.DataFrame:
    """Return each two neighbouring bars of a symbol, with the bases that they state."""
    ordered = bars.filter(pl.col("close_price") > 0).sort("symbol", "date")
    named = ordered.select(
        "symbol",
        pl.col("date").alias("last_day"),
        pl.col("close_price").alias("before"),
        _STATED.alias("before_basis"),
        pl.col("source_provider").alias("before_provider"),
    )
    after = {"last_day": "first_day", "before": "after", "before_basis": "after_basis"}
    following = [pl.col(name).shift(-1).over("symbol").alias(new) for name, new in after.items()]
    moved = (pl.col("before") / pl.col("after")).log()
    return named.with_columns(following).drop_nulls("first_day").with_columns(moved=moved)
