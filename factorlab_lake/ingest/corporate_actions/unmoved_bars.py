"""Observe that a later fetch served the bars before a told split unchanged: it contradicts the split.

Such an observation is a row of ``splits`` with the source ``inferred`` and the ratio 1:1 on the told day, and
``derive/sql/split_events.sql`` decides by it. Bars that repeat their content leave no row, but the fetch log
says which days each fetch had. So observations follow from stored bars, splits and log, in any order of
arrival: a list of splits may come after the fetch that contradicts it.

A provider may adjust its history late, and may serve prices as traded. So only fetches from
``MAX_REBASE_LAG_DAYS`` after the day count, of them the newest with bars before it, and prices must not step.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import polars as pl

from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.schema.columns import FILE_PROVIDER
from factorlab_lake.schema.rules import (
    MAX_REBASE_LAG_DAYS,
    MIN_REBASED_BARS,
    SAME_SPLIT_DAYS,
    SPLIT_EVIDENCE_FACTOR,
)

__all__ = ["UNMOVED_COLUMNS", "bar_fetches", "is_unmoved", "listed_between", "unmoved_splits"]

# The columns of a bar that unmoved_splits needs.
UNMOVED_COLUMNS = [
    "symbol",
    "date",
    "close_price",
    "split_basis_date",
    "stated_basis_date",
    "fetched_at",
    "source_provider",
]
_MARGIN = timedelta(days=SAME_SPLIT_DAYS)  # vendors correct ex-dates by some days
_LAG = timedelta(days=MAX_REBASE_LAG_DAYS)


def is_unmoved() -> pl.Expr:
    """Return whether a row of ``splits`` is such an observation."""
    return (pl.col("source") == "inferred") & (pl.col("numerator") == pl.col("denominator"))


def bar_fetches(log: pl.DataFrame) -> pl.DataFrame:
    """Return the providers' fetches of bars in a fetch log, with their ``day``; what users load is none."""
    fetches = log.filter(
        pl.col("data_type") == "price_data",
        "success",
        pl.col("provider") != FILE_PROVIDER,
        pl.col("keys_landed") > 0,
    )
    return fetches.with_columns(day=_day("fetch_date"))


def listed_between(listed: pl.DataFrame, fetches: pl.DataFrame) -> pl.DataFrame:
    """Return the told splits that lie between the first fetch and one that could contradict them."""
    spans = fetches.group_by("symbol").agg(first=pl.col("day").min())
    inside = listed.join(spans, on="symbol").filter(
        pl.col("first") < pl.col("date") - _MARGIN, pl.col("numerator") != pl.col("denominator")
    )
    later = fetches.select("symbol", "day", "covered_from").join(inside, on="symbol")
    later = later.filter(pl.col("day") >= pl.col("date") + _LAG, pl.col("covered_from") < pl.col("date"))
    return listed.join(later, on=["symbol", "date", "event"], how="semi")


def unmoved_splits(listed: pl.DataFrame, bars: pl.DataFrame, fetches: pl.DataFrame) -> pl.DataFrame:
    """Return one observation per told split that ``bars`` contradict, with the columns of ``listed``.

    ``bars`` has all current bars of the symbols, with the columns :data:`UNMOVED_COLUMNS`.
    """
    basis = pl.coalesce("stated_basis_date", "split_basis_date")
    bars = bars.with_columns(basis=basis, fetched_day=_day("fetched_at")).sort("symbol", "date")
    rows = []
    for (symbol, day), ratios in listed.group_by("symbol", "date", maintain_order=True):
        own = bars.filter(pl.col("symbol") == symbol)
        fetch = _newest_fetch(day, own, fetches.filter(pl.col("symbol") == symbol))
        if fetch and not _steps(day, own, (ratios["numerator"] / ratios["denominator"]).to_list()):
            rows.append(_observation(symbol, day, fetch))
    return pl.DataFrame(rows, schema=listed.schema, orient="row")


def _day(moment: str) -> pl.Expr:
    return pl.col(moment).dt.convert_time_zone(NEW_YORK).dt.date()


def _newest_fetch(day: date, bars: pl.DataFrame, fetches: pl.DataFrame) -> dict[str, Any] | None:
    """Return the newest fetch with bars before a day if it served some of them as before that day."""
    before = bars.filter(pl.col("date") < day)
    held = (pl.col("fetched_day") < day - _MARGIN) & (pl.col("basis") < day - _MARGIN)
    for fetch in fetches.sort("fetch_date", "fetch_id", descending=True).iter_rows(named=True):
        inside = pl.col("date").is_between(fetch["covered_from"], fetch["covered_to"])
        served = before.filter(inside)
        if served.height < MIN_REBASED_BARS:
            continue
        old = served.filter(held, pl.col("source_provider") != FILE_PROVIDER)
        # The fetch may lack as many of the bars between its first and last day as it had fewer keys.
        missing = max(bars.filter(inside).height - fetch["keys_landed"], 0)
        if fetch["day"] < day + _LAG or old.height - missing < MIN_REBASED_BARS:
            return None
        return {**fetch, "older": old["basis"].max()}
    return None


def _steps(day: date, bars: pl.DataFrame, ratios: list[float]) -> bool:
    """Return whether the price may step by one of the ratios: the provider serves prices as traded.

    Without a bar from the day on, nothing steps.
    """
    last = bars.filter(pl.col("date") < day)["close_price"].tail(1)
    first = bars.filter(pl.col("date") >= day)["close_price"].head(1)
    if last.is_empty() or first.is_empty() or min(last.item(), first.item()) <= 0:
        return False
    moved = math.log(last.item() / first.item())
    return any(SPLIT_EVIDENCE_FACTOR * abs(moved) > abs(moved - math.log(ratio)) for ratio in ratios)


def _observation(symbol: str, day: date, fetch: dict[str, Any]) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "date": day,
        "numerator": 1.0,
        "denominator": 1.0,
        "label": f"none between {fetch['older']} and {fetch['day']}",
        "source": "inferred",
        "earliest_date": fetch["older"] + timedelta(days=1),
        "latest_date": fetch["day"],
        "source_provider": fetch["provider"],
        "fetch_id": fetch["fetch_id"],
        "fetched_at": fetch["fetch_date"],
        "recorded_at": fetch["recorded_at"],
    }
