"""A digest of every row, of 64 bits, made from the bits of its values: the same on every machine, for good.

Each value is mixed with a seed of its column's name, what a row has is added up and mixed once more. NULL
adds nothing, so a column that comes later changes no digest. Numbers count by their IEEE bits, never as text:
NaN is equal to itself and -0 differs from 0. JSON counts by its meaning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from factorlab_lake.schema import Column, TableSpec
from factorlab_lake.sync.json_text import NUL, canonical, sendable
from factorlab_lake.sync.protocol import ROW_HASH

__all__ = ["clean", "hashed"]

_Bits: TypeAlias = npt.NDArray[np.uint64]
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


def clean(frame: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return the rows as a server can keep them: texts without NUL, and JSON that servers take."""
    texts = [c.name for c in _present(frame, spec) if c.kind == "text"]
    with_nul = frame.select(pl.col(texts).str.contains("\0", literal=True).any())
    cleaned = [
        pl.col(name).str.replace_all("\0", NUL, literal=True) for name in texts if with_nul[name].any()
    ]
    documents = [c.name for c in _present(frame, spec) if c.kind == "json"]
    sent = [_by_run(runs, _sendable).alias(name) for name, runs in _runs(frame, documents)]
    return frame.with_columns(*cleaned, *sent) if cleaned or sent else frame


def hashed(frame: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return rows that are clean with their digest as one more column."""
    total = np.zeros(frame.height, dtype=np.uint64)
    columns = _present(frame, spec)
    nulls = frame.select(pl.col(c.name).is_null() for c in columns)
    for name, bits in _bits(frame, columns):
        mixed = _mix(bits ^ np.uint64(_of_text(name)))
        empty = nulls[name].to_numpy()
        total += np.where(empty, np.uint64(0), mixed) if empty.any() else mixed
    digest = pl.Series(ROW_HASH, _mix(total).view(np.int64))
    return frame.with_columns(digest)


def _present(frame: pl.DataFrame, spec: TableSpec) -> list[Column]:
    """Return the columns that have values, which most line items of most companies have not."""
    missing = dict(zip(frame.columns, frame.null_count().row(0), strict=True)) if frame.height else {}
    return [c for c in spec.columns if missing.get(c.name, frame.height) < frame.height]


def _bits(frame: pl.DataFrame, columns: list[Column]) -> Iterator[tuple[str, _Bits]]:
    """Yield each column's name and the 64 bits that stand for each of its values."""
    plain = [c for c in columns if c.kind not in ("text", "json")]
    numbers = frame.select(_as_number(c) for c in plain)
    yield from ((c.name, numbers[c.name].to_numpy().view(np.uint64)) for c in plain)
    for kind, of in (("text", _of_text), ("json", _of_json)):
        names = [c.name for c in columns if c.kind == kind]
        for name, runs in _runs(frame, names):
            each = np.array([0 if v is None else of(v) for v in runs["value"].to_list()], dtype=np.uint64)
            yield name, np.repeat(each, runs["len"].to_numpy())


def _as_number(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    if column.kind == "number":
        return value.cast(pl.Float64).fill_null(0.0)
    return value.to_physical().cast(pl.Int64).fill_null(0)


def _runs(frame: pl.DataFrame, names: list[str]) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the runs of equal values of some columns: sorted rows repeat most of their texts."""
    runs = frame.select(pl.col(names).rle().implode())
    yield from ((name, runs[name][0].struct.unnest()) for name in names)


def _by_run(runs: pl.DataFrame, function: Callable[[str], str]) -> pl.Series:
    each = [None if v is None else function(v) for v in runs["value"].to_list()]
    return pl.Series(each, dtype=pl.String).gather(np.repeat(np.arange(len(each)), runs["len"].to_numpy()))


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


@lru_cache(maxsize=65_536)
def _of_json(text: str) -> int:
    return _of_text(canonical(text))


_sendable = lru_cache(maxsize=65_536)(sendable)
