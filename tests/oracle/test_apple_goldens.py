"""Test Apple's quarters and trailing years against figures that follow from its filings by hand (million)."""

from __future__ import annotations

from datetime import date

import pytest

from tests.oracle import apple
from tests.oracle.trailing import quarter, trailing

# Fiscal 2009 was 36,537, less nine months of 26,667. The 10-K/A of 2010-01-25 made the year 42,905, and the
# 10-Q of 2010-07-21 the nine months 30,698: 42,905 - 26,667 = 16,238 would mix both.
# Half of fiscal 2017 had 39,579 of operating cash flow and its first quarter 27,056; a year later the reports
# restated them as 39,804 and 27,234.
QUARTERS = [
    ("income", "revenue", "2009-09-26", "2010-01-26", 9_870.0),
    ("income", "revenue", "2009-09-26", "2010-07-22", 12_207.0),
    ("income", "revenue", "2008-09-27", "2010-07-22", 7_895.0),
    ("cash_flow", "operating_cash_flow", "2017-04-01", "2017-08-31", 12_523.0),
    ("cash_flow", "operating_cash_flow", "2017-04-01", "2018-05-31", 12_570.0),
]
YEARS = [
    ("income", "revenue", "2010-04-22", 51_123.0),
    ("income", "revenue", "2010-07-22", 57_089.0),
    ("cash_flow", "operating_cash_flow", "2018-02-02", 64_835.0),
    ("cash_flow", "operating_cash_flow", "2018-05-03", 67_442.0),
    ("cash_flow", "operating_cash_flow", "2018-08-02", 73_567.0),
]


@pytest.mark.parametrize(("statement", "item", "end", "day", "expected"), QUARTERS)
def test_quarters_are_on_one_basis(statement: str, item: str, end: str, day: str, expected: float) -> None:
    """The plain computation gives the figures by hand."""
    value = quarter(apple.statements(statement), item, date.fromisoformat(end), date.fromisoformat(day))
    assert value == expected * 1e6


@pytest.mark.parametrize(("statement", "item", "day", "expected"), YEARS)
def test_trailing_years_are_on_one_basis(statement: str, item: str, day: str, expected: float) -> None:
    """The plain computation gives the figures by hand."""
    assert trailing(apple.statements(statement), item, date.fromisoformat(day)).value == expected * 1e6
