"""Compute the derived tables of some symbols with DuckDB, from the tables that a connection shows."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import polars as pl

from factorlab_lake.derive.placeholders import build_placeholders
from factorlab_lake.functions.sql_placeholders import fill
from factorlab_lake.schema import TableSpec, identifiers, literal
from factorlab_lake.schema.derived_tables import DERIVED_TABLES

if TYPE_CHECKING:
    import duckdb

__all__ = ["INPUT_TABLES", "bucket_of", "derive", "digest", "scripts"]

# The derived tables follow from the rows of these alone.
INPUT_TABLES = ("income_statements", "balance_sheets", "cash_flows", "shares_outstanding", "splits")

# Each script creates temporary tables from those of the scripts before it.
_SCRIPTS = (
    "statements",
    "split_history",
    "share_count_history",
    "statement_validity",
    "quarter_validity",
    "trailing_periods",
    "fundamentals_history",
    "quarter_history",
    "period_publications",
    "company_symbols",
)
_SYMBOLS_AT_A_TIME = 500  # bounds the memory: statements of 500 symbols take some 100 MB


def derive(con: duckdb.DuckDBPyConnection, symbols: Sequence[str]) -> Iterator[dict[str, pl.DataFrame]]:
    """Yield the derived tables of some symbols, in parts of at most 500 symbols.

    ``con`` shows the tables :data:`INPUT_TABLES`. The temporary tables of the computation stay on the connection.
    """
    ordered = sorted(set(symbols))
    for first in range(0, len(ordered), _SYMBOLS_AT_A_TIME):
        part = ordered[first : first + _SYMBOLS_AT_A_TIME]
        names = ", ".join(map(literal, part))
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE derived_symbols AS SELECT unnest([{names}]::VARCHAR[]) AS symbol"
        )
        for script in scripts():
            con.execute(script.replace("{{symbols}}", names).replace("{{provider_order}}", "['file', 'fmp']"))
        yield {name: _rows(con, spec) for name, spec in DERIVED_TABLES.items()}


@cache
def scripts() -> tuple[str, ...]:
    """Return the SQL of the computation; ``{{symbols}}`` stands for the list of symbols as literals."""
    folder = files(__package__).joinpath("sql")
    return tuple(
        fill(folder.joinpath(f"{name}.sql").read_text(encoding="utf-8"), build_placeholders) for name in _SCRIPTS
    )


@cache
def digest() -> str:
    """Return the hash of the SQL and of the columns: rows of another digest are computed again."""
    columns = [f"{spec.name}{spec.buckets}{spec.names()}" for spec in DERIVED_TABLES.values()]
    return hashlib.sha256("".join([*scripts(), *columns]).encode()).hexdigest()


def bucket_of(symbol: str, buckets: int) -> int:
    """Return the bucket with a symbol's rows.

    >>> bucket_of("AAPL", 64)
    8
    """
    return zlib.crc32(symbol.encode()) % buckets


def _rows(con: duckdb.DuckDBPyConnection, spec: TableSpec) -> pl.DataFrame:
    names = [n for n in spec.names() if n != "bucket"]
    query = f"SELECT {identifiers(names)} FROM {spec.name}"  # noqa: S608 - names from the schema, quoted
    rows = con.sql(query).pl()
    if not spec.buckets:
        return rows
    known = {s: bucket_of(s, spec.buckets) for s in rows["symbol"].unique().to_list()}
    return rows.with_columns(bucket=pl.col("symbol").replace_strict(known, return_dtype=pl.Int32))
