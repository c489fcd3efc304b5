"""Generate random columns from a seed: equal on every machine and polars version (SplitMix64)."""

from __future__ import annotations

import math

import polars as pl

__all__ = ["normal", "uniform"]


def uniform(count: int, seed: int) -> pl.Series:
    """Return numbers in [0, 1).

    Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators". Polars' integers wrap
    around at 64 bits, which is what the generator asks for.
    """
    mixed = pl.int_range(1, count + 1, dtype=pl.UInt64, eager=True) * 0x9E3779B97F4A7C15 + seed * 0x5851F42D
    mixed = (mixed ^ (mixed // 2**30)) * 0xBF58476D1CE4E5B9
    mixed = (mixed ^ (mixed // 2**27)) * 0x94D049BB133111EB
    mixed = mixed ^ (mixed // 2**31)
    return (mixed // 2**11).cast(pl.Float64) / 2**53


def normal(count: int, seed: int) -> pl.Series:
    """Return standard normal numbers (Box and Muller 1958)."""
    pair = pl.DataFrame({"u": 1 - uniform(count, 2 * seed), "v": uniform(count, 2 * seed + 1)})
    return pair.select((-2 * pl.col("u").log()).sqrt() * (2 * math.pi * pl.col("v")).cos()).to_series()
