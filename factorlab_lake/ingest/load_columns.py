"""Check the columns of a load: unknown ones, missing ones, and types whose values cannot be the column's."""

from __future__ import annotations

import polars as pl

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.ingest.row_checks import needed_columns
from factorlab_lake.ingest.ticker_level import REPEATED
from factorlab_lake.schema import Column, TableSpec

__all__ = ["check_columns", "required_columns"]

_NAMES_SHOWN, _SHOWN_CHARS = 10, 60
_HELP = {
    "split_basis_date": " (the day up to which the row includes splits: the row's own date for unadjusted "
    "prices, the day of the download for split-adjusted prices; split_basis='own-day' or a day fills it in)",
    "symbol": " (symbol='AAPL' fills it in)",
}
_SPLIT_BASIS = ("price_data", "shares_outstanding")  # the tables whose rows need a split basis
# The types that a frame's column can have beside text, by the kind of the table's column, and their names.
_TYPES: dict[str, tuple[tuple[type[pl.DataType], ...], str]] = {
    "text": ((), "text"),
    "json": ((), "text with a JSON object"),
    "integer": ((), "whole numbers"),
    "number": ((), "numbers"),
    "boolean": ((pl.Boolean,), "true and false"),
    "date": ((pl.Date, pl.Datetime), "dates such as 2024-12-31"),
    "timestamp": ((pl.Date, pl.Datetime), "times with a time zone"),
}


def required_columns(spec: TableSpec) -> list[str]:
    """Return the columns that a load of the table must have: its key and those that no rule can fill in."""
    basis = ["split_basis_date"] if spec.name in _SPLIT_BASIS else []
    # A provider may tell only when a symbol changed; a user tells whose it was.
    company = ["company_id"] if spec.name == "symbol_history" else []
    return [*needed_columns(spec), *basis, *company]


def check_columns(raw: pl.DataFrame, spec: TableSpec) -> None:
    """Raise one :class:`InvalidInput` for all columns that are unknown, missing, or of another type."""
    names = spec.names()
    unknown = [c for c in raw.columns if c not in names]
    missing = [c for c in required_columns(spec) if c not in raw.columns]
    faults = [
        *_unknown_columns(raw.columns, spec),
        *((c, _type_fault(raw[c], spec.column(c))) for c in raw.columns if c in names),
        *((c, f"{spec.name} needs a column {c!r}{_HELP.get(c, '')}.") for c in missing),
    ]
    faults = [(column, text) for column, text in faults if text]
    if not faults:
        return
    texts = [text for _, text in faults]
    if unknown:
        texts.append(
            f"Its columns are {', '.join(names)}. Rename one by --map OLD=NEW (in "
            "Python rename={'OLD': 'NEW'}), or drop it."
        )
    if missing:
        texts.append(f"The source has {', '.join(raw.columns) or 'no columns'}.")
    raise InvalidInput(" ".join(texts), column=faults[0][0])


def _unknown_columns(columns: list[str], spec: TableSpec) -> list[tuple[str, str]]:
    """Return the text of each unknown column with a hint, and one text for all others."""
    names = spec.names()
    texts = {c: _unknown(c, columns, spec) for c in columns if c not in names}
    plain = [c for c, text in texts.items() if text == f"{spec.name} has no column {c!r}."]
    listed = ", ".join(repr(c[:_SHOWN_CHARS]) for c in plain[:_NAMES_SHOWN])
    more = f" and {len(plain) - _NAMES_SHOWN} more" if len(plain) > _NAMES_SHOWN else ""
    hinted = [(c, text) for c, text in texts.items() if c not in plain]
    return [*hinted, *([(plain[0], f"{spec.name} has no column {listed}{more}.")] if plain else [])]


def _unknown(column: str, columns: list[str], spec: TableSpec) -> str:
    same = REPEATED.sub("", column)
    if same != column and same in columns:
        return f"The source has two columns {same!r}; rename or drop one."
    return f"{spec.name} has no column {column!r}.{nearest(column.lower(), spec.names())}"


def _type_fault(values: pl.Series, column: Column) -> str:
    """Return what is wrong with a type whose values cannot be those of a column; empty for a fitting one.

    Without this, polars raised errors of its own for objects, and a list in a column of text became a symbol.
    """
    dtype, (types, expected) = values.dtype, _TYPES[column.kind]
    if dtype in (pl.String, pl.Null, pl.Categorical, pl.Enum, *types):
        return ""
    if dtype.is_numeric() and column.kind in ("number", "integer", "text"):
        return ""
    if dtype.is_numeric() and values.null_count() == values.len():  # pandas has no other type for it
        return ""
    return f"{column.name} has the type {dtype}; expected {expected}. Convert the column, or drop it."
