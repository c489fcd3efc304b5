"""Convert rows of an account to polars frames, in the types of the lake's own session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
from snowflake.connector.constants import FIELD_ID_TO_NAME
from snowflake.connector.cursor import ResultMetadata

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema import TABLES
from factorlab_lake.storage.delta import polars_schema

__all__ = ["to_polars"]

_KINDS: dict[str, pl.DataType] = {
    "REAL": pl.Float64(),
    "DATE": pl.Date(),
    "TIMESTAMP": pl.Datetime("us"),
    "TIMESTAMP_NTZ": pl.Datetime("us"),
    "TIMESTAMP_LTZ": pl.Datetime("us", "UTC"),
    "TIMESTAMP_TZ": pl.Datetime("us", "UTC"),
    "BOOLEAN": pl.Boolean(),
    "BINARY": pl.Binary(),
    "TIME": pl.Time(),
}
_AGES = dict.fromkeys(("age_days", "price_age_days", "shares_age_days"), pl.Int32())


def to_polars(columns: Sequence[ResultMetadata], rows: Iterable[Sequence[Any]]) -> pl.DataFrame:
    """Return rows as a frame; names are in lower case, and a NUMBER with decimals becomes Float64.

    A column that has the name of one of the lake's has its type. Raises :class:`InvalidInput` for two columns
    of one name.
    """
    names = [column.name.lower() if column.name.isupper() else column.name for column in columns]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InvalidInput(f"Two columns are called {twice[0]!r}; rename one with AS.", column=twice[0])
    values = [*zip(*rows, strict=True)] or [()] * len(names)
    series = [_series(name, c, v) for name, c, v in zip(names, columns, values, strict=True)]
    return pl.DataFrame(series)


def _series(name: str, column: ResultMetadata, values: Sequence[Any]) -> pl.Series:
    kind = _kind(column)
    if kind == pl.String():
        return pl.Series(name, [v if v is None else str(v) for v in values], dtype=kind)
    if kind == pl.Float64():
        return pl.Series(name, [v if v is None else float(v) for v in values], dtype=kind)
    known = _known().get(name)
    whole = pl.Series(name, values, dtype=kind)
    return whole.cast(known) if known is not None and known.is_numeric() and kind.is_numeric() else whole


def _kind(column: ResultMetadata) -> pl.DataType:
    code = FIELD_ID_TO_NAME.get(column.type_code, "TEXT")
    if code in ("FIXED", "DECFLOAT"):
        return pl.Float64() if column.scale or code == "DECFLOAT" else pl.Int64()
    return _KINDS.get(code, pl.String())


def _known() -> dict[str, pl.DataType]:
    """Return the type of each column name that has one type in all tables."""
    if not _TYPES:
        kinds: dict[str, set[pl.DataType]] = {}
        for spec in TABLES.values():
            for name, kind in polars_schema(spec).items():
                kinds.setdefault(name, set()).add(kind)
        _TYPES.update({name: next(iter(k)) for name, k in kinds.items() if len(k) == 1} | _AGES)
    return _TYPES


_TYPES: dict[str, pl.DataType] = {}
