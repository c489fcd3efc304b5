"""Keep the earlier contents of company profiles: what a fetch overwrites may hold for the days before it."""

from __future__ import annotations

import polars as pl

from factorlab_lake.ingest.versions import distinct_in_time
from factorlab_lake.schema import table

__all__ = ["profile_contents"]

# What a symbol is quoted in and stands for: the earliest profile that tells it holds for the days before too.
_INSTRUMENT = ("currency", "is_adr", "shares_per_receipt")


def profile_contents(
    earlier: pl.DataFrame, stored: pl.DataFrame, rows: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the newest profile of each symbol, and all its contents by the day of their first fetch.

    ``earlier`` are stored contents, ``stored`` are stored profiles, and ``rows`` are new profiles. A field
    that a profile lacks keeps its earlier value: a vendor has no ratio of receipts, and a file few columns.
    """
    spec = table("company_profiles")
    values = spec.names("value")
    named = [name for name in values if name != "extra"]
    parts = [earlier.drop("valid_from"), stored, rows]
    ordered = distinct_in_time(pl.concat(parts, how="diagonal_relaxed"), ["symbol"], spec)
    filled = ordered.with_columns(pl.col(named).forward_fill().over("symbol"))
    newest = filled.unique("symbol", keep="last", maintain_order=True)
    by_day = filled.with_columns(
        pl.col(_INSTRUMENT).backward_fill().over("symbol"), valid_from=pl.col("fetched_at").dt.date()
    ).unique(["symbol", "valid_from"], keep="last", maintain_order=True)
    same = pl.all_horizontal(pl.col(n).eq_missing(pl.col(n).shift(1)) for n in ["symbol", *named])
    changed = by_day.filter(~by_day.select(same.fill_null(value=False)).to_series())
    return newest, changed.select(table("profile_history").names())
