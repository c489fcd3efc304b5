"""Order the contents that several fetches returned for one key into versions, and classify the changes.

The versions of a key have contents of one or several providers. Changes are classified among the rows of one
provider: its content follows its own former content, whatever another provider served between the two. The
order is by acceptance, then by fetch time, never by arrival. A row is no new version if each value equals
its predecessor's or is missing: it repeats the content, or lost values. So the versions depend on what was
served and when, not on the order of reading.
"""

from __future__ import annotations

import polars as pl

from factorlab_lake.ingest.availability import public_at
from factorlab_lake.schema import TableSpec
from factorlab_lake.schema.columns import FILE_PROVIDER
from factorlab_lake.schema.rules import (
    MAX_SPLIT_SIDE,
    RESCALED_ROUNDING,
)

__all__ = [
    "SPLIT_REBASE",
    "are_distinct",
    "content_key",
    "distinct_in_time",
    "number_versions",
    "superseded_kind",
]

_OVERFLOW = ("extra", "metrics")  # the columns of what has no column, as JSON
SPLIT_REBASE = "split_rebase"  # the change that a split makes to amounts fetched before it


def content_key(spec: TableSpec) -> list[str]:
    """Return the columns that the contents of one row have in common: they supersede each other.

    In a table with versions this includes the provider.

    >>> from factorlab_lake.schema import table
    >>> content_key(table("splits")), content_key(table("vendor_ratios"))
    (['symbol', 'date'], ['symbol', 'fiscal_date', 'fiscal_period', 'source_provider'])
    """
    if "version" not in spec.key:
        return list(spec.key)
    return [*(k for k in spec.key if k != "version"), "source_provider"]


def are_distinct(rows: pl.DataFrame, key: list[str]) -> bool:
    """Return whether no two rows have the same key; False also if two keys have the same hash.

    Polars counts distinct hashes three times as fast as distinct keys of several columns.
    """
    return rows.select(key).hash_rows().n_unique() == rows.height


def distinct_in_time(
    rows: pl.DataFrame, key: list[str], order: list[pl.Expr], values: list[str]
) -> pl.DataFrame:
    """Return the rows ordered by key and time, without rows that only repeat their predecessor."""
    missing = pl.sum_horizontal(pl.col(v).is_null() for v in values if v not in _OVERFLOW)
    # Within one fetch the more complete record comes first. The hash makes the order of others reproducible.
    rows = rows.sort([*key, *order, missing, pl.struct(values).hash(seed=1), "fetch_id"], nulls_last=True)
    while True:
        same_key = pl.all_horizontal(pl.col(k) == pl.col(k).shift(1) for k in key)
        again = rows.select((same_key & _repeats(values)).fill_null(value=False)).to_series()
        if not again.any():
            return rows
        rows = rows.filter(~again)


def _repeats(values: list[str]) -> pl.Expr:
    """Return whether each row equals its predecessor or has lost some of its values.

    A lost value may have been unreadable. Its text is then in ``extra``, which is no content of its own.
    """
    overflow = [v for v in values if v in _OVERFLOW]
    others = [v for v in values if v not in _OVERFLOW]
    lost = pl.any_horizontal(pl.col(v).is_null() & pl.col(v).shift(1).is_not_null() for v in others)
    same = [pl.col(v).is_null() | (pl.col(v) == pl.col(v).shift(1)) for v in others]
    same += [
        pl.col(v).is_null() | (pl.col(v) == pl.col(v).shift(1)).fill_null(value=False) | lost
        for v in overflow
    ]
    return pl.all_horizontal(same)


def number_versions(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Order, deduplicate and number the versions of statements, ratios or share counts.

    Set ``change_kind`` by the provider's content before. Set ``version`` over the contents of all providers,
    so that the table's key needs no provider.
    """
    key, values = content_key(spec), spec.names("value")
    rows = distinct_in_time(
        rows.with_columns(public_at(rows, spec, key)),
        key,
        [pl.col("_known_at"), pl.col("fetched_at")],
        values,
    )
    same_key = pl.all_horizontal(pl.col(k) == pl.col(k).shift(1) for k in key).fill_null(value=False)
    rows = rows.with_columns(
        change_kind=pl.when(~same_key)
        .then(pl.lit("original"))
        .when(_accepted_later(rows))
        .then(pl.lit("restatement"))
        .when(_rescaled(spec))
        .then(pl.lit(SPLIT_REBASE))
        .otherwise(pl.lit("vendor_revision"))
    )
    return _numbered(rows, [k for k in spec.key if k != "version"]).drop("_known_at")


def _numbered(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Number the contents of each key; those of one provider keep their order."""
    # A user corrects what a provider served, so a later fetch of the same filing must not supersede it.
    corrects = pl.col("source_provider") == FILE_PROVIDER
    order = [pl.col("_known_at"), corrects, pl.col("fetched_at")]
    rows = rows.sort([*key, *order], nulls_last=True, maintain_order=True)
    first = ~pl.all_horizontal(pl.col(k) == pl.col(k).shift(1) for k in key).fill_null(value=False)
    run = first.cast(pl.Int32).cum_sum()
    return rows.with_columns(version=pl.int_range(pl.len(), dtype=pl.Int32).over(run) + 1)


def superseded_kind() -> pl.Expr:
    """Return the kind of change from each bar to the next row, which must be of the same day."""
    ratio = pl.col("close_price") / pl.col("close_price").shift(-1)
    prices = ["open_price", "high_price", "low_price", "close_price"]
    moved = pl.all_horizontal(_scaled(pl.col(p), pl.col(p).shift(-1), ratio) for p in prices)
    split = (ratio != 1) & _is_split_ratio(ratio, 2 * RESCALED_ROUNDING) & moved
    same = pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift(-1)) for c in [*prices, "volume"])
    return (
        pl.when(split)
        .then(pl.lit(SPLIT_REBASE))
        .when(same)
        .then(pl.lit("adjusted_close_rebase"))
        .otherwise(pl.lit("vendor_revision"))
        .alias("change_kind")
    )


def _accepted_later(rows: pl.DataFrame) -> pl.Expr:
    if "accepted_at" not in rows.columns:
        return pl.lit(value=False)
    return (pl.col("accepted_at") > pl.col("accepted_at").shift(1)).fill_null(value=False)


def _rescaled(spec: TableSpec) -> pl.Expr:
    """Return whether only shares and per-share items changed from the row before, all by one split ratio."""
    counts = [c.name for c in spec.columns if c.additive == "shares"]
    per_share = [c.name for c in spec.columns if c.additive == "per_share"]
    if not counts:
        return pl.lit(value=False)
    reported = {c: pl.when(pl.col(c) > 0).then(pl.col(c)) for c in counts}  # vendors write 0 for missing
    ratio = pl.coalesce(r / r.shift(1) for r in reported.values())
    moving = {*counts, *per_share}
    still = [n for n in spec.names("value") if n not in moving]
    return (
        (ratio != 1)
        & _is_split_ratio(ratio, 1e-6)
        & pl.all_horizontal(_counted(r, ratio) for r in reported.values())
        & pl.all_horizontal(_scaled(pl.col(c).shift(1), pl.col(c), ratio) for c in per_share)
        & pl.all_horizontal(pl.col(c).is_null() | (pl.col(c) == pl.col(c).shift(1)) for c in still)
    ).fill_null(value=False)


def _counted(now: pl.Expr, ratio: pl.Expr) -> pl.Expr:
    before = now.shift(1)
    return (now.is_null() & before.is_null()) | ((now - before * ratio).abs() <= 1 + 1e-6 * now.abs())


def _scaled(larger: pl.Expr, smaller: pl.Expr, ratio: pl.Expr) -> pl.Expr:
    """Return whether ``larger`` is ``smaller`` times ``ratio``, within the rounding to four decimals."""
    off = (larger - smaller * ratio).abs()
    # The ratio itself may come from rounded prices, so its error scales with the price.
    slack = RESCALED_ROUNDING * (1 + ratio) + larger.abs() * 1e-5
    return (larger.is_null() & smaller.is_null()) | (off <= slack).fill_null(value=False)


def _is_split_ratio(ratio: pl.Expr, tolerance: float) -> pl.Expr:
    """Return whether a ratio is close to a fraction of small numbers, such as 4, 7, 3/2 or 1/10."""
    checks = []
    for side in (ratio, 1 / ratio):
        for denominator in range(1, 6):
            scaled = side * denominator
            whole = scaled.round()
            near = (scaled - whole).abs() <= tolerance * scaled
            checks.append(near & (whole != denominator) & whole.is_between(1, MAX_SPLIT_SIDE))
    return pl.any_horizontal(checks)
