"""Find the faults of a load's rows, with the text of each problem."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import polars as pl

from factorlab_lake.ingest.load_columns import required_columns
from factorlab_lake.ingest.load_values import ambiguous_columns
from factorlab_lake.ingest.parse_values import Parsed
from factorlab_lake.ingest.row_checks import (
    RowFault,
    impossible_text,
    impossible_values,
    needed_columns,
    row_faults,
)
from factorlab_lake.schema import TableSpec
from factorlab_lake.schema.columns import CURRENCY_PATTERN, EVENT_KINDS
from factorlab_lake.schema.company_tables import SYMBOL_CHANGES
from factorlab_lake.schema.quote_units import CURRENCY_SPELLINGS
from factorlab_lake.schema.rules import MAX_CLOCK_ERROR_S

__all__ = ["UNKNOWN_IF_IMPOSSIBLE", "load_faults"]

UNKNOWN_IF_IMPOSSIBLE = ("accepted_at",)  # as in a provider's record; the row is stored without it

_OTHER_DATE = r"^\d{1,2}[./-]\w{1,3}[./-]\d{2,4}$|^\d{4}[./]\d{1,2}[./]\d{1,2}$|^\d{8}$"
_SHARE_SOURCES = ("cover_page", "balance_sheet")


def load_faults(
    raw: pl.DataFrame, rows: pl.DataFrame, *, parsed: dict[str, Parsed], spec: TableSpec, now: datetime
) -> Iterator[RowFault]:
    """Yield the faults that refuse a row of a load.

    ``raw`` has the columns of the source and ``rows`` the typed ones, with ``_bad_`` and ``_ambiguous_``
    columns for values that cannot be read. Texts of problems show the source's value as ``_raw_`` columns.
    """
    yield from _unreadable(raw, parsed, spec)
    yield from _two_readings(raw, spec)
    yield from _faults(rows, spec)
    yield from _late(raw, now)


def _unreadable(raw: pl.DataFrame, parsed: dict[str, Parsed], spec: TableSpec) -> Iterator[RowFault]:
    """Yield the faults of the values that a row needs and that cannot be read."""
    for name in required_columns(spec):
        if (p := parsed[name]).bad is not None:
            shown = pl.col(f"_raw_{name}").cast(pl.String).str.slice(0, 60)
            quote = "'" if raw.schema[name] == pl.String else ""
            text = pl.lit(quote) + shown + f"{quote} is not {p.expected}"
            if spec.column(name).kind == "number":
                is_comma = shown.str.contains(r"\d,\d+$")
                text += pl.when(is_comma).then(pl.lit("; write decimals with a point")).otherwise(pl.lit(""))
            if spec.column(name).kind == "date":
                other = shown.str.contains(_OTHER_DATE)
                text += pl.when(other).then(pl.lit("; write dates as YYYY-MM-DD")).otherwise(pl.lit(""))
            yield RowFault(name, pl.col(f"_bad_{name}"), text)


def _two_readings(raw: pl.DataFrame, spec: TableSpec) -> Iterator[RowFault]:
    for name in ambiguous_columns(raw, spec):
        text = pl.format(
            "'{}' has a comma that may be a decimal one; write decimals with a point, and no separators, "
            "or pass the decimal sign (--decimal . or --decimal ,)",
            pl.col(f"_raw_{name}"),
        )
        yield RowFault(name, pl.col(f"_ambiguous_{name}"), text)


def _faults(rows: pl.DataFrame, spec: TableSpec) -> Iterator[RowFault]:
    """Yield the faults that a provider's records can have too, and then those of a load alone."""
    unread = {c: pl.col(f"_bad_{c}") for c in rows.columns if f"_bad_{c}" in rows.columns}
    yield from row_faults(spec, rows.columns, unread)
    for name, fails in impossible_values(spec, rows.columns).items():
        if name not in UNKNOWN_IF_IMPOSSIBLE:
            yield RowFault(name, fails, impossible_text(name))
    for name in set(required_columns(spec)) - set(needed_columns(spec)):
        missing = pl.col(name).is_null() & ~unread.get(name, pl.lit(value=False))
        yield RowFault(name, missing, pl.lit("missing"))
    yield from _table_faults(spec, rows.columns)


def _late(raw: pl.DataFrame, now: datetime) -> Iterator[RowFault]:
    if "fetched_at" in raw.columns:
        late = pl.col("fetched_at") > now + timedelta(seconds=MAX_CLOCK_ERROR_S)
        shown = pl.col("_raw_fetched_at").cast(pl.String)  # as the source has it, not in UTC
        yield RowFault("fetched_at", late, pl.format("{} is in the future", shown))


def _table_faults(spec: TableSpec, columns: list[str]) -> Iterator[RowFault]:
    if spec.has_intervals and {"valid_from", "valid_to"} <= set(columns):
        ends = pl.col("valid_to") <= pl.col("valid_from")
        yield RowFault("valid_to", ends, pl.lit("valid_to must be after valid_from"))
    if spec.name == "symbol_history" and "kind" in columns:
        text = f"kind must be {' or '.join(SYMBOL_CHANGES)}, or empty"
        yield RowFault("kind", ~pl.col("kind").is_in(SYMBOL_CHANGES), pl.lit(text))
    if spec.name == "splits" and "kind" in columns:
        text = f"kind must be {', '.join(EVENT_KINDS)}, or empty"
        yield RowFault("kind", ~pl.col("kind").is_in(EVENT_KINDS), pl.lit(text))
    if spec.name == "shares_outstanding":
        problem = pl.format(f"'{{}}' is not one of {', '.join(_SHARE_SOURCES)}", "source")
        yield RowFault("source", ~pl.col("source").is_in(_SHARE_SOURCES), problem)
    if spec.name == "fx_rates":
        yield from _currency_faults()
    if spec.name == "company_profiles" and "currency" in columns:
        yield RowFault("currency", pl.col("currency").is_null(), pl.lit("missing; expected one as USD"))
    if {"year", "date"} <= set(columns):
        problem = pl.format("{} is not the year of {}", "year", pl.col("date").cast(pl.String))
        yield RowFault("year", pl.col("year") != pl.col("date").dt.year(), problem)


def _currency_faults() -> Iterator[RowFault]:
    for name in ("base", "quote"):
        text = pl.format("'{}' is no ISO code such as EUR; pence are of GBP", pl.col(name).str.slice(0, 60))
        is_minor = pl.col(name).is_in(list(CURRENCY_SPELLINGS))
        yield RowFault(name, ~pl.col(name).str.contains(CURRENCY_PATTERN) | is_minor, text)
    same = pl.format("{} is the base too", pl.col("quote"))
    yield RowFault("quote", pl.col("base") == pl.col("quote"), same)
