"""Compute the factors from published figures, in plain Python, by the formulas of the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from tests.oracle.days import months_before
from tests.oracle.trailing import NEAR, Content, is_fresh, sum_of_year

__all__ = ["Figures", "factors"]

Item = Callable[[str], float | None]


class Figures:
    """Look up flows of trailing years and balances as known at a day, and the same a year earlier."""

    def __init__(
        self, statements: Mapping[str, Sequence[Content]], raw_name: Callable[[str], str], day: date
    ) -> None:
        """Keep the contents known at a day; ``raw_name`` names an item as the contents do."""
        self._raw_name = raw_name
        self._known = {
            kind: [each for each in all_ if each.known <= day] for kind, all_ in statements.items()
        }
        self._day = day

    def flow(self, item: str, kind: str = "income", months_back: int = 0) -> float | None:
        """Return the twelve months up to the end of the newest income statement, or so many months before."""
        income = self._known["income"]
        if not income or not is_fresh(income, self._day):
            return None
        newest = max(each.end for each in income)
        end = months_before(newest, months_back) if months_back else newest
        return sum_of_year(self._known.get(kind, []), end, self._raw_name(item))

    def balance(self, item: str, months_back: int = 0) -> float | None:
        """Return a balance at the newest period end, or so many months before."""
        known = self._known.get("balance", [])
        if not known or not is_fresh(known, self._day):
            return None
        newest = max(each.end for each in known)
        end = months_before(newest, months_back) if months_back else newest
        versions = sorted(each for each in known if abs(each.end - end) <= NEAR)
        return versions[-1].items.get(self._raw_name(item)) if versions else None


def factors(cap: float | None, figures: Figures) -> dict[str, float | None]:
    """Return each factor that figures give; share_growth, which needs a split basis, is left out."""
    flow, balance = figures.flow, figures.balance
    income, sales, assets = flow("net_income"), flow("revenue"), balance("total_assets")
    equity, debt = balance("total_stockholders_equity"), balance("total_debt")
    cash_flow, operating = flow("operating_cash_flow", "cash_flow"), flow("operating_income")
    gross, capital = flow("gross_profit"), _sum(debt, equity, _minus(balance("cash_and_cash_equivalents")))
    before = {item: flow(item, "income", 12) for item in ("revenue", "net_income")}
    return {
        "pe_ratio": _ratio(cap, income),
        "pb_ratio": _ratio(cap, equity),
        "ps_ratio": _ratio(cap, sales),
        "pcf_ratio": _ratio(cap, cash_flow),
        "ev_to_ebitda": _ratio(_enterprise(cap, figures), _ebitda(figures)),
        "earnings_yield": _ratio(income, cap),
        "book_to_market": _ratio(equity, cap),
        "fcf_yield": _ratio(flow("free_cash_flow", "cash_flow"), cap),
        "dividend_yield": _ratio(_dividends(figures), cap),
        "roe": _ratio(income, equity),
        "roa": _ratio(income, assets),
        "roic": _ratio(_taxed(operating, figures), capital),
        "gross_margin": _ratio(gross, sales),
        "operating_margin": _ratio(operating, sales),
        "net_margin": _ratio(income, sales),
        "debt_to_equity": _ratio(debt, equity),
        "current_ratio": _ratio(balance("total_current_assets"), balance("total_current_liabilities")),
        "asset_turnover": _ratio(sales, assets),
        "revenue_growth_yoy": _growth(sales, before["revenue"]),
        "earnings_growth_yoy": _growth(income, before["net_income"]),
        "accruals": _ratio(_sum(income, _minus(cash_flow)), assets),
        "asset_growth": _growth(assets, balance("total_assets", 12)),
    }


def _enterprise(cap: float | None, figures: Figures) -> float | None:
    balance = figures.balance
    added = [balance(name) or 0.0 for name in ("preferred_stock", "minority_interest")]
    cash, invested = balance("cash_and_cash_equivalents"), balance("short_term_investments") or 0.0
    return _sum(cap, balance("total_debt"), *added, _minus(cash), -invested)


def _ebitda(figures: Figures) -> float | None:
    return _sum(figures.flow("operating_income"), figures.flow("depreciation_and_amortization", "cash_flow"))


def _dividends(figures: Figures) -> float | None:
    preferred = figures.flow("preferred_dividends_paid", "cash_flow") or 0.0
    return _sum(preferred, _minus(figures.flow("dividends_paid", "cash_flow")))


def _taxed(operating: float | None, figures: Figures) -> float | None:
    before, tax = figures.flow("income_before_tax"), figures.flow("income_tax_expense")
    if operating is None or before is None or tax is None:
        return None
    return operating * (1 - (min(max(tax / before, 0.0), 1.0) if before > 0 else 0.0))


def _ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None or b <= 0 else a / b


def _growth(now: float | None, before: float | None) -> float | None:
    return _ratio(_sum(now, _minus(before)), before)


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _sum(*values: float | None) -> float | None:
    return None if None in values else sum(value for value in values if value is not None)
