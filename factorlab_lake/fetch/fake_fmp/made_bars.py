"""Bars, splits, dividends and market caps of a made-up company."""

from __future__ import annotations

from functools import lru_cache

from factorlab_lake.fetch.fake_fmp.companies import Company
from factorlab_lake.fetch.fake_fmp.wire import Record

__all__ = ["bars_of", "caps_of", "dividends_of", "splits_of"]

_DAYS_BETWEEN_DIVIDENDS = 63
_DAILY_MOVE = 0.02


@lru_cache(64)
def bars_of(company: Company) -> list[Record]:
    """Return the bars, oldest first, all on the split basis of the last day."""
    dice, paid = company.dice("bars"), _dividend_factors(company)
    close = company.first_close / company.splits_after(company.days[0])
    bars: list[Record] = []
    for day, dividend_factor in zip(company.days, paid, strict=True):
        opened, close = close, max(0.5, close * (1 + dice.gauss(0.0004, _DAILY_MOVE)))
        low, high = min(opened, close) * 0.99, max(opened, close) * 1.01
        ratio = company.splits_after(day)
        traded = dice.randrange(1_000, 50_000) * 100
        bars.append(
            {
                "symbol": company.symbol, "date": day.isoformat(),
                "open_price": round(opened, 4), "high_price": round(high, 4), "low_price": round(low, 4),
                "close_price": round(close, 4), "adjusted_close": round(close * dividend_factor, 4),
                "volume": round(traded * ratio), "unadjusted_volume": traded,
                "change": round(close - opened, 4), "change_percent": round(100 * (close / opened - 1), 4),
                "vwap": round((low + high + close) / 3, 4), "label": day.strftime("%B %d, %y"),
                "change_over_time": round(close / opened - 1, 6),
            }
        )  # fmt: skip
    return bars


def splits_of(company: Company) -> list[Record]:
    """Return the splits."""
    return [
        {
            "symbol": company.symbol, "date": day.isoformat(), "label": day.strftime("%B %d, %y"),
            "numerator": new, "denominator": old,
        }
        for day, new, old in company.splits
    ]  # fmt: skip


def dividends_of(company: Company) -> list[Record]:
    """Return a dividend a quarter, if the company pays any: as paid, and on the last day's split basis."""
    if not company.pays:
        return []
    bars = bars_of(company)
    return [
        {
            "symbol": company.symbol, "date": bars[i]["date"], "label": bars[i]["label"],
            "dividend": round(_yield(company) * bars[i]["open_price"] * company.splits_after(company.days[i]), 4),
            "adjusted_dividend": round(_yield(company) * bars[i]["open_price"], 4),
            "record_date": bars[i]["date"], "payment_date": bars[i]["date"], "declaration_date": bars[i - 20]["date"],
            "dividend_yield": round(400 * _yield(company), 4), "frequency": "Quarterly",
        }
        for i in _ex_days(company)
    ]  # fmt: skip


def caps_of(company: Company) -> list[Record]:
    """Return a market cap a day: the close times the shares of the last day, on one basis."""
    return [
        {
            "symbol": company.symbol,
            "date": bar["date"],
            "market_cap": round(bar["close_price"] * company.shares_today),
        }
        for bar in bars_of(company)
    ]


def _ex_days(company: Company) -> range:
    return range(40, len(company.days), _DAYS_BETWEEN_DIVIDENDS)


def _yield(company: Company) -> float:
    return company.dice("dividends").uniform(0.002, 0.01)


def _dividend_factors(company: Company) -> list[float]:
    """Return for each day what the dividends after it have taken off its close."""
    factors = [1.0] * len(company.days)
    if company.pays:
        for ex_day in _ex_days(company):
            for i in range(ex_day):
                factors[i] *= 1 - _yield(company)
    return factors
