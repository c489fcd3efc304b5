"""Test the rules for other companies than the sample's, on made facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from factorlab_lake.providers.sec.parse import Reports, count_records, reports, statement_records
from factorlab_lake.providers.sec.submissions import SecFiling
from factorlab_lake.schema import STATEMENT_TYPES
from tests.fakes.made_sec_facts import MadeFiling, company_facts

_YEAR = {"NetIncomeLoss": 10e6, "Revenues": 100e6, "IncomeTaxExpenseBenefit": 2e6}
_YEARS = {year: (f"{year}-01-01", f"{year}-12-31") for year in range(2015, 2022)}


def _read(*filings: MadeFiling, financial: bool = False) -> Reports:
    return reports("0000000001", company_facts(*filings), {}, financial=financial)


def _rows(*filings: MadeFiling, financial: bool = False) -> dict[str, list[dict[str, Any]]]:
    result = _read(*filings, financial=financial)
    return {
        each: [r for annual in (True, False) for r in statement_records(result, each, annual=annual)]
        for each in STATEMENT_TYPES
    }


def _annual(number: int, year: int, values: Mapping[str, float], form: str = "10-K") -> MadeFiling:
    return MadeFiling(number, form, f"{year + 1}-02-20", {_YEARS[year]: values})


def _income(values: Mapping[str, float], *, financial: bool = False) -> dict[str, Any]:
    (row,) = _rows(_annual(1, 2020, values), financial=financial)["income"]
    return row


def _labels(rows: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(r["fiscal_date"], r["fiscal_period"], r["fiscal_year"]) for r in rows]


def _quarter(filed: str, values: Mapping[tuple[str | None, str], Mapping[str, float]]) -> MadeFiling:
    return MadeFiling(1, "10-Q", filed, values)


def test_a_quarter_of_a_year_of_52_weeks_has_its_label() -> None:
    """The start of the year names quarters of 13 weeks; a year that ends on 3 January is 2020."""
    third = _quarter(
        "2020-11-05",
        {
            ("2020-06-28", "2020-09-26"): _YEAR,
            ("2019-12-29", "2020-09-26"): _YEAR,
            ("2019-06-30", "2019-09-28"): _YEAR,
            ("2018-12-30", "2019-09-28"): _YEAR,
        },
    )
    last = MadeFiling(2, "10-K", "2021-03-01", {("2019-12-29", "2021-01-03"): _YEAR})
    assert sorted(_labels(_rows(third, last)["income"])) == [
        ("2019-09-28", "9M", 2019),
        ("2019-09-28", "Q3", 2019),
        ("2020-09-26", "9M", 2020),
        ("2020-09-26", "Q3", 2020),
        ("2021-01-03", "FY", 2020),
    ]


def test_a_trailing_year_in_a_quarterly_report_does_not_start_the_year() -> None:
    """Utilities show the twelve months up to the quarter: the year starts with the year to date."""
    second = _quarter(
        "2020-08-05",
        {
            ("2020-04-01", "2020-06-30"): _YEAR,
            ("2020-01-01", "2020-06-30"): _YEAR,
            ("2019-07-01", "2020-06-30"): _YEAR,
        },
    )
    assert _labels(_rows(second)["income"]) == [("2020-06-30", "Q2", 2020), ("2020-06-30", "H1", 2020)]


def test_a_year_to_date_is_no_quarter() -> None:
    """Without a three-month column there is no Q2; a later quarter of cash flows is of a note."""
    flow = {"NetCashProvidedByUsedInOperatingActivities": 5e6}
    second = _quarter(
        "2020-08-05",
        {("2020-01-01", "2020-06-30"): {**_YEAR, **flow}, ("2020-04-01", "2020-06-30"): flow},
    )
    rows = _rows(second)
    assert _labels(rows["income"]) == _labels(rows["cash_flow"]) == [("2020-06-30", "H1", 2020)]


def test_an_annual_report_has_no_quarters() -> None:
    """Three-month facts of a 10-K are of a note, and notes alone make no column."""
    report = MadeFiling(
        1,
        "10-K",
        "2021-02-20",
        {
            _YEARS[2020]: _YEAR,
            ("2020-10-01", "2020-12-31"): _YEAR,
            _YEARS[2019]: {"ShareBasedCompensation": 1e6},
        },
    )
    assert _labels(_rows(report)["income"]) == [("2020-12-31", "FY", 2020)]


@pytest.mark.parametrize("form", ["DEF 14A", "8-K", "424B4", "S-1"])
def test_other_forms_make_no_statement(form: str) -> None:
    """Proxies, prospectuses and recasts have facts that are no report of a period."""
    filing = replace(_annual(1, 2020, _YEAR, form), cover={"2021-02-01": 1e6})
    result = _read(filing)
    assert (result.contents, result.counts, result.newest) == ([], [], None)


def test_balance_sheets_are_at_the_ends_of_quarters_and_years() -> None:
    """A 10-Q compares with the year's end before it; a day of the statement of equity makes no row."""
    sheet = {"Assets": 50e6}
    first = _quarter(
        "2020-05-05",
        {
            ("2020-01-01", "2020-03-31"): _YEAR,
            (None, "2020-03-31"): sheet,
            (None, "2019-12-31"): sheet,
            (None, "2019-09-30"): sheet,
        },
    )
    labels = sorted(_labels(_rows(first)["balance_sheet"]))
    assert labels == [("2019-12-31", "FY", 2019), ("2020-03-31", "Q1", 2020)]


def test_an_annual_report_under_ifrs_has_its_own_currency() -> None:
    """The currency is the most frequent one: a convenience translation into another is ignored."""
    values = {
        "Revenue": 100e6, "ProfitLoss": 12e6, "ProfitLossAttributableToOwnersOfParent": 10e6,
        "ProfitLossFromOperatingActivities": 15e6, "FinanceCosts": 1e6,
    }  # fmt: skip
    report = MadeFiling(1, "20-F", "2021-04-20", {_YEARS[2020]: values}, {}, "EUR", "ifrs-full")
    facts = company_facts(report)
    revenue = facts["facts"]["ifrs-full"]["Revenue"]["units"]
    revenue["USD"] = [{**revenue["EUR"][0], "val": 120e6}]
    (row,) = statement_records(reports("0000000001", facts, {}), "income", annual=True)
    items = ("revenue", "net_income", "operating_income", "interest_expense", "reported_currency")
    assert [row[item] for item in items] == [100e6, 10e6, 15e6, 1e6, "EUR"]
    assert "gross_profit" not in row


def test_an_amendment_with_a_cover_page_alone_gives_its_count() -> None:
    """A 20-F/A can have one fact: the number of shares."""
    result = _read(MadeFiling(1, "20-F/A", "2021-05-20", cover={"2021-03-31": 7e6}))
    assert (result.contents, [c.shares for c in result.counts]) == ([], [7e6])


def test_a_bank_has_net_interest_and_noninterest_income_as_revenue() -> None:
    """Revenue from contracts is a part of it; a bank has neither operating income nor current assets."""
    values = {
        "NetIncomeLoss": 10e6, "IncomeTaxExpenseBenefit": 2e6, "OperatingIncomeLoss": 12e6,
        "InterestIncomeExpenseNet": 30e6, "NoninterestIncome": 20e6,
        "RevenueFromContractWithCustomerExcludingAssessedTax": 8e6,
    }  # fmt: skip
    row = _income(values, financial=True)
    assert (row["revenue"], "operating_income" in row) == (50e6, False)
    assert _income(values | {"Revenues": 55e6}, financial=True)["revenue"] == 55e6
    assert _income(values)["revenue"] == 8e6


def test_revenue_is_the_largest_total() -> None:
    """One of the tags of revenue can hold a part only."""
    part = {"RevenueFromContractWithCustomerExcludingAssessedTax": 90e6}
    assert _income(_YEAR | part)["revenue"] == 100e6
    assert _income(_YEAR | {"Revenues": 2e6} | part)["revenue"] == 90e6


def test_all_owners_income_is_net_income_only_without_minorities() -> None:
    """ProfitLoss contains the minorities' share, where there are any."""
    values = {"ProfitLoss": 10e6, "Revenues": 100e6}
    assert _income(values)["net_income"] == 10e6
    minority = {"NetIncomeLossAttributableToNoncontrollingInterest": 1e6}
    assert "net_income" not in _income(values | minority)
    total = {"StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest": 70e6}
    assert _income(values | total)["net_income"] == 10e6


def test_operating_expenses_can_contain_the_cost_of_revenue() -> None:
    """Where revenue less the tag is the operating income, the tag is all costs."""
    values = _YEAR | {"CostOfRevenue": 60e6, "OperatingExpenses": 85e6, "OperatingIncomeLoss": 15e6}
    row = _income(values)
    assert (row["operating_expenses"], row["cost_and_expenses"]) == (25e6, 85e6)
    row = _income(values | {"OperatingExpenses": 25e6})
    assert (row["operating_expenses"], row["cost_and_expenses"]) == (25e6, 85e6)


def test_a_cycle_of_formulas_gives_nothing_from_nothing() -> None:
    """Dividends on common stock are not 0 because the total was computed from preferred ones."""
    flow = {
        "NetCashProvidedByUsedInOperatingActivities": 5e6, "NetCashProvidedByUsedInFinancingActivities": -3e6,
        "PaymentsOfDividendsPreferredStockAndPreferenceStock": 1e6,
    }  # fmt: skip
    (row,) = _rows(_annual(1, 2020, _YEAR | flow))["cash_flow"]
    assert (row["preferred_dividends_paid"], row["dividends_paid"]) == (-1e6, -1e6)
    assert "common_dividends_paid" not in row


def test_working_capital_is_the_sum_of_its_changes() -> None:
    """An increase of assets uses cash, one of liabilities frees it; a total beside its parts is skipped."""
    changes = {
        "IncreaseDecreaseInAccountsReceivable": 3e6,
        "IncreaseDecreaseInInventories": 2e6,
        "IncreaseDecreaseInAccountsPayable": 4e6,
        "IncreaseDecreaseInAccruedIncomeTaxesPayable": 1e6,
        "IncreaseDecreaseInOperatingLeaseLiability": -2e6,
        "IncreaseDecreaseInOperatingLiabilities": 3e6,
    }
    flow = {"NetCashProvidedByUsedInOperatingActivities": 5e6}
    (row,) = _rows(_annual(1, 2020, _YEAR | flow | changes))["cash_flow"]
    assert row["change_in_working_capital"] == -3e6 - 2e6 + 4e6 + 1e6 - 2e6
    total = {"IncreaseDecreaseInOperatingCapital": 7e6}
    (row,) = _rows(_annual(1, 2020, _YEAR | flow | total))["cash_flow"]
    assert row["change_in_working_capital"] == -7e6


def test_shares_in_thousands_are_corrected() -> None:
    """Net income, EPS and shares show a factor of a thousand; the correction is named."""
    shares = {"EarningsPerShareBasic": 2.0, "WeightedAverageNumberOfSharesOutstandingBasic": 5_000}
    row = _income(_YEAR | shares)
    assert row["weighted_average_shares_outstanding"] == 5e6
    assert row["corrections"] == "weighted_average_shares_outstanding: 5000 was tagged in thousands"
    row = _income(_YEAR | shares | {"WeightedAverageNumberOfSharesOutstandingBasic": 5e6})
    assert "corrections" not in row


def test_a_version_needs_another_core_item() -> None:
    """Another detail line, or one unit of rounding, is none; another net income is a restatement."""
    original = _annual(1, 2019, _YEAR | {"InvestmentIncomeInterest": 3e6})

    def later(**values: float) -> int:
        report = MadeFiling(2, "10-K", "2021-02-20", {_YEARS[2020]: _YEAR, _YEARS[2019]: _YEAR | values})
        return len([r for r in _rows(original, report)["income"] if r["fiscal_year"] == 2019])

    assert later(InvestmentIncomeInterest=5e6) == 1
    assert later(NetIncomeLoss=11e6) == 1  # both are rounded to millions
    assert later(NetIncomeLoss=12e6) == 2
    assert later(OperatingIncomeLoss=12e6) == 1  # the original does not have it


def test_two_years_back_only_an_amendment_counts() -> None:
    """A later report repeats the year before the last one; its amendment restates it."""
    other = _YEAR | {"NetIncomeLoss": 15e6}
    original = _annual(1, 2018, _YEAR)
    for form, versions in (("10-K", 1), ("10-K/A", 2)):
        report = MadeFiling(2, form, "2021-02-20", {_YEARS[2020]: _YEAR, _YEARS[2018]: other})
        rows = [r for r in _rows(original, report)["income"] if r["fiscal_year"] == 2018]
        assert len(rows) == versions, form


def test_an_amendment_that_repeats_everything_is_no_version() -> None:
    """The figures are of the first filing."""
    amendment = replace(_annual(2, 2020, _YEAR, "10-K/A"), filed="2021-04-20")
    (row,) = _rows(_annual(1, 2020, _YEAR), amendment)["income"]
    assert row["form"] == "10-K"


def test_a_split_restates_shares_and_per_share_figures() -> None:
    """The next report counts the year before on the new basis; the other items stay from the first one."""
    before = {"EarningsPerShareBasic": 2.0, "WeightedAverageNumberOfSharesOutstandingBasic": 5e6}
    after = {"EarningsPerShareBasic": 0.5, "WeightedAverageNumberOfSharesOutstandingBasic": 20e6}
    original = _annual(1, 2019, _YEAR | before | {"InvestmentIncomeInterest": 3e6})
    report = MadeFiling(2, "10-K", "2021-02-20", {_YEARS[2020]: _YEAR | after, _YEARS[2019]: _YEAR | after})
    first, second = (r for r in _rows(original, report)["income"] if r["fiscal_year"] == 2019)
    assert (first["eps"], second["eps"], second["interest_income"]) == (2.0, 0.5, 3e6)
    assert (first["split_basis_date"], second["split_basis_date"]) == ("2020-02-20", "2021-02-20")


def test_a_new_currency_does_not_mix_with_the_old_one() -> None:
    """A year restated in another currency has the items of the later report alone."""
    original = _annual(1, 2019, _YEAR | {"InvestmentIncomeInterest": 3e6})
    report = MadeFiling(
        2,
        "10-K",
        "2021-02-20",
        {_YEARS[2020]: _YEAR, _YEARS[2019]: _YEAR | {"NetIncomeLoss": 70e6}},
        {},
        "CNY",
    )
    _, second = (r for r in _rows(original, report)["income"] if r["fiscal_year"] == 2019)
    assert (second["reported_currency"], second["net_income"], "interest_income" in second) == (
        "CNY",
        70e6,
        False,
    )


def test_an_end_that_moves_by_days_is_that_of_the_first_filing() -> None:
    """Two filings date one period on days that are near."""
    original = MadeFiling(1, "10-K", "2020-02-20", {("2018-12-30", "2019-12-28"): _YEAR})
    moved = {**_YEAR, "NetIncomeLoss": 15e6}
    report = MadeFiling(
        2, "10-K", "2021-02-20", {("2020-01-01", "2020-12-31"): _YEAR, ("2019-01-01", "2019-12-31"): moved}
    )
    ends = [(r["fiscal_date"], r["net_income"]) for r in _rows(original, report)["income"]]
    assert ends == [("2019-12-28", 10e6), ("2020-12-31", 10e6), ("2019-12-28", 15e6)]


@pytest.mark.parametrize(
    ("day", "shares", "reason"),
    [
        ("2021-03-01", 5e6, "day: 2021-03-01 is after the filing date 2021-02-20"),
        ("2020-12-01", 5e6, "day: 2020-12-01 is more than 10 days before the period's end 2020-12-31"),
        ("2021-02-10", 0, "0 is not positive; it must be above 0"),
    ],
)
def test_a_count_that_cannot_be_is_refused(day: str, shares: float, reason: str) -> None:
    """Typing errors of filers are rejected with their reason."""
    records, refused = count_records(_read(replace(_annual(1, 2020, _YEAR), cover={day: shares})))
    assert (records, [why for _, why, _ in refused]) == ([], [reason])


def test_a_count_that_is_rounded_is_no_new_one() -> None:
    """Another count of the same day by more than a thousandth is a version."""
    sheet = (None, "2020-12-31")

    def counts(later: float) -> list[float]:
        first, second = (
            {"Assets": 1e6, "CommonStockSharesOutstanding": shares} for shares in (5_000_000, later)
        )
        annual = MadeFiling(1, "10-K", "2021-02-20", {_YEARS[2020]: _YEAR, sheet: first})
        quarter = ("2021-01-01", "2021-03-31")
        second_report = MadeFiling(2, "10-Q", "2021-05-05", {quarter: _YEAR, sheet: second})
        return [r["shares"] for r in count_records(_read(annual, second_report))[0]]

    assert counts(5_004_000) == [5_000_000]
    assert counts(20_000_000) == [5_000_000, 20_000_000]


def test_issued_shares_less_treasury_shares_are_outstanding() -> None:
    """Both names of the treasury shares serve."""
    for tag in ("TreasuryStockShares", "TreasuryStockCommonShares"):
        sheet = {"Assets": 1e6, "CommonStockSharesIssued": 9e6, tag: 2e6}
        result = _read(
            MadeFiling(1, "10-K", "2021-02-20", {_YEARS[2020]: _YEAR, (None, "2020-12-31"): sheet})
        )
        assert [c.shares for c in result.counts] == [7e6]


def test_a_period_that_ends_after_its_filing_is_a_typing_error() -> None:
    """A day in the future is no reported period, and hides none."""
    report = MadeFiling(1, "10-K", "2021-02-20", {_YEARS[2020]: _YEAR, ("2030-01-01", "2030-12-31"): _YEAR})
    assert _labels(_rows(report)["income"]) == [("2020-12-31", "FY", 2020)]


def test_a_report_date_that_no_column_has_is_not_followed() -> None:
    """Submissions can give the end of the month, or another day: the column near it or the latest counts."""
    report = MadeFiling(1, "10-K", "2021-02-20", {("2019-12-29", "2020-12-26"): _YEAR})
    for day in (date(2020, 12, 31), date(2019, 6, 30)):
        filing = SecFiling(report.accession, "10-K", date(2021, 2, 20), report_date=day)
        read = reports("0000000001", company_facts(report), {report.accession: filing})
        assert [content.end for content in read.contents] == [date(2020, 12, 26)]


@pytest.mark.parametrize(
    "facts",
    [{"cik": 2, "facts": {}}, {"facts": {}}, {"cik": 1}, {"cik": 1, "facts": {"us-gaap": {"Assets": 7}}}],
)
def test_facts_of_another_company_or_form_are_refused(facts: dict[str, Any]) -> None:
    """A document of another company never becomes rows of this one."""
    with pytest.raises(ValueError, match=r"company facts|Central Index Key"):
        reports("0000000001", facts, {})
