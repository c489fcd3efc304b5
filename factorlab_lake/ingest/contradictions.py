"""Choose among records of one time that contradict each other: the more complete one counts."""

from __future__ import annotations

import polars as pl

from factorlab_lake.schema import TableSpec

__all__ = ["content_rank", "contradicted"]

_TRADES = ("open_price", "high_price", "low_price", "volume")


def contradicted(rows: pl.DataFrame, spec: TableSpec) -> pl.Series:
    """Return for each row why another row of its response with the same key is stored instead, or NULL.

    Rows of several filings of a period do not contradict each other. A row that only repeats another one, or
    lacks some of its values, does not either. A company can pay several dividends on one day, and all splits
    of a day are kept: the derivation chooses.
    """
    if spec.has_events:
        return pl.Series([None] * rows.height, dtype=pl.String)
    key = _key(rows, spec)
    several = rows.select(pl.struct(key).hash().is_duplicated()).to_series()
    if not several.any():
        return pl.Series([None] * rows.height, dtype=pl.String)
    values = [v for v in spec.names("value") if v in rows.columns and v not in key]
    ordered = (
        rows.with_row_index("_row").filter(several).sort([*key, *content_rank(spec, values)], nulls_last=True)
    )
    first = (pl.col(v).first().over(key) for v in values)
    repeats = pl.all_horizontal(
        pl.col(v).is_null() | (pl.col(v) == one) for v, one in zip(values, first, strict=True)
    )
    fuller = pl.any_horizontal(one.first().over(key) > one for one in _completeness(spec, values))
    why = pl.when(fuller).then(pl.lit("is more complete")).otherwise(pl.lit("was chosen by its values"))
    losing = ordered.with_columns(_why=why).filter(~repeats.fill_null(value=False)).select("_row", "_why")
    return rows.with_row_index("_row").join(losing, on="_row", how="left", maintain_order="left")["_why"]


def _key(rows: pl.DataFrame, spec: TableSpec) -> list[str]:
    """Return the columns that contradicting records share: those of the response, the key and the filing."""
    filing = [c for c in ("filing_date", "accepted_at") if c in rows.columns]
    return ["_fetch_id", *spec.told_key, *filing]


def _completeness(spec: TableSpec, values: list[str]) -> list[pl.Expr]:
    """Return how many values a row has; for a bar, first how many of them show trades."""
    items = [v for v in values if v not in ("extra", "metrics")]
    counts = [pl.sum_horizontal(pl.col(v).is_not_null().cast(pl.Int32) for v in items or values)]
    if spec.name == "price_data":  # a stub repeats the last close with zeros for what it lacks
        trades = ((pl.col(v) > 0).fill_null(value=False).cast(pl.Int32) for v in _TRADES)
        counts.insert(0, pl.sum_horizontal(trades))
    return counts


def content_rank(spec: TableSpec, values: list[str]) -> list[pl.Expr]:
    """Return the order of contradicting rows, the best one first, for a sort with the nulls last.

    It depends on their content alone, so a lake does not depend on ids, or on the order of reading.
    """
    order = [-one for one in _completeness(spec, values)]
    if spec.name == "price_data":
        # Of two bars of one fetch, the one with the larger volume, compared with that of the day, includes
        # more splits and is newer.
        order.insert(1, -(pl.col("volume") / pl.col("unadjusted_volume")))
    numbers = [v for v in values if spec.column(v).kind == "number"]
    return [*order, *(-pl.col(v) for v in numbers), *(pl.col(v) for v in values if v not in numbers)]
