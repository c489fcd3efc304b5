"""Derive the first day on which a filing can be used.

A filing accepted by the close of New York (16:00, on half days 13:00) can be used at that day's close, a
later one at the next calendar day's close. A symbol listed outside the United States always waits for the
next day: its exchange closes before New York, and its acceptance may have come after. Without an acceptance
time, the day after the filing date counts. Without both, the day is estimated from the period's end.

A date too near to the period's end is treated as missing: providers write the end for an unknown date.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.schema import PERIOD_MONTHS, TableSpec
from factorlab_lake.schema.exchanges import SUFFIXES_ABROAD
from factorlab_lake.schema.market_calendar import half_days
from factorlab_lake.schema.rules import (
    END_OF_TIME,
    ESTIMATED_HALF_YEAR_LAG_DAYS,
    ESTIMATED_QUARTER_LAG_DAYS,
    ESTIMATED_YEAR_LAG_DAYS,
    FILING_DATE_LAG_DAYS,
    HALF_DAY_CLOSE,
    MARKET_CLOSE,
    MAX_HOURS_AFTER_FETCH,
    MIN_REPORT_DAYS,
)

__all__ = ["ESTIMATED_LAG_DAYS", "availability", "has_foreign_suffix", "impossible_acceptance", "public_at"]

# The estimated days from a period's end to its report, by the months of the period.
ESTIMATED_LAG_DAYS = {
    3: ESTIMATED_QUARTER_LAG_DAYS,
    6: ESTIMATED_HALF_YEAR_LAG_DAYS,
    9: ESTIMATED_HALF_YEAR_LAG_DAYS,
    12: ESTIMATED_YEAR_LAG_DAYS,
}


def availability(spec: TableSpec, abroad: pl.Expr | None = None) -> list[pl.Expr]:
    """Return expressions for accepted_date, available_date and availability_basis of a table's rows.

    ``abroad`` is true where the symbol is listed outside the United States; by default, its suffix decides.
    """
    abroad = has_foreign_suffix() if abroad is None else abroad
    end = pl.col(spec.time_column)
    local = pl.col("accepted_at").dt.convert_time_zone(NEW_YORK)
    accepted, next_day = local.dt.date(), local.dt.date().dt.offset_by("1d")
    early = pl.when(accepted.is_in(half_days())).then(pl.lit(HALF_DAY_CLOSE)).otherwise(pl.lit(MARKET_CLOSE))
    at_close = pl.when(abroad | (local.dt.time() > early)).then(next_day).otherwise(accepted)
    by_acceptance = pl.when(accepted >= _earliest_acceptance(spec)).then(at_close)
    filed = pl.col("filing_date")
    # The cover page may count the shares on the day of its filing.
    believed = filed > end if _has_periods(spec) else filed >= end
    by_filing = pl.when(believed).then(filed.dt.offset_by(f"{FILING_DATE_LAG_DAYS}d"))
    basis = (
        pl.when(by_acceptance.is_not_null())
        .then(pl.lit("accepted"))
        .when(by_filing.is_not_null())
        .then(pl.lit("filing_date"))
        .otherwise(pl.lit("estimated"))
    )
    # A later day would end the commit: Python has none. No question knows a row of this one.
    day = pl.coalesce(by_acceptance, by_filing, _estimated(spec)).clip(upper_bound=END_OF_TIME)
    return [
        accepted.alias("accepted_date"),
        day.alias("available_date"),
        basis.alias("availability_basis"),
    ]


def impossible_acceptance(spec: TableSpec, fetched_at: str = "fetched_at") -> pl.Expr:
    """Return whether ``accepted_at`` is too near to the period's end, or later than its fetch allows."""
    accepted = pl.col("accepted_at")
    too_early = accepted.dt.convert_time_zone(NEW_YORK).dt.date() < _earliest_acceptance(spec)
    too_late = accepted > pl.col(fetched_at) + timedelta(hours=MAX_HOURS_AFTER_FETCH)
    return (too_early | too_late).fill_null(value=False)


def has_foreign_suffix() -> pl.Expr:
    """Return whether the symbol has the suffix of an exchange outside the United States."""
    suffix = pl.col("symbol").str.to_uppercase().str.extract(r"\.([^.]+)$")
    return suffix.is_in(sorted(SUFFIXES_ABROAD)).fill_null(value=False)


def public_at(spec: TableSpec, accepted: pl.Expr, filed: pl.Expr) -> pl.Expr:
    """Return the time from which a filing counts in the order of versions, from what is known of it."""
    by_filing = _midnight(filed).dt.offset_by(f"{FILING_DATE_LAG_DAYS}d")
    return pl.coalesce(accepted, by_filing, _midnight(_estimated(spec))).cast(pl.Datetime("us", "UTC"))


def _has_periods(spec: TableSpec) -> bool:
    return "fiscal_period" in spec.names()


def _earliest_acceptance(spec: TableSpec) -> pl.Expr:
    """Return the first day on which a row can have been accepted; shares are counted up to that day."""
    return pl.col(spec.time_column).dt.offset_by(f"{MIN_REPORT_DAYS if _has_periods(spec) else 0}d")


def _estimated(spec: TableSpec) -> pl.Expr:
    end = pl.col(spec.time_column)
    if not _has_periods(spec):
        return end.dt.offset_by(f"{ESTIMATED_QUARTER_LAG_DAYS}d")
    lags = {label: ESTIMATED_LAG_DAYS[months] for label, months in PERIOD_MONTHS.items()}
    return end + pl.duration(days=pl.col("fiscal_period").replace_strict(lags, return_dtype=pl.Int32))


def _midnight(day: pl.Expr) -> pl.Expr:
    return day.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
