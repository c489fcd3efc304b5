"""Compute the ratios and profiles that a dataset lacks from its statements and bars.

Every figure follows from the records of the dataset. A figure that needs another input is null.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from factorlab_lake.providers.records import fields, ratio_rows
from factorlab_lake.schema import STATEMENT_TABLES, line_items

__all__ = ["profile_of", "ratios_of"]

_Record = dict[str, Any]
_KEYS = ("symbol", "fiscal_date", "fiscal_year", "fiscal_period", "reported_currency")
_PUBLIC = ("filing_date", "accepted_at")  # not sent: they decide from which day on a record is public
_SHARES = "weighted_average_shares_outstanding"
_TERM = re.compile(r"([+-]?) *(\w+)")
_BARS_OF_A_YEAR = 252  # the vendor's range is that of 52 weeks


def ratios_of(statements: Mapping[str, Sequence[_Record]], bars: Sequence[_Record]) -> list[_Record]:
    """Return the ratios of each period of the income statements, from figures of that period alone.

    ``statements`` has the records by dataset. The market value is the close of the last bar up to the
    period's end, times the weighted average share count of the income statement.
    """
    others = [{_period(r): r for r in statements.get(name, ())} for name in ("cash_flow", "balance_sheet")]
    closes = sorted((bar["date"], bar["close_price"]) for bar in bars if bar.get("close_price"))
    records = []
    for income in statements.get("income", ()):
        figures: _Record = {}
        for each in (*(other.get(_period(income), {}) for other in others), income):
            figures |= {n: v for n, v in each.items() if v is not None and (v != 0 or n not in _never_zero())}
        if cap := _market_cap(figures, closes):
            figures["market_cap"] = cap
        records.append(_ratio_record(income, figures))
    return records


def profile_of(
    facts: Mapping[str, Any], statements: Sequence[_Record], bars: Sequence[_Record]
) -> list[_Record]:
    """Return the profile of a symbol: facts about the company, and figures of its newest bars.

    ``bars`` and ``statements`` come newest first. The market cap is the last close times the weighted
    average share count of the newest statement.
    """
    if not (bars or statements or facts):
        return []
    columns = [*fields("profile", "v3").values(), *fields("profile", "stable").values()]
    known = {"cik": statements[0].get("cik")} if statements else {}
    return [dict.fromkeys(columns) | known | _of_bars(bars, statements) | dict(facts)]


def _of_bars(bars: Sequence[_Record], statements: Sequence[_Record]) -> _Record:
    if not bars:
        return {}
    last, year = bars[0], bars[:_BARS_OF_A_YEAR]
    shares = statements[0].get(_SHARES) if statements else None
    lows = [bar["low_price"] for bar in year if bar.get("low_price") is not None]
    highs = [bar["high_price"] for bar in year if bar.get("high_price") is not None]
    volumes = [bar["volume"] for bar in year if bar.get("volume") is not None]
    return {
        "price": last.get("close_price"),
        "volume": last.get("volume"),
        "change": last.get("change"),
        "change_percentage": last.get("change_percent"),
        "range": f"{min(lows)}-{max(highs)}" if lows and highs else None,
        "average_volume": round(sum(volumes) / len(volumes)) if volumes else None,
        "market_cap": round(last["close_price"] * shares) if shares and last.get("close_price") else None,
    }


def _ratio_record(income: _Record, figures: _Record) -> _Record:
    record = {name: income.get(name) for name in _KEYS}
    public = {name: income[name] for name in _PUBLIC if name in income}  # the ratios are public with it
    for row in ratio_rows():
        if row["column"] not in record:
            record[row["column"]] = _quotient(row, figures)
    return record | public


def _quotient(row: Mapping[str, str], figures: _Record) -> float | None:
    numerator, denominator = (_sum(row[part], figures) for part in ("numerator", "denominator"))
    return numerator / denominator if numerator is not None and denominator else None


def _sum(text: str, figures: _Record) -> float | None:
    """Return a sum of figures; None for an empty text, or if a figure is missing."""
    terms = _TERM.findall(text)
    if not terms or any(name not in figures for _, name in terms):
        return None
    return float(sum(-figures[name] if sign == "-" else figures[name] for sign, name in terms))


def _market_cap(figures: _Record, closes: list[tuple[str, float]]) -> float | None:
    before = bisect_right(closes, (str(figures.get("fiscal_date") or ""), float("inf")))
    shares = figures.get(_SHARES)
    return closes[before - 1][1] * shares if shares and before else None


@cache
def _never_zero() -> frozenset[str]:
    """Return the line items of which a zero means that the vendor has no value."""
    return frozenset(c.name for table in STATEMENT_TABLES for c in line_items(table) if c.zero_is_missing)


def _period(record: _Record) -> tuple[Any, Any]:
    return record.get("fiscal_date"), record.get("fiscal_period")
