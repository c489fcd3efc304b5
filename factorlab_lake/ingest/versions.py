"""Order the contents that several fetches returned for one key into versions, and classify the changes.

The versions of a key have contents of one or several providers. Changes are classified among the rows of one
provider: its content follows its own former content, whatever another provider served between the two. The
order is by acceptance of the filing, then by fetch time, never by arrival. A row is no new version if each
value equals its predecessor's or is missing: it repeats the content, or lost values. So the versions depend
on what was served and when, not on the order of reading.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import polars as pl

from factorlab_lake.ingest.change_kinds import (
    SPLIT_REBASE,
    change_kind,
    first_seen_date,
    is_split_ratio,
    scaled,
    units,
)
from factorlab_lake.ingest.contradictions import content_rank
from factorlab_lake.ingest.filings import period_key, with_filings, with_period_ends
from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.schema import TableSpec
from factorlab_lake.schema.columns import FILE_PROVIDER
from factorlab_lake.schema.rules import RESCALED_ROUNDING

__all__ = [
    "SAME_PRICES",
    "SPLIT_REBASE",
    "are_distinct",
    "content_key",
    "distinct_in_time",
    "is_loaded",
    "number_versions",
    "superseded_kind",
]

_OVERFLOW = ("extra", "metrics")  # the columns of what has no column, as JSON
LoggedFetches: TypeAlias = Callable[[pl.DataFrame], pl.DataFrame]
SAME_PRICES = "adjusted_close_rebase"  # the change of a bar whose prices and volume stay
# Attributes of a filing, which its rows have in common: another form of one is no new content.
_OF_FILING = ("accepted_at", "filing_date", "link", "final_link")
_HELPERS = ("_filing", "_known_at", "_unit", "_is_correction", "_months")


def content_key(spec: TableSpec) -> list[str]:
    """Return the columns that the contents of one row have in common: they supersede each other.

    In a table with versions this includes the provider.

    >>> from factorlab_lake.schema import table
    >>> content_key(table("company_profiles")), content_key(table("vendor_ratios"))
    (['symbol'], ['symbol', 'fiscal_date', 'fiscal_period', 'source_provider'])
    """
    if "version" not in spec.key:
        return list(spec.key)
    return [*(k for k in spec.key if k != "version"), "source_provider"]


def are_distinct(rows: pl.DataFrame, key: list[str]) -> bool:
    """Return whether no two rows have the same key; False also if two keys have the same hash.

    Polars counts distinct hashes three times as fast as distinct keys of several columns.
    """
    return rows.select(key).hash_rows().n_unique() == rows.height


def distinct_in_time(rows: pl.DataFrame, key: list[str], spec: TableSpec) -> pl.DataFrame:
    """Return the rows of a table ordered by key and fetch time, without those that repeat the one before."""
    ordered = _in_time(rows, key, [pl.col("fetched_at")], spec)
    return _without_repeats(ordered, key, _repeats(spec.names("value")) & ~_rebased(spec))


def _in_time(rows: pl.DataFrame, key: list[str], times: list[pl.Expr], spec: TableSpec) -> pl.DataFrame:
    """Return the rows ordered by key and time; of rows of one time, the best content comes last.

    Two fetches of one time can contradict each other, and the last row counts. A row that repeats a better
    one of its time is left out, so that it does not count as the content before.
    """
    rank = content_rank(spec, [v for v in spec.names("value", "label") if v in rows.columns])
    moments = [time.alias(f"_time_{i}") for i, time in enumerate(times)]
    names = [moment.meta.output_name() for moment in moments]
    rows = rows.with_columns(moments).sort([*key, *names, *rank, "fetch_id"], nulls_last=True)
    same = pl.all_horizontal(_same(key), *(pl.col(n).eq_missing(pl.col(n).shift(1)) for n in names))
    same = same.fill_null(value=False)
    if rows.select(same.any()).item():
        values = [v for v in spec.names("value") if v in rows.columns]
        rows = _without_repeats(rows, key, same & _repeats(values))
        rows = rows.with_columns(_place=pl.int_range(pl.len(), 0, -1))
        rows = rows.sort([*key, *names, "_place"], nulls_last=True).drop("_place")
    return rows.drop(names)


def _without_repeats(rows: pl.DataFrame, key: list[str], repeats: pl.Expr) -> pl.DataFrame:
    while True:
        again = rows.select((_same(key) & repeats).fill_null(value=False)).to_series()
        if not again.any():
            return rows
        rows = rows.filter(~again)


def _same(key: list[str]) -> pl.Expr:
    """Return whether a row has the key of the row before it."""
    return pl.all_horizontal(pl.col(k) == pl.col(k).shift(1) for k in key).fill_null(value=False)


def _repeats(values: list[str], same_filing: pl.Expr | None = None) -> pl.Expr:
    """Return whether each row equals its predecessor or has lost some of its values.

    A lost value may have been unreadable. Its text is then in ``extra``, which is no content of its own. In
    one filing (``same_filing``), another form of an attribute of the filing is none either.
    """
    lost = pl.any_horizontal(
        pl.col(v).is_null() & pl.col(v).shift(1).is_not_null() for v in values if v not in _OVERFLOW
    )
    return pl.all_horizontal(_repeated(v, lost, same_filing) for v in values)


def _repeated(name: str, lost: pl.Expr, same_filing: pl.Expr | None) -> pl.Expr:
    now, before = pl.col(name), pl.col(name).shift(1)
    if name in _OVERFLOW:
        return now.is_null() | (now == before).fill_null(value=False) | lost
    if same_filing is None or name not in _OF_FILING:
        return now.is_null() | (now == before)
    return now.is_null() | (now == before) | (same_filing & before.is_not_null())


def _rebased(spec: TableSpec) -> pl.Expr:
    """Return whether a user's row has another split basis than the user's row before it.

    The newer one corrects it, also with equal values: nothing else could. Two bases that are the days of
    their loads are no statement of the user.
    """
    if "split_basis_date" not in spec.names():
        return pl.lit(value=False)
    basis = pl.col("split_basis_date")
    if "stated_basis_date" in spec.names():
        basis = pl.coalesce("stated_basis_date", basis)
    is_default = basis == pl.col("fetched_at").dt.convert_time_zone(NEW_YORK).dt.date()
    other = (basis != basis.shift(1)) & ~(is_default & is_default.shift(1))
    return (is_loaded() & is_loaded().shift(1) & other).fill_null(value=False)


def number_versions(rows: pl.DataFrame, spec: TableSpec, logged: LoggedFetches | None = None) -> pl.DataFrame:
    """Order, deduplicate and number the versions of statements, ratios or share counts.

    Set ``change_kind`` by the provider's content before, and the other columns of a merge. Set ``version``
    over the contents of all providers, so that the table's key needs no provider. ``logged`` returns, for
    some rows, the times of the logged fetches that had their keys (see :func:`_served`).
    """
    rows = with_period_ends(rows, spec)
    if "accepted_at" in spec.names():
        rows = with_filings(rows, spec)
    else:
        rows = rows.with_columns(_filing=pl.lit(0), _known_at=pl.lit(0))
    every = rows
    key, values = [*period_key(spec), "source_provider"], spec.names("value")
    same_filing = _same([*key, "_filing"])
    ordered = _in_time(rows, key, [*_filing_order(key), pl.col("fetched_at")], spec)
    rows = _without_repeats(ordered, key, _repeats(values, same_filing) & ~_rebased(spec))
    rows = rows.with_columns(units(spec), _corrections(spec))
    rows = rows.with_columns(change_kind(spec, _same(key), same_filing).alias("change_kind"))
    if "first_seen_date" in spec.names():
        restated = rows.filter(pl.col("change_kind") == "restatement")["symbol"].unique()
        every = every.filter(pl.col("symbol").is_in(restated.implode()))
        rows = first_seen_date(rows, spec, _served(every, spec, logged))
    return _numbered(rows, period_key(spec)).drop(_HELPERS, strict=False)


def _served(rows: pl.DataFrame, spec: TableSpec, logged: LoggedFetches | None) -> pl.DataFrame:
    """Return the times at which fetches served contents of each period: all rows, and the log's fetches."""
    key = [*period_key(spec), "source_provider"]
    times = {"_served_at": pl.col("fetched_at"), "_served_known_at": pl.col("_known_at")}
    # What a user loads is no answer to a request, so it proves nothing about what there was.
    own = rows.filter(pl.col("source_provider") != FILE_PROVIDER).select(*key, "_filing", **times).unique()
    if logged is None or rows.is_empty():
        return own
    named = rows.select(*content_key(spec), *(k for k in key if k not in content_key(spec)))
    fetches = logged(rows).join(named.unique(content_key(spec)), on=content_key(spec))
    # A fetch that the log alone tells of served what its period had then, so an earlier row must be there.
    since = own.group_by(key).agg(_since=pl.col("_served_at").min())
    fetches = fetches.join(since, on=key).filter(pl.col("_served_at") > pl.col("_since"))
    return pl.concat([own, fetches.select(*key, "_served_at").unique()], how="diagonal_relaxed")


def _corrections(spec: TableSpec) -> pl.Expr:
    """Return whether a user's row speaks of a filing that a provider served."""
    is_file = is_loaded()
    return (is_file & (~is_file).any().over([*period_key(spec), "_filing"])).alias("_is_correction")


def _numbered(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Number the contents of each key; those of one provider keep their order."""
    # A user corrects what a provider served, so a later fetch of the same filing must not supersede it.
    corrects = is_loaded()
    last = pl.col("_known_at").max().over([*key, "_filing"])
    rows = rows.with_columns(_known_at=pl.when(corrects).then(last).otherwise("_known_at"))
    order = [*_filing_order(key), corrects, pl.col("fetched_at")]
    rows = rows.sort([*key, *order], nulls_last=True, maintain_order=True)
    run = (~_same(key)).cast(pl.Int32).cum_sum()
    return rows.with_columns(version=pl.int_range(pl.len(), dtype=pl.Int32).over(run) + 1)


def _filing_order(key: list[str]) -> list[pl.Expr]:
    """Return the order of filings; of filings that became public together, the one first fetched is older."""
    since = pl.col("fetched_at").min().over([*key, "_filing"])
    return [pl.col("_known_at"), since, pl.col("_filing")]


def is_loaded() -> pl.Expr:
    """Return whether a user loaded the row from a file."""
    return (pl.col("source_provider") == FILE_PROVIDER).fill_null(value=False)


def superseded_kind() -> pl.Expr:
    """Return the kind of change from each bar to the next row, which must be of the same day."""
    ratio = pl.col("close_price") / pl.col("close_price").shift(-1)
    prices = ["open_price", "high_price", "low_price", "close_price"]
    moved = pl.all_horizontal(scaled(pl.col(p), pl.col(p).shift(-1), ratio) for p in prices)
    split = (ratio != 1) & is_split_ratio(ratio, 2 * RESCALED_ROUNDING) & moved
    same = pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift(-1)) for c in [*prices, "volume"])
    is_rebased = is_loaded() & (pl.col("split_basis_date") != pl.col("split_basis_date").shift(-1))
    return (
        pl.when(split)
        .then(pl.lit(SPLIT_REBASE))
        .when(same & ~is_rebased)
        .then(pl.lit(SAME_PRICES))
        .when(is_loaded().shift(-1) & (is_rebased | ~is_loaded()))
        .then(pl.lit("correction"))
        .otherwise(pl.lit("vendor_revision"))
        .alias("change_kind")
    )
