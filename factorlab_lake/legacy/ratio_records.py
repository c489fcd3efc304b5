"""Return ratios as FMP's records: the provider's own where the lake has them, and else the lake's."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import polars as pl

from factorlab_lake.legacy.statement_records import is_of_length
from factorlab_lake.providers.records import ratio_names
from factorlab_lake.query.query_hints import QueryHints, RowFilter
from factorlab_lake.query.questions import Questions

__all__ = ["ratio_records"]

# The lake's names of ratios that FMP's field map has under others; equal names have equal definitions.
_NAMES = {"price_to_operating_cash_flow": "pcf_ratio", "enterprise_value_multiple": "ev_to_ebitda"}
_IDENTITY = {"symbol", "date", "calendarYear", "period"}
_OF_THE_PROVIDER = """
SELECT DISTINCT ON (symbol, fiscal_date, fiscal_period)
       symbol, fiscal_date, fiscal_period, fiscal_year, source_provider, metrics::VARCHAR AS metrics
FROM vendor_ratios
WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) AND (fiscal_period = 'FY') = $annual
ORDER BY symbol, fiscal_date DESC, fiscal_period, version DESC
"""


def ratio_records(
    lake: Questions, symbols: list[str], *, annual: bool, limit: int | None
) -> dict[str, list[dict[str, Any]]]:
    """Return ``{symbol: records}`` of fiscal years or of quarters, newest first, at most ``limit`` of each.

    A symbol has the provider's records if the lake has any of such periods, and else the lake's. A list of
    both would compare ratios of one quarter with ratios of twelve months.
    """
    params = {"symbols": symbols, "annual": annual}
    stored = lake.session.frame(_OF_THE_PROVIDER, params, needs=_hints(symbols, ["vendor_ratios"]))
    records = {s: _provider_records(rows.head(limit or rows.height)) for s, rows in _by_symbol(stored)}
    rest = [symbol for symbol in symbols if symbol not in records]
    if rest:
        periods = _periods(lake, rest, annual=annual)
        rows = (
            lake.ratios(rest).join(periods, on=["symbol", "fiscal_date"]).sort("fiscal_date", descending=True)
        )
        records |= {
            s: [_own_record(r) for r in part.head(limit or part.height).to_dicts()]
            for s, part in _by_symbol(rows)
        }
    return records


def _periods(lake: Questions, symbols: list[str], *, annual: bool) -> pl.DataFrame:
    """Return the label and the fiscal year of each period end."""
    statements = lake.statements(symbols, columns=["fiscal_year"]).filter(is_of_length(annual=annual))
    return statements.group_by("symbol", "fiscal_date").agg(
        pl.col("fiscal_period").min(), pl.col("fiscal_year").max()
    )


def _hints(symbols: list[str], tables: list[str]) -> QueryHints:
    """Return hints that open only the files of some tables that can have these symbols."""
    return QueryHints(dict.fromkeys(tables, RowFilter(symbols)), symbols, short=True)


def _by_symbol(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    parts = rows.partition_by("symbol", as_dict=True, maintain_order=True)
    return [(symbol, part) for (symbol,), part in parts.items()]


def _provider_records(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return stored ratios under v3 names, whichever generation of the API sent them."""
    values: list[dict[str, Any]] = [json.loads(text or "{}") for text in rows["metrics"]]
    named = [_in_v3(each) for each in values]
    names = dict.fromkeys([*_fields(), *(name for each in named for name in each)])  # nulls are not stored
    return [
        {**_head(row), "source": row["source_provider"], **names, **each}
        for row, each in zip(rows.to_dicts(), named, strict=True)
    ]


def _own_record(row: dict[str, Any]) -> dict[str, Any]:
    values = {field: row.get(_NAMES.get(column, column)) for field, column in _fields().items()}
    return {**_head(row), "source": "lake", "availableDate": row["date"].isoformat(), **values}


@cache
def _fields() -> dict[str, str]:
    """Return ``{v3 field: column}`` of the ratios, without the fields that identify a record."""
    return {field: column for field, column in ratio_names("v3").items() if field not in _IDENTITY}


def _in_v3(values: dict[str, Any]) -> dict[str, Any]:
    """Return ratios under all their v3 names: v3 has two for some, and a stable name may have one."""
    renamed = {new: value for name, value in values.items() for new in _v3_names(name)}
    return renamed | {name: value for name, value in values.items() if name in _fields()}


@cache
def _v3_names(name: str) -> tuple[str, ...]:
    """Return the v3 names of a field of either generation; a field without one keeps its name."""
    column = _fields().get(name, ratio_names("stable").get(name))
    return tuple(field for field, each in _fields().items() if each == column) or (name,)


def _head(row: dict[str, Any]) -> dict[str, Any]:
    year = None if row["fiscal_year"] is None else str(row["fiscal_year"])
    return {
        "symbol": row["symbol"],
        "date": row["fiscal_date"].isoformat(),
        "calendarYear": year,
        "period": row["fiscal_period"],
    }
