"""Load a user's rows into a table, from a frame or a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from factorlab_lake.errors import InvalidInput, NotFound, nearest
from factorlab_lake.ingest.availability import availability
from factorlab_lake.ingest.fetch_log import append_log
from factorlab_lake.ingest.merge import merge_rows
from factorlab_lake.ingest.parse_values import NEW_YORK, Parsed, parse, typed_null
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.schema import DATASETS, Column, TableSpec, table
from factorlab_lake.storage.transaction import Transaction

__all__ = ["LOADABLE", "load", "read_input"]

LOADABLE = ("splits", "dividends", "company_profiles", "price_data", "shares_outstanding")
_BASIS_HELP = (
    "the day up to which the row includes splits: the row's own date for unadjusted prices, the day of the "
    "download for split-adjusted prices"
)


def read_input(source: Any) -> pl.DataFrame:
    """Return a frame from a CSV or Parquet file, or from a pandas or Arrow table."""
    if isinstance(source, pl.DataFrame):
        return source
    if not isinstance(source, str | Path):
        return pl.DataFrame(source)
    path = Path(source)
    if not path.is_file():
        raise NotFound(f"No file {path}; expected a .csv or .parquet file.", path=str(path))
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        ".parquet": _read_parquet,
        ".pq": _read_parquet,
        ".csv": _read_csv,
        ".txt": _read_csv,
    }
    if path.suffix.lower() not in readers:
        raise InvalidInput(
            f"{path.name}: got {path.suffix!r}, expected .csv or .parquet; convert the file.",
            path=str(path),
        )
    try:
        return readers[path.suffix.lower()](path)
    except pl.exceptions.PolarsError as fault:
        raise InvalidInput(
            f"{path.name} cannot be read as {path.suffix}: {str(fault).splitlines()[0]}", path=str(path)
        ) from None


def _read_parquet(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path)


def _read_csv(path: Path) -> pl.DataFrame:
    # Read text, so that a symbol such as 0700 keeps its zero.
    return pl.read_csv(path, infer_schema=False)


def load(tx: Transaction, name: str, source: Any, *, now: datetime | None = None) -> int:
    """Merge the rows of ``source`` into a table and return their number; merge all rows or none.

    The columns are those of the table. Provenance and derived columns are filled in. Raise
    :class:`InvalidInput` for the first invalid row, an unknown column or a missing one.
    """
    if name not in LOADABLE:
        known = ", ".join(LOADABLE)
        raise InvalidInput(
            f"Table {name!r} cannot be loaded; expected one of {known}.{nearest(name, LOADABLE)}"
        )
    spec, moment = table(name), now or datetime.now(UTC)
    typed = _typed(read_input(source), spec)
    _check(typed, spec)
    if typed.is_empty():
        return 0
    answer = _answer(typed, name, source, moment)
    if answer.fetch_id in set(tx.read("data_fetch_log")["fetch_id"]):
        return typed.height
    rows = _completed(typed, spec, answer)
    merge_rows(tx, name, rows, moment)
    append_log(tx, [answer], rows, name, moment)
    return typed.height


def _answer(typed: pl.DataFrame, name: str, source: Any, now: datetime) -> FetchResult:
    """Return the load as a fetch result; its id is a hash of the rows, so the same rows are the same load."""
    digest = hashlib.sha256(f"{name} {sorted(typed.write_ndjson().splitlines())}".encode()).hexdigest()
    symbols = typed["symbol"].unique()
    return FetchResult(
        fetch_id=digest[:32],
        dataset=next(d for d, t in DATASETS.items() if t == name) if name in DATASETS.values() else name,
        symbol=symbols.item() if symbols.len() == 1 else "",
        fetched_at=now,
        provider="file",
        endpoint=f"load:{Path(source).name}" if isinstance(source, str | Path) else "load:frame",
        parameters="{}",
        records=typed,
    )


def _typed(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    for column in rows.columns:
        if column not in spec.names():
            raise InvalidInput(
                f"{spec.name} has no column {column!r}; its columns are {', '.join(spec.names())}."
                f"{nearest(column, spec.names())}",
                column=column,
            )
    parsed = {c: _read(rows, spec.column(c)) for c in rows.columns}
    bad = rows.select(p.bad.fill_null(value=False).alias(c) for c, p in parsed.items() if p.bad is not None)
    if bad.width and bad.select(pl.any_horizontal(pl.all())).to_series().any():
        position = int(bad.select(pl.any_horizontal(pl.all())).to_series().arg_max() or 0)
        name = next(c for c in bad.columns if bad[c][position])
        reason = f"{name} is {rows[name][position]!r}, expected {parsed[name].expected}"
        raise InvalidInput(f"Row {position + 1} for {spec.name}: {reason}.", row=position + 1)
    return rows.select(p.value.alias(c) for c, p in parsed.items())


def _read(rows: pl.DataFrame, column: Column) -> Parsed:
    dtype = rows.schema[column.name]
    if column.kind == "timestamp" and isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            raise InvalidInput(f"{column.name} has times without a time zone; add it.", column=column.name)
        return Parsed(pl.col(column.name).dt.convert_time_zone("UTC"))
    if column.kind == "date" and dtype in (pl.Date, pl.Datetime):
        return Parsed(pl.col(column.name).cast(pl.Date))
    return parse(rows, column.name, column)


_REQUIRED = {
    "splits": ["numerator", "denominator"],
    "price_data": ["close_price", "split_basis_date"],
    "shares_outstanding": ["shares", "split_basis_date"],
}
_ABOVE_ZERO = ("numerator", "denominator", "close_price")


def _check(typed: pl.DataFrame, spec: TableSpec) -> None:
    key = [k for k in spec.key if k != "version"]
    for name in [*key, *_REQUIRED.get(spec.name, [])]:
        if name not in typed.columns:
            hint = f" ({_BASIS_HELP})" if name == "split_basis_date" else ""
            got = ", ".join(typed.columns) or "no columns"
            raise InvalidInput(f"{spec.name} needs a column {name!r}{hint}; got {got}.", column=name)
        _reject(typed[name].is_null(), spec, f"{name} is missing")
    for name in _ABOVE_ZERO:
        if name in typed.columns and name in _REQUIRED.get(spec.name, []):
            _reject(typed[name] <= 0, spec, f"{name} must be above 0")
    distinct = typed.unique(maintain_order=True)
    _reject(
        ~distinct.select(pl.struct(key).is_first_distinct()).to_series(),
        spec,
        f"it contradicts an earlier row with the same {' and '.join(key)}",
    )


def _reject(bad: pl.Series, spec: TableSpec, reason: str) -> None:
    if bad.any():
        row = int(bad.arg_max() or 0) + 1
        raise InvalidInput(f"Row {row} for {spec.name}: {reason}.", row=row)


def _completed(typed: pl.DataFrame, spec: TableSpec, answer: FetchResult) -> pl.DataFrame:
    """Fill the missing columns: provenance and derived columns by rule, the others with NULL."""
    now = pl.lit(answer.fetched_at).cast(pl.Datetime("us", "UTC"))
    rows = typed.with_columns(
        typed_null(c).alias(c.name) for c in spec.columns if c.name not in typed.columns
    )
    filled: dict[str, pl.Expr] = {
        "source_provider": pl.lit("file"),
        "source": pl.lit("file"),
        "fetch_id": pl.lit(answer.fetch_id),
        "fetched_at": now,
        "split_basis_date": now.dt.convert_time_zone(NEW_YORK).dt.date(),
        "year": pl.col(spec.time_column).dt.year() if spec.time_column else pl.lit(None),
    }
    if "available_date" in spec.names():
        filled |= {e.meta.output_name(): e for e in availability(spec.time_column)}
    rows = rows.with_columns(
        pl.coalesce(n, e.cast(rows.schema[n])).alias(n) for n, e in filled.items() if n in rows.columns
    )
    return rows.select([n for n in spec.names() if n not in ("version", "change_kind", "recorded_at")])
