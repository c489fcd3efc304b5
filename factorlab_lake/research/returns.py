"""Compute the returns after each date: from the next close on, so that no price of the date is used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from factorlab_lake.errors import InvalidInput, check_type
from factorlab_lake.schema.rules import PRICE_AGE_LIMIT_DAYS

__all__ = ["PRICES", "checked_delistings", "checked_periods", "forward_returns"]

PRICES = ("adjusted_close", "close_price")
"""The prices of which returns can be computed."""

_MAX_PERIOD = 10_000
_DELISTINGS = {"symbol": pl.String, "date": pl.Date, "delisting_return": pl.Float64}
_COLUMNS = (
    "symbol", "date", "period", "forward_return", "start_date", "end_date", "start_price", "end_price",
    "price_source", "delisting_return", "reason",
)  # fmt: skip


def checked_periods(periods: int | Iterable[int]) -> list[int]:
    """Return the periods in trading days, each once; raise :class:`InvalidInput` for others."""
    listed: list[int] = list(periods) if isinstance(periods, Iterable) else [periods]
    for period in listed:
        check_type(period, int, "periods", "numbers of trading days such as [1, 5, 21]")
        if not 1 <= period <= _MAX_PERIOD:
            raise InvalidInput(f"A period is {period}; expected trading days from 1 to {_MAX_PERIOD}.")
    if not listed:
        raise InvalidInput("periods is empty; expected numbers of trading days such as [1, 5, 21].")
    return list(dict.fromkeys(listed))


def checked_delistings(delistings: Any) -> pl.DataFrame:
    """Return a frame of ``symbol, date, delisting_return``; raise :class:`InvalidInput` for other frames."""
    if delistings is None:
        return pl.DataFrame(schema=_DELISTINGS)
    try:
        frame = pl.DataFrame(delistings if isinstance(delistings, Mapping) else pl.DataFrame(delistings))
        if frame.schema["date"] == pl.String:
            frame = frame.with_columns(pl.col("date").str.to_date())
        typed = frame.select(pl.col(name).cast(kind) for name, kind in _DELISTINGS.items())
    except (pl.exceptions.PolarsError, TypeError, ValueError, KeyError) as error:
        raise InvalidInput(
            f"delistings cannot be read ({error}); expected a frame of symbol, date and delisting_return."
        ) from None
    if typed.null_count().sum_horizontal().item() or typed["delisting_return"].lt(-1).any():
        raise InvalidInput("delistings has a missing value, or a delisting_return below -1.")
    return typed.unique("symbol", keep="last", maintain_order=True)


def forward_returns(
    bars: pl.DataFrame,
    pairs: pl.DataFrame,
    periods: Sequence[int],
    *,
    price: str,
    newest: date | None,
    delistings: pl.DataFrame,
) -> pl.DataFrame:
    """Return one row per row of ``pairs`` (symbol, date) and period.

    ``bars`` are adjusted bars, ``price`` the name of their price, and ``newest`` the newest day of any bar of
    the lake.
    """
    numbered = _numbered(bars, price)
    entered = pairs.with_row_index("place").with_columns(_next=pl.col("date").dt.offset_by("1d"))
    starts = numbered.select(
        "symbol", "number", "last", start_date="day", start_price="price", start_note="reason", _day="day"
    )
    joined = entered.sort("_next").join_asof(
        starts.sort("_day"), left_on="_next", right_on="_day", by="symbol", strategy="forward",
        check_sortedness=False,
    )  # fmt: skip
    days = pl.DataFrame({"period": periods}, schema={"period": pl.Int64})
    rows = joined.join(days, how="cross").with_columns(target=pl.col("number") + pl.col("period"))
    rows = rows.with_columns(
        at=pl.min_horizontal("target", "last"), is_short=pl.col("target") > pl.col("last")
    )
    ends = numbered.select(
        "symbol", at="number", end_date="day", end_price="price", price_source="price_source", note="reason"
    )
    ended = numbered.group_by("symbol").agg(last_day=pl.col("day").max())
    rows = rows.join(ends, on=["symbol", "at"], how="left").join(ended, on="symbol", how="left")
    rows = rows.join(delistings.rename({"date": "delisted_on"}), on="symbol", how="left")
    return _returns(rows, newest).sort("place", "period").select(_COLUMNS)


def _numbered(bars: pl.DataFrame, price: str) -> pl.DataFrame:
    """Number the bars of each symbol, whose prices are all of one kind, so that no return mixes two."""
    is_close = (pl.col("adjusted_close_source") == "splits") | (price == "close_price")
    kept = bars.filter(pl.col("close_price").is_not_null()).with_columns(
        price=pl.col(price),
        price_source=pl.when(is_close).then(pl.lit("close_price")).otherwise(pl.lit("adjusted_close")),
        reason=pl.when(price == "adjusted_close").then("reason"),
    )
    ordered = kept.sort("symbol", "date").with_columns(
        number=pl.int_range(pl.len()).over("symbol").cast(pl.Int64)
    )
    return ordered.with_columns(last=pl.col("number").max().over("symbol"), day=pl.col("date")).drop("date")


def _returns(rows: pl.DataFrame, newest: date | None) -> pl.DataFrame:
    limit = pl.duration(days=PRICE_AGE_LIMIT_DAYS)
    stopped = pl.col("last_day") + limit < pl.lit(newest, pl.Date)
    is_late = pl.col("start_date") > pl.col("date") + limit
    is_delisted = pl.col("is_short") & stopped
    has_prices = pl.col("start_price").is_not_null() & pl.col("end_price").is_not_null()
    paid = pl.when(is_delisted & (pl.col("delisted_on") >= pl.col("start_date"))).then("delisting_return")
    reason = (
        pl.when(pl.col("last_day").is_null()).then(pl.lit("no_prices"))
        .when(pl.col("start_date").is_null() & stopped).then(pl.lit("not_traded_after_date"))
        .when(pl.col("start_date").is_null()).then(pl.lit("not_yet_known"))
        .when(is_late).then(pl.lit("no_price_within_limit"))
        .when(pl.col("is_short") & ~stopped).then(pl.lit("not_yet_known"))
        .when(~has_prices).then(pl.coalesce("start_note", "note"))
        .when(is_delisted).then(pl.lit("delisted"))
        .otherwise("note")
    )  # fmt: skip
    has_return = has_prices & ~is_late & (~pl.col("is_short") | stopped)
    growth = pl.col("end_price") / pl.col("start_price") * (1 + paid.fill_null(0.0))
    shown = ("start_date", "end_date", "start_price", "end_price", "price_source")
    return rows.with_columns(
        pl.when(has_return).then(growth - 1).alias("forward_return"),
        pl.when(has_return).then(paid).alias("delisting_return"),
        *(pl.when(has_return).then(name).alias(name) for name in shown),
        reason.alias("reason"),
    )
