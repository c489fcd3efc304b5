"""Recognise by its headings who wrote a source, and name the table's column of each heading.

``load_headings.csv`` has the headings in small letters. A heading without a column is known and has no place
in the table. Headings of FMP come from the vendor's own list of fields.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from factorlab_lake.ingest.published_rates import is_wide_rates
from factorlab_lake.providers.records import fields as fmp_fields
from factorlab_lake.schema import DATASETS, STATEMENT_TABLES, TableSpec

__all__ = ["ECB", "columns_of_table", "fmp_columns", "source_of"]

# The headings by which a source is recognised, in the order in which the sources are tried.
_SIGNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lean", ("lean_time",)),
    ("tiingo", ("date", "divcash", "splitfactor")),
    ("alphavantage", ("timestamp", "close", "split_coefficient")),
    ("alphavantage_daily", ("timestamp", "open", "high", "low", "close", "volume")),
    ("facts", ("item", "value")),
    ("fmp statement", ("date", "period", "reportedcurrency")),
    ("fmp price", ("date", "close", "changepercent")),
    ("yahoo", ("date", "close")),
    ("yahoo", ("datetime", "close")),
    ("yahoo", ("date", "dividends")),
    ("yahoo", ("date", "stock splits")),
)
ECB = "ecb"  # the columns of its file are the currencies, so no list has its headings


def source_of(columns: list[str], spec: TableSpec) -> str | None:
    """Return the kind of a source; None if its columns are the table's own."""
    own = {*spec.names(), *(name for name, _ in spec.other_names)}
    if set(columns) <= own:
        return None
    if spec.name == "fx_rates":
        return ECB if is_wide_rates(columns) else None
    small = {c.strip().lower() for c in columns}
    for source, signs in _SIGNS:
        if small.issuperset(signs) and _has_table(source, spec):
            return source.split()[0]
    return None


def _has_table(source: str, spec: TableSpec) -> bool:
    is_statement = spec.name in STATEMENT_TABLES.values()
    if source in ("facts", "fmp statement"):
        return is_statement
    if source == "fmp price":
        return spec.name == "price_data"
    return spec.name in {table for _, table in _headings(source.split(maxsplit=1)[0])}


def columns_of_table(source: str | None, spec: TableSpec, columns: list[str]) -> dict[str, str]:
    """Return the table's column of each column of a source; an empty one has no place in the table."""
    if source in (None, ECB):
        return {}
    known = fmp_columns(spec.name) if source == "fmp" else _of_table(source, spec.name)
    own = {*spec.names(), "ratio", "item", "value"}
    names: dict[str, str] = {}
    for column in columns:
        heading = column.strip().lower()
        if column in spec.names():
            continue
        if heading in known:
            names[column] = known[heading] if known[heading] in own else ""
        elif source == "fmp" or heading in _all_headings(source):
            names[column] = ""
    return names


@cache
def _headings(source: str) -> dict[tuple[str, str], dict[str, str]]:
    """Return ``{(source, table): {heading: column}}`` of a source."""
    text = files(__package__).joinpath("load_headings.csv").read_text(encoding="utf-8")
    known: dict[tuple[str, str], dict[str, str]] = {}
    for row in csv.DictReader(text.splitlines()):
        if row["source"] == source:
            known.setdefault((source, row["table"]), {})[row["heading"]] = row["column"]
    return known


def _of_table(source: str, table: str) -> dict[str, str]:
    return next((known for (_, name), known in _headings(source).items() if name in (table, "")), {})


def _all_headings(source: str) -> set[str]:
    """Return the headings of a source, of any table."""
    return {heading for known in _headings(source).values() for heading in known}


@cache
def fmp_columns(table: str) -> dict[str, str]:
    """Return FMP's fields of a table in small letters, those of both generations of its API."""
    dataset = next(d for d, t in DATASETS.items() if t == table)
    return {name.lower(): column for name, column in fmp_fields(dataset).items()} | {"symbol": "symbol"}
