"""Test the trailing years of both samples against the plain computation from the raw records."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from factorlab_lake.lake import Lake
from tests.oracle.samples import statements
from tests.oracle.trailing import trailing

_DAYS = [date(2010, 6, 1) + timedelta(days=17 * number) for number in range(240)]
_ITEMS = {
    "revenue": ("income", "revenue"),
    "net_income": ("income", "netIncome"),
    "operating_cash_flow": ("cash_flow", "operatingCashFlow"),
}


@pytest.mark.parametrize("item", _ITEMS)
@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "GOOGL"])
def test_trailing_years_equal_the_plain_computation(lake_both: Lake, symbol: str, item: str) -> None:
    """Every third week of eleven years has the right sum, or none where a quarter is missing."""
    kind, field = _ITEMS[item]
    answers = lake_both.ttm(symbol, _DAYS)
    expected = [trailing(statements(symbol, kind), field, day).value for day in _DAYS]
    assert sum(value is not None for value in expected) > len(_DAYS) // 4
    wrong = [
        (day, value, right, reason)
        for day, value, reason, right in zip(_DAYS, answers[item], answers["reason"], expected, strict=True)
        if value != right
    ]
    assert wrong == []
