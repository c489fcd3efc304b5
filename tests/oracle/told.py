"""Compute caps, trailing years and margins of one symbol from raw records, in plain Python.

The records are those that a vendor and a user tell: nothing here reads a lake, or its SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from tests.oracle.counts import Count, chosen, factor
from tests.oracle.days import MONTHS, accepted_at, usable_from
from tests.oracle.trailing import Content, is_fresh, rhythm_days, trailing

__all__ = ["Told", "right_value"]

_PRICE_DAYS = 10
_GAP_DAYS = 30  # without a bar: two companies, if the CIK changes
_OFF, _FAR_OFF = 5, 30  # a weighted average against earnings; another count against that average
_MINOR_UNITS = {"GBp": 100, "GBX": 100, "ZAc": 100, "ILA": 100}
_SMALL_EPS = 0.02


@dataclass(frozen=True)
class Told:
    """Hold what is told about one symbol: statements of FMP's v3, closes as traded, counts, splits."""

    symbol: str
    statements: list[dict[str, Any]] = field(default_factory=list)
    closes: dict[date, float] = field(default_factory=dict)
    counts: list[tuple[str, str, float, str]] = field(default_factory=list)  # source, day, shares, filed
    splits: dict[date, float] = field(default_factory=dict)  # those that change the number of shares
    profile: dict[str, Any] = field(default_factory=dict)


def right_value(facts: Told, question: str, day: date) -> float | None:
    """Return the cap, the trailing revenue or the gross margin of a day; nothing where it cannot be known."""
    if question == "ttm":
        return _sum(facts, "revenue", day)
    return _cap(facts, day) if question == "market_caps" else _margin(facts, day)


def _cap(facts: Told, day: date) -> float | None:
    rows = _company_of(facts, day)
    known = [each for each in _contents(facts, rows) if each.known <= day]
    price = max((each for each in facts.closes if each <= day), default=None)
    if not known or price is None or (day - price).days > _PRICE_DAYS or not is_fresh(known, day):
        return None
    count = chosen(_plausible(facts, rows, day), day, rhythm_days(known)[1])
    if count is None:
        return None
    unit: float = _MINOR_UNITS.get(facts.profile.get("currency", ""), 1)
    receipt: float = facts.profile.get("shares_per_receipt", 1)
    return facts.closes[price] / unit * count.shares * factor(facts.splits, count.basis, price) / receipt


def _sum(facts: Told, item: str, day: date) -> float | None:
    return trailing(_contents(facts, _company_of(facts, day)), item, day).value


def _margin(facts: Told, day: date) -> float | None:
    """Return gross profit by revenue; a zero beside costs of zero was never reported."""
    if any(not row["grossProfit"] and not row["costOfRevenue"] for row in facts.statements):
        return None
    profit, revenue = (_sum(facts, item, day) for item in ("grossProfit", "revenue"))
    return None if profit is None or not revenue else profit / revenue


def _contents(facts: Told, rows: Iterable[Mapping[str, Any]]) -> list[Content]:
    months = _lengths(facts.statements)
    result = []
    for order, row in enumerate(rows):
        end, label = date.fromisoformat(row["date"]), row["period"]
        filed = date.fromisoformat(row["fillingDate"]) if row.get("fillingDate") else None
        length = months[end, label]
        known, _ = usable_from(end, length, accepted_at(row.get("acceptedDate")), filed)
        starts = label in ("Q1", "H1", "9M", "FY") or (label == "Q2" and length == MONTHS["H1"])
        result.append(Content(known, order, end, length, starts, dict(row)))
    return result


def _lengths(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[date, str], int]:
    """Return the months of each row: as claimed, but for short years and halves that are proved."""
    revenue = {(date.fromisoformat(row["date"]), row["period"]): row["revenue"] for row in rows}
    result = {(end, label): MONTHS[label] for end, label in revenue}
    years = sorted(end for end, label in revenue if label == "FY")
    for before, end in pairwise(years):
        if 80 <= (end - before).days <= 330:
            result[end, "FY"] = round((end - before).days / 30.4)
    for end in years:
        inside = [key for key in revenue if end - timedelta(days=360) < key[0] <= end and key[1] != "FY"]
        if sorted(label for _, label in inside) == ["Q2", "Q4"]:
            total = sum(revenue[key] for key in inside)
            if abs(total - revenue[end, "FY"]) <= 0.01 * revenue[end, "FY"]:
                result |= dict.fromkeys(inside, MONTHS["H1"])
    return result


def _company_of(facts: Told, day: date) -> list[dict[str, Any]]:
    """Return the statements of the company that has the symbol on a day: a hole in bars parts two CIKs."""
    named = sorted((row["date"], row["cik"]) for row in facts.statements if row.get("cik"))
    for (_, old), (first, new) in pairwise(named):
        bars = sorted(each for each in facts.closes if each <= date.fromisoformat(first) + timedelta(days=60))
        holes = [(a, b) for a, b in pairwise(bars) if (b - a).days > _GAP_DAYS]
        if old != new and holes:
            last, start = holes[-1]
            if last < day < start:
                return []
            later = day >= start
            return [row for row in facts.statements if (row["date"] > last.isoformat()) == later]
    return facts.statements


def _plausible(facts: Told, rows: Iterable[Mapping[str, Any]], day: date) -> list[Count]:
    """Return the counts known at a day that earnings, or a checked weighted average, do not contradict."""
    known = [each for each in _contents(facts, rows) if each.known <= day]
    averages = [
        Count("weighted_average", each.end, each.known, each.order, shares, each.end)
        for each in known
        if (shares := each.items.get("weightedAverageShsOut"))
        and _is_within(_by_earnings(each.items) or shares, shares, _OFF)
    ]
    checked = max(averages, key=lambda each: (each.as_of, each.known), default=None)
    others = [
        Count(source, day_of := date.fromisoformat(counted), date.fromisoformat(filed), 0, shares, day_of)
        for source, counted, shares, filed in facts.counts
    ]
    return averages + [
        each for each in others if checked is None or _is_within(each.shares, checked.shares, _FAR_OFF)
    ]


def _by_earnings(items: Mapping[str, Any]) -> float | None:
    eps = items.get("eps")
    return items["netIncome"] / eps if eps and abs(eps) >= _SMALL_EPS else None


def _is_within(a: float, b: float, times: float) -> bool:
    return min(a, b) > 0 and 1 / times < a / b < times
