"""Return ratios as FMP's records: the provider's own where the lake has them, and else the lake's."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from factorlab_lake.query.questions import Questions

__all__ = ["ratio_records"]

# FMP's v3 names of the ratios that the lake defines in the same way, but over twelve months.
_FIELDS = {
    "currentRatio": "current_ratio",
    "grossProfitMargin": "gross_margin",
    "operatingProfitMargin": "operating_margin",
    "netProfitMargin": "net_margin",
    "returnOnAssets": "roa",
    "returnOnEquity": "roe",
    "debtEquityRatio": "debt_to_equity",
    "assetTurnover": "asset_turnover",
    "priceToBookRatio": "pb_ratio",
    "priceToSalesRatio": "ps_ratio",
    "priceEarningsRatio": "pe_ratio",
    "priceToOperatingCashFlowsRatio": "pcf_ratio",
    "dividendYield": "dividend_yield",
    "enterpriseValueMultiple": "ev_to_ebitda",
}
_OF_THE_PROVIDER = """
SELECT DISTINCT ON (symbol, fiscal_date, fiscal_period)
       symbol, fiscal_date, fiscal_period, fiscal_year, source_provider, metrics::VARCHAR AS metrics
FROM vendor_ratios
WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) AND (fiscal_period = 'FY') = $annual
ORDER BY symbol, fiscal_date DESC, fiscal_period, version DESC
"""
_PERIODS = """
SELECT symbol, fiscal_date, min(fiscal_period) AS fiscal_period, max(fiscal_year) AS fiscal_year
FROM financial_statements
WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) AND (fiscal_period = 'FY') = $annual
GROUP BY symbol, fiscal_date
"""


def ratio_records(
    lake: Questions, symbols: list[str], *, annual: bool, limit: int | None
) -> dict[str, list[dict[str, Any]]]:
    """Return ``{symbol: records}`` of fiscal years or of quarters, newest first, at most ``limit`` of each.

    A symbol has the provider's records if the lake has any of such periods, and else the lake's: a list of
    both would compare ratios of one quarter with ratios of twelve months.
    """
    params = {"symbols": symbols, "annual": annual}
    stored = lake.session.frame(_OF_THE_PROVIDER, params)
    records = {s: _provider_records(rows.head(limit or rows.height)) for s, rows in _by_symbol(stored)}
    rest = [symbol for symbol in symbols if symbol not in records]
    if rest:
        periods = lake.session.frame(_PERIODS, params | {"symbols": rest})
        rows = (
            lake.ratios(rest).join(periods, on=["symbol", "fiscal_date"]).sort("fiscal_date", descending=True)
        )
        records |= {
            s: [_own_record(r) for r in part.head(limit or part.height).to_dicts()]
            for s, part in _by_symbol(rows)
        }
    return records


def _by_symbol(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    parts = rows.partition_by("symbol", as_dict=True, maintain_order=True)
    return [(symbol, part) for (symbol,), part in parts.items()]


def _provider_records(rows: pl.DataFrame) -> list[dict[str, Any]]:
    metrics: list[dict[str, Any]] = [json.loads(text or "{}") for text in rows["metrics"]]
    # Metrics have no nulls, so the fields are those of the other records, and those that the lake's have.
    names = dict.fromkeys([*_FIELDS, *(name for each in metrics for name in each)])
    return [
        {**_head(row), "source": row["source_provider"], **names, **values}
        for row, values in zip(rows.to_dicts(), metrics, strict=True)
    ]


def _own_record(row: dict[str, Any]) -> dict[str, Any]:
    values = {field: row[column] for field, column in _FIELDS.items()}
    return {**_head(row), "source": "lake", "availableDate": row["date"].isoformat(), **values}


def _head(row: dict[str, Any]) -> dict[str, Any]:
    year = None if row["fiscal_year"] is None else str(row["fiscal_year"])
    return {
        "symbol": row["symbol"],
        "date": row["fiscal_date"].isoformat(),
        "calendarYear": year,
        "period": row["fiscal_period"],
    }
