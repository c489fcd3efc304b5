"""Further inputs of the kinds that INDEX.md lists; tests/oracle/told.py computes their right values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.oracle.told import Told

__all__ = ["FETCHED", "QUESTIONS", "TOLD", "weekdays"]

FETCHED = datetime(2024, 6, 3, 12, tzinfo=UTC)


def weekdays(first: str, last: str, close: float) -> dict[date, float]:
    """Return one close for every weekday."""
    start = date.fromisoformat(first)
    days = (date.fromisoformat(last) - start).days
    all_days = (start + timedelta(days=number) for number in range(days + 1))
    return {day: close for day in all_days if day.weekday() < 5}


def _row(symbol: str, end: str, label: str, revenue: float, **fields: Any) -> dict[str, Any]:
    """Return a statement of so many billions, filed at noon 40 days after its end (a year: 60)."""
    filed = (date.fromisoformat(end) + timedelta(days=60 if label == "FY" else 40)).isoformat()
    row = {
        "date": end, "symbol": symbol, "reportedCurrency": "USD", "cik": "0000777777", "fillingDate": filed,
        "acceptedDate": f"{filed} 12:00:00", "calendarYear": end[:4], "period": label,
        "revenue": revenue * 1e9, "costOfRevenue": revenue * 6e8, "grossProfit": revenue * 4e8,
        "netIncome": revenue * 1e8, "weightedAverageShsOut": 1e9, "eps": revenue / 10,
    }  # fmt: skip
    return row | fields


def _rows(symbol: str, text: str, **fields: Any) -> list[dict[str, Any]]:
    """Return the statements of lines such as ``2023-03-31 Q1 1.5``."""
    lines = [line.split() for line in text.strip().splitlines()]
    return [_row(symbol, end, label, float(revenue), **fields) for end, label, revenue in lines]


_DECEMBER_TO_MARCH = """
2020-12-31 FY 4.0
2021-03-31 Q1 1.0
2021-06-30 Q2 1.1
2021-09-30 Q3 1.2
2021-12-31 FY 4.6
2022-03-31 FY 1.4
2022-06-30 Q1 1.5
2022-09-30 Q2 1.7
"""
_MARCH_TO_DECEMBER = """
2020-06-30 Q1 0.8
2020-09-30 Q2 0.9
2020-12-31 Q3 1.0
2021-03-31 FY 4.0
2021-06-30 Q1 1.1
2021-09-30 Q2 1.4
2021-12-31 FY 4.4
2022-03-31 Q1 2.0
"""
_WEEKS = """
2021-09-25 FY 4.0
2021-12-25 Q1 1.0
2022-03-26 Q2 1.1
2022-06-25 Q3 1.2
2022-09-24 FY 4.6
2022-12-31 Q1 1.6
2023-04-01 Q2 1.5
2023-07-01 Q3 1.7
2023-09-30 FY 6.6
2023-12-30 Q1 1.9
"""
_PERIODS = [
    Told("DECMAR", _rows("DECMAR", _DECEMBER_TO_MARCH)),
    Told("MARDEC", _rows("MARDEC", _MARCH_TO_DECEMBER)),
    Told("WEEKS", _rows("WEEKS", _WEEKS)),
]

_HALVES_AS_QUARTERS = """
2021-06-30 Q2 2.0
2021-12-31 Q4 2.4
2021-12-31 FY 4.4
2022-06-30 Q2 2.6
2022-12-31 Q4 3.0
2022-12-31 FY 5.6
2023-06-30 Q2 2.5
2023-12-31 Q4 3.3
2023-12-31 FY 5.8
"""
_BECAME_QUARTERLY = """
2021-06-30 H1 2.0
2021-12-31 FY 4.4
2022-06-30 H1 2.6
2022-12-31 FY 5.6
2023-03-31 Q1 1.5
2023-06-30 Q2 1.6
2023-09-30 Q3 1.7
2023-12-31 Q4 1.8
2023-12-31 FY 6.6
"""
_HALF_YEARLY = [
    Told("HALFQ", _rows("HALFQ", _HALVES_AS_QUARTERS), weekdays("2022-06-01", "2024-05-31", 20.0)),
    Told("TOQUARTERS", _rows("TOQUARTERS", _BECAME_QUARTERLY), weekdays("2022-06-01", "2024-05-31", 30.0)),
]


_FIRST_COMPANY = """
2021-03-31 Q1 10
2021-06-30 Q2 11
2021-09-30 Q3 12
2021-12-31 Q4 13
2022-03-31 Q1 14
"""
_NEXT_COMPANY = """
2022-06-30 Q2 1
2022-09-30 Q3 2
2022-12-31 Q4 3
2023-03-31 Q1 4
"""


def _two_companies(symbol: str, ciks: tuple[str, str], shares: tuple[float, float]) -> list[dict[str, Any]]:
    """Return five quarters of one company from 10 bn on, and four of the next from 1 bn on."""
    old = _rows(symbol, _FIRST_COMPANY, cik=ciks[0])
    new = _rows(symbol, _NEXT_COMPANY, cik=ciks[1])
    for rows, count in ((old, shares[0]), (new, shares[1])):
        for row in rows:
            row |= {"weightedAverageShsOut": count, "eps": row["netIncome"] / count}
    new[1]["cik"] = None  # belongs to the company that has the symbol then
    return old + new


_HOLE = weekdays("2022-01-03", "2022-05-20", 30.0) | weekdays("2022-07-05", "2023-06-30", 12.0)
_COMPANIES = [
    Told("REUSED", _two_companies("REUSED", ("0000000111", "0000000222"), (1e9, 5e7)), _HOLE),
    Told(
        "SUCCEEDED",
        _two_companies("SUCCEEDED", ("0000000333", "0000000444"), (1e9, 1e9)),
        weekdays("2022-01-03", "2023-06-30", 30.0),
    ),
]

_YEAR = "2023-06-30 Q2 1\n2023-09-30 Q3 1\n2023-12-31 Q4 1\n2024-03-31 Q1 1"
_SPRING = ("2024-01-02", "2024-05-31")


def _in_thousands(symbol: str, ends: Iterable[str]) -> list[dict[str, Any]]:
    rows = _rows(symbol, _YEAR)
    return [row | {"weightedAverageShsOut": 1e6} if row["date"] in ends else row for row in rows]


_EVERY_END = ("2023-06-30", "2023-09-30", "2023-12-31", "2024-03-31")
_COUNTS = [
    Told(
        "PLACEHOLDER", _rows("PLACEHOLDER", _YEAR), weekdays(*_SPRING, 50.0),
        [("cover_page", "2024-04-25", 100.0, "2024-05-02")],
    ),
    Told(
        "THOUSANDS", _in_thousands("THOUSANDS", _EVERY_END[-1:]), weekdays(*_SPRING, 50.0),
        [("cover_page", "2024-04-25", 1.01e9, "2024-05-02")],
    ),
    Told("ALLWRONG", _in_thousands("ALLWRONG", _EVERY_END), weekdays(*_SPRING, 50.0)),
]  # fmt: skip

_UNITS = [
    Told(
        "NPN.JO", _rows("NPN.JO", _YEAR, reportedCurrency="ZAR"), weekdays(*_SPRING, 350_000.0),
        profile={"currency": "ZAc", "is_adr": False},
    ),
    Told(
        "POLI.TA", _rows("POLI.TA", _YEAR, reportedCurrency="ILS"), weekdays(*_SPRING, 3_300.0),
        profile={"currency": "ILA", "is_adr": False},
    ),
    Told(
        "BABA", _rows("BABA", _YEAR, reportedCurrency="CNY"), weekdays(*_SPRING, 80.0),
        profile={"currency": "USD", "is_adr": True, "shares_per_receipt": 8.0},
    ),
    Told(
        "AZN", _rows("AZN", _YEAR), weekdays(*_SPRING, 70.0),
        profile={"currency": "USD", "is_adr": True, "shares_per_receipt": 0.5},
    ),
]  # fmt: skip

_MARGINS = [
    Told(  # one quarter of the four says nothing of its costs
        "ONEZERO",
        [
            row | ({"grossProfit": 0, "costOfRevenue": 0} if row["period"] == "Q3" else {})
            for row in _rows("ONEZERO", _YEAR)
        ],
    ),
    Told(  # a trader that earns nothing on its goods has a gross profit of zero
        "TRUEZERO",
        [row | {"grossProfit": 0, "costOfRevenue": row["revenue"]} for row in _rows("TRUEZERO", _YEAR)],
    ),
    Told(
        "YEARZERO",
        _rows("YEARZERO", "2022-12-31 FY 4\n2023-12-31 FY 5", grossProfit=0.0, costOfRevenue=0.0),
    ),
]

TOLD = {
    facts.symbol: facts for facts in (*_PERIODS, *_HALF_YEARLY, *_COMPANIES, *_COUNTS, *_UNITS, *_MARGINS)
}


def _questions(kind: str, symbol: str, question: str, *days: str) -> list[tuple[str, str, str, str]]:
    return [(kind, symbol, question, day) for day in days]


QUESTIONS = [
    *_questions("06", "DECMAR", "ttm", "2022-03-15", "2022-06-15", "2022-08-31", "2022-11-15"),
    *_questions("06", "MARDEC", "ttm", "2021-06-15", "2021-08-31", "2021-12-01", "2022-03-15", "2022-06-01"),
    *_questions("06", "WEEKS", "ttm", "2022-12-01", "2023-02-15", "2023-09-01", "2023-12-05", "2024-02-15"),
    *_questions("20", "HALFQ", "ttm", "2022-09-01", "2023-03-15", "2023-08-31", "2024-03-15"),
    *_questions("20", "HALFQ", "market_caps", "2023-01-31", "2023-08-01", "2024-02-20"),
    *_questions("20", "TOQUARTERS", "ttm", "2022-08-31", "2023-03-15", "2023-11-30", "2024-03-15"),
    *_questions("20", "TOQUARTERS", "market_caps", "2023-01-31", "2023-05-20", "2024-02-20"),
    *_questions("09", "REUSED", "market_caps", "2022-05-18", "2022-06-15", "2022-07-15", "2022-08-31"),
    *_questions("09", "REUSED", "ttm", "2022-05-18", "2022-12-01", "2023-05-31"),
    *_questions("09", "SUCCEEDED", "market_caps", "2022-05-18", "2022-07-15", "2022-08-31"),
    *_questions("09", "SUCCEEDED", "ttm", "2022-05-18", "2022-12-01", "2023-05-31"),
    *_questions("10", "PLACEHOLDER", "market_caps", "2024-04-30", "2024-05-31"),
    *_questions("10", "THOUSANDS", "market_caps", "2024-04-30", "2024-05-31"),
    *_questions("10", "ALLWRONG", "market_caps", "2024-05-31"),
    *_questions("19", "NPN.JO", "market_caps", "2024-05-31"),
    *_questions("19", "POLI.TA", "market_caps", "2024-05-31"),
    *_questions("19", "BABA", "market_caps", "2024-05-31"),
    *_questions("19", "AZN", "market_caps", "2024-05-31"),
    *_questions("28", "ONEZERO", "factors", "2024-05-31"),
    *_questions("28", "TRUEZERO", "factors", "2024-05-31"),
    *_questions("28", "YEARZERO", "factors", "2024-03-15"),
]
