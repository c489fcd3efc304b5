"""What the fetch log adds when answers arrive out of order.

A fetch that found nothing new leaves no row, only its line in the log. When an older answer arrives later
with another content, that line matters: it says that by then the provider served the earlier content again.
The row it confirms is put back at the time of that fetch, so the result is the same as in the right order.
"""

from __future__ import annotations

import polars as pl

from factorlab_lake.schema import TableSpec

__all__ = ["confirmed"]


def confirmed(held: pl.DataFrame, rows: pl.DataFrame, log: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return copies of held rows at the time of the first logged fetch after each arriving row of its key."""
    fetches = log.filter(pl.col("data_type") == spec.name, pl.col("covered_from").is_not_null())
    fetches = (
        fetches.filter(pl.col("fetch_date") > rows["fetched_at"].min()) if rows.height else fetches.clear()
    )
    if fetches.is_empty() or held.is_empty():
        return held.clear()
    key = [k for k in spec.key if k != "version"]
    later = _first_fetch_after(rows.select(*key, "fetched_at").unique(), fetches, spec)
    content = held.rename({"fetched_at": "_since", "fetch_id": "_first_id"})
    seen = later.join(content, on=key).filter(pl.col("_since") <= pl.col("_confirmed_at"))
    newest = seen.sort("_since").unique([*key, "fetched_at"], keep="last", maintain_order=True)
    # Where the newest content by then came after the arriving row, it is in the lake already.
    return (
        newest.filter(pl.col("_since") < pl.col("fetched_at"))
        .with_columns(fetched_at="_confirmed_at", fetch_id="_confirmed_id")
        .select(held.columns)
    )


def _first_fetch_after(rows: pl.DataFrame, fetches: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Pair each arriving row with the earliest later fetch that covered its key."""
    day = pl.col(spec.time_column)
    pairs = rows.join(
        fetches.select(
            "symbol",
            "period",
            "covered_from",
            "covered_to",
            _confirmed_at="fetch_date",
            _confirmed_id="fetch_id",
        ),
        on="symbol",
    ).filter(pl.col("_confirmed_at") > pl.col("fetched_at"), day.is_between("covered_from", "covered_to"))
    if "fiscal_period" in spec.key:
        asked = pl.when(pl.col("fiscal_period") == "FY").then(pl.lit("annual")).otherwise(pl.lit("quarterly"))
        pairs = pairs.filter(pl.col("period") == asked)
    return pairs.sort("_confirmed_at").unique(
        [*(k for k in spec.key if k != "version"), "fetched_at"], keep="first", maintain_order=True
    )
