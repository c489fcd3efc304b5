"""What the fetch log adds when answers arrive out of order.

A fetch that found nothing new leaves no row, only its line in the log. When an older answer arrives later
with another content, that line matters: it says that by then the provider served the earlier content again.
The row it confirms is put back at the time of that fetch, so the result is the same as in the right order.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.schema import TableSpec

__all__ = ["confirmed"]


def confirmed(
    held: pl.DataFrame,
    rows: pl.DataFrame,
    log: pl.DataFrame,
    spec: TableSpec,
    everything: Callable[[], pl.DataFrame],
) -> pl.DataFrame:
    """Return copies of held rows at the time of the first logged fetch after each arriving row of its key.

    ``everything`` reads all rows held of the symbols; it is called only when there is such a fetch.
    """
    fetches = log.filter(pl.col("data_type") == spec.name, pl.col("keys_landed") > 0)
    fetches = (
        fetches.filter(pl.col("fetch_date") > rows["fetched_at"].min()) if rows.height else fetches.clear()
    )
    if fetches.is_empty() or held.is_empty():
        return held.clear()
    key = [k for k in spec.key if k != "version"]
    complete = _complete(fetches, everything().select(key).unique(), spec)
    later = _first_fetch_after(rows.select(*key, "fetched_at").unique(), complete, spec)
    content = held.rename({"fetched_at": "_since", "fetch_id": "_first_id"})
    seen = later.join(content, on=key).filter(pl.col("_since") <= pl.col("_confirmed_at"))
    newest = seen.sort("_since").unique([*key, "fetched_at"], keep="last", maintain_order=True)
    # Where the newest content by then came after the arriving row, it is in the lake already.
    return (
        newest.filter(pl.col("_since") < pl.col("fetched_at"))
        .with_columns(fetched_at="_confirmed_at", fetch_id="_confirmed_id", **_basis(held))
        .select(held.columns)
    )


def _basis(held: pl.DataFrame) -> dict[str, pl.Expr]:
    """A basis that was the day of the fetch is that of the confirming one; an older one stays."""
    if "split_basis_date" not in held.columns:
        return {}

    def day(moment: str) -> pl.Expr:
        return pl.col(moment).dt.convert_time_zone(NEW_YORK).dt.date()

    basis = pl.col("split_basis_date")
    return {"split_basis_date": pl.when(basis == day("_since")).then(day("_confirmed_at")).otherwise(basis)}


def _complete(fetches: pl.DataFrame, keys: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Keep the fetches that had every key the lake holds between their first and last day.

    What a fetch brought is in the lake, so having as many keys as the lake is having the same ones. A fetch
    with a gap is left out: it may have said nothing of the key in question.
    """
    pairs = _covering(keys, fetches, spec).group_by("_confirmed_id").agg(_held=pl.len())
    full = pairs.join(fetches, left_on="_confirmed_id", right_on="fetch_id").filter(
        pl.col("_held") == pl.col("keys_landed")
    )
    return fetches.filter(pl.col("fetch_id").is_in(full["_confirmed_id"].implode()))


def _covering(keys: pl.DataFrame, fetches: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Pair keys with the fetches in whose span they lie, and whose period is theirs."""
    spans = fetches.select(
        "symbol", "period", "covered_from", "covered_to", _confirmed_at="fetch_date", _confirmed_id="fetch_id"
    )
    inside = pl.col(spec.time_column).is_between("covered_from", "covered_to")
    pairs = keys.join(spans, on="symbol").filter(inside)
    if "fiscal_period" not in spec.key:
        return pairs
    asked = pl.when(pl.col("fiscal_period") == "FY").then(pl.lit("annual")).otherwise(pl.lit("quarterly"))
    return pairs.filter(pl.col("period") == asked)


def _first_fetch_after(rows: pl.DataFrame, fetches: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Pair each arriving row with the earliest later fetch that covered its key."""
    pairs = _covering(rows, fetches, spec).filter(pl.col("_confirmed_at") > pl.col("fetched_at"))
    return pairs.sort("_confirmed_at").unique(
        [*(k for k in spec.key if k != "version"), "fetched_at"], keep="first", maintain_order=True
    )
