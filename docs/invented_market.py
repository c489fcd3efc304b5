"""Make a lake of 505 invented companies, for the pictures of the documentation and tests of the report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl

import factorlab_lake as fl
from benchmarks.seeded import normal, uniform
from factorlab_lake.schema.market_calendar import is_trading_day

__all__ = ["LAST_DAY", "SYMBOLS", "invented_market"]

LAST_DAY = date(2023, 12, 29)
_COUNT, _FIRST_YEAR = 505, 2021
_LOST = 0.01  # share of the days that some symbols lack
_SECTORS = (
    "Energy", "Materials", "Industrials", "Consumer Discretionary", "Consumer Staples", "Health Care",
    "Financials", "Information Technology", "Communication Services", "Utilities", "Real Estate",
)  # fmt: skip
_LABELS = ["fiscal_date", "fiscal_period", "reported_currency", "filing_date"]
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SYMBOLS = tuple("".join(_LETTERS[7 * n // 26**place % 26] for place in range(3)) for n in range(_COUNT))


def invented_market(
    place: Path, *, symbols: Sequence[str] = SYMBOLS, first_year: int = _FIRST_YEAR
) -> fl.Lake:
    """Return a new lake: bars up to 2023, thirteen quarters, and profiles, with some gaps and faults."""
    lake = fl.open(place)
    lake.load("company_profiles", _profiles(symbols))
    statements = _statements(symbols)
    lake.load("income_statements", statements["income"])
    lake.load("balance_sheets", statements["balance_sheet"])
    lake.load("price_data", _bars(symbols, first_year), split_basis=LAST_DAY)
    return lake


def _profiles(symbols: Sequence[str]) -> pl.DataFrame:
    sectors = [_SECTORS[n * 5 % len(_SECTORS)] for n in range(len(symbols))]
    names = [
        f"Invented {symbol.title()} {('Inc.', 'Corp.', 'Group')[n % 3]}" for n, symbol in enumerate(symbols)
    ]
    return pl.DataFrame(
        {
            "symbol": symbols, "company_name": names, "currency": "USD", "sector": sectors,
            "fetched_at": "2023-12-28T12:00:00Z",
        }
    )  # fmt: skip


def _bars(symbols: Sequence[str], first_year: int) -> pl.DataFrame:
    first = date(first_year, 1, 2)
    every = (first + timedelta(n) for n in range((LAST_DAY - first).days + 1))
    days = [day for day in every if is_trading_day(day)]
    frame = pl.DataFrame({"symbol": symbols}).join(pl.DataFrame({"date": days}), how="cross")
    frame = frame.with_columns(
        step=normal(frame.height, 5) * 0.017 + 0.0004,
        number=pl.int_range(pl.len()) // len(days),
        luck=uniform(frame.height, 9),
    )
    return (
        frame.with_columns(close_price=(40 * pl.col("step").cum_sum().over("symbol").exp()).round(2))
        .filter(~_is_gap(first_year))
        .select(
            "symbol", "date", "close_price", open_price="close_price",
            high_price=(pl.col("close_price") * 1.01).round(2),
            low_price=(pl.col("close_price") * 0.99).round(2),
            volume=(pl.col("luck") * 1e6 + 1e5).round(),
        )
    )  # fmt: skip


def _is_gap(first_year: int) -> pl.Expr:
    """Return the bars that the lake lacks: single days, the months before a late listing, and newest days."""
    number, day = pl.col("number"), pl.col("date")
    lost = number.is_in(range(0, _COUNT, 9)) & (pl.col("luck") < _LOST)
    late = number.is_in(range(3, _COUNT, 17)) & (day < date(first_year, 7, 1))
    stale = number.is_in(range(7, _COUNT, 41)) & (day > date(2023, 12, 1))
    return lost | late | stale


def _statements(symbols: Sequence[str]) -> dict[str, pl.DataFrame]:
    months = pl.date_range(date(2020, 9, 1), date(2023, 9, 1), "3mo", eager=True)
    frame = pl.DataFrame({"symbol": symbols, "size": (21 + normal(len(symbols), 3)).exp()}).join(
        pl.DataFrame({"fiscal_date": months.dt.month_end()}), how="cross"
    )
    luck = normal(frame.height, 4)
    frame = frame.with_columns(
        fiscal_period=pl.format("Q{}", pl.col("fiscal_date").dt.quarter()),
        reported_currency=pl.lit("USD"),
        filing_date=pl.col("fiscal_date").dt.offset_by("35d"),
        revenue=(pl.col("size") * (1 + 0.05 * luck)).round(),
    ).with_columns(net_income=(pl.col("revenue") * (0.09 + 0.06 * luck)).round())
    shares = (frame["size"] / 10).round()
    income = frame.drop("size").with_columns(
        weighted_average_shares_outstanding=shares, gross_profit=(pl.col("revenue") * 0.4).round()
    )
    row = pl.int_range(pl.len())
    kept = income.filter(~row.is_in(range(5, frame.height, 97)))
    assets, keys = (frame["size"] * 6).round(), ["symbol", *_LABELS]
    sheet = frame.select(keys).with_columns(total_assets=assets, total_liabilities=(assets * 0.6).round())
    sheet = sheet.with_columns(total_stockholders_equity=pl.col("total_assets") - pl.col("total_liabilities"))
    faulty = row.is_in(range(20, frame.height, 150))  # their sides differ
    off = pl.when(faulty).then(1.3).otherwise(1.0)
    return {"income": kept, "balance_sheet": sheet.with_columns(pl.col("total_assets") * off)}
