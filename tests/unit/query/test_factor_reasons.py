"""Factors that cannot be computed: just those that use a missing input are NULL, and the reason names it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing, quarters
from tests.unit.query.sample_company import ALL, KNOWN, YEAR_2019, item_of, sample_company

CASES = LakeBuilder()
Row = dict[str, Any]
GROWTH = {"revenue_growth_yoy", "earnings_growth_yoy", "share_growth"}
PRICED = {
    "pe_ratio", "pb_ratio", "ps_ratio", "pcf_ratio", "ev_to_ebitda",
    "earnings_yield", "book_to_market", "fcf_yield", "dividend_yield",
}  # fmt: skip
OF_CASH_FLOW = {"pcf_ratio", "ev_to_ebitda", "fcf_yield", "dividend_yield", "accruals"}
OF_INCOME = {
    "pe_ratio", "ps_ratio", "earnings_yield", "roe", "roa", "roic", "gross_margin", "operating_margin",
    "net_margin", "asset_turnover", *GROWTH, *OF_CASH_FLOW,
}  # fmt: skip
OF_SHEET = {
    "pb_ratio", "ev_to_ebitda", "book_to_market", "roe", "roa", "roic", "debt_to_equity", "current_ratio",
    "asset_turnover", "accruals", "asset_growth",
}  # fmt: skip


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """Return the factors of every case of this file, each under its own symbol, and of an unknown symbol."""
    lake = CASES.build(tmp_path_factory.mktemp("reasons"))
    symbols = lake.sql("SELECT DISTINCT symbol FROM financial_statements")["symbol"].to_list()
    return {row["symbol"]: row for row in lake.factors([*symbols, "NOBODY"], KNOWN).to_dicts()}


def nothing(row: Row) -> set[str]:
    """Return the factors that are NULL."""
    return {name for name in ALL if row[name] is None}


# --- one input that is not reported -----------------------------------------------------------------------

# By the name of the input: its part, the vendor's name, and the factors that cannot do without it.
REQUIRED: dict[str, tuple[str, str, set[str]]] = {
    "revenue": (
        "income",
        "revenue",
        {
            "ps_ratio",
            "gross_margin",
            "operating_margin",
            "net_margin",
            "asset_turnover",
            "revenue_growth_yoy",
        },
    ),
    "gross_profit": ("income", "grossProfit", {"gross_margin"}),
    "operating_income": ("income", "operatingIncome", {"operating_margin", "roic", "ev_to_ebitda"}),
    "income_before_tax": ("income", "incomeBeforeTax", {"roic"}),
    "income_tax_expense": ("income", "incomeTaxExpense", {"roic"}),
    "net_income": (
        "income",
        "netIncome",
        {"pe_ratio", "earnings_yield", "roe", "roa", "net_margin", "earnings_growth_yoy", "accruals"},
    ),
    "shares": ("income", "weightedAverageShsOut", {"share_growth"}),
    "operating_cash_flow": ("cash_flow", "operatingCashFlow", {"pcf_ratio", "accruals"}),
    "free_cash_flow": ("cash_flow", "freeCashFlow", {"fcf_yield"}),
    "depreciation_and_amortization_cash_flow": (
        "cash_flow",
        "depreciationAndAmortization",
        {"ev_to_ebitda"},
    ),
    "dividends_paid": ("cash_flow", "dividendsPaid", {"dividend_yield"}),
    "total_stockholders_equity": (
        "sheet",
        "totalStockholdersEquity",
        {"pb_ratio", "book_to_market", "roe", "roic", "debt_to_equity"},
    ),
    "total_assets": ("sheet", "totalAssets", {"roa", "asset_turnover", "accruals", "asset_growth"}),
    "total_debt": ("sheet", "totalDebt", {"ev_to_ebitda", "roic", "debt_to_equity"}),
    "cash_and_cash_equivalents": ("sheet", "cashAndCashEquivalents", {"ev_to_ebitda", "roic"}),
    "total_current_assets": ("sheet", "totalCurrentAssets", {"current_ratio"}),
    "total_current_liabilities": ("sheet", "totalCurrentLiabilities", {"current_ratio"}),
    "revenue_year_before": ("income_before", "revenue", {"revenue_growth_yoy"}),
    "net_income_year_before": ("income_before", "netIncome", {"earnings_growth_yoy"}),
    "shares_year_before": ("income_before", "weightedAverageShsOut", {"share_growth"}),
    "total_assets_year_before": ("sheet_before", "totalAssets", {"asset_growth"}),
}
OPTIONAL = {
    "short_term_investments": ("sheet", "shortTermInvestments"),
    "preferred_stock": ("sheet", "preferredStock"),
    "minority_interest": ("sheet", "minorityInterest"),
    "preferred_dividends_paid": ("cash_flow", "preferredDividendsPaid"),
}
QUARTERS = {"income": 4, "income_before": 4, "cash_flow": 4}


def without(made: LakeBuilder, symbol: str, name: str, component: int) -> None:
    """Add the company with one input left out of one of the quarters of its part, the others as they are."""
    part, field, _ = REQUIRED[name]
    values = [item_of(part, field)] * QUARTERS.get(part, 1)
    values[component % len(values)] = ...
    sample_company(made, symbol, **{part: {field: values}})


# A flow is missing when any of its four quarters lacks it: another one for each input.
for _number, _input in enumerate(REQUIRED):
    without(CASES, _input, _input, 3 if _input.startswith("shares") else _number)
for _input in ("shares", "shares_year_before"):
    without(CASES, f"earlier_{_input}", _input, 2)
for _input, (_part, _field) in OPTIONAL.items():
    sample_company(CASES, _input, **{_part: {_field: ...}})


@pytest.mark.first_cases(6)
@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_input_takes_its_own_factors_and_is_named(rows: dict[str, Row], name: str) -> None:
    """In one quarter it is missing: the factors that use it are NULL, all others are there."""
    row = rows[name]
    assert (nothing(row), row["reason"]) == (REQUIRED[name][2], f"{name}: missing")


def test_only_the_newest_quarters_share_count_matters(rows: dict[str, Row]) -> None:
    """Counts are not summed: one missing from an earlier quarter of the year is of no concern."""
    for name in ("earlier_shares", "earlier_shares_year_before"):
        assert (rows[name]["share_growth"], rows[name]["reason"]) == (pytest.approx(-0.2, rel=1e-12), None)


def test_every_factor_has_a_required_input_in_the_table() -> None:
    """The table above leaves no factor out."""
    assert set().union(*(factors for _, _, factors in REQUIRED.values())) == ALL


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_input_takes_no_factor(rows: dict[str, Row], name: str) -> None:
    """Where claims of others, securities or preferred dividends are not reported they count as none."""
    row = rows[name]
    assert (nothing(row), row["reason"]) == (set(), None)


# --- denominators -----------------------------------------------------------------------------------------

NOT_POSITIVE: dict[str, tuple[dict[str, Any], set[str], str]] = {
    "LOSS": ({"income": {"netIncome": -5}}, {"pe_ratio"}, "net_income"),
    "LOSS_BEFORE": (
        {"income_before": {"netIncome": -5}},
        {"earnings_growth_yoy"},
        "net_income_year_before",
    ),
    "IDLE": (
        {"income": {"revenue": 0}},
        {"ps_ratio", "gross_margin", "operating_margin", "net_margin"},
        "revenue",
    ),
    "NEW": ({"income_before": {"revenue": 0}}, {"revenue_growth_yoy"}, "revenue_year_before"),
    "BURNING": ({"cash_flow": {"operatingCashFlow": -8}}, {"pcf_ratio"}, "operating_cash_flow"),
    "NO_EBITDA": (
        {"income": {"operatingIncome": -2.5}},  # what depreciation brings, so that nothing is left
        {"ev_to_ebitda"},
        "operating_income + depreciation_and_amortization_cash_flow",
    ),
    "CASH_RICH": (
        {"sheet": {"cashAndCashEquivalents": 600}},
        {"roic"},
        "total_debt + total_stockholders_equity - cash_and_cash_equivalents",
    ),
    "SUNK": (
        {"sheet": {"totalStockholdersEquity": -50}},
        {"pb_ratio", "roe", "debt_to_equity"},
        "total_stockholders_equity",
    ),
    "OWES_LESS": (
        {"sheet": {"totalCurrentLiabilities": -1}},
        {"current_ratio"},
        "total_current_liabilities",
    ),
}
for _symbol, _case in NOT_POSITIVE.items():
    sample_company(CASES, _symbol, **_case[0])


@pytest.mark.parametrize("symbol", NOT_POSITIVE)
def test_a_ratio_over_nothing_or_less_is_null_and_says_so(rows: dict[str, Row], symbol: str) -> None:
    """Losses have no price to earnings and no growth; the reason names what is not positive."""
    _, factors, named = NOT_POSITIVE[symbol]
    row = rows[symbol]
    assert (nothing(row), row["reason"]) == (factors, f"{named}: not positive")


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

UNKNOWN: dict[str, tuple[set[str], str]] = {
    "PRICELESS": (PRICED, "market_cap: no_price_within_limit"),
    "CASHLESS": (OF_CASH_FLOW, "cash_flow: no_statement_known"),
    "LATE_CASH": (OF_CASH_FLOW, "cash_flow: of_another_period"),
    "GAP_CASH": (OF_CASH_FLOW, "cash_flow: quarter_missing"),
    "FOREIGN_CASH": (OF_CASH_FLOW, "cash_flow: currencies_differ"),
    "YOUNG": (
        GROWTH | {"asset_growth"},
        "ttm_year_before: no_statement_known; balance_sheet_year_before: no_statement_known",
    ),
    "SHEETLESS": (OF_SHEET, "balance_sheet: no_balance_sheet_known"),
    "YEARLESS": (OF_INCOME, "ttm: no_statement_known"),
    "GAP": (OF_INCOME, "ttm: quarter_missing"),  # cash flows are given beside the income of their year
    "GAP_BEFORE": (GROWTH, "ttm_year_before: quarter_missing"),
    "MIXED_BEFORE": (GROWTH, "ttm_year_before: currencies_differ"),
    "FOREIGN_BEFORE": (GROWTH - {"share_growth"}, "currencies_differ"),
    "FOREIGN_SHEET_BEFORE": ({"asset_growth"}, "currencies_differ"),
    "YEAR_BEFORE": ({"share_growth"}, "shares_year_before: missing"),
    "NOBODY": (
        set(ALL),
        (
            "market_cap: no_price_within_limit; no_share_count_known; ttm: no_statement_known; "
            "balance_sheet: no_balance_sheet_known"
        ),
    ),
}


@pytest.mark.parametrize("symbol", UNKNOWN)
def test_a_part_that_is_not_known_takes_its_factors_with_one_reason(
    rows: dict[str, Row], symbol: str
) -> None:
    """Cash flows, balances and the year before are each said once, not again for every item in them."""
    factors, reason = UNKNOWN[symbol]
    row = rows[symbol]
    assert (nothing(row), row["reason"]) == (factors, reason)
