"""Factor Lab's file cache, made from frames: gzipped JSON in FMP's v3 shape, one file per symbol and kind."""

from __future__ import annotations

import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

__all__ = ["write_balance", "write_income", "write_prices"]

# FMP writes whole numbers without a fraction, so one field holds both 45 and 45.07.
_WHOLE = re.compile(r"(\d)\.0(?=[,}])")


def write_prices(cache: Path, bars: pl.DataFrame, fetched_at: datetime) -> None:
    """Write ``price_data/{SYMBOL}_price_full_history_all_v2.0.json.gz`` for each symbol, newest bar first."""
    folder = cache / "price_data"
    folder.mkdir(parents=True)
    records = _v3_bars(bars)

    def write(part: tuple[tuple[Any, ...], pl.DataFrame]) -> None:
        (symbol,), rows = part
        _write_entry(
            folder, f"{symbol}_price_full_history_all_v2.0", rows.drop("symbol").to_dicts(), fetched_at
        )

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, records.group_by("symbol", maintain_order=True)))


def write_income(cache: Path, quarters: pl.DataFrame, fetched_at: datetime) -> None:
    """Write ``income_statements/{SYMBOL}_income_statement_quarterly_limit60_v1.0.json.gz``, newest first."""
    folder = cache / "income_statements"
    folder.mkdir(parents=True)
    for (symbol,), rows in _v3_income(quarters).group_by("symbol", maintain_order=True):
        _write_entry(folder, f"{symbol}_income_statement_quarterly_limit60_v1.0", rows.to_dicts(), fetched_at)


def write_balance(cache: Path, quarters: pl.DataFrame, fetched_at: datetime) -> None:
    """Write ``balance_sheets/{SYMBOL}_balance_sheet_quarterly_limit60_v1.0.json.gz``, newest first."""
    folder = cache / "balance_sheets"
    folder.mkdir(parents=True)
    for (symbol,), rows in _v3_balance(quarters).group_by("symbol", maintain_order=True):
        _write_entry(folder, f"{symbol}_balance_sheet_quarterly_limit60_v1.0", rows.to_dicts(), fetched_at)


def _write_entry(folder: Path, key: str, records: list[dict[str, Any]], fetched_at: datetime) -> None:
    """Write one entry in the old cache's envelope."""
    envelope = {
        "data": records,
        "_cache_version": key.rsplit("_v", 1)[1],
        "_cached_at": fetched_at.timestamp(),
        "_cache_key": key,
        "_accepted_date": None,
        "_ttl": 3600,
    }
    text = _WHOLE.sub(r"\1", json.dumps(envelope, separators=(",", ":")))
    (folder / f"{key}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def _v3_bars(bars: pl.DataFrame) -> pl.DataFrame:
    """Return bars under the names of FMP's v3 ``historical-price-full``, newest first within a symbol."""
    change = (pl.col("close") - pl.col("open")).round(4)
    percent = (change / pl.col("open") * 100).round(4)
    return bars.sort("symbol", "date", descending=[False, True]).select(
        "symbol",
        pl.col("date").cast(pl.String),
        "open",
        "high",
        "low",
        "close",
        adjClose="close",
        volume="volume",
        unadjustedVolume="volume",
        change=change,
        changePercent=percent,
        vwap=((pl.col("high") + pl.col("low") + pl.col("close")) / 3).round(4),
        label=pl.col("date").dt.strftime("%B %d, %y"),
        changeOverTime=(percent / 100).round(8),
    )


def _v3_statement(quarters: pl.DataFrame, **items: pl.Expr | str) -> pl.DataFrame:
    """Return quarters with what FMP's v3 statements have in common and some items, newest first."""
    return quarters.sort("symbol", "fiscal_date", descending=[False, True]).select(
        date=pl.col("fiscal_date").cast(pl.String),
        symbol="symbol",
        reportedCurrency=pl.lit("USD"),
        cik="cik",
        fillingDate=pl.col("filing_date").cast(pl.String),
        acceptedDate=pl.col("accepted").dt.strftime("%Y-%m-%d %H:%M:%S"),
        calendarYear=pl.col("fiscal_year").cast(pl.String),
        period="fiscal_period",
        **items,
    )


def _v3_balance(quarters: pl.DataFrame) -> pl.DataFrame:
    """Return quarters under the names of FMP's v3 ``balance-sheet-statement``."""
    return _v3_statement(
        quarters,
        totalAssets="total_assets",
        totalCurrentAssets="total_current_assets",
        totalCurrentLiabilities="total_current_liabilities",
        totalDebt="total_debt",
        totalStockholdersEquity="total_stockholders_equity",
    )


def _v3_income(quarters: pl.DataFrame) -> pl.DataFrame:
    """Return quarters under the names of FMP's v3 ``income-statement``."""
    shares = pl.col("weighted_average_shares_outstanding")
    return _v3_statement(
        quarters,
        revenue="revenue",
        costOfRevenue=pl.col("revenue") - pl.col("gross_profit"),
        grossProfit="gross_profit",
        operatingIncome="operating_income",
        netIncome="net_income",
        eps=(pl.col("net_income") / shares).round(2),
        weightedAverageShsOut=shares,
        weightedAverageShsOutDil=(shares * 1.01).round(),
    )
