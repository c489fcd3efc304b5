"""Test the field cases about the lengths of periods, and differences of Apple's filings on one basis."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.field_cases.given import INPUTS, one
from tests.sec_rows import land_sec

QUARTERLY = "TRNS_income_statement_quarterly_limit20_v1.0.json"
# Million, by hand from Apple's filings. Fiscal 2009 was 36,537, less nine months of 26,667. The 10-K/A of
# 2010-01-25 made the year 42,905, and the 10-Q of 2010-07-21 the nine months 30,698.
QUARTERS = [
    ("2009-09-26", "2010-01-25", 36_537 - 26_667),
    ("2009-09-26", "2010-01-26", 9_870),
    ("2009-09-26", "2010-07-21", 9_870),
    ("2009-09-26", "2010-07-22", 42_905 - 30_698),
    ("2008-09-27", "2009-10-28", 7_895),
    ("2008-09-27", "2010-07-22", 7_895),
]
# The first quarter of fiscal 2010 came with that of 2009 as restated. The four quarters up to it are
# 9,084, 9,734, 12,207 and 15,683. Apple restated the first quarter of fiscal 2017 on 2018-02-02.
YEARS = [
    ("revenue", "2010-01-26", 9_084 + 9_734 + 12_207 + 15_683),
    ("revenue", "2010-04-22", 51_123),
    ("revenue", "2010-07-22", 57_089),
    ("operating_cash_flow", "2018-02-02", 63_598 + 28_293 - 27_056),
    ("operating_cash_flow", "2018-05-03", 63_598 + 43_423 - 39_579),
    ("operating_cash_flow", "2018-08-02", 73_567),
]
CASH_QUARTERS = [
    ("2018-02-01", 12_523),
    ("2018-02-02", 12_523),
    ("2018-05-02", 12_523),
    ("2018-05-03", 12_570),
]


@pytest.fixture(scope="module")
def apple_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of Apple's statements as filed."""
    lake = fl.open(tmp_path_factory.mktemp("apple") / "lake")
    land_sec(lake, shares=False)
    return lake


def test_06_six_months_labelled_as_a_year_are_six_months(lake: Lake) -> None:
    """The trailing year is four quarters of 1 bn; the last quarter is the six months less the first three."""
    lake.migrate(INPUTS / "06_transition_year")
    answer = one(lake.ttm("TRNS", "2023-04-28"))
    assert (answer["revenue"], answer["reason"]) == (4e9, None)
    last = one(lake.quarters("TRNS", start="2022-12-31", end="2022-12-31"))
    assert last["revenue"] == 1e9


def test_06_six_months_without_quarters_are_no_year(lake: Lake, tmp_path: Path) -> None:
    """Without the quarterly file there is a year up to June, and no twelve months up to December."""
    shutil.copytree(INPUTS / "06_transition_year", tmp_path / "years", ignore=lambda *_: {QUARTERLY})
    lake.migrate(tmp_path / "years")
    assert one(lake.ttm("TRNS", "2022-10-28"))["revenue"] == 4e9
    answer = one(lake.ttm("TRNS", "2023-04-28"))
    assert (answer["revenue"], answer["reason"]) == (None, "quarter_missing")


def test_20_a_half_yearly_reporter_has_trailing_years_between_its_years(lake: Lake) -> None:
    """FY2022 less H1 2022 and H1 2023; the half stays fresh until the report of the year is due."""
    lake.migrate(INPUTS / "20_half_yearly")
    answer = one(lake.ttm("RIO.L", "2023-08-31"))
    assert (answer["revenue"], answer["reason"]) == (55.6e9 - 29.8e9 + 26.7e9, None)
    assert one(lake.ttm("RIO.L", "2024-02-21"))["reason"] is None
    assert one(lake.ttm("RIO.L", "2024-02-22"))["revenue"] == 54e9  # London's filings count from the next day


@pytest.mark.parametrize(("end", "day", "expected"), QUARTERS)
def test_derived_quarters_are_on_one_basis(apple_lake: Lake, end: str, day: str, expected: int) -> None:
    """A restated year less nine months as filed is no quarter: 42,905 less 26,667 would be 16,238."""
    answer = one(apple_lake.quarters("AAPL", start=end, end=end, as_of=day))
    assert answer["revenue"] == expected * 1e6


@pytest.mark.parametrize(("day", "expected"), CASH_QUARTERS)
def test_derived_cash_flows_are_on_one_basis(apple_lake: Lake, day: str, expected: int) -> None:
    """Apple's second quarter of 2017: 39,579 less 27,234 would be 12,345, which no filing supports."""
    answer = one(apple_lake.quarters("AAPL", start="2017-04-01", end="2017-04-01", as_of=day))
    assert answer["operating_cash_flow"] == expected * 1e6


@pytest.mark.parametrize(("item", "day", "expected"), YEARS)
def test_trailing_years_are_on_one_basis(apple_lake: Lake, item: str, day: str, expected: int) -> None:
    """A year less its first months takes both as filed, or both as restated."""
    assert one(apple_lake.ttm("AAPL", day))[item] == expected * 1e6


def test_apple_has_a_trailing_year_from_its_first_full_year_on(apple_lake: Lake) -> None:
    """No day of 2010-2025 is without one: each first quarter, half and nine months joins the year before."""
    answers = apple_lake.ttm("AAPL", start=date(2010, 1, 1), end=date(2025, 12, 31), freq="W")
    assert answers["reason"].null_count() == answers.height
    assert answers["revenue"].null_count() == 0
