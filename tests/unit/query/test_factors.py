"""Test factors: ratios as known at each date equal figures that were computed by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.lake import Lake
from tests.unit.query.golden.ratios import ratios
from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing, quarters
from tests.unit.query.sample_company import (
    ALL,
    INPUTS,
    KNOWN,
    PLAIN,
    YEAR_2019,
    causes,
    figures,
    item_of,
    missing_factors,
    missing_without,
    sample_company,
)

CASES = LakeBuilder()
Row = dict[str, Any]
PRICED = missing_factors(price=None)
FLOWLESS: dict[str, None] = dict.fromkeys(("income", "income_before", "cash_flow"))
# Factors of a balance and of a price or a flow.
ACROSS = missing_factors(sheet=None) & missing_factors(price=None, **FLOWLESS)
END = date(2020, 12, 31)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("factors"))


@pytest.fixture(scope="module")
def known(made: Lake) -> dict[str, Row]:
    """The row of every case on the day its last quarter became known, from one question."""
    symbols = made.sql("SELECT symbol FROM income_statements UNION SELECT symbol FROM balance_sheets")
    return {row["symbol"]: row for row in made.factors(symbols["symbol"].to_list(), KNOWN).to_dicts()}


def nothing(row: Row) -> set[str]:
    """Return the factors that are NULL."""
    return {name for name in ALL if row[name] is None}


# --- formulas ---------------------------------------------------------------------------------------------

sample_company(CASES, "PLAIN")


def test_each_factor_follows_its_formula(known: dict[str, Row]) -> None:
    """The company is worth 800, with sales of 100, income of 20 and equity of 400; see sample_company.py."""
    row = known["PLAIN"]
    about = {
        "symbol": "PLAIN",
        "date": date(2021, 1, 30),
        "market_cap": 800,
        "fiscal_date": END,
        "inputs_available_date": date(2021, 1, 30),
        "age_days": 30,
        "company_id": "PLAIN",
        "statement_provider": "fmp",
        "reasons": None,
        "reason": None,
    }
    answer, about_it = list(about)[:3], list(about)[3:]
    assert list(row) == [*answer, *FACTORS, *about_it]
    assert FACTORS.keys() == PLAIN.keys()
    assert {name: row[name] for name in about} == about
    assert {name: row[name] for name in PLAIN} == pytest.approx(PLAIN, rel=1e-12)


def test_the_goldens_formulas_give_the_figures_worked_out_by_hand() -> None:
    """The formulas that name the missing factors in these tests agree with the company's figures."""
    assert ratios(figures()) == pytest.approx(PLAIN, rel=1e-12)


VARIANTS: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    # A loss has a negative yield, return, margin and growth; so have other negative numerators.
    "LOSS": (
        {"income": {"netIncome": -5}},
        {"earnings_yield": -0.025, "roe": -0.05, "roa": -0.02, "net_margin": -0.2}
        | {"earnings_growth_yoy": -1.5, "accruals": -0.052},
    ),
    "SUNK": ({"sheet": {"totalStockholdersEquity": -400}}, {"book_to_market": -0.5}),
    "OUTLAYS": ({"cash_flow": {"freeCashFlow": -6}}, {"fcf_yield": -0.03}),
    "DEBTLESS": ({"sheet": {"totalDebt": 0}}, {"debt_to_equity": 0, "ev_to_ebitda": 15, "roic": 0.1}),
    "NET_CASH": ({"sheet": {"shortTermInvestments": 1960}}, {"ev_to_ebitda": -20}),
    # The effective tax rate is between 0 and 1, and 0 where there was no income to tax.
    "TAXED": ({"income": {"incomeTaxExpense": 5}}, {"roic": 0.04}),
    "TAXED_AWAY": ({"income": {"incomeTaxExpense": 15}}, {"roic": 0}),
    "TAX_CREDIT": ({"income": {"incomeTaxExpense": -5}}, {"roic": 0.08}),
    "TAX_ON_LOSS": ({"income": {"incomeBeforeTax": -10}}, {"roic": 0.08}),
    "RATE_OF_THE_YEAR": ({"income": {"incomeBeforeTax": [-10, 10, 10, 10]}}, {"roic": 0.04}),
    "OPERATING_LOSS": ({"income": {"operatingIncome": -10}}, {"roic": -0.06, "operating_margin": -0.4}),
    # What is not reported of these counts as none.
    "NO_PREFERRED": ({"sheet": {"preferredStock": ...}}, {"ev_to_ebitda": 18.2}),
    "NO_MINORITY": ({"sheet": {"minorityInterest": ...}}, {"ev_to_ebitda": 18.6}),
    "NO_SECURITIES": ({"sheet": {"shortTermInvestments": ...}}, {"ev_to_ebitda": 19.2}),
    "ALL_TO_COMMON": ({"cash_flow": {"preferredDividendsPaid": ...}}, {"dividend_yield": 0.015}),
    "NO_DIVIDEND": (
        {"cash_flow": {"dividendsPaid": 0, "preferredDividendsPaid": 0}},
        {"dividend_yield": 0},
    ),
}
for _symbol, _case in VARIANTS.items():
    sample_company(CASES, _symbol, **_case[0])


@pytest.mark.parametrize("symbol", VARIANTS)
def test_a_factor_follows_its_inputs(known: dict[str, Row], symbol: str) -> None:
    """With one item changed, its factors are those that the formula gives for it by hand."""
    expected = VARIANTS[symbol][1]
    assert {name: known[symbol][name] for name in expected} == pytest.approx(expected, rel=1e-12, abs=1e-15)


# --- the year before --------------------------------------------------------------------------------------

for _days in (349, 350, 365, 371, 380, 381):
    _end = (END - timedelta(days=_days)).isoformat()
    sample_company(
        CASES, f"BEFORE{_days}", income=None, income_before=None, cash_flow=None, sheet_before=None
    )
    CASES.statements(f"BEFORE{_days}", "balance_sheet", [filing(_end, totalAssets=800)])


@pytest.mark.parametrize(
    ("days", "is_a_year"),
    [(349, False), (350, True), (365, True), (371, True), (380, True), (381, False)],
)
def test_a_year_before_ended_350_to_380_days_before(
    known: dict[str, Row], days: int, *, is_a_year: bool
) -> None:
    """Fiscal years of 52 and 53 weeks fit; anything else is not a year before."""
    assert known[f"BEFORE{days}"]["asset_growth"] == (0.25 if is_a_year else None)


sample_company(CASES, "RESTATED")
CASES.statements("RESTATED", "balance_sheet", [filing("2019-12-31", filed="2021-02-15", totalAssets=500)])
CASES.statements(
    "RESTATED",
    "income",
    [filing("2019-06-30", "Q2", filed="2021-02-20", revenue=2.5, netIncome=10, weightedAverageShsOut=125)],
)


def test_the_year_before_is_as_known_at_the_date(made: Lake) -> None:
    """A restatement of last year's figures counts from its day on, and makes the row that much younger."""
    rows = made.factors("RESTATED", ["2021-02-14", "2021-02-15", "2021-02-19", "2021-02-20"])
    assert rows["asset_growth"].to_list() == [0.25, 1, 1, 1]
    assert rows["revenue_growth_yoy"].to_list() == [1, 1, 1, 1.5]
    assert rows["inputs_available_date"].to_list() == [
        date(2021, 1, 30),
        date(2021, 2, 15),
        date(2021, 2, 15),
        date(2021, 2, 20),
    ]


sample_company(CASES, "REBASED", income={"weightedAverageShsOut": 400}, income_before=None)
CASES.statements(  # served before the split, in shares of that time: 125 of them are 500 today
    "REBASED",
    "income",
    quarters(
        YEAR_2019, **{n: [item_of("income_before", n)] * 4 for n in ("revenue", "weightedAverageShsOut")}
    ),
    fetched=datetime(2020, 3, 1, tzinfo=UTC),
)
CASES.split("REBASED", "2020-08-31", 4, 1)


def test_share_growth_counts_shares_of_one_split_basis(known: dict[str, Row]) -> None:
    """125 shares from before a split of four for one were 500 of today's: 400 are a fifth fewer.

    Counts near 125 on both sides of it would say that the event changed no number of shares.
    """
    assert known["REBASED"]["share_growth"] == pytest.approx(-0.2, rel=1e-12)


# --- currency ---------------------------------------------------------------------------------------------

_TWD = {"reportedCurrency": "TWD"}
for _symbol, _currency in (("ADR", "USD"), ("HOME", "TWD")):
    sample_company(
        CASES,
        _symbol,
        **dict.fromkeys(("income", "income_before", "cash_flow", "sheet", "sheet_before"), _TWD),
    )
    CASES.row("company_profiles", symbol=_symbol, currency=_currency)
sample_company(
    CASES, "EURO_SHEETS", sheet={"reportedCurrency": "EUR"}, sheet_before={"reportedCurrency": "EUR"}
)
CASES.row("company_profiles", symbol="EURO_SHEETS", currency="USD")
sample_company(
    CASES, "ADR_SHEET", income=None, income_before=None, cash_flow=None, sheet=_TWD, sheet_before=_TWD
)
CASES.count("ADR_SHEET", "cover_page", "2020-12-31", 100, filed="2021-01-28")
CASES.row("company_profiles", symbol="ADR_SHEET", currency="USD")


@pytest.mark.parametrize(
    ("symbol", "without"),
    [
        ("ADR", PRICED),
        ("HOME", set()),
        # Dollars of income and market value do not meet balances in euros, which keep their own ratios.
        ("EURO_SHEETS", ACROSS),
        ("ADR_SHEET", missing_factors(price=None, **FLOWLESS)),
    ],
)
def test_amounts_of_two_currencies_have_no_ratio(
    known: dict[str, Row], symbol: str, without: set[str]
) -> None:
    """A dollar price is not divided by earnings in another currency; ratios within one currency stay."""
    row = known[symbol]
    assert nothing(row) == without
    assert ("currencies_differ" in causes(row).values()) == bool(without)


# --- what was known ---------------------------------------------------------------------------------------

sample_company(CASES, "SHEETS")
CASES.statements("SHEETS", "balance_sheet", [filing("2020-09-30", "Q3", totalStockholdersEquity=50)])
for _end, _label, _filed, _equity in (
    ("2020-09-30", "Q3", "2021-02-01", 1),
    ("2020-12-31", "Q4", "2021-02-03", 800),  # four days after the first: another filing
):
    CASES.statements(
        "SHEETS", "balance_sheet", [filing(_end, _label, filed=_filed, totalStockholdersEquity=_equity)]
    )


def test_the_newest_period_ends_balance_sheet_is_used_as_known(made: Lake) -> None:
    """A late amendment of an old one changes nothing; a restatement of the newest counts from its day."""
    rows = made.factors("SHEETS", [KNOWN, "2021-02-01", "2021-02-03"])
    assert rows["roe"].to_list() == [0.05, 0.05, 0.025]
    assert rows["inputs_available_date"].to_list() == [date(2021, 1, 30), date(2021, 1, 30), date(2021, 2, 3)]


# The first fetch was on 2021-01-31. The second serves another equity, under a filing date so many days later.
for _symbol, _filed in (("THREE_DAYS", "2021-02-02"), ("FOUR_DAYS", "2021-02-03")):
    sample_company(CASES, _symbol, sheet=None)
    for _day, _accepted, _equity in (
        (datetime(2021, 1, 31, 22, tzinfo=UTC), "2021-01-30", 400),
        (datetime(2021, 3, 1, 22, tzinfo=UTC), _filed, 800),
    ):
        CASES.statements(
            _symbol,
            "balance_sheet",
            [filing("2020-12-31", filed=_accepted, totalStockholdersEquity=_equity)],
            fetched=_day,
        )


@pytest.mark.parametrize(
    ("symbol", "changed_on"), [("THREE_DAYS", "2021-03-01"), ("FOUR_DAYS", "2021-02-03")]
)
def test_filing_dates_within_three_days_are_of_one_filing(made: Lake, symbol: str, changed_on: str) -> None:
    """One filing's other equity counts from the fetch that showed it, another filing's from its day."""
    day = date.fromisoformat(changed_on)
    rows = made.factors(symbol, [KNOWN, day - timedelta(days=1), day])
    assert rows["roe"].to_list() == [0.05, 0.05, 0.025]


CASES.statements("LATE_SHEET", "income", quarters(("2019-12-31", *YEAR_2020), netIncome=[1, 5, 5, 5, 5]))
CASES.statements("LATE_SHEET", "balance_sheet", [filing("2020-09-30", "Q3", totalStockholdersEquity=400)])
CASES.statements(
    "LATE_SHEET", "balance_sheet", [filing("2020-12-31", filed="2021-02-10", totalStockholdersEquity=400)]
)


def test_inputs_are_as_old_as_the_latest_of_them(made: Lake) -> None:
    """Return on equity needs both the year and the balance sheet; its date is the later one's."""
    rows = made.factors("LATE_SHEET", ["2021-02-09", "2021-02-10"])
    assert rows["roe"].to_list() == [0.05, 0.05]
    assert rows["inputs_available_date"].to_list() == [date(2021, 1, 30), date(2021, 2, 10)]


CASES.statements("ANNUAL", "income", [filing("2020-12-31", "FY", revenue=100, netIncome=20)])
CASES.statements(
    "ANNUAL",
    "balance_sheet",
    [
        filing(
            "2020-12-31", "FY", totalStockholdersEquity=400, totalCurrentAssets=3, totalCurrentLiabilities=1
        )
    ],
)


# The inputs that the rows above have.
ANNUAL = {
    "revenue",
    "net_income",
    "total_stockholders_equity",
    "total_current_assets",
    "total_current_liabilities",
}


def test_a_company_that_reports_by_the_year_has_factors_too(known: dict[str, Row]) -> None:
    """The fiscal year's own rows serve where there are no quarters."""
    row = known["ANNUAL"]
    assert (row["roe"], row["net_margin"], row["current_ratio"]) == (0.05, 0.2, 3)


@pytest.mark.parametrize(
    ("symbol", "last", "known"),
    [
        ("PLAIN", "2021-07-19", ALL - PRICED),  # 200 days after its end
        ("ANNUAL", "2022-05-15", ALL - missing_without({"market_cap", *INPUTS} - ANNUAL)),  # 500 days
    ],
)
def test_flows_and_balances_serve_until_the_next_report_is_overdue(
    made: Lake, symbol: str, last: str, known: set[str]
) -> None:
    """A quarter is used for 200 days after its end, a year for 500; an older one gives no factor."""
    day = date.fromisoformat(last)
    fresh, stale = made.factors(symbol, [day, day + timedelta(days=1)]).to_dicts()
    assert ALL - nothing(fresh) == known
    assert nothing(stale) == ALL
    assert {"ttm: statement_stale", "balance_sheet: balance_sheet_stale"} <= set(stale["reason"].split("; "))


CASES.statements("YEAR_AND_QUARTERS", "income", [filing("2020-12-31", "FY", revenue=100, netIncome=20)])
CASES.statements("YEAR_AND_QUARTERS", "cash_flow", quarters(operatingCashFlow=[8] * 4))
CASES.statements("YEAR_AND_QUARTERS", "balance_sheet", [filing("2020-12-31", "FY", totalAssets=1000)])


CASES.statements("QUARTERS_AND_YEAR", "income", quarters(revenue=[25] * 4))
CASES.statements("QUARTERS_AND_YEAR", "cash_flow", [filing("2020-12-31", "FY", operatingCashFlow=32)])
CASES.count("QUARTERS_AND_YEAR", "cover_page", "2021-07-10", 100, filed="2021-07-12")
CASES.traded("QUARTERS_AND_YEAR", {"2021-07-16": 8.0})


def test_quarters_of_cash_flows_serve_as_long_as_the_years_income_beside_them(made: Lake) -> None:
    """Income statements set the rhythm of a reporter: one of a year lets all parts serve 500 days."""
    days = ["2021-07-20", "2022-05-15", "2022-05-16"]
    middle, fresh, stale = made.factors("YEAR_AND_QUARTERS", days).to_dicts()
    assert (middle["accruals"], middle["roa"]) == (fresh["accruals"], fresh["roa"]) == (-0.012, 0.02)
    assert (stale["accruals"], stale["roa"]) == (None, None)
    assert causes(stale)["accruals"] == "ttm: statement_stale"
    assert made.ttm("YEAR_AND_QUARTERS", days)["operating_cash_flow"].to_list() == [32, 32, None]


def test_a_years_cash_flows_serve_no_longer_than_the_quarters_of_income_beside_them(made: Lake) -> None:
    """Cash flows are given beside the income of the same year: without it they are not, as in ttm."""
    days = ["2021-07-19", "2021-07-20"]
    assert made.factors("QUARTERS_AND_YEAR", days)["market_cap"].to_list() == [800, 800]
    assert made.factors("QUARTERS_AND_YEAR", days)["pcf_ratio"].to_list() == [25, None]
    assert made.ttm("QUARTERS_AND_YEAR", days)["operating_cash_flow"].to_list() == [32, None]


def test_each_symbol_and_date_gets_one_row_in_order(made: Lake) -> None:
    """The answer is the grid of what was asked, without repeats."""
    rows = made.factors(["PLAIN", "NOBODY", "PLAIN"], [KNOWN, "2020-01-01", KNOWN])
    assert rows.select("symbol", "date").rows() == [
        ("NOBODY", date(2020, 1, 1)),
        ("NOBODY", date(2021, 1, 30)),
        ("PLAIN", date(2020, 1, 1)),
        ("PLAIN", date(2021, 1, 30)),
    ]


# --- reasons ----------------------------------------------------------------------------------------------


def test_each_missing_factor_has_a_reason_on_many_days(made: Lake) -> None:
    """On many days of every case: exactly the missing factors have a reason, and it names no part twice."""
    symbols = made.sql("SELECT DISTINCT symbol FROM balance_sheets")["symbol"].to_list()
    rows = made.factors([*symbols, "NOBODY"], start="2018-12-31", end="2022-06-30", freq="QE")
    assert len(rows) == 15 * (len(symbols) + 1)
    for row in [*rows.to_dicts(), *made.factors(symbols, KNOWN).to_dicts()]:
        reasons = causes(row)
        assert (row["reason"] is not None) == (reasons.keys() == ALL and row["market_cap"] is None), row
        for reason in [*reasons.values(), row["reason"] or "none"]:
            parts = reason.split("; ")
            assert len(set(parts)) == len(parts), reason
            assert all(part and part == part.strip(" ;:") for part in parts), reason


def test_a_factor_of_the_market_cap_alone_needs_no_other_input(lake_2021: Lake) -> None:
    """It is computed from the read index and by SQL alike, though no statement is an input of it."""
    own = {"in_billions": "market_cap / 1000000000"}
    [row] = lake_2021.factors("AAPL", "2021-03-31", factors=["in_billions"], define=own).to_dicts()
    assert row["in_billions"] == row["market_cap"] / 1e9
    assert lake_2021.screen("market_cap > 0", "2021-03-31").height > 0
