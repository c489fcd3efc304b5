"""Test the field case about the spelling of symbols."""

from __future__ import annotations

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.field_cases.given import one, records, served
from tests.support import bar, income

_ANSWERS = {
    "historical-price-full": {"symbol": "AAPL", "historical": [bar("2021-03-30"), bar("2021-03-31")]},
    "income-statement": [income()],
}


def test_25_bars_and_statements_are_of_one_symbol(lake: Lake) -> None:
    """v3 bars carry no symbol, statements carry AAPL: one spelling holds both, or the fetch is refused."""
    case = records("25_lower_case_v3.json")
    vendor = served(_ANSWERS, api_generation=case["FMP_API_GENERATION"])
    symbol = case["command"].rsplit(" ", 1)[1]
    try:
        lake.fetch(vendor, [symbol], kinds=["prices", "statements"])
    except InvalidInput as refused:
        assert "AAPL" in str(refused)  # noqa: PT017  # either answer is right
        return
    named = lake.sql("SELECT symbol FROM price_data UNION SELECT symbol FROM income_statements")
    assert named["symbol"].to_list() == ["AAPL"]
    cap = one(lake.market_caps("AAPL", "2021-03-31"))
    assert cap["market_cap"] == pytest.approx(100.0 * 17_057_624_000)
