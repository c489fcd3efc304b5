"""A digest of every row, of 64 bits, made from the bits of its values: the same on every machine, for good.

Each value is mixed with a seed of its column's name, what a row has is added up and mixed once more. NULL adds
nothing, so a column that comes later changes no digest. Numbers count by their IEEE bits, never as text: NaN is
equal to itself and -0 differs from 0. JSON counts by its meaning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from factorlab_lake.schema import Column, TableSpec
from factorlab_lake.sync.json_text import NUL, canonical, sendable
from factorlab_lake.sync.target import ROW_HASH

__all__ = ["clean", "hashed"]

_Bits: TypeAlias = npt.NDArray[np.uint64]
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


def clean(frame: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return the rows as a server can keep them: texts without NUL, and JSON that servers take."""
    changed = []
    for column in spec.columns:
        if column.kind not in ("text", "json"):
            continue
        given = frame[column.name]
        if column.kind == "json":
            cleaned = _by_run(given, sendable, pl.String)
        else:
            cleaned = _by_run(given, lambda text: text.replace("\0", NUL), pl.String)
        changed.append(cleaned.alias(column.name))
    return frame.with_columns(changed)


def hashed(frame: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return rows that are clean with their digest as one more column."""
    total = np.zeros(frame.height, dtype=np.uint64)
    for column in spec.columns:
        values = frame[column.name]
        if values.null_count() < len(values):
            total += _mixed(values, column)
    digest = pl.Series(ROW_HASH, _mix(total).view(np.int64))
    return frame.with_columns(digest)


def _mixed(values: pl.Series, column: Column) -> _Bits:
    mixed = _mix(_bits(values, column) ^ np.uint64(_of_text(column.name)))
    if values.null_count():
        mixed[values.is_null().to_numpy()] = 0
    return mixed


def _bits(values: pl.Series, column: Column) -> _Bits:
    if column.kind in ("text", "json"):
        of = _of_text if column.kind == "text" else _of_json
        return _by_run(values, of, pl.UInt64).fill_null(0).to_numpy()
    if column.kind == "number":
        return values.cast(pl.Float64).fill_null(0.0).to_numpy().view(np.uint64)
    return values.to_physical().cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64)


def _by_run(
    values: pl.Series, function: Callable[[str], object], kind: type[pl.String | pl.UInt64]
) -> pl.Series:
    """Apply a function to texts, once for each different one: sorted rows repeat most of their texts."""
    if values.null_count() == len(values):
        return pl.Series(values.name, [None] * len(values), dtype=kind)
    runs = values.rle().struct.unnest()
    different = runs["value"].unique().drop_nulls()
    results = pl.Series([function(text) for text in different], dtype=kind)
    per_run = runs["value"].replace_strict(different, results, default=None, return_dtype=kind)
    return per_run.gather(values.rle_id())


def _mix(bits: _Bits) -> _Bits:
    """Spread every bit over all others (the finalizer of SplitMix64), in place."""
    bits ^= bits >> _SHIFTS[0]
    bits *= _FACTORS[0]
    bits ^= bits >> _SHIFTS[1]
    bits *= _FACTORS[1]
    bits ^= bits >> _SHIFTS[2]
    return bits


@lru_cache(maxsize=65_536)
def _of_text(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _of_json(text: str) -> int:
    return _of_text(canonical(text))
