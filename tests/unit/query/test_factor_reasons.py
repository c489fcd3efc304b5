"""Factors that cannot be computed: just those that use a missing input are NULL, and the reason names it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing, quarters
from tests.unit.query.sample_company import (
    ALL,
    INPUTS,
    KNOWN,
    YEAR_2019,
    causes,
    item_of,
    missing_factors,
    missing_without,
    sample_company,
)

CASES = LakeBuilder()
Row = dict[str, Any]
# The sets follow from the golden's own formulas, which use nothing of the package.
GROWTH = missing_factors(income_before=None)
PRICED = missing_factors(price=None)
OF_CASH_FLOW = missing_factors(cash_flow=None)
OF_INCOME = missing_factors(income=None, income_before=None, cash_flow=None)
OF_SHEET = missing_factors(sheet=None, sheet_before=None)
# Of these, income stands before any other part in the formula.
FIRST_OF_INCOME = OF_INCOME - {"pcf_ratio", "fcf_yield", "dividend_yield"}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """Return the factors of every case of this file, each under its own symbol, and of an unknown symbol."""
    lake = CASES.build(tmp_path_factory.mktemp("reasons"))
    symbols = lake.sql("SELECT DISTINCT symbol FROM financial_statements")["symbol"].to_list()
    return {row["symbol"]: row for row in lake.factors([*symbols, "NOBODY"], KNOWN).to_dicts()}


def of_income(reason: str) -> dict[str, set[str]]:
    """Return the factors by their reason where the income statements are unusable for this one."""
    return {f"ttm: {reason}": FIRST_OF_INCOME, f"cash_flow: {reason}": OF_INCOME - FIRST_OF_INCOME}


# --- one input that is not reported -----------------------------------------------------------------------

OPTIONAL = {"short_term_investments", "preferred_stock", "minority_interest", "preferred_dividends_paid"}
REQUIRED = [name for name in INPUTS if name not in OPTIONAL]
QUARTERS = {"income": 4, "income_before": 4, "cash_flow": 4}


def without(made: LakeBuilder, symbol: str, name: str, component: int) -> None:
    """Add the company with one input left out of one of the quarters of its part, the others as they are."""
    part, field = INPUTS[name]
    values = [item_of(part, field)] * QUARTERS.get(part, 1)
    values[component % len(values)] = ...
    sample_company(made, symbol, **{part: {field: values}})


# A flow is missing when any of its four quarters lacks it: another one for each input.
for _number, _input in enumerate(REQUIRED):
    without(CASES, _input, _input, 3 if _input.startswith("shares") else _number)
for _input in ("shares", "shares_year_before"):
    without(CASES, f"earlier_{_input}", _input, 2)
for _input in OPTIONAL:
    sample_company(CASES, _input, **{INPUTS[_input][0]: {INPUTS[_input][1]: ...}})


@pytest.mark.first_cases(6)
@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_input_takes_its_own_factors_and_is_named(rows: dict[str, Row], name: str) -> None:
    """In one quarter it is missing: the factors that use it are NULL, all others are there."""
    assert causes(rows[name.upper()]) == dict.fromkeys(missing_without([name]), f"{name}: missing")


def test_only_the_newest_quarters_share_count_matters(rows: dict[str, Row]) -> None:
    """Counts are not summed: one missing from an earlier quarter of the year is of no concern."""
    for name in ("earlier_shares", "earlier_shares_year_before"):
        assert rows[name.upper()]["share_growth"] == pytest.approx(-0.2, rel=1e-12)
        assert causes(rows[name.upper()]) == {}


def test_every_factor_has_a_required_input() -> None:
    """Test that each factor is NULL without one of the required inputs."""
    assert set().union(*(missing_without([name]) for name in REQUIRED)) == ALL


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_an_optional_input_takes_no_factor(rows: dict[str, Row], name: str) -> None:
    """Where claims of others, securities or preferred dividends are not reported they count as none."""
    assert causes(rows[name.upper()]) == {}


# --- denominators -----------------------------------------------------------------------------------------

NOT_POSITIVE: dict[str, tuple[dict[str, Any], str]] = {
    "LOSS": ({"income": {"netIncome": -5}}, "net_income"),
    "LOSS_BEFORE": ({"income_before": {"netIncome": -5}}, "net_income_year_before"),
    "IDLE": ({"income": {"revenue": 0}}, "revenue"),
    "NEW": ({"income_before": {"revenue": 0}}, "revenue_year_before"),
    "BURNING": ({"cash_flow": {"operatingCashFlow": -8}}, "operating_cash_flow"),
    "NO_EBITDA": (
        {"income": {"operatingIncome": -2.5}},  # depreciation is 2.5: the sum is zero
        "operating_income + depreciation_and_amortization_cash_flow",
    ),
    "CASH_RICH": (
        {"sheet": {"cashAndCashEquivalents": 600}},
        "total_debt + total_stockholders_equity - cash_and_cash_equivalents",
    ),
    "SUNK": ({"sheet": {"totalStockholdersEquity": -50}}, "total_stockholders_equity"),
    "OWES_LESS": ({"sheet": {"totalCurrentLiabilities": -1}}, "total_current_liabilities"),
}
for _symbol, _case in NOT_POSITIVE.items():
    sample_company(CASES, _symbol, **_case[0])


@pytest.mark.parametrize("symbol", NOT_POSITIVE)
def test_a_ratio_over_nothing_or_less_is_null_and_says_so(rows: dict[str, Row], symbol: str) -> None:
    """Losses have no price to earnings and no growth; the reason names what is not positive."""
    changes, named = NOT_POSITIVE[symbol]
    factors = missing_factors(**changes)
    assert factors
    assert causes(rows[symbol]) == dict.fromkeys(factors, f"{named}: not positive")


# --- statements that are not known ------------------------------------------------------------------------

sample_company(CASES, "PRICELESS", price=None)
sample_company(CASES, "CASHLESS", cash_flow=None)
sample_company(CASES, "YOUNG", income_before=None, sheet_before=None)
sample_company(CASES, "SHEETLESS", sheet=None, sheet_before=None)
sample_company(CASES, "YEARLESS", income=None, income_before=None)
CASES.count("YEARLESS", "cover_page", "2021-01-20", 100, filed="2021-01-28")
sample_company(CASES, "GAP", income=None)
CASES.statements("GAP", "income", [r for r in quarters(revenue=[25] * 4) if r["date"] != YEAR_2020[1]])
CASES.count("GAP", "cover_page", "2021-01-20", 100, filed="2021-01-28")
sample_company(CASES, "LATE_CASH", cash_flow=None)
CASES.statements(
    "LATE_CASH", "cash_flow", quarters(("2019-12-31", *YEAR_2020[:3]), operatingCashFlow=[8] * 4)
)
sample_company(CASES, "GAP_CASH", cash_flow=None)
CASES.statements("GAP_CASH", "cash_flow", quarters(operatingCashFlow=[8] * 4)[1:])
sample_company(CASES, "GAP_BEFORE", income_before=None)
CASES.statements(
    "GAP_BEFORE", "income", [r for r in quarters(YEAR_2019, revenue=[5] * 4) if "06-30" not in r["date"]]
)
sample_company(CASES, "FOREIGN_CASH", cash_flow={"reportedCurrency": "EUR"})
sample_company(CASES, "FOREIGN_BEFORE", income_before={"reportedCurrency": "EUR"})
sample_company(CASES, "FOREIGN_SHEET_BEFORE", sheet_before={"reportedCurrency": "EUR"})
sample_company(CASES, "MIXED_BEFORE", income_before={"reportedCurrency": ["EUR", "USD", "USD", "USD"]})
sample_company(CASES, "YEAR_BEFORE", income_before=None)
CASES.statements(
    "YEAR_BEFORE",
    "income",
    [filing("2019-12-31", "FY", revenue=50, netIncome=40, weightedAverageShsOut=125)],
)

NO_PRICE = "market_cap: no_price_within_limit"
NO_YEAR_BEFORE = "ttm_year_before: no_statement_known"
# By symbol: the factors without each reason.
UNKNOWN: dict[str, dict[str, set[str]]] = {
    "PRICELESS": {NO_PRICE: PRICED},
    "CASHLESS": {"cash_flow: no_statement_known": OF_CASH_FLOW},
    "LATE_CASH": {"cash_flow: of_another_period": OF_CASH_FLOW},
    "GAP_CASH": {"cash_flow: quarter_missing": OF_CASH_FLOW},
    "FOREIGN_CASH": {"cash_flow: currencies_differ": OF_CASH_FLOW},
    "YOUNG": {NO_YEAR_BEFORE: GROWTH, "balance_sheet_year_before: no_statement_known": {"asset_growth"}},
    "SHEETLESS": {"balance_sheet: no_balance_sheet_known": OF_SHEET},
    "YEARLESS": of_income("no_statement_known"),
    "GAP": of_income("quarter_missing"),  # cash flows are given beside the income of their year
    "GAP_BEFORE": {"ttm_year_before: quarter_missing": GROWTH},
    "MIXED_BEFORE": {"ttm_year_before: currencies_differ": GROWTH},
    "FOREIGN_BEFORE": {"currencies_differ": GROWTH - {"share_growth"}},
    "FOREIGN_SHEET_BEFORE": {"currencies_differ": {"asset_growth"}},
    "YEAR_BEFORE": {"shares_year_before: missing": {"share_growth"}},
}


@pytest.mark.parametrize("symbol", UNKNOWN)
def test_a_part_that_is_not_known_is_the_reason_of_its_factors(rows: dict[str, Row], symbol: str) -> None:
    """Each factor names the first of its parts that is not known, and why it is not."""
    expected = {factor: reason for reason, factors in UNKNOWN[symbol].items() for factor in factors}
    assert causes(rows[symbol]) == expected


def test_a_row_has_a_reason_only_if_nothing_could_be_computed(rows: dict[str, Row]) -> None:
    """The reason of the unknown symbol names each part once; other rows explain their factors alone."""
    assert rows["NOBODY"]["reason"] == (
        "market_cap: no_price_within_limit; no_share_count_known; ttm: no_statement_known; "
        "balance_sheet: no_balance_sheet_known"
    )
    assert {row["reason"] for symbol, row in rows.items() if symbol != "NOBODY"} == {None}
