"""Compute the ratios by hand-written formulas, in exact fractions and without the package."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

Number = Fraction | None
Figures = Mapping[str, Number]


def over(above: Number, below: Number) -> Number:
    """Return a ratio, which there is only over something positive: a loss has no price to earnings."""
    return None if above is None or below is None or below <= 0 else above / below


def total(*terms: Number) -> Number:
    """Return a sum, which there is only of terms that are all there."""
    there = [term for term in terms if term is not None]
    return sum(there, Fraction(0)) if len(there) == len(terms) else None


def less(term: Number) -> Number:
    """Return the term to add for one to take off."""
    return None if term is None else -term


def growth(figures: Figures, name: str) -> Number:
    """Return the change over a year as a part of what was there a year before."""
    before = figures.get(f"{name}_year_before")
    return over(total(figures.get(name), less(before)), before)


def enterprise_value(figures: Figures) -> Number:
    """Return what all owners' claims are worth, less cash; claims that are not reported are none."""
    claims = (figures.get("market_cap"), figures.get("total_debt"))
    of_others = (figures.get(name) or Fraction(0) for name in ("preferred_stock", "minority_interest"))
    near_cash = figures.get("short_term_investments") or Fraction(0)
    return total(*claims, *of_others, less(figures.get("cash_and_cash_equivalents")), -near_cash)


def income_after_tax(figures: Figures) -> Number:
    """Return operating income after tax at the effective rate: between 0 and 1, and 0 for a loss."""
    before_tax, tax = figures.get("income_before_tax"), figures.get("income_tax_expense")
    operating = figures.get("operating_income")
    if before_tax is None or tax is None or operating is None:
        return None
    rate = min(max(tax / before_tax, Fraction(0)), Fraction(1)) if before_tax > 0 else Fraction(0)
    return operating * (1 - rate)


def ratios(figures: Figures) -> dict[str, Number]:
    """Return every ratio; one that cannot be computed, or means nothing, is nothing."""
    return valuation(figures) | returns(figures) | structure(figures) | changes(figures)


def valuation(figures: Figures) -> dict[str, Number]:
    """Return the ratios with a price in them."""
    cap, equity, sales = (figures.get(n) for n in ("market_cap", "total_stockholders_equity", "revenue"))
    earned, cash = figures.get("net_income"), figures.get("operating_cash_flow")
    depreciation = figures.get("depreciation_and_amortization_cash_flow")
    to_preferred = figures.get("preferred_dividends_paid") or Fraction(0)  # like all payments, negative
    return {
        "pe_ratio": over(cap, earned),
        "pb_ratio": over(cap, equity),
        "ps_ratio": over(cap, sales),
        "pcf_ratio": over(cap, cash),
        "ev_to_ebitda": over(enterprise_value(figures), total(figures.get("operating_income"), depreciation)),
        "earnings_yield": over(earned, cap),
        "book_to_market": over(equity, cap),
        "fcf_yield": over(figures.get("free_cash_flow"), cap),
        "dividend_yield": over(total(to_preferred, less(figures.get("dividends_paid"))), cap),
    }


def returns(figures: Figures) -> dict[str, Number]:
    """Return what was earned on what was put in, and on what was sold."""
    equity, sales, assets = (figures.get(n) for n in ("total_stockholders_equity", "revenue", "total_assets"))
    earned, debt = figures.get("net_income"), figures.get("total_debt")
    invested = total(debt, equity, less(figures.get("cash_and_cash_equivalents")))
    return {
        "roe": over(earned, equity),
        "roa": over(earned, assets),
        "roic": over(income_after_tax(figures), invested),
        "gross_margin": over(figures.get("gross_profit"), sales),
        "operating_margin": over(figures.get("operating_income"), sales),
        "net_margin": over(earned, sales),
        "accruals": over(total(earned, less(figures.get("operating_cash_flow"))), assets),
    }


def structure(figures: Figures) -> dict[str, Number]:
    """Return how the company is financed and how much its assets turn over."""
    return {
        "debt_to_equity": over(figures.get("total_debt"), figures.get("total_stockholders_equity")),
        "current_ratio": over(figures.get("total_current_assets"), figures.get("total_current_liabilities")),
        "asset_turnover": over(figures.get("revenue"), figures.get("total_assets")),
    }


def changes(figures: Figures) -> dict[str, Number]:
    """Return what changed over a year."""
    return {
        "revenue_growth_yoy": growth(figures, "revenue"),
        "earnings_growth_yoy": growth(figures, "net_income"),
        "asset_growth": growth(figures, "total_assets"),
        "share_growth": growth(figures, "shares"),
    }
