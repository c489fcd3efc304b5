"""Compare each value of a factor with those of its peers on the same date.

The percentile is that of Hazen (1914), (rank - 0.5) / count; ``scipy.stats.percentileofscore`` has it as
``kind="mean"``. The z-score is (value - mean) / sample standard deviation. Winsorised values are cut at two
quantiles (Tukey 1962; MSCI's factor indexes cut at 5 % and 95 %). Quantiles are interpolated linearly
(Hyndman and Fan 1996, type 7).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from factorlab_lake.errors import InvalidInput, check_type
from factorlab_lake.research.grids import with_reasons

__all__ = ["PEERS", "checked_share", "cross_section", "industry_stats"]

PEERS = "_peers"
"""The column with the number of each row's date and group."""

_MAX_SHARE = 0.5
_ORDER = ("symbol", "date", "factor", "value", "rank", "percentile", "z_score", "z_score_winsorised")


def checked_share(winsorise: float) -> float:
    """Return the share of values to cut on each side; raise :class:`InvalidInput` unless within 0 to 0.5."""
    check_type(winsorise, (int, float), "winsorise", "a share such as 0.05")
    if not 0 <= winsorise < _MAX_SHARE:
        raise InvalidInput(f"winsorise is {winsorise}; expected a share from 0 to below 0.5, such as 0.05.")
    return winsorise


def cross_section(
    rows: pl.DataFrame, names: Sequence[str], *, by: str | None, winsorise: float
) -> pl.DataFrame:
    """Return one row per factor, date and symbol, in this order, from a row per date and symbol."""
    rows = _with_peers(rows, by).sort("date", "symbol")
    parts = [_of_factor(rows, name, by, winsorise) for name in names]
    return pl.concat(parts)


def _with_peers(rows: pl.DataFrame, by: str | None) -> pl.DataFrame:
    group = pl.lit(None, pl.String) if by is None else pl.col(by)
    keys = pl.struct("date", group.alias("_group"))
    return rows.with_columns(keys.rank("dense").alias(PEERS), group.alias("group"))


def _of_factor(rows: pl.DataFrame, name: str, by: str | None, winsorise: float) -> pl.DataFrame:
    has_group = pl.lit(value=True) if by is None else pl.col("group").is_not_null()
    [reason] = with_reasons([name])
    frame = rows.select(
        "symbol", "date", "group", PEERS, pl.lit(name).alias("factor"), pl.col(name).alias("value"),
        pl.when(has_group).then(name).alias("compared"), reason.alias("missing"), has_group.alias("in_group"),
    )  # fmt: skip
    value = pl.col("compared")
    stats = frame.group_by(PEERS).agg(
        count=value.count().cast(pl.Int64),
        mean=value.mean(),
        deviation=value.std(),
        peer_median=value.median(),
        is_flat=value.min() == value.max(),
        low=value.quantile(winsorise, "linear"),
        high=value.quantile(1 - winsorise, "linear"),
    )
    frame = frame.join(stats, on=PEERS, how="left", maintain_order="left").with_columns(
        cut=value.clip("low", "high"), rank=value.rank("average").over(PEERS)
    )
    cut = frame.group_by(PEERS).agg(
        cut_mean=pl.col("cut").mean(), cut_deviation=pl.col("cut").std(),
        is_cut_flat=pl.col("cut").min() == pl.col("cut").max(),
    )  # fmt: skip
    return _columns(frame.join(cut, on=PEERS, how="left", maintain_order="left"), by)


def _columns(frame: pl.DataFrame, by: str | None) -> pl.DataFrame:
    z_score = (pl.col("compared") - pl.col("mean")) / pl.col("deviation")
    winsorised = (pl.col("cut") - pl.col("cut_mean")) / pl.col("cut_deviation")
    reason = (
        pl.when(pl.col("value").is_null()).then("missing")
        .when(~pl.col("in_group")).then(pl.lit(f"no_{by}_known"))
        .when(pl.col("count") == 1).then(pl.lit("no_peers"))
        .when("is_flat").then(pl.lit("all_values_equal"))
        .when("is_cut_flat").then(pl.lit("all_winsorised_values_equal"))
    )  # fmt: skip
    return frame.with_columns(
        percentile=(pl.col("rank") - 0.5) / pl.col("count"),
        z_score=pl.when(~pl.col("is_flat")).then(z_score),
        z_score_winsorised=pl.when(~pl.col("is_cut_flat")).then(winsorised),
        peer_median=pl.when("in_group").then("peer_median"),
        peer_count=pl.when("in_group").then("count"),
        reason=reason,
    ).select(*_ORDER, "peer_median", "peer_count", "group", "reason")


def industry_stats(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return one row per factor, date and group, in this order, from a row per date and symbol."""
    return pl.concat(_stats(rows, name) for name in names)


def _stats(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    value = pl.col(name)
    stats = rows.group_by("date", "group").agg(
        median=value.median(),
        mean=value.mean(),
        standard_deviation=value.std(),
        lower_quartile=value.quantile(0.25, "linear"),
        upper_quartile=value.quantile(0.75, "linear"),
        minimum=value.min(),
        maximum=value.max(),
        count=value.count().cast(pl.Int64),
        missing=value.null_count().cast(pl.Int64),
    )
    reason = (
        pl.when(pl.col("count") == 0).then(pl.lit("no_values"))
        .when(pl.col("count") == 1).then(pl.lit("one_value"))
    )  # fmt: skip
    return stats.sort("date", "group", nulls_last=True).select(
        "date", "group", pl.lit(name).alias("factor"), pl.exclude("date", "group"), reason.alias("reason")
    )
