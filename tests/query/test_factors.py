"""Factors: ratios of price, flows and balances as known at each date; NULL where a ratio means nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from factorlab_lake.store import Lake
from tests.query.made import YEAR_2020, Made, filing, one, quarters

CASES = Made()
KNOWN = "2021-01-30"
RATIOS = {
    "pe_ratio",
    "pb_ratio",
    "ps_ratio",
    "earnings_yield",
    "book_to_market",
    "roe",
    "roa",
    "gross_margin",
    "operating_margin",
    "net_margin",
    "debt_to_equity",
    "current_ratio",
}
BALANCE: dict[str, Any] = {
    "totalStockholdersEquity": 400,
    "totalAssets": 1000,
    "totalDebt": 200,
    "totalCurrentAssets": 300,
    "totalCurrentLiabilities": 150,
}


def company(symbol: str, balance: dict[str, Any] | None = None, **income: Any) -> None:
    """Add a company of 100 shares at 8 selling 25 a quarter; ``income`` and ``balance`` change items."""
    items = {
        "revenue": 25,
        "grossProfit": 15,
        "operatingIncome": 10,
        "netIncome": 5,
        "weightedAverageShsOut": 100,
    } | income
    CASES.statements(symbol, "income", quarters(**{name: [value] * 4 for name, value in items.items()}))
    CASES.statements(symbol, "balance_sheet", [filing("2020-12-31", **(BALANCE | (balance or {})))])
    CASES.closes(symbol, {"2021-01-29": 8.0})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Every case of this file, each a symbol of its own."""
    return CASES.build(tmp_path_factory.mktemp("factors"))


def nothing(row: dict[str, Any]) -> set[str]:
    """Return the ratios that are NULL."""
    return {name for name in RATIOS if row[name] is None}


# --- formulas ---------------------------------------------------------------------------------------------

company("PLAIN")


def test_each_ratio_follows_its_formula(made: Lake) -> None:
    """Worth 800, with sales of 100, income of 20, equity of 400."""
    assert one(made, "factors", "PLAIN", KNOWN) == {
        "symbol": "PLAIN",
        "date": date(2021, 1, 30),
        "market_cap": 800,
        "pe_ratio": 40,
        "pb_ratio": 2,
        "ps_ratio": 8,
        "earnings_yield": 0.025,
        "book_to_market": 0.5,
        "roe": 0.05,
        "roa": 0.02,
        "gross_margin": 0.6,
        "operating_margin": 0.4,
        "net_margin": 0.2,
        "debt_to_equity": 0.5,
        "current_ratio": 2,
        "fiscal_date": date(2020, 12, 31),
        "inputs_available_date": date(2021, 1, 30),
        "age_days": 30,
        "reason": None,
    }


# --- ratios that mean nothing -----------------------------------------------------------------------------

company("LOSS", netIncome=-5)
company("SUNK", {"totalStockholdersEquity": -400})
company("IDLE", revenue=0, grossProfit=0)
company("FREE", {"totalCurrentLiabilities": 0})
company("DEBTLESS", {"totalDebt": 0})
company("BARE", {"totalStockholdersEquity": ..., "totalAssets": 0})
company("NO_GROSS", grossProfit=...)
company("NO_OPERATING", operatingIncome=0)
company("NO_INCOME", netIncome=...)
company("NO_DEBT", {"totalDebt": ...})
company("NO_ASSETS", {"totalAssets": 0})


@pytest.mark.parametrize(
    ("symbol", "without"),
    [
        ("PLAIN", set()),
        ("LOSS", {"pe_ratio"}),
        ("SUNK", {"pb_ratio", "roe", "debt_to_equity"}),
        ("IDLE", {"ps_ratio", "gross_margin", "operating_margin", "net_margin"}),
        ("FREE", {"current_ratio"}),
        ("DEBTLESS", set()),
        ("BARE", {"pb_ratio", "book_to_market", "roe", "roa", "debt_to_equity"}),
        ("NO_GROSS", {"gross_margin"}),
        ("NO_OPERATING", {"operating_margin"}),
        ("NO_INCOME", {"pe_ratio", "earnings_yield", "roe", "roa", "net_margin"}),
        ("NO_DEBT", {"debt_to_equity"}),
        ("NO_ASSETS", {"roa"}),
    ],
)
def test_a_ratio_over_nothing_or_less_is_null(made: Lake, symbol: str, without: set[str]) -> None:
    """Losses have no price to earnings, negative equity no ratio over it; what is not reported is not 0."""
    assert nothing(one(made, "factors", symbol, KNOWN)) == without


@pytest.mark.parametrize(
    "symbol",
    ["LOSS", "SUNK", "IDLE", "FREE", "BARE", "NO_GROSS", "NO_OPERATING", "NO_INCOME", "NO_DEBT", "NO_ASSETS"],
)
def test_a_null_ratio_has_a_reason(made: Lake, symbol: str) -> None:
    """A factor that cannot be computed is explained, also where all its inputs are known."""
    assert one(made, "factors", symbol, KNOWN)["reason"]


def test_losses_and_debts_of_nothing_keep_their_sign(made: Lake) -> None:
    """A loss gives a negative yield and return, negative equity a negative book to market, no debt a 0."""
    loss, sunk, debtless = (one(made, "factors", symbol, KNOWN) for symbol in ("LOSS", "SUNK", "DEBTLESS"))
    assert (loss["earnings_yield"], loss["roe"], loss["net_margin"]) == (-0.025, -0.05, -0.2)
    assert sunk["book_to_market"] == -0.5
    assert debtless["debt_to_equity"] == 0


# --- inputs that are not known ----------------------------------------------------------------------------

CASES.statements("PRICELESS", "income", quarters(revenue=[25] * 4, netIncome=[5] * 4))
CASES.statements("PRICELESS", "balance_sheet", [filing("2020-12-31", **BALANCE)])
CASES.statements("SHEETLESS", "income", quarters(revenue=[25] * 4, weightedAverageShsOut=[100] * 4))
CASES.closes("SHEETLESS", {"2021-01-29": 8.0})
CASES.statements("YEARLESS", "income", quarters(revenue=[25] * 4, weightedAverageShsOut=[100] * 4)[1:])
CASES.statements("YEARLESS", "balance_sheet", [filing("2020-12-31", **BALANCE)])
CASES.closes("YEARLESS", {"2021-01-29": 8.0})


@pytest.mark.parametrize(
    ("symbol", "known", "part"),
    [
        ("PRICELESS", {"roe", "roa", "net_margin", "debt_to_equity", "current_ratio"}, "market_cap"),
        ("SHEETLESS", {"ps_ratio"}, "balance_sheet"),
        ("YEARLESS", {"pb_ratio", "book_to_market", "debt_to_equity", "current_ratio"}, "ttm"),
    ],
)
def test_a_missing_input_takes_only_its_own_ratios(
    made: Lake, symbol: str, known: set[str], part: str
) -> None:
    """What can be computed is; the reason names the part that is missing."""
    row = one(made, "factors", symbol, KNOWN)
    assert RATIOS - nothing(row) == known
    assert part in row["reason"]


def test_an_unknown_symbol_has_a_row_of_reasons(made: Lake) -> None:
    """Nothing is known, and the reason says so of each part."""
    row = one(made, "factors", "NOBODY", KNOWN)
    assert nothing(row) == RATIOS
    assert all(part in row["reason"] for part in ("market_cap", "ttm", "balance_sheet"))


def test_each_symbol_and_date_gets_one_row_in_order(made: Lake) -> None:
    """The answer is the grid of what was asked, without repeats."""
    rows = made.factors(["PLAIN", "NOBODY", "PLAIN"], [KNOWN, "2020-01-01", KNOWN])
    assert rows.select("symbol", "date").rows() == [
        ("NOBODY", date(2020, 1, 1)),
        ("NOBODY", date(2021, 1, 30)),
        ("PLAIN", date(2020, 1, 1)),
        ("PLAIN", date(2021, 1, 30)),
    ]


# --- currency ---------------------------------------------------------------------------------------------

company("ADR", reportedCurrency="TWD", balance={"reportedCurrency": "TWD"})
CASES.row("company_profiles", symbol="ADR", currency="USD")
company("HOME", reportedCurrency="TWD", balance={"reportedCurrency": "TWD"})
CASES.row("company_profiles", symbol="HOME", currency="TWD")
company("MIXED", balance={"reportedCurrency": "EUR"})
CASES.statements("ADR_SHEET", "balance_sheet", [filing("2020-12-31", reportedCurrency="TWD", **BALANCE)])
CASES.count("ADR_SHEET", "cover_page", "2020-12-31", 100, filed="2021-01-28")
CASES.row("company_profiles", symbol="ADR_SHEET", currency="USD")
CASES.closes("ADR_SHEET", {"2021-01-29": 8.0})


def test_price_and_statements_of_two_currencies_have_no_ratio(made: Lake) -> None:
    """A dollar price is not divided by earnings in another currency; ratios within the statements stay."""
    row = one(made, "factors", "ADR", KNOWN)
    assert nothing(row) == {"pe_ratio", "pb_ratio", "ps_ratio", "earnings_yield", "book_to_market"}
    assert "currenc" in row["reason"]
    assert nothing(one(made, "factors", "HOME", KNOWN)) == set()


def test_price_and_a_balance_sheet_of_two_currencies_have_no_ratio(made: Lake) -> None:
    """The balance sheet's currency counts also where no flows are known."""
    row = one(made, "factors", "ADR_SHEET", KNOWN)
    assert (row["pb_ratio"], row["book_to_market"], row["current_ratio"]) == (None, None, 2)


def test_flows_and_balances_of_two_currencies_have_no_ratio(made: Lake) -> None:
    """Income in dollars is not divided by equity in euros."""
    row = one(made, "factors", "MIXED", KNOWN)
    assert nothing(row) >= {"roe", "roa"}
    assert row["reason"] is not None


# --- what was known ---------------------------------------------------------------------------------------

company("SHEETS")
CASES.statements("SHEETS", "balance_sheet", [filing("2020-09-30", "Q3", **BALANCE)])
CASES.statements(
    "SHEETS",
    "balance_sheet",
    [filing("2020-09-30", "Q3", filed="2021-02-01", **(BALANCE | {"totalStockholdersEquity": 1}))],
)
CASES.statements(
    "SHEETS",
    "balance_sheet",
    [filing("2020-12-31", "Q4", filed="2021-02-02", **(BALANCE | {"totalStockholdersEquity": 800}))],
)


def test_the_newest_period_ends_balance_sheet_is_used_as_known(made: Lake) -> None:
    """A late amendment of an old one changes nothing; a restatement of the newest counts from its day."""
    rows = made.factors("SHEETS", [KNOWN, "2021-02-01", "2021-02-02"])
    assert rows["roe"].to_list() == [0.05, 0.05, 0.025]
    assert rows["inputs_available_date"].to_list() == [date(2021, 1, 30), date(2021, 1, 30), date(2021, 2, 2)]


CASES.statements("LATE_SHEET", "income", quarters(("2019-12-31", *YEAR_2020), netIncome=[1, 5, 5, 5, 5]))
CASES.statements("LATE_SHEET", "balance_sheet", [filing("2020-09-30", "Q3", **BALANCE)])
CASES.statements("LATE_SHEET", "balance_sheet", [filing("2020-12-31", filed="2021-02-10", **BALANCE)])


def test_inputs_are_as_old_as_the_latest_of_them(made: Lake) -> None:
    """Return on equity needs both the year and the balance sheet; its date is the later one's."""
    rows = made.factors("LATE_SHEET", ["2021-02-09", "2021-02-10"])
    assert rows["inputs_available_date"].to_list() == [date(2021, 1, 30), date(2021, 2, 10)]


@pytest.mark.parametrize(
    ("symbol", "day", "known"),
    [
        ("PLAIN", "2021-07-19", True),  # 200 days
        ("PLAIN", "2021-07-20", False),
        ("ANNUAL", "2022-04-19", True),  # 474 days
        ("ANNUAL", "2022-04-20", False),
    ],
)
def test_balances_serve_as_long_as_flows(made: Lake, symbol: str, day: str, *, known: bool) -> None:
    """200 days after a quarter's end and 274 more after a year's; older ones give no ratio."""
    assert ("current_ratio" in nothing(one(made, "factors", symbol, day))) is not known


CASES.statements("ANNUAL", "income", [filing("2020-12-31", "FY", revenue=100, netIncome=20)])
CASES.statements("ANNUAL", "balance_sheet", [filing("2020-12-31", "FY", **BALANCE)])


def test_a_company_that_reports_by_the_year_has_factors_too(made: Lake) -> None:
    """The fiscal year's own rows serve where there are no quarters."""
    row = one(made, "factors", "ANNUAL", KNOWN)
    assert (row["roe"], row["net_margin"], row["current_ratio"]) == (0.05, 0.2, 2)
