"""Compute statements and ratios of a synthetic company: quarters, and years that are their sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from factorlab_lake.providers.fmp.sample_server.records_by_symbol import Record
from factorlab_lake.schema import line_items
from tests.fakes.fmp.synthetic_bars import SyntheticCompany

__all__ = ["ratios_of", "statements_of"]

_IN_A_YEAR = 4
_QUARTERS_BEFORE = 8  # so that the first day with a bar has trailing twelve months


@dataclass(frozen=True, slots=True)
class _Quarter:
    end: date
    number: int
    year: int
    figures: dict[str, dict[str, Any]]


@lru_cache(256)
def statements_of(company: SyntheticCompany, statement: str) -> list[Record]:
    """Return the quarters and years of one statement with all its line items; missing items are zero."""
    quarters = _quarters(company)
    records: list[Record] = []
    for quarter in quarters:
        records.append(_record(company, quarter, statement=statement))
        year = [q for q in quarters if q.year == quarter.year]
        if quarter.number == len(year) == _IN_A_YEAR:
            records.append(_record(company, quarter, statement=statement, year=year))
    return records


@lru_cache(64)
def ratios_of(company: SyntheticCompany) -> list[Record]:
    """Return the ratios of each quarter and year. FMP sends no filing date, but they become public on it."""
    sheets = {(s["fiscal_date"], s["fiscal_period"]): s for s in statements_of(company, "balance_sheet")}
    return [
        _ratios(income, sheets[income["fiscal_date"], income["fiscal_period"]])
        for income in statements_of(company, "income")
    ]


def _ratios(income: Record, sheet: Record) -> Record:
    revenue, net = income["revenue"], income["net_income"]
    shares = income["weighted_average_shares_outstanding"]
    assets, equity, debt = sheet["total_assets"], sheet["total_stockholders_equity"], sheet["total_debt"]
    copied = ("symbol", "fiscal_date", "fiscal_year", "fiscal_period", "reported_currency", "accepted_at")
    return {name: income[name] for name in copied} | {
        "gross_margin": income["gross_profit"] / revenue, "net_margin": net / revenue,
        "operating_margin": income["operating_income"] / revenue, "asset_turnover": revenue / assets,
        "roa": net / assets, "roe": net / equity,
        "current_ratio": sheet["total_current_assets"] / sheet["total_current_liabilities"],
        "debt_to_assets": debt / assets, "debt_to_equity": debt / equity, "pe_ratio": 21.5, "pb_ratio": 3.25,
        "revenue_per_share": round(revenue / shares, 4), "net_income_per_share": round(net / shares, 4),
        "effective_tax_rate": income["income_tax_expense"] / income["income_before_tax"],
    }  # fmt: skip


@lru_cache(64)
def _quarters(company: SyntheticCompany) -> list[_Quarter]:
    numbers, revenue, cash = company.random_numbers("statements"), company.revenue, company.revenue
    quarters = []
    for end in _quarter_ends(company):
        months_on = (end.month - company.year_end_month - 1) % 12 + 1
        revenue = max(1_000_000, round(revenue * numbers.uniform(0.94, 1.1)))
        figures = _figures(company, revenue, cash, numbers.uniform(0.3, 0.6))
        cash = figures["cash_flow"]["cash_at_end_of_period"]
        year = end.year + (end.month > company.year_end_month)
        quarters.append(_Quarter(end, months_on // 3, year, figures))
    return quarters


def _quarter_ends(company: SyntheticCompany) -> Iterable[date]:
    """Yield the ends of March, June, September and December from before the first day to the last."""
    first, last = company.days[0], company.days[-1]
    month = first.year * 12 + first.month - 1 - 3 * _QUARTERS_BEFORE
    while (end := date(month // 12, month % 12 + 1, 1) - timedelta(1)) <= last:
        if end.month % 3 == 0:
            yield end
        month += 1


def _figures(company: SyntheticCompany, revenue: int, cash: int, margin: float) -> dict[str, dict[str, Any]]:
    """Return a quarter's figures by statement; an item of several statements is equal in each."""
    income = _income(revenue, margin, company.shares_today)
    flows = _flows(income, cash)
    return {
        "income": _per_share(income),
        "cash_flow": flows,
        "balance_sheet": _sheet(revenue, flows["cash_at_end_of_period"]),
    }


def _income(revenue: int, margin: float, shares: int) -> dict[str, Any]:
    gross, interest = round(revenue * margin), round(revenue * 0.01)
    research, selling = round(revenue * 0.08), round(revenue * 0.1)
    operating = gross - research - selling
    before_tax, written_off = operating - interest, round(revenue * 0.05)
    tax = round(before_tax * 0.21)
    net = before_tax - tax
    return {
        "revenue": revenue, "cost_of_revenue": revenue - gross, "gross_profit": gross,
        "research_and_development_expenses": research, "selling_general_and_administrative_expenses": selling,
        "operating_expenses": research + selling, "cost_and_expenses": revenue - operating,
        "interest_expense": interest, "net_interest_income": -interest, "operating_income": operating,
        "depreciation_and_amortization": written_off, "ebitda": operating + written_off, "ebit": operating,
        "total_other_income_expenses_net": -interest, "income_before_tax": before_tax,
        "income_tax_expense": tax, "net_income": net, "net_income_from_continuing_operations": net,
        "bottom_line_net_income": net, "weighted_average_shares_outstanding": shares,
        "weighted_average_shares_outstanding_diluted": round(shares * 1.02),
    }  # fmt: skip


def _flows(income: dict[str, Any], cash: int) -> dict[str, Any]:
    net, written_off = income["net_income"], income["depreciation_and_amortization"]
    spent, earned = round(income["revenue"] * 0.06), net + written_off
    return {
        "net_income": net, "depreciation_and_amortization": written_off, "operating_cash_flow": earned,
        "net_cash_provided_by_operating_activities": earned, "capital_expenditure": -spent,
        "investments_in_property_plant_and_equipment": -spent, "net_cash_from_investing_activities": -spent,
        "free_cash_flow": earned - spent, "net_change_in_cash": earned - spent,
        "cash_at_beginning_of_period": cash, "cash_at_end_of_period": cash + earned - spent,
        "income_taxes_paid": income["income_tax_expense"], "interest_paid": income["interest_expense"],
    }  # fmt: skip


def _sheet(revenue: int, cash: int) -> dict[str, Any]:
    cash = max(cash, 0)
    current, plant, debt, owed = round(revenue * 1.1) + cash, revenue * 3, revenue, round(revenue * 0.7)
    assets, equity = current + plant, current + plant - debt - owed
    return {
        "cash_and_cash_equivalents": cash, "cash_and_short_term_investments": cash,
        "net_receivables": round(revenue * 0.6), "inventory": round(revenue * 0.5),
        "total_current_assets": current, "property_plant_equipment_net": plant,
        "total_non_current_assets": plant, "total_assets": assets, "accounts_payable": owed,
        "total_current_liabilities": owed, "long_term_debt": debt, "total_non_current_liabilities": debt,
        "total_liabilities": debt + owed, "retained_earnings": equity, "total_stockholders_equity": equity,
        "total_equity": equity, "total_debt": debt, "net_debt": debt - cash,
        "total_liabilities_and_stockholders_equity": assets, "total_liabilities_and_total_equity": assets,
    }  # fmt: skip


def _per_share(income: dict[str, Any]) -> dict[str, Any]:
    """Add the ratios and per-share figures."""
    revenue, net = income["revenue"], income["net_income"]
    return income | {
        "gross_profit_ratio": income["gross_profit"] / revenue, "ebitda_ratio": income["ebitda"] / revenue,
        "operating_income_ratio": income["operating_income"] / revenue, "net_income_ratio": net / revenue,
        "income_before_tax_ratio": income["income_before_tax"] / revenue,
        "eps": round(net / income["weighted_average_shares_outstanding"], 4),
        "eps_diluted": round(net / income["weighted_average_shares_outstanding_diluted"], 4),
    }  # fmt: skip


def _summed(statement: str, quarters: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a year's figures: the sum of each flow, and the last quarter's other items."""
    flows = {c.name for c in line_items(statement) if c.additive == "flow"}
    year = {name: sum(q[name] for q in quarters) if name in flows else v for name, v in quarters[-1].items()}
    if statement == "cash_flow":
        year["cash_at_beginning_of_period"] = quarters[0]["cash_at_beginning_of_period"]
        year["cash_at_end_of_period"] = quarters[-1]["cash_at_end_of_period"]
    return _per_share(year) if statement == "income" else year


def _record(
    company: SyntheticCompany, quarter: _Quarter, *, statement: str, year: Sequence[_Quarter] = ()
) -> Record:
    """Return a quarter's record, or the record of the year that it ends."""
    period = "FY" if year else f"Q{quarter.number}"
    figures = _summed(statement, [q.figures[statement] for q in year or (quarter,)])
    # Companies file annual reports later.
    filed = quarter.end + timedelta(55 if quarter.number == _IN_A_YEAR else 30 + company.seed % 12)
    address = f"https://www.example.com/{company.cik}/{quarter.end}-{period}"
    return {
        "fiscal_date": quarter.end.isoformat(), "symbol": company.symbol, "reported_currency": "USD",
        "cik": company.cik, "filing_date": filed.isoformat(),
        "accepted_at": f"{filed} 16:{company.seed % 60:02d}:05",
        "fiscal_year": str(quarter.year), "fiscal_period": period,
        **{c.name: figures.get(c.name, 0) for c in line_items(statement)},
        "link": f"{address}-index.htm", "final_link": f"{address}.htm",
    }  # fmt: skip
