"""Define a synthetic company, and compute its bars, splits, dividends and market caps."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from math import prod
from typing import Any

from factorlab_lake.providers.fmp.sample_server.records_by_symbol import Record

__all__ = ["SyntheticCompany", "bars_of", "caps_of", "dividends_of", "splits_of"]

_FIRST_EX_DAY, _DAYS_BETWEEN_DIVIDENDS = 40, 63
_DAILY_DRIFT, _DAILY_MOVE = 0.0004, 0.02


@dataclass(frozen=True, eq=False)
class SyntheticCompany:
    """Represent a company before its records: its days, its size and its splits.

    ``shares`` and ``first_close`` are those of its first day, ``revenue`` that of a quarter.
    ``dividend_yield`` is a fraction per quarter, 0 for a company that pays none.
    """

    symbol: str
    seed: int
    days: list[date]
    splits: list[tuple[date, int, int]]
    year_end_month: int
    shares: int
    first_close: float
    revenue: int
    dividend_yield: float

    def random_numbers(self, purpose: str) -> random.Random:
        """Return a generator of its own for a purpose, so that other draws do not change its numbers."""
        return random.Random(f"{self.seed} {purpose}")

    def splits_after(self) -> list[float]:
        """Return for each day the number of shares on the last day that one share has become."""
        if not self.splits:
            return [1.0] * len(self.days)
        return [
            prod((new / old for ex_date, new, old in self.splits if ex_date > day), start=1.0)
            for day in self.days
        ]

    @property
    def cik(self) -> str:
        """Return the SEC's number of the company."""
        return f"{self.seed:010d}"

    @property
    def shares_today(self) -> int:
        """Return the number of shares on the last day."""
        return round(self.shares * prod((new / old for _, new, old in self.splits), start=1.0))


@lru_cache(64)
def bars_of(company: SyntheticCompany) -> list[Record]:
    """Return the bars, oldest first, all on the split basis of the last day."""
    numbers, ratios = company.random_numbers("bars"), company.splits_after()
    remaining = _remaining_after_dividends(company)
    close = company.first_close / ratios[0]
    bars: list[Record] = []
    for day, ratio, share in zip(company.days, ratios, remaining, strict=True):
        opened, close = close, max(0.5, close * (1 + numbers.gauss(_DAILY_DRIFT, _DAILY_MOVE)))
        traded = numbers.randrange(1_000, 50_000) * 100
        bars.append(
            {"symbol": company.symbol, "date": day.isoformat(), "label": _label(day)}
            | _prices(opened, close)
            | {"adjusted_close": round(close * share, 4)}
            | {"volume": round(traded * ratio), "unadjusted_volume": traded}
        )
    return bars


def splits_of(company: SyntheticCompany) -> list[Record]:
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


def dividends_of(company: SyntheticCompany) -> list[Record]:
    """Return one dividend per quarter if the company pays any: as paid, and on the last day's split basis."""
    bars, ratios = bars_of(company), company.splits_after()
    return [
        {
            "symbol": company.symbol,
            **_dividend(bars[i], company.dividend_yield, ratios[i]),
            "declaration_date": bars[i - _FIRST_EX_DAY]["date"],
        }
        for i in _ex_days(company)
    ]


def caps_of(company: SyntheticCompany) -> list[Record]:
    """Return one market cap per day: the close times the shares of the last day, on one basis."""
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
        "dividend_yield": round(400 * fraction, 4),  # FMP gives it per year, in per cent
        "frequency": "Quarterly",
    }


@cache
def _label(day: date) -> str:
    return day.strftime("%B %d, %y")


def _ex_days(company: SyntheticCompany) -> range:
    """Return the positions of the ex-dates among the days."""
    last = len(company.days) if company.dividend_yield else 0
    return range(_FIRST_EX_DAY, last, _DAYS_BETWEEN_DIVIDENDS)


def _remaining_after_dividends(company: SyntheticCompany) -> list[float]:
    """Return for each day the share of its close that remains after all later dividends."""
    ex_days = _ex_days(company)
    powers = [(1 - company.dividend_yield) ** count for count in range(len(ex_days) + 1)]
    return [powers[len(ex_days) - bisect_right(ex_days, i)] for i in range(len(company.days))]
