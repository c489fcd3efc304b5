"""Compare the lake's answer with the old cache's, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

__all__ = ["AnswerDiff", "diff_answers"]

_TOLERANCE = 1e-9  # relative; the two sides add the same numbers in different orders
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class AnswerDiff:
    """Count the rows in which two answers differ: rows in one of them only, and rows with other values.

    ``examples`` are the keys of the first such rows, with the columns that differ.
    """

    rows: int = 0
    only_in_lake: int = 0
    only_in_cache: int = 0
    differing: int = 0
    examples: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.only_in_lake or self.only_in_cache or self.differing)

    def __str__(self) -> str:
        counts = (
            f"{self.differing} of {self.rows} rows differ, {self.only_in_lake} are only in the lake, "
            f"{self.only_in_cache} only in the cache"
        )
        return f"{counts}: {'; '.join(self.examples)}" if self.examples else counts


def diff_answers(lake: pl.DataFrame, cache: pl.DataFrame, keys: Sequence[str]) -> AnswerDiff:
    """Compare two answers with equal columns; numbers are equal within a billionth.

    >>> lake = pl.DataFrame({"symbol": ["A", "B"], "close": [1.0, 2.0]})
    >>> cache = pl.DataFrame({"symbol": ["A"], "close": [1.5]})
    >>> print(diff_answers(lake, cache, ["symbol"]))
    1 of 2 rows differ, 1 are only in the lake, 0 only in the cache: A close; B only in the lake
    """
    values = [c for c in lake.columns if c not in keys]
    left = lake.with_columns(_lake=pl.lit(value=True))
    right = cache.select(*keys, *(pl.col(c).alias(f"{c}:cache") for c in values), _cache=pl.lit(value=True))
    joined = left.join(right, on=list(keys), how="full", coalesce=True, nulls_equal=True)
    differing = [pl.when(~_is_equal(c, lake.schema[c])).then(pl.lit(c)) for c in values]
    description = (
        pl.when(pl.col("_cache").is_null())
        .then(pl.lit("only in the lake"))
        .when(pl.col("_lake").is_null())
        .then(pl.lit("only in the cache"))
        .otherwise(pl.concat_str(differing, separator=", ", ignore_nulls=True))
    )
    compared = joined.select(*keys, "_lake", "_cache", what=description)
    rows = compared.filter(pl.col("what") != "").sort(keys)
    only_lake, only_cache = rows["_cache"].null_count(), rows["_lake"].null_count()
    examples = rows.head(_EXAMPLES).select(pl.concat_str([*keys, "what"], separator=" ", ignore_nulls=True))
    return AnswerDiff(
        joined.height,
        only_lake,
        only_cache,
        rows.height - only_lake - only_cache,
        tuple(examples.to_series()),
    )


def _is_equal(name: str, kind: pl.DataType) -> pl.Expr:
    """Return whether two values are equal; two NULLs are."""
    left, right = pl.col(name), pl.col(f"{name}:cache")
    same = left.eq_missing(right)
    if not kind.is_float():
        return same
    largest = pl.max_horizontal(left.abs(), right.abs())
    return same | ((left - right).abs() <= _TOLERANCE * largest).fill_null(value=False)
