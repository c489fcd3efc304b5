"""Small lakes made to order: each case is a symbol of its own, all cases of a test file share one lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.support import FETCHED, Entry, bar, migrate

__all__ = ["YEAR_2020", "LakeBuilder", "filing", "one", "quarters"]

YEAR_2020 = ("2020-03-31", "2020-06-30", "2020-09-30", "2020-12-31")


def filing(end: str, period: str = "Q4", *, filed: str | None = None, **items: Any) -> dict[str, Any]:
    """Return a statement under v3 names, known at the close of the day ``filed`` (30 days after its end).

    ``filed`` may also be a New York time (``2021-01-27 18:03:06``). Items given as ``...`` are left out,
    those of the frame too (``acceptedDate=...``).
    """
    day = filed or (date.fromisoformat(end) + timedelta(days=30)).isoformat()
    frame = {
        "date": end,
        "reportedCurrency": "USD",
        "fillingDate": day[:10],
        "acceptedDate": day if " " in day else f"{day} 08:00:00",
        "calendarYear": end[:4],
        "period": period,
    }
    return {name: value for name, value in (frame | items).items() if value is not ...}


def quarters(ends: Iterable[str] = YEAR_2020, **items: Iterable[Any]) -> list[dict[str, Any]]:
    """Return a filing for each quarter end; items list their values in the same order, ``...`` for none."""
    ends = list(ends)
    columns = [dict(zip(items, values, strict=True)) for values in zip(*items.values(), strict=True)]
    rows = columns or [{} for _ in ends]
    labels = (f"Q{number % 4 + 1}" for number in range(len(ends)))
    return [filing(end, label, **row) for end, label, row in zip(ends, labels, rows, strict=True)]


def one(lake: Lake, question: str, symbol: str, day: str) -> dict[str, Any]:
    """Return the one row that answers a question about one symbol and day."""
    [row] = getattr(lake, question)(symbol, day).to_dicts()
    return dict(row)


class LakeBuilder:
    """Collects what the lake of a test file shall hold; :meth:`build` makes it."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._loads: dict[str, list[dict[str, Any]]] = {}

    def statements(
        self, symbol: str, dataset: str, records: Iterable[Mapping[str, Any]], *, fetched: datetime = FETCHED
    ) -> None:
        """Add statements (``income``, ``balance_sheet``, ``cash_flow``) served together at ``fetched``."""
        data = [dict(record) | {"symbol": symbol} for record in records]
        limit = 20 + sum(entry.symbol == symbol for entry in self._entries)  # a file of its own
        self._entries.append(Entry(symbol, dataset, data, cached_at=fetched, limit=limit))

    def shares(self, symbol: str, end: str, shares: float, period: str = "Q4", **fields: Any) -> None:
        """Add an income statement that matters for its weighted average share count."""
        record = filing(end, period, weightedAverageShsOut=shares, revenue=1000, **fields)
        self.statements(symbol, "income", [record])

    def closes(self, symbol: str, closes: Mapping[str, float], *, fetched: datetime = FETCHED) -> None:
        """Add closes that count every split up to the day they were served."""
        data = [bar(day, close) for day, close in sorted(closes.items(), reverse=True)]
        self._entries.append(Entry(symbol, "price", data, cached_at=fetched))

    def traded(self, symbol: str, closes: Mapping[str, float]) -> None:
        """Add closes as traded on their days."""
        for day, close in closes.items():
            at = date.fromisoformat(day)
            self.row("price_data", symbol=symbol, date=at, close_price=close, split_basis_date=at)

    def split(
        self, symbol: str, ex_date: str, numerator: int, denominator: int, kind: str | None = None
    ) -> None:
        """Add a split; without a kind the share counts decide what it changes."""
        self.row(
            "splits",
            symbol=symbol,
            date=date.fromisoformat(ex_date),
            numerator=numerator,
            denominator=denominator,
            kind=kind,
        )

    def count(self, symbol: str, source: str, counted: str, shares: float, *, filed: str) -> None:
        """Add a share count as the SEC has it: known, and on the split basis of, the day it was filed."""
        at = date.fromisoformat(filed)
        self.row(
            "shares_outstanding",
            symbol=symbol,
            source=source,
            as_of_date=date.fromisoformat(counted),
            shares=shares,
            accepted_at=datetime.combine(at, time(15), tzinfo=UTC),
            available_date=at,
            split_basis_date=at,
        )

    def add(self, other: LakeBuilder, *, prefix: str) -> None:
        """Add all that another collects, each symbol with something before it, in capitals."""
        for entry in other._entries:
            symbol = prefix.upper() + entry.symbol
            data = [row | {"symbol": symbol} if "symbol" in row else row for row in entry.data]
            self._entries.append(replace(entry, symbol=symbol, data=data))
        for table, rows in other._loads.items():
            for row in rows:
                self.row(table, **row | {"symbol": prefix.upper() + row["symbol"]})

    def row(self, table: str, **values: Any) -> None:
        """Add a row of a table that can be loaded."""
        self._loads.setdefault(table, []).append(values)

    def build(self, place: Path) -> Lake:
        """Make the lake; every record must land."""
        return self.add_to(fl.open(place / "lake"), place)

    def add_to(self, lake: Lake, place: Path) -> Lake:
        """Add everything to a lake from files written below ``place``; every record must land."""
        if self._entries:
            report = migrate(lake, place, *self._entries)
            assert (report.rejected, report.faults) == (0, []), report
        for table, rows in self._loads.items():
            columns = dict.fromkeys(name for row in rows for name in row)
            lake.load(table, pl.DataFrame([{name: row.get(name) for name in columns} for row in rows]))
        return lake
