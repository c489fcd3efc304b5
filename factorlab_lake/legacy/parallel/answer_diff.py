"""Two answers to one question, the lake's and the old cache's, compared row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

__all__ = ["Difference", "differences"]

_TOLERANCE = 1e-9  # relative: two ways of adding up the same figures
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """In how many rows two answers differ: rows of one alone, and rows of both with other values.

    ``examples`` are the keys of the first such rows, with what is other.
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


def differences(lake: pl.DataFrame, cache: pl.DataFrame, keys: Sequence[str]) -> Difference:
    """Compare two answers that are laid out alike; numbers are equal within a billionth.

    >>> mine = pl.DataFrame({"symbol": ["A", "B"], "close": [1.0, 2.0]})
    >>> other = pl.DataFrame({"symbol": ["A"], "close": [1.5]})
    >>> print(differences(mine, other, ["symbol"]))
    1 of 2 rows differ, 1 are only in the lake, 0 only in the cache: A close; B only in the lake
    """
    values = [c for c in lake.columns if c not in keys]
    left = lake.with_columns(_lake=pl.lit(value=True))
    right = cache.select(*keys, *(pl.col(c).alias(f"{c}:cache") for c in values), _cache=pl.lit(value=True))
    both = left.join(right, on=list(keys), how="full", coalesce=True, nulls_equal=True)
    other = [pl.when(~_equal(c, lake.schema[c])).then(pl.lit(c)) for c in values]
    what = (
        pl.when(pl.col("_cache").is_null())
        .then(pl.lit("only in the lake"))
        .when(pl.col("_lake").is_null())
        .then(pl.lit("only in the cache"))
        .otherwise(pl.concat_str(other, separator=", ", ignore_nulls=True))
    )
    judged = both.select(*keys, "_lake", "_cache", what=what)
    faulty = judged.filter(pl.col("what") != "").sort(keys)
    only_lake = faulty["_cache"].null_count()
    only_cache = faulty["_lake"].null_count()
    said = faulty.head(_EXAMPLES).select(pl.concat_str([*keys, "what"], separator=" ", ignore_nulls=True))
    return Difference(
        both.height, only_lake, only_cache, faulty.height - only_lake - only_cache, tuple(said.to_series())
    )


def _equal(name: str, kind: pl.DataType) -> pl.Expr:
    """Return whether two values are the same, both being absent included."""
    mine, other = pl.col(name), pl.col(f"{name}:cache")
    same = mine.eq_missing(other)
    if not kind.is_float():
        return same
    largest = pl.max_horizontal(mine.abs(), other.abs())
    return same | ((mine - other).abs() <= _TOLERANCE * largest).fill_null(value=False)
