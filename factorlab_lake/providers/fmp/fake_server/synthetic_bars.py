"""Bars, splits, dividends and market caps of a made-up company."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from functools import cache, lru_cache
from typing import Any

from factorlab_lake.providers.fmp.fake_server.companies import Company
from factorlab_lake.providers.fmp.fake_server.encoding import Record

__all__ = ["bars_of", "caps_of", "dividends_of", "splits_of"]

_FIRST_EX_DAY, _DAYS_BETWEEN_DIVIDENDS = 40, 63
_DAILY_DRIFT, _DAILY_MOVE = 0.0004, 0.02


@lru_cache(64)
def bars_of(company: Company) -> list[Record]:
    """Return the bars, oldest first, all on the split basis of the last day."""
    dice, ratios, left = company.dice("bars"), company.splits_after(), _left_by_dividends(company)
    close = company.first_close / ratios[0]
    bars: list[Record] = []
    for day, ratio, share in zip(company.days, ratios, left, strict=True):
        opened, close = close, max(0.5, close * (1 + dice.gauss(_DAILY_DRIFT, _DAILY_MOVE)))
        traded = dice.randrange(1_000, 50_000) * 100
        bars.append(
            {"symbol": company.symbol, "date": day.isoformat(), "label": _label(day)}
            | _prices(opened, close)
            | {"adjusted_close": round(close * share, 4)}
            | {"volume": round(traded * ratio), "unadjusted_volume": traded}
        )
    return bars


def splits_of(company: Company) -> list[Record]:
    """Return the splits."""
    return [
        {
            "symbol": company.symbol,
            "date": day.isoformat(),
            "label": _label(day),
            "numerator": new,
            "denominator": old,
        }
        for day, new, old in company.splits
    ]


def dividends_of(company: Company) -> list[Record]:
    """Return a dividend a quarter, if the company pays any: as paid, and on the last day's split basis."""
    bars, ratios = bars_of(company), company.splits_after()
    return [
        {
            "symbol": company.symbol,
            **_dividend(bars[i], company.dividend_yield, ratios[i]),
            "declaration_date": bars[i - _FIRST_EX_DAY]["date"],
        }
        for i in _ex_days(company)
    ]


def caps_of(company: Company) -> list[Record]:
    """Return a market cap a day: the close times the shares of the last day, on one basis."""
    shares = company.shares_today
    return [
        {"symbol": company.symbol, "date": bar["date"], "market_cap": round(bar["close_price"] * shares)}
        for bar in bars_of(company)
    ]


def _prices(opened: float, close: float) -> dict[str, float]:
    low, high = min(opened, close) * 0.99, max(opened, close) * 1.01
    return {
        "open_price": round(opened, 4),
        "high_price": round(high, 4),
        "low_price": round(low, 4),
        "close_price": round(close, 4),
        "change": round(close - opened, 4),
        "change_percent": round(100 * (close / opened - 1), 4),
        "change_over_time": round(close / opened - 1, 6),
        "vwap": round((low + high + close) / 3, 4),
    }


def _dividend(bar: Record, fraction: float, ratio: float) -> dict[str, Any]:
    adjusted = fraction * bar["open_price"]
    return {
        "date": bar["date"],
        "label": bar["label"],
        "dividend": round(adjusted * ratio, 4),
        "adjusted_dividend": round(adjusted, 4),
        "record_date": bar["date"],
        "payment_date": bar["date"],
        "dividend_yield": round(400 * fraction, 4),  # of a year, in per cent
        "frequency": "Quarterly",
    }


@cache
def _label(day: date) -> str:
    return day.strftime("%B %d, %y")


def _ex_days(company: Company) -> range:
    """Return the positions of the ex-dates among the days."""
    last = len(company.days) if company.dividend_yield else 0
    return range(_FIRST_EX_DAY, last, _DAYS_BETWEEN_DIVIDENDS)


def _left_by_dividends(company: Company) -> list[float]:
    """Return for each day what share of its close the dividends after it leave."""
    ex_days = _ex_days(company)
    powers = [(1 - company.dividend_yield) ** count for count in range(len(ex_days) + 1)]
    return [powers[len(ex_days) - bisect_right(ex_days, i)] for i in range(len(company.days))]
