"""Read the splits that a source shows itself: as events, and to compare the split basis of its bars."""

from __future__ import annotations

import re
from datetime import date, timedelta
from fractions import Fraction

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema.rules import MAX_DAILY_MOVE, MAX_SPLIT_GAP_DAYS, MIN_STEP_RATIO

__all__ = [
    "REPORTED_SPLIT",
    "is_split_column",
    "reject_contradicted_basis",
    "split_events",
    "with_reported_splits",
]

REPORTED_SPLIT = "_reported_split"  # the split of a day, in sources of bars that have a column for it
_HEADINGS = ("splitfactor", "stock splits", "split_coefficient")
_SIDES = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?::|/|-?for-?)\s*(\d+(?:\.\d+)?)\s*", re.IGNORECASE)
_LARGEST_SIDE = 10_000  # of a split's ratio, written as a decimal number


def is_split_column(name: str) -> bool:
    """Return whether a column of a vendor's bars has the split of each day."""
    return name.strip().lower() in _HEADINGS


def with_reported_splits(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the column of splits under a name of its own, if the source has one."""
    names = [name for name in rows.columns if is_split_column(name)]
    return rows.with_columns(pl.col(names[0]).alias(REPORTED_SPLIT)) if names else rows


def reject_contradicted_basis(rows: pl.DataFrame, basis: date | None) -> None:
    """Raise :class:`InvalidInput` if the bars contradict the split basis of a load.

    ``basis`` is the day up to which all bars count splits, or None for bars as traded. It is not before a
    bar. Closes that fall by a split's ratio on its day are as traded, closes that stay are adjusted. The
    split is reported by a column of the source, or by the step between its closes and its adjusted closes.
    """
    if not {"date", "close_price"} <= set(rows.columns):
        return
    bars = _bars(rows)
    latest = bars["day"].max()
    if basis is not None and isinstance(latest, date) and latest > basis:
        raise InvalidInput(
            f"split_basis {basis} is before the bar of {latest}; expected the day of the download.",
            split_basis=basis,
        )
    steps = _steps(bars)
    fell = (pl.col("fell") / pl.col("ratio") - 1).abs() <= MAX_DAILY_MOVE
    stayed = pl.col("is_reported") & ((pl.col("fell") - 1).abs() <= MAX_DAILY_MOVE)
    wrong = steps.filter(fell if basis is not None else stayed).head(1)
    if wrong.is_empty():
        return
    step = wrong.row(0, named=True)
    text = (
        f"with a split of {_ratio(step['ratio'])} the close goes from {step['before']:g} to {step['close']:g}"
    )
    if basis is not None:
        raise InvalidInput(
            f"On {step['day']}, {text}: these prices are as traded, not on the split basis of {basis}; pass "
            "split_basis='own-day'.",
            split_basis=basis,
        )
    raise InvalidInput(
        f"On {step['day']}, {text}: these prices are adjusted for splits, not as traded; pass the day of the "
        "download as split_basis.",
        split_basis="own-day",
    )


def _bars(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the bars in the order of symbol and day, with the bar before each."""
    names = {"close": "close_price", "adjusted": "adjusted_close", "reported": REPORTED_SPLIT}
    numbers = {
        alias: pl.col(name).cast(pl.Float64, strict=False)
        if name in rows.columns
        else pl.lit(None, pl.Float64)
        for alias, name in names.items()
    }
    symbol = pl.col("symbol").cast(pl.String) if "symbol" in rows.columns else pl.lit("")
    text = pl.col("date").cast(pl.String).str.slice(0, len("2024-12-31"))
    day = text.str.to_date("%Y-%m-%d", strict=False)
    bars = rows.select(symbol=symbol, day=day, **numbers).filter(pl.col("day").is_not_null())
    return bars.sort("symbol", "day")


def _steps(bars: pl.DataFrame) -> pl.DataFrame:
    """Return the days of large splits, with the ratio and how the close changed from the bar before."""
    before = pl.col("close", "adjusted", "day").shift(1).over("symbol").name.prefix("before_")
    pairs = bars.filter(pl.col("close") > 0).with_columns(before)
    factor = (pl.col("before_close") / pl.col("before_adjusted")) / (pl.col("close") / pl.col("adjusted"))
    reported = pl.when(pl.col("reported") > 0, pl.col("reported") != 1).then(pl.col("reported"))
    ratio = pl.coalesce(reported, factor)
    is_near = pl.col("day") - pl.col("before_day") <= timedelta(days=MAX_SPLIT_GAP_DAYS)
    return (
        pairs.filter(is_near)
        .select(
            "day",
            "close",
            before="before_close",
            ratio=ratio,
            fell=pl.col("before_close") / pl.col("close"),
            is_reported=reported.is_not_null(),
        )
        .filter(~pl.col("ratio").is_between(1 / MIN_STEP_RATIO, MIN_STEP_RATIO, closed="none"))
    )


def _ratio(value: float) -> str:
    return f"{round(value, 2):g}:1" if value >= 1 else f"1:{round(1 / value, 2):g}"


def split_events(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with a split: vendors write its ratio as one number, 0 or 1 on all other days."""
    ratio = rows["ratio"].cast(pl.Float64, strict=False)
    rows, ratio = rows.filter(~ratio.is_nan().fill_null(value=False)), ratio.drop_nans()
    events = rows.filter((ratio.is_null() & rows["ratio"].is_not_null()) | ((ratio != 0) & (ratio != 1)))
    events = events.filter(~events["ratio"].cast(pl.String).str.contains(r"^\s*1\s*[:/]\s*1\s*$"))
    sides = [_fraction(value) for value in events["ratio"]]
    return events.drop("ratio").with_columns(
        pl.Series("numerator", [n for n, _ in sides], strict=False),
        pl.Series("denominator", [d for _, d in sides], strict=False),
    )


def _fraction(value: object) -> tuple[object, object]:
    sides = _SIDES.fullmatch(str(value))
    if sides:
        return sides[1], sides[2]
    try:
        ratio = Fraction(str(value)).limit_denominator(_LARGEST_SIDE)
    except (ValueError, ZeroDivisionError):
        return value, 1  # the check of the rows names it
    return ratio.numerator, ratio.denominator
