"""Infer splits that no source reports from two fetches of the same bars that differ by one ratio.

Between the two fetches the provider adjusted its history, so a split lies between their days. These days are
stored as ``earliest_date`` and ``latest_date``. The inferred date is the first trading day after the bars of
both fetches. It is right when the lake is updated daily.
Inference depends only on the stored bars and splits, not on their order of arrival. So it runs again whenever
either changes, and a reported split of the ratio replaces an inferred one. Share counts are compared in
``derive/sql/split_events.sql``, which decides on all splits.
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
from factorlab_lake.ingest.versions import SAME_PRICES, is_loaded, superseded_kind
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.schema.quote_units import MINOR_UNIT_EXCHANGES, MINOR_UNITS
from factorlab_lake.schema.rules import (
    CENT_ROUNDING,
    CLOSE_UNIT_TOLERANCE,
    MAX_FRACTION_CHANCE,
    MAX_SPLIT_SIDE,
    MIN_COUNTED_RATIO,
    MIN_REBASED_BARS,
    MIN_SPLIT_RATIO,
    MINOR_UNITS_PER_MAJOR,
    RESCALED_ROUNDING,
    SPLIT_RATIO_SPREAD,
    SPLIT_RATIO_TOLERANCE,
    SUSPICIOUS_DAILY_RATIO,
)
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout

__all__ = ["INFERRED", "detect_split", "in_hundredths", "inferred_splits", "is_hundredfold"]

INFERRED = "inferred"
_CLOSES = ["symbol", "date", "close_price", "source_provider"]
_DAY = timedelta(days=1)
_LARGEST_SIDE = 10**6  # the denominator of a ratio as it was measured is far larger


def inferred_splits(contents: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return the splits that ``contents`` prove and ``splits`` do not explain.

    ``contents`` has every stored content of the symbols' bars: superseded bars with their ``revision``,
    current bars without. ``splits`` has the splits of providers and files, and defines the result's columns.
    A told split of another ratio does not explain the bars: both are stored, and the derivation decides.
    """
    days = contents.select("symbol", "date").unique().sort("symbol", "date")
    inferred: list[dict[str, Any]] = []
    for row in _basis_changes(contents).iter_rows(named=True):
        ratio = _ratio(row)
        inside = pl.col("date").is_between(row["older"] + _DAY, row["newer"])
        reported = splits.filter(pl.col("symbol") == row["symbol"], inside)
        before = [
            s for s in inferred if s["symbol"] == row["symbol"] and row["older"] < s["date"] <= row["newer"]
        ]
        known = [
            *(reported["numerator"] / reported["denominator"]),
            *(s["numerator"] / s["denominator"] for s in before),
        ]
        if ratio is None or _explained(float(ratio), known):
            continue
        traded = days.filter(pl.col("symbol") == row["symbol"], pl.col("date") > row["last_day"])["date"]
        inferred.append(_split(row, ratio, _ex_date(row, traded)))
    return pl.DataFrame(inferred, schema=splits.schema, orient="row")


def is_hundredfold() -> pl.Expr:
    """Return whether a split has the ratio of a main unit to its hundredths, in either direction."""
    sides = pl.max_horizontal("numerator", "denominator") / pl.min_horizontal("numerator", "denominator")
    return sides == MINOR_UNITS_PER_MAJOR


def in_hundredths(inferred: pl.DataFrame, profiles: pl.DataFrame) -> pl.DataFrame:
    """Give inferred splits of 100:1 and 1:100 the kind ``quote_unit`` where quotes may be in hundredths.

    ``profiles`` has all profiles of the symbols. Without a currency, the exchange of the symbol tells.
    """
    known = profiles.drop_nulls("currency")
    minor = known.filter(pl.col("currency").is_in([*MINOR_UNITS, *MINOR_UNITS.values()]))["symbol"].implode()
    abroad = pl.any_horizontal(pl.col("symbol").str.ends_with(end) for end in MINOR_UNIT_EXCHANGES)
    silent = ~pl.col("symbol").is_in(known["symbol"].implode())
    quoted = pl.col("symbol").is_in(minor) | (silent & abroad)
    kind = pl.when(is_hundredfold() & quoted).then(pl.lit("quote_unit")).otherwise("kind")
    return inferred.with_columns(kind=kind)


def _explained(ratio: float, known: list[float]) -> bool:
    """Return whether known splits between two bases explain a ratio: one of them, or all together."""
    return any(math.isclose(one, ratio, rel_tol=SPLIT_RATIO_SPREAD) for one in (*known, math.prod(known)))


def _basis_changes(contents: pl.DataFrame) -> pl.DataFrame:
    """Return pairs of split bases between which a symbol's bars changed by one ratio, closest pairs first.

    The bars of a day are in order of time. Their revisions may not be: a user's bar stays the current one.
    """
    stated = pl.coalesce("stated_basis_date", "split_basis_date")
    ordered = contents.with_columns(split_basis_date=stated).sort(
        "symbol", "date", "fetched_at", "revision", nulls_last=True
    )
    names = ("close_price", "split_basis_date", "fetched_at", "fetch_id", "source_provider", "recorded_at")
    following = [pl.col(c).shift(-1).over("symbol", "date").alias(f"next_{c}") for c in names]
    ratio = pl.col("close_price") / pl.col("next_close_price")
    return (
        ordered.with_columns(*following, superseded_kind())
        .filter(
            pl.col("change_kind") != SAME_PRICES, pl.col("next_split_basis_date") > pl.col("split_basis_date")
        )
        .group_by("symbol", older="split_basis_date", newer="next_split_basis_date")
        .agg(
            pl.len().alias("bars"),
            pl.col("close_price"),
            pl.col("next_close_price"),
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
            pl.max_horizontal("ratio", 1 / pl.col("ratio")) > MIN_COUNTED_RATIO,
        )
        .sort("symbol", pl.col("newer") - pl.col("older"), "older")
    )


def _ratio(row: dict[str, Any]) -> Fraction | None:
    """Return the ratio of a change of basis; None for a small one that is not exactly that of whole numbers.

    Corrections and dividends move prices by small ratios too.
    """
    ratio = _sides(row["ratio"])
    if max(ratio, 1 / ratio) > MIN_SPLIT_RATIO:
        return ratio
    pairs = list(zip(row["close_price"], row["next_close_price"], strict=True))
    cents = all(
        math.isclose(100 * p, round(100 * p), abs_tol=CLOSE_UNIT_TOLERANCE) for pair in pairs for p in pair
    )
    rounding = (CENT_ROUNDING if cents else RESCALED_ROUNDING) * (1 + float(ratio))
    precision = rounding / min(before for before, _ in pairs) / math.sqrt(len(pairs))
    side = min(ratio.numerator, ratio.denominator)
    exact = all(abs(before - after * float(ratio)) <= rounding for before, after in pairs)
    return ratio if exact and side**2 * precision <= MAX_FRACTION_CHANCE else None


def _ex_date(row: dict[str, Any], traded_after: pl.Series) -> date:
    """Return the first trading day after the bars of both fetches, limited to the days between them."""
    older: date = row["older"]
    first: date = row["newer"]
    if traded_after.len() and traded_after[0] < first:
        first = traded_after[0]
    return max(first, older + _DAY)


def _split(row: dict[str, Any], ratio: Fraction, ex_date: date) -> dict[str, Any]:
    return {
        "symbol": row["symbol"],
        "date": ex_date,
        "numerator": float(ratio.numerator) if ratio.denominator <= _LARGEST_SIDE else float(ratio),
        "denominator": float(ratio.denominator) if ratio.denominator <= _LARGEST_SIDE else 1.0,
        "label": f"between {row['older']} and {row['newer']}",
        "source": INFERRED,
        "earliest_date": row["older"] + _DAY,  # the older basis includes the splits of its own day
        "latest_date": row["newer"],
        "source_provider": row["next_source_provider"],
        "fetch_id": row["next_fetch_id"],
        "fetched_at": row["next_fetched_at"],
        "recorded_at": row["next_recorded_at"],
    }


def _sides(ratio: float) -> Fraction:
    """Return a ratio as one of whole numbers with a small side if that fits, else as it was measured.

    >>> [str(_sides(ratio)) for ratio in (4.0001, 1 / 10, 1.5, 1 / 50, 21 / 20)]
    ['4', '1/10', '3/2', '1/50', '21/20']
    """
    larger = max(ratio, 1 / ratio)
    for side in range(1, MAX_SPLIT_SIDE + 1):
        near = Fraction(round(larger * side), side)
        if math.isclose(float(near), larger, rel_tol=SPLIT_RATIO_TOLERANCE):
            return near if ratio > 1 else 1 / near
    return Fraction(ratio)


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
    """Return the stored closes of the symbols, from the files of the bars' years.

    Those of a provider, where a symbol has some: a bar that a user corrected hints at no split.
    """
    snapshot, symbols = snapshots.latest(layout), bars["symbol"].unique()
    first, last = (str(day) for day in (bars["date"].min(), bars["date"].max()))
    pruned = data_files.prune(
        data_files.files_of(layout, snapshot, "price_data"), symbols=symbols.to_list(), first=first, last=last
    )
    rows = read_files(layout, "price_data", pruned, symbols, columns=_CLOSES)
    all_loaded = is_loaded().all().over("symbol")
    return rows.filter(all_loaded | ~is_loaded()).rename({"close_price": "stored_close"})
