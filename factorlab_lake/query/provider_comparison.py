"""Set the statements of a symbol's providers side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from factorlab_lake.schema.rules import SAME_PERIOD_DAYS

__all__ = ["relative_difference", "side_by_side"]

_PERIOD = ("statement_type", "fiscal_date", "fiscal_period", "item")


def side_by_side(statements: pl.DataFrame) -> pl.DataFrame:
    """Return a row per period and item of some statements of one symbol, with a column per provider."""
    providers = statements["source_provider"].unique().sort().to_list()
    schema = {
        "statement_type": pl.String,
        "fiscal_date": pl.Date,
        "fiscal_period": pl.String,
        "item": pl.String,
    }
    figures = pl.DataFrame(
        list(_figures(_with_period(statements))),
        schema=schema | {"source_provider": pl.String, "value": pl.Float64},
        orient="row",
    )
    wide = figures.pivot("source_provider", index=_PERIOD, values="value", aggregate_function="last")
    if not providers:
        return wide.with_columns(difference=pl.lit(None, pl.Float64))
    return wide.select(*_PERIOD, *providers, relative_difference(providers)).sort(_PERIOD)


def relative_difference(columns: Sequence[str]) -> pl.Expr:
    """Return the column ``difference``: largest less smallest value, by the largest absolute one.

    It is 0 where all values are 0, and NULL where fewer than two are there.
    """
    values = [pl.col(name) for name in columns]
    largest = pl.max_horizontal(value.abs() for value in values)
    spread = pl.max_horizontal(values) - pl.min_horizontal(values)
    several = pl.sum_horizontal(value.is_not_null() for value in values) > 1
    relative = pl.when(largest == 0).then(0.0).otherwise(spread / largest)
    return pl.when(several).then(relative).alias("difference")


def _with_period(statements: pl.DataFrame) -> pl.DataFrame:
    """Add the end of the period: the first of the ends of one label that are within a week of each other."""
    label = ["statement_type", "fiscal_period"]
    rows = statements.sort(*label, "fiscal_date", "source_provider")
    distance = pl.col("fiscal_date").diff().dt.total_days().over(label)
    rows = rows.with_columns(_period=(distance.fill_null(SAME_PERIOD_DAYS + 1) > SAME_PERIOD_DAYS).cum_sum())
    return rows.with_columns(_end=pl.col("fiscal_date").min().over("_period"))


def _figures(rows: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    columns = ("statement_type", "_end", "fiscal_period", "source_provider", "metrics")
    for kind, end, label, provider, metrics in rows.select(columns).iter_rows():
        for item, value in json.loads(metrics).items():
            yield kind, end, label, item, provider, value
