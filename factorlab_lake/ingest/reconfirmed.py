"""Restore contents that a logged fetch served again, for results that arrive out of order.

A fetch without new content adds no row, only a row of the fetch log. That row matters when an older result
with another content arrives later: the provider served the earlier content again after it. So the confirmed
row is copied to the time of that fetch, and the result is the same as in the right order.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from factorlab_lake.ingest.contradictions import content_rank
from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.ingest.versions import content_key
from factorlab_lake.schema import TableSpec

__all__ = ["confirmed", "logged_fetches"]


def logged_fetches(rows: pl.DataFrame, log: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return the content keys of rows with the times, as ``_served_at``, of the logged fetches that had them.

    ``rows`` are all rows of their symbols: a fetch that lacks one of the keys between its dates is left out.
    """
    fetches = log.filter(pl.col("data_type") == spec.name, pl.col("keys_landed") > 0)
    fetches = fetches.filter(pl.col("symbol").is_in(rows["symbol"].unique().implode()))
    keys = rows.select(content_key(spec)).unique()
    pairs = _covering(keys, _complete(fetches, keys, spec), spec)
    return pairs.select(*content_key(spec), _served_at="_confirmed_at")


def confirmed(
    stored: pl.DataFrame,
    rows: pl.DataFrame,
    log: pl.DataFrame,
    spec: TableSpec,
    everything: Callable[[], pl.DataFrame],
) -> pl.DataFrame:
    """Return copies of stored rows at the time of the first logged fetch after each new row of the same key.

    ``everything`` reads all stored rows of the symbols; it is called only if there is such a fetch.
    """
    fetches = log.filter(pl.col("data_type") == spec.name, pl.col("keys_landed") > 0)
    fetches = (
        fetches.filter(pl.col("fetch_date") > rows["fetched_at"].min()) if rows.height else fetches.clear()
    )
    if fetches.is_empty() or stored.is_empty():
        return stored.clear()
    key = content_key(spec)
    complete = _complete(fetches, everything().select(key).unique(), spec)
    later = _first_fetch_after(rows.select(*key, "fetched_at").unique(), complete, spec)
    content = stored.rename({"fetched_at": "_since", "fetch_id": "_first_id"})
    seen = later.join(content, on=key).filter(pl.col("_since") <= pl.col("_confirmed_at"))
    rank = content_rank(spec, [v for v in spec.names("value", "label") if v in seen.columns])
    ordered = seen.sort(-pl.col("_since").dt.epoch("us"), *rank, nulls_last=True)
    newest = ordered.unique([*key, "fetched_at"], keep="first", maintain_order=True)
    # If the newest content at that time came after the new row, the lake already has it.
    return (
        newest.filter(pl.col("_since") < pl.col("fetched_at"))
        .with_columns(fetched_at="_confirmed_at", fetch_id="_confirmed_id", **_basis(stored))
        .select(stored.columns)
    )


def _basis(stored: pl.DataFrame) -> dict[str, pl.Expr]:
    """Return the split basis of a copy: a basis on the fetch's day moves to the confirming fetch's day."""
    if "split_basis_date" not in stored.columns:
        return {}

    def day(moment: str) -> pl.Expr:
        return pl.col(moment).dt.convert_time_zone(NEW_YORK).dt.date()

    basis = pl.col("split_basis_date")
    return {"split_basis_date": pl.when(basis == day("_since")).then(day("_confirmed_at")).otherwise(basis)}


def _complete(fetches: pl.DataFrame, keys: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return the fetches that had every stored key between their first and last day.

    The lake has every key of a fetch, so a fetch with as many keys as the lake has the same keys. Exclude a
    fetch with a gap: it may not have contained the key in question.
    """
    pairs = _covering(keys, fetches, spec).group_by("_confirmed_id").agg(_stored=pl.len())
    full = pairs.join(fetches, left_on="_confirmed_id", right_on="fetch_id").filter(
        pl.col("_stored") == pl.col("keys_landed")
    )
    return fetches.filter(pl.col("fetch_id").is_in(full["_confirmed_id"].implode()))


def _covering(keys: pl.DataFrame, fetches: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return pairs of a key and a fetch whose dates and period include the key.

    Where the key has a provider, the fetch is one of this provider: no other fetch can confirm its content.
    """
    by = [k for k in ("symbol", "source_provider") if k in content_key(spec)]
    spans = fetches.rename({"provider": "source_provider"}).select(
        *by, "period", "covered_from", "covered_to", _confirmed_at="fetch_date", _confirmed_id="fetch_id"
    )
    inside = pl.col(spec.time_column).is_between("covered_from", "covered_to")
    pairs = keys.join(spans, on=by).filter(inside)
    if "fiscal_period" not in spec.key:
        return pairs
    requested = pl.when(pl.col("fiscal_period") == "FY").then(pl.lit("annual")).otherwise(pl.lit("quarterly"))
    return pairs.filter(pl.col("period") == requested)


def _first_fetch_after(rows: pl.DataFrame, fetches: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return each new row with the earliest later fetch that included its key."""
    pairs = _covering(rows, fetches, spec).filter(pl.col("_confirmed_at") > pl.col("fetched_at"))
    return pairs.sort("_confirmed_at", "_confirmed_id").unique(
        [*content_key(spec), "fetched_at"], keep="first", maintain_order=True
    )
