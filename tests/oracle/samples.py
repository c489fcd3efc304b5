"""Read the statements of both sample caches for the oracle, from the raw records."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from tests.oracle.days import MONTHS, NEW_YORK, accepted_at, usable_from
from tests.oracle.trailing import Content
from tests.support import CACHE_2019, CACHE_2021, entries_of

__all__ = ["statements"]

_FOLDERS = {"income": "income_statements", "cash_flow": "cash_flows", "balance": "balance_sheets"}
# Items whose change makes a revision; other fields of a record may be mapped or completed later.
_CORE = {
    "income": ("revenue", "costOfRevenue", "operatingIncome", "incomeBeforeTax", "netIncome"),
    "cash_flow": ("netCashProvidedByOperatingActivities", "operatingCashFlow", "netIncome", "dividendsPaid"),
    "balance": ("totalAssets", "totalCurrentAssets", "totalLiabilities", "totalStockholdersEquity"),
}


@cache
def statements(symbol: str, kind: str) -> list[Content]:
    """Return all contents of one symbol's statements with the day from which each is known."""
    result: list[Content] = []
    last: dict[tuple[str, str], tuple[dict[str, Any], datetime]] = {}
    for order, (fetched, records) in enumerate(_fetches(symbol, kind)):
        for key, record in records.items():
            former = last.get(key)
            if former is None or former[0] != record:
                result.append(_content(record, fetched, former, kind, order))
            last[key] = (record, fetched)
    return result


def _fetches(symbol: str, kind: str) -> list[tuple[datetime, dict[tuple[str, str], dict[str, Any]]]]:
    fetches = []
    for folder in (CACHE_2019, CACHE_2021):
        records: dict[tuple[str, str], dict[str, Any]] = {}
        times = []
        for path, entry in entries_of(folder):
            if path.startswith(f"{_FOLDERS[kind]}/{symbol}_"):
                times.append(datetime.fromtimestamp(entry["_cached_at"], UTC))
                for record in entry["data"]:
                    records.setdefault((record["date"], record["period"]), record)
        if records:
            fetches.append((max(times), records))
    return fetches


def _content(
    record: dict[str, Any],
    fetched: datetime,
    former: tuple[dict[str, Any], datetime] | None,
    kind: str,
    order: int,
) -> Content:
    accepted, filed = accepted_at(record.get("acceptedDate")), record.get("fillingDate")
    known, _ = usable_from(
        end := date.fromisoformat(record["date"]),
        months := MONTHS[record["period"]],
        accepted,
        date.fromisoformat(filed) if filed else None,
        fetched=fetched,
    )
    if former is not None and _is_revised(former[0], record, kind):
        another_filing = former[0]["link"] != record["link"]
        seen_late = accepted is not None and accepted < former[1]
        if not another_filing or seen_late:
            known = max(known, fetched.astimezone(NEW_YORK).date())
    # The vendor writes 0 for a cash flow that it does not have.
    items = record | {name: record.get(name) or None for name in _CORE["cash_flow"]}
    return Content(known, order, end, months, record["period"] in ("Q1", "H1", "9M", "FY"), items)


def _is_revised(before: dict[str, Any], after: dict[str, Any], kind: str) -> bool:
    """Return whether a core item moved: not merely appeared."""
    return any(before.get(item) and after.get(item) and before[item] != after[item] for item in _CORE[kind])
