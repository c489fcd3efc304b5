"""A company of nine quarters, for factors: every input has a value, and each can be changed or left out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from tests.unit.query.golden.ratios import ratios
from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing, quarters

__all__ = [
    "ALL",
    "INPUTS",
    "KNOWN",
    "PLAIN",
    "YEAR_2019",
    "causes",
    "figures",
    "item_of",
    "missing_factors",
    "missing_without",
    "sample_company",
]

YEAR_2019 = ("2019-03-31", "2019-06-30", "2019-09-30", "2019-12-31")
KNOWN = "2021-01-30"  # the day the last quarter of 2020 became known

# By part: the statement, the period ends, and what each of them reports.
PARTS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "income": (
        "income",
        YEAR_2020,
        {
            "revenue": 25,
            "grossProfit": 15,
            "operatingIncome": 10,
            "incomeBeforeTax": 10,
            "incomeTaxExpense": 2.5,
            "netIncome": 5,
            "weightedAverageShsOut": 100,
        },
    ),
    "income_before": (
        "income",
        YEAR_2019,
        {"revenue": 12.5, "netIncome": 10, "weightedAverageShsOut": 125},
    ),
    "cash_flow": (
        "cash_flow",
        YEAR_2020,
        {
            "operatingCashFlow": 8,
            "depreciationAndAmortization": 2.5,
            "freeCashFlow": 6,
            "dividendsPaid": -3,
            "preferredDividendsPaid": -1,
        },
    ),
    "sheet": (
        "balance_sheet",
        YEAR_2020[-1:],
        {
            "totalStockholdersEquity": 400,
            "totalAssets": 1000,
            "totalDebt": 200,
            "totalCurrentAssets": 300,
            "totalCurrentLiabilities": 150,
            "cashAndCashEquivalents": 100,
            "shortTermInvestments": 10,
            "preferredStock": 40,
            "minorityInterest": 20,
        },
    ),
    "sheet_before": ("balance_sheet", YEAR_2019[-1:], {"totalAssets": 800}),
}
# By the name of an input of the formulas: its part and the vendor's name.
INPUTS = {
    "revenue": ("income", "revenue"),
    "gross_profit": ("income", "grossProfit"),
    "operating_income": ("income", "operatingIncome"),
    "income_before_tax": ("income", "incomeBeforeTax"),
    "income_tax_expense": ("income", "incomeTaxExpense"),
    "net_income": ("income", "netIncome"),
    "shares": ("income", "weightedAverageShsOut"),
    "operating_cash_flow": ("cash_flow", "operatingCashFlow"),
    "free_cash_flow": ("cash_flow", "freeCashFlow"),
    "depreciation_and_amortization_cash_flow": ("cash_flow", "depreciationAndAmortization"),
    "dividends_paid": ("cash_flow", "dividendsPaid"),
    "preferred_dividends_paid": ("cash_flow", "preferredDividendsPaid"),
    "total_stockholders_equity": ("sheet", "totalStockholdersEquity"),
    "total_assets": ("sheet", "totalAssets"),
    "total_debt": ("sheet", "totalDebt"),
    "cash_and_cash_equivalents": ("sheet", "cashAndCashEquivalents"),
    "short_term_investments": ("sheet", "shortTermInvestments"),
    "preferred_stock": ("sheet", "preferredStock"),
    "minority_interest": ("sheet", "minorityInterest"),
    "total_current_assets": ("sheet", "totalCurrentAssets"),
    "total_current_liabilities": ("sheet", "totalCurrentLiabilities"),
    "revenue_year_before": ("income_before", "revenue"),
    "net_income_year_before": ("income_before", "netIncome"),
    "shares_year_before": ("income_before", "weightedAverageShsOut"),
    "total_assets_year_before": ("sheet_before", "totalAssets"),
}
# What follows at a price of 8, worked out by hand. A market value of 800; a year of sales 100, gross profit
# 60, operating income 40, tax 10 on 40, income 20; cash from operations 32, depreciation 10, free cash flow
# 24, dividends of 12 with 4 to preferred shares. A year before: sales 50, income 40, 125 shares, assets 800.
PLAIN = {
    "pe_ratio": 40,  # 800 / 20
    "pb_ratio": 2,  # 800 / 400
    "ps_ratio": 8,  # 800 / 100
    "pcf_ratio": 25,  # 800 / 32
    "ev_to_ebitda": 19,  # (800 + 200 + 40 + 20 - 100 - 10) / (40 + 10)
    "earnings_yield": 0.025,  # 20 / 800
    "book_to_market": 0.5,  # 400 / 800
    "fcf_yield": 0.03,  # 24 / 800
    "dividend_yield": 0.01,  # (12 - 4) / 800
    "roe": 0.05,  # 20 / 400
    "roa": 0.02,  # 20 / 1000
    "roic": 0.06,  # 40 x (1 - 1/4) / (200 + 400 - 100)
    "gross_margin": 0.6,  # 60 / 100
    "operating_margin": 0.4,  # 40 / 100
    "net_margin": 0.2,  # 20 / 100
    "debt_to_equity": 0.5,  # 200 / 400
    "current_ratio": 2,  # 300 / 150
    "asset_turnover": 0.1,  # 100 / 1000
    "revenue_growth_yoy": 1,  # (100 - 50) / 50
    "earnings_growth_yoy": -0.5,  # (20 - 40) / 40
    "accruals": -0.012,  # (20 - 32) / 1000
    "asset_growth": 0.25,  # (1000 - 800) / 800
    "share_growth": -0.2,  # (100 - 125) / 125
}
ALL = frozenset(PLAIN)


def figures(**changes: dict[str, Any] | None) -> dict[str, Fraction | None]:
    """Return the inputs of the formulas for the company with the changes of :func:`sample_company`.

    A changed item has one value for all quarters, and ``...`` for none.
    """
    values = {"market_cap": None if changes.get("price", {}) is None else Fraction(800)}
    for name, (part, field) in INPUTS.items():
        _, ends, items = PARTS[part]
        changed = changes.get(part, {})
        value = ... if changed is None else (items | changed)[field]
        summed = 1 if name.startswith("shares") else len(ends)
        values[name] = None if value is ... else Fraction(str(value)) * summed
    return values


def causes(row: dict[str, Any]) -> dict[str, str]:
    """Return the reason of each factor that a row has none of; exactly the NULL factors have one."""
    reasons: dict[str, str] = json.loads(row["reasons"] or "{}")
    assert reasons.keys() == {name for name in ALL if row[name] is None}, row
    assert reasons or row["reasons"] is None, row
    return reasons


def missing_factors(**changes: dict[str, Any] | None) -> set[str]:
    """Return the factors that the golden's own formulas cannot compute for the company with changes."""
    return {name for name, value in ratios(figures(**changes)).items() if value is None}


def missing_without(inputs: Iterable[str]) -> set[str]:
    """Return the factors that the golden's own formulas cannot compute without some inputs."""
    values = ratios(figures() | dict.fromkeys(inputs))
    return {name for name, value in values.items() if value is None}


def sample_company(made: LakeBuilder, symbol: str, **changes: dict[str, Any] | None) -> None:
    """Add the company. ``changes`` names a part and the items that differ there; None leaves the part out.

    An item is one value for each quarter of the part, or a list of one per quarter, ``...`` for none.
    """
    if changes.pop("price", {}) is not None:
        made.closes(symbol, {"2021-01-29": 8.0})
    records: dict[str, list[dict[str, Any]]] = {"income": [], "cash_flow": [], "balance_sheet": []}
    for part, (kind, ends, items) in PARTS.items():
        changed = changes.pop(part, {})
        if changed is not None:
            columns = {
                name: value if isinstance(value, list) else [value] * len(ends)
                for name, value in (items | changed).items()
            }
            records[kind] += quarters(ends, **columns)
    assert not changes, f"no such part: {', '.join(changes)}"
    if records["income"]:  # a quarter that belongs to no year that is asked about
        records["income"].append(filing("2018-12-31", "Q4", revenue=9999, netIncome=9999))
    for kind, filed in records.items():
        if filed:
            made.statements(symbol, kind, filed)


def item_of(part: str, field: str) -> Any:
    """Return what each quarter of a part reports of an item, under the vendor's name."""
    return PARTS[part][2][field]
