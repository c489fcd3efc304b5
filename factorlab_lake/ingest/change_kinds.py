"""Classify what each content of a period changed from the content before it, and when it was first seen.

The rows are in the order of their versions, and each follows the row before it of the same provider and
period. Kinds within one filing are decided by the values: see ``docs/concepts/versions.md``.
"""

from __future__ import annotations

import polars as pl

from factorlab_lake.ingest.filings import period_key
from factorlab_lake.ingest.parse_values import NEW_YORK
from factorlab_lake.schema import Column, TableSpec
from factorlab_lake.schema.columns import FILE_PROVIDER
from factorlab_lake.schema.rules import (
    COUNT_ROUNDING,
    LARGEST_UNIT,
    MAX_SPLIT_SIDE,
    MIN_ROUNDED_ITEMS,
    PER_SHARE_ROUNDING,
    RATIO_ROUNDING,
    RESCALED_ROUNDING,
    ROUNDED_SHARE,
)

__all__ = ["SPLIT_REBASE", "change_kind", "first_seen_date", "is_split_ratio", "scaled", "units"]

SPLIT_REBASE = "split_rebase"  # the change that a split makes to amounts fetched before it
# Beside the core items: amounts in another currency and figures of another company are other figures.
_CORE_ATTRIBUTES = ("reported_currency", "cik")


def change_kind(spec: TableSpec, same_period: pl.Expr, same_filing: pl.Expr) -> pl.Expr:
    """Return the kind of each row's change from the row before it.

    ``same_period`` and ``same_filing`` compare the two rows. The column ``_unit`` has the unit to which a
    statement is rounded, and ``_is_correction`` the rows of a user that speak of a provider's filing.
    """
    contradicted, core = _contradicted(spec, spec.columns), _contradicted(spec, _core(spec))
    if "mapping" in spec.names():
        other_mapping = (pl.col("mapping") != pl.col("mapping").shift(1)).fill_null(value=False)
    else:
        other_mapping = pl.lit(value=False)
    return (
        pl.when(pl.col("_is_correction") | (same_filing & (pl.col("source_provider") == FILE_PROVIDER)))
        .then(pl.lit("correction"))
        .when(~same_period)
        .then(pl.lit("original"))
        .when(~same_filing)
        .then(pl.lit("restatement"))
        .when(_rescaled(spec))
        .then(pl.lit(SPLIT_REBASE))
        .when(~contradicted)
        .then(pl.lit("completion"))
        .when(other_mapping & ~core)
        .then(pl.lit("remap"))
        .otherwise(pl.lit("vendor_revision"))
    )


def first_seen_date(rows: pl.DataFrame, spec: TableSpec, served: pl.DataFrame) -> pl.DataFrame:
    """Set ``first_seen_date`` of the rows, which have their ``change_kind``.

    ``served`` has the times, ``_served_at``, at which fetches served a period of a provider. ``_filing`` and
    ``_served_known_at`` are those of the content, and NULL where only the log tells of the fetch.
    """
    day = pl.col("fetched_at").dt.convert_time_zone(NEW_YORK).dt.date()
    late = _served_before(rows.with_row_index("_row"), spec, served)
    before = pl.col("first_seen_date") == day  # found by a former merge
    seen = (pl.col("change_kind") == "vendor_revision") | (
        (pl.col("change_kind") == "restatement")
        & (before.fill_null(value=False) | pl.int_range(pl.len(), dtype=pl.UInt32).is_in(late.implode()))
    )
    # A completion or a split rebase follows from the content before it, so it counts from the same day.
    follows = pl.col("change_kind").is_in(["completion", "remap", SPLIT_REBASE])
    head = (~follows).cum_sum()
    own = rows.with_columns(first_seen_date=pl.when(seen).then(day), _head=head)
    return own.with_columns(pl.col("first_seen_date").first().over("_head")).drop("_head")


def _served_before(rows: pl.DataFrame, spec: TableSpec, served: pl.DataFrame) -> pl.Series:
    """Return the numbers of the restatements that a fetch contradicts: it served an earlier filing's content.

    The fetch was after the acceptance of the restatement and before the first fetch that had it.
    """
    key = [*period_key(spec), "source_provider"]
    restated = rows.filter(pl.col("change_kind") == "restatement").select(
        "_row", *key, "fetched_at", "_known_at", _of="_filing"
    )
    if restated.is_empty():
        return restated["_row"]
    between = (
        (pl.col("_served_at") > pl.col("_known_at"))
        & (pl.col("_served_at") < pl.col("fetched_at"))
        & (pl.col("_filing").is_null() | (pl.col("_filing") != pl.col("_of")))
        & (pl.col("_served_known_at").is_null() | (pl.col("_served_known_at") <= pl.col("_known_at")))
    )
    return restated.join(served, on=key).filter(between)["_row"].unique()


def units(spec: TableSpec) -> pl.Expr:
    """Return the unit to which each statement is rounded, as ``_unit``; 0 where it shows no rounding."""
    amounts = [pl.col(c.name) for c in spec.columns if c.additive in ("flow", "stock")]
    if not amounts:
        return pl.lit(0.0).alias("_unit")
    present = pl.sum_horizontal((a != 0).cast(pl.Int32) for a in amounts)
    unit: pl.Expr = pl.lit(0.0)
    size = 1_000
    while size <= LARGEST_UNIT:
        whole = pl.sum_horizontal(((a != 0) & (a % size == 0)).cast(pl.Int32) for a in amounts)
        rounded = (present >= MIN_ROUNDED_ITEMS) & (whole >= ROUNDED_SHARE * present)
        unit = pl.when(rounded).then(pl.lit(float(size))).otherwise(unit)
        size *= 10
    return unit.alias("_unit")


def _core(spec: TableSpec) -> list[Column]:
    core = [c for c in spec.columns if c.core or c.name in _CORE_ATTRIBUTES]
    return core or [c for c in spec.columns if c.role == "value"]


def _contradicted(spec: TableSpec, columns: list[Column] | tuple[Column, ...]) -> pl.Expr:
    """Return whether one of the columns has another value than in the row before, beyond rounding."""
    items = [c for c in columns if c.additive or c.name in (*_CORE_ATTRIBUTES, "shares", "metrics")]
    return pl.any_horizontal(_differs(c) for c in items if c.name in spec.names())


def _differs(column: Column) -> pl.Expr:
    now, before = pl.col(column.name), pl.col(column.name).shift(1)
    if column.kind != "number":
        return (now != before).fill_null(value=False)
    off = (now - before).abs()
    unit = pl.max_horizontal("_unit", pl.col("_unit").shift(1))
    allowed: pl.Expr = {
        "per_share": pl.lit(PER_SHARE_ROUNDING),
        "ratio": pl.lit(RATIO_ROUNDING),
        "shares": pl.min_horizontal(unit, now.abs() * COUNT_ROUNDING),  # a million may be a tenth of a count
    }.get(column.additive, unit)
    if column.zero_is_missing:  # the vendor writes 0 for a missing value
        off = pl.when((before != 0) & (now != 0)).then(off)
    return (off > allowed).fill_null(value=False)


def _rescaled(spec: TableSpec) -> pl.Expr:
    """Return whether only shares and per-share items changed from the row before, all by one split ratio."""
    counts = [c.name for c in spec.columns if c.additive == "shares"]
    per_share = [c.name for c in spec.columns if c.additive == "per_share"]
    if not counts:
        return pl.lit(value=False)
    reported = {c: pl.when(pl.col(c) > 0).then(pl.col(c)) for c in counts}  # vendors write 0 for missing
    ratio = pl.coalesce(r / r.shift(1) for r in reported.values())
    moving = {*counts, *per_share}
    still = [c for c in spec.columns if c.role == "value" and c.additive and c.name not in moving]
    return (
        (ratio != 1)
        & is_split_ratio(ratio, 1e-6)
        & pl.all_horizontal(_counted(r, ratio) for r in reported.values())
        & pl.all_horizontal(scaled(pl.col(c).shift(1), pl.col(c), ratio) for c in per_share)
        & pl.all_horizontal(~_differs(c) for c in still)
    ).fill_null(value=False)


def _counted(now: pl.Expr, ratio: pl.Expr) -> pl.Expr:
    before = now.shift(1)
    return (now.is_null() & before.is_null()) | ((now - before * ratio).abs() <= 1 + 1e-6 * now.abs())


def scaled(larger: pl.Expr, smaller: pl.Expr, ratio: pl.Expr) -> pl.Expr:
    """Return whether ``larger`` is ``smaller`` times ``ratio``, within the rounding to four decimals."""
    off = (larger - smaller * ratio).abs()
    # The ratio itself may come from rounded prices, so its error scales with the price.
    slack = RESCALED_ROUNDING * (1 + ratio) + larger.abs() * 1e-5
    return (larger.is_null() & smaller.is_null()) | (off <= slack).fill_null(value=False)


def is_split_ratio(ratio: pl.Expr, tolerance: float) -> pl.Expr:
    """Return whether a ratio is close to a fraction of small numbers, such as 4, 7, 3/2 or 1/10."""
    checks = []
    for side in (ratio, 1 / ratio):
        for denominator in range(1, 6):
            whole_side = side * denominator
            whole = whole_side.round()
            near = (whole_side - whole).abs() <= tolerance * whole_side
            checks.append(near & (whole != denominator) & whole.is_between(1, MAX_SPLIT_SIDE))
    return pl.any_horizontal(checks)
