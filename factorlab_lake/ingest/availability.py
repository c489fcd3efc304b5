"""Derive the first day on which a filing can be used.

A filing accepted by 16:00 New York time can be used at that day's close, a later one at the next calendar
day's close. Without an acceptance time, the day after the filing date counts. Without both, the estimate is
75 days after the period's end. A date on or before the period's end is treated as missing: providers write
the period's end for an unknown date.
"""

from __future__ import annotations

import polars as pl

from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.schema.rules import ESTIMATED_LAG_DAYS, FILING_DATE_LAG_DAYS, MARKET_CLOSE

__all__ = ["availability", "public_at"]


def availability(period_end: str = "fiscal_date") -> list[pl.Expr]:
    """Return expressions for accepted_date, available_date and availability_basis.

    They follow from ``accepted_at``, ``filing_date`` and the column ``period_end``.
    """
    local = pl.col("accepted_at").dt.convert_time_zone(NEW_YORK)
    accepted = local.dt.date()
    end = pl.col(period_end)
    at_close = pl.when(local.dt.time() <= MARKET_CLOSE).then(accepted).otherwise(accepted.dt.offset_by("1d"))
    by_acceptance = pl.when(accepted > end).then(at_close)
    filed = pl.col("filing_date")
    by_filing = pl.when(filed > end).then(filed.dt.offset_by(f"{FILING_DATE_LAG_DAYS}d"))
    return [
        accepted.alias("accepted_date"),
        pl.coalesce(by_acceptance, by_filing, end.dt.offset_by(f"{ESTIMATED_LAG_DAYS}d")).alias(
            "available_date"
        ),
        pl.when(by_acceptance.is_not_null())
        .then(pl.lit("accepted"))
        .when(by_filing.is_not_null())
        .then(pl.lit("filing_date"))
        .otherwise(pl.lit("estimated"))
        .alias("availability_basis"),
    ]


def public_at(rows: pl.DataFrame, key: list[str]) -> pl.Expr:
    """Return the time at which a row became public, as ``_known_at``, to order versions.

    A copy without an acceptance time takes the acceptance of the same key and filing date.
    """
    if "accepted_at" not in rows.columns:
        return pl.lit(0).alias("_known_at")
    utc = pl.Datetime("us", "UTC")
    of_filing = pl.col("accepted_at").min().over([*key, "filing_date"])
    filed = _midnight("filing_date").dt.offset_by(f"{FILING_DATE_LAG_DAYS}d")
    assumed = _midnight(key[1]).dt.offset_by(f"{ESTIMATED_LAG_DAYS}d")
    return pl.coalesce("accepted_at", of_filing, filed, assumed).cast(utc).alias("_known_at")


def _midnight(day: str) -> pl.Expr:
    return pl.col(day).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
