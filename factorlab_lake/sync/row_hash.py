r"""Compute a 64-bit hash of every row from the bits of its values; it is stable over machines and versions.

Each value is mixed with a seed from its column's name. The sum over the row is mixed once more. NULL and a
column's default value add nothing, so a column that is added later changes no hash. Numbers count by their
IEEE bits, never as text: NaN equals itself and -0 differs from 0.

JSON counts by its meaning: a server may return a document with other spaces, key order and spelling of
numbers. Servers refuse some documents that Python and DuckDB write: NaN, infinities, ``\u0000``, half a
surrogate pair, exponents without bounds. :func:`clean` replaces such values by texts ("NaN") or by a visible
character. Every other value is sent unchanged.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from factorlab_lake.schema import Column, TableSpec
from factorlab_lake.schema.limits import MAX_SYMBOL_LENGTH
from factorlab_lake.sync.protocol import ROW_HASH

__all__ = ["canonical_json", "clean", "hashed", "sendable_json", "storable", "too_long"]

_Bits: TypeAlias = npt.NDArray[np.uint64]
_FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_CACHED_TEXTS = 65_536
_NUL = "\u2400"  # the symbol for NUL, in place of the character that no server stores
_REPLACED = "\ufffd"
_HALVES = re.compile("[\ud800-\udfff]")
_SUSPICIOUS = re.compile(r"NaN|Infinity|\\u0000|\\u[dD][89a-fA-F]|[eE][+-]?\d{3}|\d{300}|[\ud800-\udfff]")
_MAX_DIGITS = 300  # an integer with more digits may be larger than any float


def clean(frame: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return the rows in a form that a server can store: texts without NUL, and JSON that servers accept."""
    texts = [c.name for c in _filled(frame, spec) if c.kind == "text"]
    with_nul = frame.select(pl.col(texts).str.contains("\0", literal=True).any())
    cleaned = [
        pl.col(name).str.replace_all("\0", _NUL, literal=True) for name in texts if with_nul[name].any()
    ]
    documents = [c.name for c in _filled(frame, spec) if c.kind == "json"]
    sent = [_map_runs(runs, _cached_sendable).alias(name) for name, runs in _runs(frame, documents)]
    return frame.with_columns(*cleaned, *sent) if cleaned or sent else frame


def storable(frame: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return the rows without those of a symbol that is longer than a symbol can be.

    Lakes of early versions can have symbols of any length. An index of a server refuses some thousand
    letters.
    """
    if "symbol" in spec.key or spec.name == "data_fetch_log":  # which has an index of its symbols
        return frame.filter(~too_long().fill_null(value=False))
    return frame


def too_long() -> pl.Expr:
    """Return whether a row's symbol is longer than a symbol can be."""
    return pl.col("symbol").str.len_chars() > MAX_SYMBOL_LENGTH


def hashed(frame: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return clean rows with their hash as one more column."""
    total = np.zeros(frame.height, dtype=np.uint64)
    columns = _filled(frame, spec)
    nulls = frame.select(_adds_nothing(c) for c in columns)
    for name, bits in _bits(frame, columns):
        mixed = _mix(bits ^ np.uint64(_text_bits(name)))
        empty = nulls[name].to_numpy()
        total += np.where(empty, np.uint64(0), mixed) if empty.any() else mixed
    hashes = pl.Series(ROW_HASH, _mix(total).view(np.int64))
    return frame.with_columns(hashes)


def _adds_nothing(column: Column) -> pl.Expr:
    value = pl.col(column.name)
    return value.is_null() if column.default is None else value.is_null() | (value == column.default)


def sendable_json(text: str) -> str:
    """Return a document that every server accepts; a text that is no JSON becomes a JSON string.

    >>> sendable_json('{"a": 1.50}'), sendable_json('{"a": NaN}'), sendable_json("n/a")
    ('{"a": 1.50}', '{"a": "NaN"}', '"n/a"')
    """
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=str, parse_int=_bounded)
    except (ValueError, RecursionError):
        return json.dumps(_clean_text(text), ensure_ascii=False)
    if _SUSPICIOUS.search(text):
        return json.dumps(_clean_value(value), ensure_ascii=False)
    return text


def canonical_json(text: str) -> str:
    """Return the same text for equal documents, whatever their spaces, key order and spelling of numbers.

    >>> canonical_json('{"b": 1.50, "a": "x"}') == canonical_json('{"a":"x","b":15e-1}')
    True
    """
    value = json.loads(text, parse_float=_exact, parse_int=_exact, parse_constant=str)
    return json.dumps(_tagged(value), sort_keys=True)


def _filled(frame: pl.DataFrame, spec: TableSpec) -> list[Column]:
    """Return the columns that have values; most companies have no value for most line items."""
    missing = dict(zip(frame.columns, frame.null_count().row(0), strict=True)) if frame.height else {}
    return [c for c in spec.columns if missing.get(c.name, frame.height) < frame.height]


def _bits(frame: pl.DataFrame, columns: list[Column]) -> Iterator[tuple[str, _Bits]]:
    """Yield each column's name and 64 bits for each of its values."""
    plain = [c for c in columns if c.kind not in ("text", "json")]
    numbers = frame.select(_as_number(c) for c in plain)
    yield from ((c.name, numbers[c.name].to_numpy().view(np.uint64)) for c in plain)
    for kind, bits_of in (("text", _text_bits), ("json", _json_bits)):
        names = [c.name for c in columns if c.kind == kind]
        for name, runs in _runs(frame, names):
            each = np.array(
                [0 if v is None else bits_of(v) for v in runs["value"].to_list()], dtype=np.uint64
            )
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


def _map_runs(runs: pl.DataFrame, function: Callable[[str], str]) -> pl.Series:
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


@lru_cache(maxsize=_CACHED_TEXTS)
def _text_bits(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


@lru_cache(maxsize=_CACHED_TEXTS)
def _json_bits(text: str) -> int:
    return _text_bits(canonical_json(text))


_cached_sendable = lru_cache(maxsize=_CACHED_TEXTS)(sendable_json)


def _finite(text: str) -> float | str:
    """Read a number; one that is too large for a float stays a text."""
    value = float(text)
    return value if math.isfinite(value) else text


def _bounded(text: str) -> int | float | str:
    return int(text) if len(text) < _MAX_DIGITS else _finite(text)


def _exact(text: str) -> Decimal:
    try:
        value = Decimal(text).normalize()
    except InvalidOperation:
        return Decimal(0)
    return value or Decimal(0)  # a server does not store the sign of zero


def _clean_value(value: Any) -> Any:
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, list):
        return [_clean_value(v) for v in value]
    if isinstance(value, dict):
        return {_clean_text(k): _clean_value(v) for k, v in value.items()}
    return value


def _clean_text(text: str) -> str:
    return _HALVES.sub(_REPLACED, text.replace("\0", _NUL))


def _tagged(value: Any) -> Any:
    """Tag texts and numbers, so that "1" and 1 stay different."""
    if isinstance(value, str):
        return f"s{value}"
    if isinstance(value, Decimal):
        return f"n{value}"
    if isinstance(value, list):
        return [_tagged(v) for v in value]
    if isinstance(value, dict):
        return {k: _tagged(v) for k, v in value.items()}
    return value
