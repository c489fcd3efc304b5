"""Merge the lists of splits and dividends that several fetches brought into one history of events.

A row is one content of one source, told from ``fetched_at`` until ``retracted_at``. A provider's list is
complete, so an event that a newer list lacks was retracted. A user's file is no complete list: it replaces
what earlier files said of the same symbol and day, and nothing else.

The rows and the fetch log tell which contents each complete list had: those of the rows whose time includes
the list. So a list may arrive late, and the rows are the same as in the right order.
"""

from __future__ import annotations

import polars as pl

from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.schema import TableSpec
from factorlab_lake.schema.columns import FILE_PROVIDER

__all__ = ["logged_lists", "merged_events", "numbered"]

_LIST = {
    "symbol": pl.String,
    "source_provider": pl.String,
    "fetched_at": pl.Datetime("us", "UTC"),
    "fetch_id": pl.String,
}
_EMPTY = "empty:"  # the start of a note in the fetch log: the provider has nothing of this kind


def logged_lists(log: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return the complete lists in a fetch log: symbol, source_provider, fetched_at and fetch_id."""
    bounds = [pl.col("parameters").str.json_path_match(f"$.{name}").is_null() for name in ("start", "end")]
    whole = log.filter(
        pl.col("data_type") == spec.name,
        pl.col("provider") != FILE_PROVIDER,
        "success",
        pl.col("error_message").is_null() | pl.col("error_message").str.starts_with(_EMPTY),
        pl.col("records_rejected") == 0,
        *bounds,
    )
    columns = {"source_provider": "provider", "fetched_at": "fetch_date"}
    return whole.select("symbol", **columns, fetch_id="fetch_id").cast(_LIST)  # type: ignore[arg-type]  # polars takes no dict of types


def merged_events(
    spec: TableSpec, stored: pl.DataFrame, rows: pl.DataFrame, log: pl.DataFrame, lists: pl.DataFrame
) -> pl.DataFrame:
    """Return all events: those ``stored``, and those of new ``rows`` and of new complete ``lists``.

    ``log`` has the complete lists of former fetches.
    """
    origin = [name for name in ("source",) if name in spec.names()]  # a list is more than a file of prices
    content = ["source_provider", *origin, *spec.told_key, *_values(spec)]
    both = [stored.with_columns(_stored=True), rows.with_columns(_stored=False)]
    reports = pl.concat(both, how="diagonal_relaxed").with_columns(_scope())
    ids = reports.select(content).unique(maintain_order=True).with_row_index("_content")
    reports = reports.join(ids, on=content, nulls_equal=True)
    points = _points(reports, log, lists)
    tellings = _tellings(reports, points)
    runs = _runs(tellings, points)
    return numbered(runs.select(spec.names()), spec)


def numbered(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Number the events of each symbol and day by the time of their fetch; equal times, by their content."""
    order = ["fetched_at", "source_provider", *_values(spec), "fetch_id"]
    rows = rows.sort([*spec.told_key, *order], nulls_last=True)
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(spec.told_key)
    return rows.with_columns(event=number).sort(spec.sort_by)


def _values(spec: TableSpec) -> list[str]:
    """Return the columns that tell one event from another; new fields of a provider make no new event."""
    return [name for name in spec.names("value") if spec.column(name).kind != "json"]


def _scope() -> pl.Expr:
    """Return what a list speaks of: all events of a symbol, or a user's those of a symbol and day alone."""
    by_user = pl.col("source_provider") == FILE_PROVIDER
    day = pl.when(by_user).then(pl.col("date").dt.to_string("%Y-%m-%d")).otherwise(pl.lit(""))
    return pl.concat_str("source_provider", "symbol", day, separator="\x1f").alias("_scope")


def _points(reports: pl.DataFrame, log: pl.DataFrame, lists: pl.DataFrame) -> pl.DataFrame:
    """Return the complete lists that matter: where an event begins or ends, and the new ones' neighbours.

    The columns are _scope, at, fetch_id and _new.
    """
    fetched = pl.concat([log.with_columns(_new=False), lists.with_columns(_new=True)])
    listed = fetched.select(
        pl.concat_str("source_provider", "symbol", pl.lit(""), separator="\x1f").alias("_scope"),
        "_new",
        at="fetched_at",
        fetch_id="fetch_id",
    )
    loads = reports.filter(pl.col("source_provider") == FILE_PROVIDER).select(
        "_scope", pl.lit(value=True).alias("_new"), at="fetched_at", fetch_id="fetch_id"
    )
    every = (
        pl.concat([listed, loads])
        .sort("_scope", "at", "_new", "fetch_id")
        .unique(["_scope", "at"], keep="last", maintain_order=True)
    )
    beside = [pl.col("_new").shift(step).over("_scope").fill_null(value=False) for step in (1, -1)]
    ends = pl.concat([reports.select("_scope", at=name) for name in ("fetched_at", "retracted_at")])
    ends = ends.drop_nulls().unique()
    every = every.join(ends.with_columns(_ends=pl.lit(value=True)), on=["_scope", "at"], how="left")
    kept = pl.any_horizontal("_new", *beside, pl.col("_ends").fill_null(value=False))
    return every.filter(kept).select("_scope", "at", "fetch_id", "_new")


def _tellings(reports: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """Return each content at each time at which a list had it, with the row of its columns."""
    first = reports.with_columns(at="fetched_at", _list_id="fetch_id")
    later = reports.join(points.rename({"fetch_id": "_list_id"}), on="_scope").filter(
        "_stored",
        ~pl.col("_new"),  # the rows of a new list say what it told
        pl.col("at") > pl.col("fetched_at"),
        pl.col("retracted_at").is_null() | (pl.col("at") < pl.col("retracted_at")),
    )
    both = pl.concat([first.select(sorted(first.columns)), later.select(sorted(first.columns))])
    own = pl.col("at") != pl.col("fetched_at")
    others = [c for c in ("extra",) if c in both.columns]  # differs between rows of one content
    ordered = both.sort("_content", "at", own, "fetched_at", *others, "fetch_id", nulls_last=True)
    return ordered.unique(["_content", "at"], keep="first", maintain_order=True)


def _runs(tellings: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """Return one row per content and unbroken run of lists that told it."""
    contents = tellings.select("_content", "_scope").unique()
    silent = contents.join(points, on="_scope").select("_content", "at")
    silent = silent.join(tellings, on=["_content", "at"], how="anti")
    ordered = pl.concat([tellings, silent], how="diagonal_relaxed").sort("_content", "at")
    is_told = pl.col("fetched_at").is_not_null()
    begins = is_told & ~is_told.shift(1).over("_content").fill_null(value=False)
    ended = pl.when(~is_told).then("at").backward_fill().over("_content")
    runs = ordered.with_columns(retracted_at=ended).filter(begins)
    moved = pl.col("at") != pl.col("fetched_at")
    return runs.with_columns(
        **_basis(runs, moved),
        fetch_id=pl.when(moved).then("_list_id").otherwise("fetch_id"),
        fetched_at="at",
    )


def _basis(runs: pl.DataFrame, moved: pl.Expr) -> dict[str, pl.Expr]:
    """Return the split basis of amounts that a later list told again: the day of that list."""
    if "split_basis_date" not in runs.columns:
        return {}
    day = pl.col("at").dt.convert_time_zone(NEW_YORK).dt.date()
    return {"split_basis_date": pl.when(moved).then(day).otherwise("split_basis_date")}
