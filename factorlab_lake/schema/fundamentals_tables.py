"""Describe the derived tables of fundamentals: trailing years and quarters, with a column per line item."""

from __future__ import annotations

from dataclasses import replace

from factorlab_lake.schema.columns import SYMBOL
from factorlab_lake.schema.derived_columns import (
    COMPANY,
    MANY_BUCKETS,
    RESTATED,
    VALID_FROM,
    VALID_TO,
    VINTAGE,
    date_column,
    derived_table,
    text_column,
)
from factorlab_lake.schema.spec import Column, line_items

__all__ = ["FUNDAMENTALS_TABLES", "REPORTED_ONLY", "YEAR_BEFORE_ITEMS", "cash_flow_names", "flow_names"]

YEAR_BEFORE_ITEMS = ("revenue", "net_income", "total_assets")
"""The line items that fundamentals_history has of the year before too."""

REPORTED_ONLY = ("preferred_dividends_paid",)
"""The flows that fundamentals_history also has as the sum of the reported components: formulas count a
missing one as 0."""


def flow_names(statement_type: str) -> list[str]:
    """Return the additive line items of a statement type: only these may be summed over quarters."""
    return [c.name for c in line_items(statement_type) if c.additive == "flow"]


def cash_flow_names() -> dict[str, str]:
    """Return the names in ``ttm`` of cash flow items; one that the income statement has too gets a suffix."""
    taken = set(flow_names("income"))
    return {n: f"{n}_cash_flow" if n in taken else n for n in flow_names("cash_flow")}


def _derived(name: str, doc: str, *, end: str = "", suffix: str = "") -> Column:
    return Column(f"{name}{suffix}", "number", f"{doc}{end}", unit="reported_currency", role="derived")


def _flows() -> tuple[Column, ...]:
    names = cash_flow_names()
    income = [c for c in line_items("income") if c.additive == "flow"]
    cash_flow = [replace(c, name=names[c.name]) for c in line_items("cash_flow") if c.additive == "flow"]
    return tuple(replace(c, role="derived", zero_is_missing=False) for c in (*income, *cash_flow))


def _months(name: str, doc: str) -> Column:
    return Column(name, "integer", doc, unit="months", role="derived")


_FUNDAMENTALS = (
    *COMPANY,
    date_column("income_date", "end of the newest income period"),
    _months("income_months", "length of the newest income period"),
    text_column(
        "income_basis",
        "fiscal_year, year_to_date (the last year less its first months, and the same months of the next) or "
        "quarters (the sum of four); NULL without a sum",
    ),
    text_column(
        "income_derivation",
        "parts of the sum that follow from longer periods, such as 2020-12-31 = FY - 9M",
    ),
    text_column("income_currency", "ISO code of the currency of the income statements"),
    date_column("income_available_date", "latest available_date of the income statements of the sum"),
    date_column("income_years_available_date", "the same, with the statements of the year before"),
    text_column("income_reason", "reason why the income flows are NULL"),
    _months("cash_flow_months", "length of the newest cash flow period"),
    date_column("cash_flow_available_date", "latest available_date of the cash flow statements of the sum"),
    text_column("cash_flow_reason", "reason why the cash flows are NULL"),
    date_column("balance_sheet_date", "end of the newest balance sheet's period"),
    _months("balance_sheet_months", "length of the newest balance sheet's period"),
    text_column("balance_sheet_currency", "ISO code of the currency of the balance sheet"),
    date_column(
        "balance_sheet_years_available_date",
        "latest available_date of that balance sheet and that of a year before",
    ),
    text_column("balance_sheet_reason", "reason why the balances are NULL"),
    Column(
        "extra_age_days",
        "integer",
        "days that the figures stay fresh longer than those of a quarterly reporter",
        unit="days",
        role="derived",
    ),
    text_column(
        "income_year_before_currency", "ISO code of the currency of the income statements a year before"
    ),
    text_column("income_year_before_reason", "reason why the income flows of the year before are NULL"),
    text_column(
        "balance_sheet_year_before_currency", "ISO code of the currency of the balance sheet a year before"
    ),
    text_column("balance_sheet_year_before_reason", "reason why the balances of the year before are NULL"),
)


def _inputs() -> tuple[Column, ...]:
    items = {c.name: c for kind in ("income", "balance_sheet", "cash_flow") for c in line_items(kind)}
    names = cash_flow_names()
    shares = items["weighted_average_shares_outstanding"].doc
    return (
        *(
            _derived(
                names[n], items[n].doc, suffix="_reported", end=" (sum of the components that report it)"
            )
            for n in REPORTED_ONLY
        ),
        *(
            replace(c, role="derived", zero_is_missing=False)
            for c in line_items("balance_sheet")
            if c.additive == "stock"
        ),
        *(
            _derived(n, items[n].doc, suffix="_year_before", end=" (a year before)")
            for n in YEAR_BEFORE_ITEMS
        ),
        Column("shares", "number", f"{shares}; on today's split basis", unit="shares", role="derived"),
        Column(
            "shares_year_before",
            "number",
            f"{shares}; a year before, on today's split basis",
            unit="shares",
            role="derived",
        ),
    )


FUNDAMENTALS_TABLES = (
    derived_table(
        "fundamentals_history",
        "What was known of each company's last year: one row per symbol, vintage and validity interval. "
        "Flows are sums of the trailing twelve months.",
        ("symbol", "of_vintage", "valid_from"),
        (SYMBOL, VINTAGE, RESTATED, VALID_FROM, VALID_TO, *_FUNDAMENTALS, *_flows(), *_inputs()),
        buckets=MANY_BUCKETS,
    ),
    derived_table(
        "quarter_history",
        "What was known of each quarter's flows: one row per symbol, vintage, quarter end and interval.",
        ("symbol", "of_vintage", "fiscal_date", "valid_from"),
        (
            SYMBOL,
            VINTAGE,
            RESTATED,
            Column("fiscal_date", "date", "last day of the quarter", role="key"),
            VALID_FROM,
            VALID_TO,
            text_column("derivation", "reported, or how the quarter's income follows from longer periods"),
            text_column("cash_flow_derivation", "the same of the cash flows"),
            text_column("reported_currency", "ISO code of the currency of all amounts in the row"),
            date_column(
                "inputs_available_date", "latest available_date of the statements that the row follows from"
            ),
            text_column("reason", "reason why flows are NULL"),
            *COMPANY,
            *_flows(),
        ),
        time="fiscal_date",
        buckets=MANY_BUCKETS,
    ),
)
