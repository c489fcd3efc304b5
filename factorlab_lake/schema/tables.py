"""List every table of the lake, and describe those of statements, share counts and vendors' figures.

The storage schema, the views, the servers' DDL and the documentation all follow from these descriptions.
"""

from __future__ import annotations

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.schema.columns import (
    AVAILABILITY,
    EXTRA,
    FETCHED,
    FILING_DATE,
    FISCAL_YEAR,
    LINK,
    MAPPING,
    PERIOD,
    PERIOD_END,
    PERIOD_START,
    SPLIT_BASIS,
    SYMBOL,
    VERSION,
    YEAR,
)
from factorlab_lake.schema.company_tables import COMPANY_TABLES
from factorlab_lake.schema.derived_tables import DERIVED_TABLES
from factorlab_lake.schema.event_tables import EVENT_TABLES
from factorlab_lake.schema.log_tables import LOG_TABLES
from factorlab_lake.schema.price_tables import INTRADAY_BARS, PRICE_TABLES
from factorlab_lake.schema.spec import STATEMENT_TYPES, Column, TableSpec, line_items, number_column

__all__ = [
    "DATASETS",
    "OPTIONAL_TABLES",
    "PERIOD_DAYS",
    "PERIOD_MONTHS",
    "STATEMENT_TABLES",
    "STORED_TABLES",
    "TABLES",
    "table",
]

# The length of each fiscal period in months. H1, 9M and FY are cumulative from the start of the fiscal year.
PERIOD_MONTHS = {"Q1": 3, "Q2": 3, "Q3": 3, "Q4": 3, "H1": 6, "9M": 9, "FY": 12}

# Days from the first to the last day of a period of so many months: 13 weeks a quarter, and some for a change
# of the calendar.
PERIOD_DAYS = {3: (75, 125), 6: (160, 210), 9: (245, 300), 12: (340, 390)}

STATEMENT_TABLES = dict(
    zip(STATEMENT_TYPES, ("income_statements", "balance_sheets", "cash_flows"), strict=True)
)

# The table that stores the records of each dataset.
DATASETS = {
    **STATEMENT_TABLES,
    "ratios": "vendor_ratios",
    "price": "price_data",
    "price_unadjusted": "price_data",
    "market_cap": "vendor_market_caps",
    "split": "splits",
    "dividend": "dividends",
    "profile": "company_profiles",
    "shares": "shares_outstanding",
    "symbol_change": "symbol_history",
}


def _statement(name: str, statement_type: str, doc: str) -> TableSpec:
    return TableSpec(
        name=name,
        doc=f"{doc}: one row per symbol, fiscal period and version. Amounts are in reported_currency.",
        key=("symbol", "fiscal_date", "fiscal_period", "version"),
        sort_by=("symbol", "fiscal_date", "fiscal_period", "version"),
        time_column="fiscal_date",
        partition_by="fiscal_year",
        columns=(
            SYMBOL,
            *PERIOD,
            *VERSION,
            PERIOD_START,
            PERIOD_END,
            FISCAL_YEAR,
            Column("reported_currency", "text", "ISO code of the currency of all amounts in the row"),
            Column("cik", "text", "SEC Central Index Key of the company, ten digits"),
            FILING_DATE,
            Column("accepted_at", "timestamp", "time at which the filing became public (UTC)"),
            Column("accepted_date", "date", "date of accepted_at in New York", role="derived"),
            *AVAILABILITY,
            SPLIT_BASIS,
            *line_items(statement_type),
            EXTRA,
            Column("link", "text", LINK),
            Column("final_link", "text", "URL of the filing's main document"),
            MAPPING,
            *FETCHED,
        ),
    )


_SPECS = (
    _statement("income_statements", "income", "Income statements"),
    _statement("balance_sheets", "balance_sheet", "Balance sheets"),
    _statement("cash_flows", "cash_flow", "Cash flow statements"),
    *PRICE_TABLES,
    *EVENT_TABLES,
    *COMPANY_TABLES,
    TableSpec(
        name="shares_outstanding",
        doc="Share counts: one row per symbol, counting day, source and version.",
        key=("symbol", "as_of_date", "source", "version"),
        sort_by=("symbol", "as_of_date", "source", "version"),
        time_column="as_of_date",
        columns=(
            SYMBOL,
            Column("as_of_date", "date", "day on which the shares were counted", role="key"),
            Column(
                "source",
                "text",
                "origin of the count: cover_page (SEC dei facts) or balance_sheet",
                role="key",
            ),
            *VERSION,
            number_column("shares", "shares outstanding on the split basis of the row", "shares"),
            Column("accepted_at", "timestamp", "time at which the count became public (UTC)"),
            *AVAILABILITY,
            FILING_DATE,
            EXTRA,
            Column("link", "text", LINK, role="label"),
            SPLIT_BASIS,
            *FETCHED,
        ),
    ),
    TableSpec(
        name="vendor_ratios",
        doc="Ratios that the provider computed: one row per symbol, fiscal period and version.",
        key=("symbol", "fiscal_date", "fiscal_period", "version"),
        sort_by=("symbol", "fiscal_date", "fiscal_period", "version"),
        time_column="fiscal_date",
        partition_by="fiscal_year",
        columns=(
            SYMBOL,
            *PERIOD,
            *VERSION,
            FISCAL_YEAR,
            Column("metrics", "json", "JSON object of all ratios by the provider's field names"),
            *FETCHED,
        ),
    ),
    TableSpec(
        name="vendor_market_caps",
        doc="Market capitalisations that the provider computed, for comparison: one row per symbol and day, "
        "from the newest fetch. No query uses them: the provider applies share counts of later filings.",
        key=("symbol", "date"),
        sort_by=("symbol", "date"),
        time_column="date",
        partition_by="year",
        columns=(
            SYMBOL,
            Column("date", "date", "trading day", role="key"),
            number_column(
                "market_cap", "market capitalisation as the provider computed it", "quote_currency"
            ),
            *FETCHED,
            YEAR,
        ),
    ),
    *LOG_TABLES,
)

TABLES: dict[str, TableSpec] = {spec.name: spec for spec in _SPECS} | DERIVED_TABLES
"""The tables that every lake and every server has."""

OPTIONAL_TABLES: dict[str, TableSpec] = {INTRADAY_BARS.name: INTRADAY_BARS}
"""The tables that a lake has once they have rows."""

STORED_TABLES: dict[str, TableSpec] = TABLES | OPTIONAL_TABLES
"""All tables that a lake can store."""


def table(name: str) -> TableSpec:
    """Return the description of a table; raise :class:`InvalidInput` with the nearest name if unknown."""
    try:
        return STORED_TABLES[name]
    except KeyError:
        raise InvalidInput(
            f"There is no table {name!r}; the tables are {', '.join(TABLES)}.{nearest(name, TABLES)}",
            table=name,
        ) from None
