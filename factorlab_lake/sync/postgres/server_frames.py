"""Rows from a server as polars frames, in the types that the lake's own session gives."""

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
_DAYS = 10_957  # from 1970 to 2000, from when on the server counts
_EPOCHS = {registry["date"].oid: _DAYS} | {
    registry[name].oid: _DAYS * 24 * 3600 * 1_000_000 for name in ("timestamp", "timestamptz")
}
_TEXTS = {registry[name].oid for name in ("text", "varchar", "json", "jsonb")}  # these come as str
_INTERVALS = (registry["interval"].oid, registry["interval"].array_oid)


class _Jsonb(TextBinaryLoader):
    """Reads JSON as its text; the binary form is the text after a byte that says the version."""

    def load(self, data: Any) -> str | bytes:
        return super().load(bytes(data)[1:])


def adapt(con: psycopg.Connection[Any]) -> None:
    """Let a connection give values as frames take them soonest: JSON as text, dates as numbers."""
    con.adapters.register_loader("json", TextBinaryLoader)
    con.adapters.register_loader("jsonb", _Jsonb)
    con.adapters.register_loader("date", Int4BinaryLoader)
    for name in ("timestamp", "timestamptz"):
        con.adapters.register_loader(name, Int8BinaryLoader)


def to_polars(columns: Sequence[psycopg.Column], rows: Iterable[Sequence[Sequence[Any]]]) -> pl.DataFrame:
    """Return rows, of which some are given at a time, as a frame. Numbers of any length become Float64.

    Raises :class:`InvalidInput` for what frames cannot hold: INTERVAL columns, two columns of one name.
    """
    _check(columns)
    # Series by series, without expressions: these need polars' threads, which a forked process has not.
    made = [_series(column, ()) for column in columns]
    for some in rows:
        for known, column, values in zip(made, columns, zip(*some, strict=True), strict=True):
            known.append(_series(column, values))
    return pl.DataFrame(
        [_final(known, column.type_code) for known, column in zip(made, columns, strict=True)]
    )


def _check(columns: Sequence[psycopg.Column]) -> None:
    for column in columns:
        if column.type_code in _INTERVALS:
            raise InvalidInput(
                f"Column {column.name!r} is an INTERVAL, which frames cannot hold; cast it, such as to text."
            )
    twice = [name for name, count in Counter(c.name for c in columns).items() if count > 1]
    if twice:
        raise InvalidInput(
            f"Two columns are called {twice[0]!r}; give one another name with AS.", column=twice[0]
        )


def _series(column: psycopg.Column, values: Sequence[Any]) -> pl.Series:
    """Return values as they came: dates and moments as how many days or microseconds after 2000 they are."""
    code = column.type_code
    kind = _BY_OID.get(code) or _LISTS.get(code)
    if code in _TEXTS:
        return pl.Series(column.name, values, dtype=pl.String)
    if kind is None:  # whatever else has a text
        return pl.Series(column.name, [v if v is None else str(v) for v in values], dtype=pl.String)
    if code in _EPOCHS:
        return pl.Series(column.name, values, dtype=pl.Int64)
    if code == registry["numeric"].oid:
        return pl.Series(column.name, [v if v is None else float(v) for v in values], dtype=kind)
    return pl.Series(column.name, values, dtype=kind)


def _final(values: pl.Series, code: int) -> pl.Series:
    """Return values in one piece; dates and moments as such."""
    whole = values.rechunk()
    return _moments(whole, _BY_OID[code], _EPOCHS[code]) if code in _EPOCHS else whole


def _moments(since: pl.Series, kind: pl.DataType, epoch: int) -> pl.Series:
    ends = (2**31 - 1, -(2**31)) if kind == pl.Date else (2**63 - 1, -(2**63))
    if since.is_in(ends).any():
        raise InvalidInput(
            f"Column {since.name!r} has an infinite date, which frames cannot hold; leave it out."
        )
    return (since + epoch).cast(kind)
