"""Rows that a user brings for a table, from a frame or a file."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from factorlab_lake.errors import InvalidInput, NotFound, nearest
from factorlab_lake.ingest.landing import land
from factorlab_lake.ingest.parse import NEW_YORK, Parsed, parse
from factorlab_lake.lake.transaction import Transaction
from factorlab_lake.schema import Column, TableSpec, table

__all__ = ["LOADABLE", "load", "read_input"]

LOADABLE = ("splits", "dividends", "company_profiles", "price_data", "shares_outstanding")
_BASIS_HELP = (
    "the day up to which splits are counted in the row: its own date for prices as traded, the day of the "
    "download for split-adjusted ones"
)


def read_input(source: Any) -> pl.DataFrame:
    """Return a frame from a CSV or Parquet file, or anything polars takes (pandas, Arrow)."""
    if isinstance(source, pl.DataFrame):
        return source
    if not isinstance(source, str | Path):
        return pl.DataFrame(source)
    path = Path(source)
    if not path.is_file():
        raise NotFound(f"No file {path}; give a .csv or .parquet file.", path=str(path))
    if path.suffix.lower() in (".parquet", ".pq"):
        return pl.read_parquet(path)
    if path.suffix.lower() in (".csv", ".txt"):
        # As text, so that a symbol such as 600519 or 0700 stays what it is.
        return pl.read_csv(path, infer_schema=False)
    raise InvalidInput(
        f"{path.name} is neither .csv nor .parquet; convert it to one of them.", path=str(path)
    )


def load(tx: Transaction, name: str, source: Any, *, now: datetime | None = None) -> int:
    """Land the rows of ``source`` in a table and return how many there were. All of them, or none.

    Columns are those of the table; ``recorded_at``, the fetch and what follows from others are filled in.
    Raises :class:`InvalidInput` naming the first bad row, an unknown or a missing column.
    """
    if name not in LOADABLE:
        raise InvalidInput(
            f"{name!r} cannot be loaded; expected one of {', '.join(LOADABLE)}.{nearest(name, LOADABLE)}"
        )
    spec, moment = table(name), now or datetime.now(UTC)
    given = read_input(source)
    typed = _typed(given, spec)
    _check_keys(typed, spec)
    rows = typed.with_columns(**_filled(typed, spec, moment)).select(
        [n for n in spec.names() if n not in ("version", "change_kind", "recorded_at")]
    )
    land(tx, name, rows, moment)
    return rows.height


def _typed(given: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    for column in given.columns:
        if column not in spec.names():
            raise InvalidInput(
                f"{spec.name} has no column {column!r}; its columns are {', '.join(spec.names())}."
                f"{nearest(column, spec.names())}",
                column=column,
            )
    parsed = {c: _read(given, spec.column(c)) for c in given.columns}
    for name, reading in parsed.items():
        bad = (
            given.select(reading.bad.fill_null(value=False)).to_series() if reading.bad is not None else None
        )
        if bad is not None and bad.any():
            row = int(bad.arg_max() or 0)
            raise InvalidInput(
                f"Row {row + 1} for {spec.name}: {name} is {given[name][row]!r}, not {reading.expected}.",
                row=row + 1,
            )
    return given.select(reading.value.alias(c) for c, reading in parsed.items())


def _read(given: pl.DataFrame, column: Column) -> Parsed:
    dtype = given.schema[column.name]
    if column.kind == "timestamp" and isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            raise InvalidInput(f"{column.name} has no time zone; give aware times.", column=column.name)
        return Parsed(pl.col(column.name).dt.convert_time_zone("UTC"))
    if column.kind == "date" and dtype in (pl.Date, pl.Datetime):
        return Parsed(pl.col(column.name).cast(pl.Date))
    return parse(given, column.name, column)


def _check_keys(typed: pl.DataFrame, spec: TableSpec) -> None:
    required = [k for k in spec.key if k != "version"]
    required += {
        "splits": ["numerator", "denominator"],
        "price_data": ["close_price", "split_basis_date"],
    }.get(spec.name, [])
    required += ["shares", "split_basis_date"] if spec.name == "shares_outstanding" else []
    for name in required:
        if name not in typed.columns:
            hint = f" ({_BASIS_HELP})" if name == "split_basis_date" else ""
            raise InvalidInput(
                f"{spec.name} needs a column {name!r}{hint}; got {', '.join(typed.columns)}.", column=name
            )
        if typed[name].null_count():
            row = int(typed[name].is_null().arg_max() or 0) + 1
            raise InvalidInput(f"Row {row} for {spec.name}: {name} is missing.", row=row)
    for name in ("numerator", "denominator", "close_price"):
        if name in required and (typed[name] <= 0).any():
            row = int((typed[name] <= 0).arg_max() or 0) + 1
            raise InvalidInput(f"Row {row} for {spec.name}: {name} must be above 0.", row=row)


def _filled(typed: pl.DataFrame, spec: TableSpec, now: datetime) -> dict[str, pl.Expr]:
    """Fill the columns that were not given: provenance by a digest of the rows, the rest NULL."""
    day = spec.time_column
    digest = hashlib.sha256(str(sorted(typed.hash_rows(seed=1).to_list())).encode()).hexdigest()[:32]
    known: dict[str, pl.Expr] = {
        "source_provider": pl.lit("file"),
        "source": pl.lit("file"),
        "fetch_id": pl.lit(digest),
        "fetched_at": pl.lit(now).cast(pl.Datetime("us", "UTC")),
        "split_basis_date": pl.lit(now).dt.convert_time_zone(NEW_YORK).dt.date(),
        "year": pl.col(day).dt.year() if day else pl.lit(None),
        "available_date": pl.coalesce(
            *([pl.col("filing_date").dt.offset_by("1d")] if "filing_date" in typed.columns else []),
            pl.col(day).dt.offset_by("75d") if day else pl.lit(None, pl.Date),
        ),
    }
    out = {}
    for column in spec.columns:
        if column.name not in typed.columns:
            kind = (
                pl.Datetime("us", "UTC") if column.kind == "timestamp" else getattr(pl, column.types.polars)
            )
            out[column.name] = known.get(column.name, pl.lit(None)).cast(kind)
    return out
