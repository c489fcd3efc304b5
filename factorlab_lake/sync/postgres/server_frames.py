"""Convert rows of a server to polars frames, in the types of the lake's own session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg.postgres import types as registry
from psycopg.types.numeric import Int4BinaryLoader, Int8BinaryLoader
from psycopg.types.string import TextBinaryLoader

from factorlab_lake.errors import InvalidInput

if TYPE_CHECKING:
    import psycopg

__all__ = ["adapt", "to_polars"]

_KINDS: dict[str, pl.DataType] = {
    "bool": pl.Boolean(),
    "int2": pl.Int16(),
    "int4": pl.Int32(),
    "int8": pl.Int64(),
    "float4": pl.Float32(),
    "float8": pl.Float64(),
    "numeric": pl.Float64(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
    "timestamptz": pl.Datetime("us", "UTC"),
    "bytea": pl.Binary(),
}
_BY_OID = {registry[name].oid: kind for name, kind in _KINDS.items()}
_PLAIN = ("bool", "int2", "int4", "int8", "float4", "float8")
_LISTS = {registry[name].array_oid: pl.List(_KINDS[name]) for name in _PLAIN} | {
    registry[name].array_oid: pl.List(pl.String()) for name in ("text", "varchar")
}
_DAYS = 10_957  # from 1970 to 2000, the epoch of the server
_EPOCHS = {registry["date"].oid: _DAYS} | {
    registry[name].oid: _DAYS * 24 * 3600 * 1_000_000 for name in ("timestamp", "timestamptz")
}
_TEXTS = {registry[name].oid for name in ("text", "varchar", "json", "jsonb")}  # the driver returns str
_INTERVALS = (registry["interval"].oid, registry["interval"].array_oid)


class _Jsonb(TextBinaryLoader):
    """Loads JSON as its text; the binary form is a version byte and the text."""

    def load(self, data: Any) -> str | bytes:
        return super().load(bytes(data)[1:])


def adapt(con: psycopg.Connection[Any]) -> None:
    """Register loaders whose values polars converts fastest: JSON as text, dates as numbers."""
    con.adapters.register_loader("json", TextBinaryLoader)
    con.adapters.register_loader("jsonb", _Jsonb)
    con.adapters.register_loader("date", Int4BinaryLoader)
    for name in ("timestamp", "timestamptz"):
        con.adapters.register_loader(name, Int8BinaryLoader)


def to_polars(columns: Sequence[psycopg.Column], rows: Iterable[Sequence[Sequence[Any]]]) -> pl.DataFrame:
    """Return slices of rows as one frame; a NUMERIC column becomes Float64.

    Raises :class:`InvalidInput` for an INTERVAL column, an infinite date, and two columns of one name.
    """
    _check(columns)
    # Series by series, without expressions: those need polars' threads, which a forked process lacks.
    series = [_series(column, ()) for column in columns]
    for part in rows:
        for whole, column, values in zip(series, columns, zip(*part, strict=True), strict=True):
            whole.append(_series(column, values))
    return pl.DataFrame([_final(whole, c.type_code) for whole, c in zip(series, columns, strict=True)])


def _check(columns: Sequence[psycopg.Column]) -> None:
    for column in columns:
        if column.type_code in _INTERVALS:
            raise InvalidInput(
                f"Column {column.name!r} is an INTERVAL, which a frame cannot store; cast it, as to text."
            )
    twice = [name for name, count in Counter(c.name for c in columns).items() if count > 1]
    if twice:
        raise InvalidInput(f"Two columns are called {twice[0]!r}; rename one with AS.", column=twice[0])


def _series(column: psycopg.Column, values: Sequence[Any]) -> pl.Series:
    """Return values as loaded: dates and times are days or microseconds since 2000."""
    code = column.type_code
    kind = _BY_OID.get(code) or _LISTS.get(code)
    if code in _TEXTS:
        return pl.Series(column.name, values, dtype=pl.String)
    if kind is None:  # any other type as its text
        return pl.Series(column.name, [v if v is None else str(v) for v in values], dtype=pl.String)
    if code in _EPOCHS:
        return pl.Series(column.name, values, dtype=pl.Int64)
    if code == registry["numeric"].oid:
        return pl.Series(column.name, [v if v is None else float(v) for v in values], dtype=kind)
    return pl.Series(column.name, values, dtype=kind)


def _final(values: pl.Series, code: int) -> pl.Series:
    """Return a series in one chunk, with dates and times in their types."""
    whole = values.rechunk()
    return _times(whole, _BY_OID[code], _EPOCHS[code]) if code in _EPOCHS else whole


def _times(since: pl.Series, kind: pl.DataType, epoch: int) -> pl.Series:
    bits = 31 if kind == pl.Date else 63
    # is_in runs an expression in polars' threads: 0.8 ms a column, up to 19 on a busy machine.
    if since.max() == 2**bits - 1 or since.min() == -(2**bits):
        raise InvalidInput(
            f"Column {since.name!r} has an infinite date, which a frame cannot store; filter it out."
        )
    return (since + epoch).cast(kind)
