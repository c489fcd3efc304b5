"""Infer splits that no source reports from two fetches of the same bars that differ by one ratio.

Between the two fetches the provider adjusted its history, so a split lies between their days. These days are
stored as ``earliest_date`` and ``latest_date``. The inferred date is the first trading day after the bars of
both fetches. It is right when the lake is updated daily.
Inference depends only on the stored bars and splits, not on their order of arrival. So it runs again whenever
either changes, and a reported split replaces an inferred one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import polars as pl

from factorlab_lake.ingest.normalize import normalize
from factorlab_lake.ingest.record_frames import group_by_shape, to_frame
from factorlab_lake.ingest.versions import SPLIT_REBASE
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.schema.rules import (
    MAX_SPLIT_SIDE,
    MIN_REBASED_BARS,
    MIN_SPLIT_RATIO,
    SPLIT_RATIO_SPREAD,
    SPLIT_RATIO_TOLERANCE,
    SUSPICIOUS_DAILY_RATIO,
)
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.transaction import read_files

__all__ = ["INFERRED", "detect_split", "inferred_splits"]

INFERRED = "inferred"
_DAY = timedelta(days=1)


def inferred_splits(contents: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return the splits that ``contents`` prove and ``splits`` do not contain.

    ``contents`` has every stored content of the symbols' bars: superseded bars with their ``revision``,
    current bars without. ``splits`` has the splits of providers and files, and defines the result's columns.
    """
    days = contents.select("symbol", "date").unique().sort("symbol", "date")
    inferred: list[dict[str, Any]] = []
    for row in _basis_changes(contents).iter_rows(named=True):
        of_symbol = splits.filter(pl.col("symbol") == row["symbol"])
        known = [*of_symbol["date"], *(s["date"] for s in inferred if s["symbol"] == row["symbol"])]
        if any(row["older"] < day <= row["newer"] for day in known):
            continue
        traded = days.filter(pl.col("symbol") == row["symbol"], pl.col("date") > row["last_day"])["date"]
        inferred.append(_split(row, _ex_date(row, traded)))
    return pl.DataFrame(inferred, schema=splits.schema, orient="row")


def _basis_changes(contents: pl.DataFrame) -> pl.DataFrame:
    """Return pairs of split bases between which a symbol's bars changed by one ratio, closest pairs first."""
    ordered = contents.sort("symbol", "date", "revision", nulls_last=True)
    following = [
        pl.col(c).shift(-1).over("symbol", "date").alias(f"next_{c}")
        for c in (
            "close_price",
            "split_basis_date",
            "fetched_at",
            "fetch_id",
            "source_provider",
            "recorded_at",
        )
    ]
    ratio = pl.col("close_price") / pl.col("next_close_price")
    return (
        ordered.with_columns(following)
        .filter(
            pl.col("change_kind") == SPLIT_REBASE,
            pl.col("next_split_basis_date") > pl.col("split_basis_date"),
        )
        .group_by("symbol", older="split_basis_date", newer="next_split_basis_date")
        .agg(
            pl.len().alias("bars"),
            ratio.median().alias("ratio"),
            (ratio.max() / ratio.min() - 1).alias("spread"),
            pl.col("date").max().alias("last_day"),
            pl.col("next_fetched_at", "next_fetch_id", "next_source_provider", "next_recorded_at")
            .sort_by("next_fetched_at", "next_fetch_id")
            .last(),
        )
        .filter(
            pl.col("bars") >= MIN_REBASED_BARS,
            pl.col("spread") < SPLIT_RATIO_SPREAD,
            pl.max_horizontal("ratio", 1 / pl.col("ratio")) > MIN_SPLIT_RATIO,
        )
        .sort("symbol", pl.col("newer") - pl.col("older"), "older")
    )


def _ex_date(row: dict[str, Any], traded_after: pl.Series) -> date:
    """Return the first trading day after the bars of both fetches, limited to the days between them."""
    older: date = row["older"]
    first: date = row["newer"]
    if traded_after.len() and traded_after[0] < first:
        first = traded_after[0]
    return max(first, older + _DAY)


def _split(row: dict[str, Any], ex_date: date) -> dict[str, Any]:
    numerator, denominator = _sides(row["ratio"])
    return {
        "symbol": row["symbol"],
        "date": ex_date,
        "numerator": numerator,
        "denominator": denominator,
        "label": f"between {row['older']} and {row['newer']}",
        "source": INFERRED,
        "earliest_date": row["older"] + _DAY,  # the older basis includes the splits of its own day
        "latest_date": row["newer"],
        "source_provider": row["next_source_provider"],
        "fetch_id": row["next_fetch_id"],
        "fetched_at": row["next_fetched_at"],
        "recorded_at": row["next_recorded_at"],
    }


def _sides(ratio: float) -> tuple[float, float]:
    """Return a ratio as numerator and denominator: small whole numbers if they fit, else the ratio and 1.

    >>> _sides(4.0001), _sides(1 / 10), _sides(1.5)
    ((4.0, 1.0), (1.0, 10.0), (3.0, 2.0))
    """
    for denominator in range(1, MAX_SPLIT_SIDE + 1):
        near = Fraction(round(ratio * denominator), denominator)
        if near > 0 and math.isclose(float(near), ratio, rel_tol=SPLIT_RATIO_TOLERANCE):
            return float(near.numerator), float(near.denominator)
    return ratio, 1.0


def detect_split(layout: Layout, answers: Sequence[FetchResult]) -> list[str]:
    """Return the symbols whose new bars hint at a split.

    Either the new bars differ from the stored ones by a ratio: the provider has adjusted its history. Or the
    close jumps from one day to the next: the provider has not adjusted it yet. Pass only answers for symbols
    that the lake already has; for new symbols, fetch requests all splits anyway.
    """
    prices = [a for a in answers if a.dataset == "price" and a.count]
    if not prices:
        return []
    bars = pl.concat(normalize(to_frame(g), "price", g[0].fields).rows for g in group_by_shape(prices))
    bars = bars.select("symbol", "date", new_close="close_price")
    stored = _stored_closes(layout, bars)
    both = bars.join(stored, on=["symbol", "date"])
    ratio = pl.col("new_close") / pl.col("stored_close")
    moved = both.filter(pl.max_horizontal(ratio, 1 / ratio) > MIN_SPLIT_RATIO)["symbol"]
    known = bars.filter(pl.col("symbol").is_in(stored["symbol"].implode())).sort("symbol", "date")
    step = (pl.col("new_close") / pl.col("new_close").shift(1)).log().abs().over("symbol")
    jumped = known.filter(step > math.log(SUSPICIOUS_DAILY_RATIO))["symbol"]
    return pl.concat([moved, jumped]).unique().sort().to_list()


def _stored_closes(layout: Layout, bars: pl.DataFrame) -> pl.DataFrame:
    """Return the stored closes of the symbols, from the files of the bars' years."""
    snapshot, symbols = snapshots.latest(layout), bars["symbol"].unique()
    first, last = (str(day) for day in (bars["date"].min(), bars["date"].max()))
    pruned = data_files.prune(
        data_files.files_of(layout, snapshot, "price_data"), symbols=symbols.to_list(), first=first, last=last
    )
    rows = read_files(layout, "price_data", pruned, symbols, columns=["symbol", "date", "close_price"])
    return rows.rename({"close_price": "stored_close"})
