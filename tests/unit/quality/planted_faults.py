"""Write rows with planted faults, and correct rows that look like them, past the checks of ingest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.storage.transaction import Transaction
from tests.support import FETCHED, table_rows, writing

Row = dict[str, Any]
DAYS = [d for d in (date(2020, 1, 6) + timedelta(days=n) for n in range(84)) if d.weekday() < 5]
QUARTERS = [date(y, m, d) for y in (2018, 2019) for m, d in ((3, 31), (6, 30), (9, 30), (12, 31))]
_PROVENANCE = {"fetched_at": FETCHED, "recorded_at": FETCHED, "source_provider": "made", "fetch_id": "made"}


def bars(
    symbol: str, change: Callable[[int, Row], Row | None] = lambda _, bar: bar, *, days: Iterable[date] = DAYS
) -> list[Row]:
    """Return bars that rise and fall a little, different per symbol. ``change`` changes or drops some."""
    own = sum(map(ord, symbol)) % 97 / 50
    made = []
    for i, day in enumerate(days):
        close = 100 + own + i * 7 % 11 / 10
        row = {
            "symbol": symbol,
            "date": day,
            "year": day.year,
            "open_price": close - 0.1,
            "high_price": close + 0.3,
            "low_price": close - 0.3,
            "close_price": close,
            "volume": 1000.0 + i + own,
            "split_basis_date": date(2021, 3, 31),
            **_PROVENANCE,
        }
        made.append(change(i, row))
    return [row for row in made if row is not None]


def scaled(row: Row, factor: float, **more: Any) -> Row:
    """Return a bar with all its prices times a factor."""
    prices = {n: factor * row[n] for n in ("open_price", "high_price", "low_price", "close_price")}
    return row | prices | more


def statements(
    kind: str,
    symbol: str,
    change: Callable[[int, Row], Row | None] = lambda _, row: row,
    *,
    ends: Iterable[date] = QUARTERS,
    period: str = "",
) -> list[Row]:
    """Return correct statements of a type, one per period end. ``change`` changes or drops some."""
    made = [change(i, _statement(kind, symbol, i, end, period)) for i, end in enumerate(ends)]
    return [row for row in made if row is not None]


def _statement(kind: str, symbol: str, i: int, end: date, period: str) -> Row:
    income = 1e8 + i * 1e6
    figures = {
        "income": {
            "revenue": 1e9 + i * 1e7,
            "net_income": income,
            "weighted_average_shares_outstanding": 1e8,
            "eps": income / 1e8,
        },
        "balance_sheet": {
            "total_assets": 2e9 + i * 1e7,
            "total_liabilities": 1.2e9 + i * 1e7,
            "total_equity": 8e8,
            "cash_and_cash_equivalents": 1e8,
        },
        "cash_flow": {
            "net_cash_provided_by_operating_activities": 2e8 + i * 1e6,
            "capital_expenditure": -1e7,
        },
    }
    filed = end + timedelta(days=40)
    return {
        "symbol": symbol,
        "fiscal_date": end,
        "fiscal_period": period or f"Q{(end.month + 2) // 3}",
        "version": 1,
        "change_kind": "original",
        "fiscal_year": end.year,
        "reported_currency": "USD",
        "filing_date": filed,
        "accepted_at": datetime(filed.year, filed.month, filed.day, 18, tzinfo=UTC),
        "accepted_date": filed,
        "available_date": filed,
        "availability_basis": "accepted",
        "split_basis_date": date(2021, 3, 31),
        **figures[kind],
        **_PROVENANCE,
    }


def plant(lake: Lake, rows: dict[str, list[Row]]) -> Lake:
    """Write rows into tables unchanged, past every check of ingest."""
    with writing(lake) as tx:
        _append(tx, rows)
    return lake.refresh()


def _append(tx: Transaction, rows: dict[str, list[Row]]) -> None:
    for table, new_rows in rows.items():
        defaults = {c.name: c.default for c in TABLES[table].columns if c.default is not None}
        tx.append(table, table_rows(table, [defaults | row for row in new_rows]))
