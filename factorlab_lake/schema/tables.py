"""Describe every table of the lake: columns, key, order and partitions.

The storage schema, the views, the servers' DDL and the documentation all follow from these descriptions.
"""

from __future__ import annotations

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.schema.columns import (
    AVAILABILITY,
    DATA_TYPE,
    EVENT,
    EXTRA,
    FETCHED,
    FILING_DATE,
    FISCAL_YEAR,
    LINK,
    LOGGED_AT,
    MAPPING,
    PERIOD,
    PERIOD_END,
    PERIOD_START,
    RETRACTED_AT,
    SPLIT_BASIS,
    STORED_AT,
    SYMBOL,
    VERSION,
)
from factorlab_lake.schema.company_tables import COMPANY_TABLES
from factorlab_lake.schema.derived_tables import DERIVED_TABLES
from factorlab_lake.schema.spec import STATEMENT_TYPES, Column, TableSpec, line_items

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


def _number(name: str, doc: str, unit: str = "") -> Column:
    return Column(name, "number", doc, unit=unit)


_BAR_VALUES = (
    _number(
        "open_price",
        "price of the first trade of the day, on the split basis of the row",
        "quote_currency_per_share",
    ),
    _number(
        "high_price", "highest price of the day, on the split basis of the row", "quote_currency_per_share"
    ),
    _number(
        "low_price", "lowest price of the day, on the split basis of the row", "quote_currency_per_share"
    ),
    _number(
        "close_price",
        "price of the last trade of the day, on the split basis of the row",
        "quote_currency_per_share",
    ),
    _number("volume", "shares traded on the day, on the split basis of the row", "shares"),
    _number(
        "adjusted_close",
        "close that the provider adjusted for splits and dividends",
        "quote_currency_per_share",
    ),
    _number("unadjusted_volume", "shares traded on the day, as counted on that day", "shares"),
    _number("vwap", "volume-weighted average price of the day", "quote_currency_per_share"),
    _number(
        "change",
        "price change over the day or since the day before, as the provider reports it",
        "quote_currency_per_share",
    ),
    _number("change_percent", "the same change in per cent, as the provider reports it", "percent"),
    _number("change_over_time", "the same change as a fraction, as the provider reports it", "fraction"),
    EXTRA,
)
_BAR_PRICES = {
    "open": "price of the first trade",
    "high": "highest price",
    "low": "lowest price",
    "close": "price of the last trade",
}
_BAR_KEY = (SYMBOL, Column("date", "date", "trading day", role="key"))
_STATED_BASIS = Column(
    "stated_basis_date",
    "date",
    "split basis as the row was served, where the price proves that it is too late, by a step on a split's "
    "ex-date, or too early, by no step; NULL where it is split_basis_date",
    role="derived",
)
_YEAR = Column("year", "integer", "calendar year of date", role="derived")


def _bars(
    name: str,
    doc: str,
    key: tuple[str, ...],
    *more: Column,
    other_names: tuple[tuple[str, str], ...] = (),
) -> TableSpec:
    return TableSpec(
        name=name,
        doc=doc,
        key=key,
        other_names=other_names,
        sort_by=("symbol", "date", "fetched_at"),
        time_column="date",
        partition_by="year",
        columns=(*_BAR_KEY, *_BAR_VALUES, SPLIT_BASIS, _STATED_BASIS, *more, *FETCHED, _YEAR),
    )


_REVISION = Column(
    "revision", "integer", "number of the content of the same day, from 1 in order of fetches", role="derived"
)
_CHANGE_KIND = Column(
    "change_kind",
    "text",
    "reason of the change: split_rebase (all prices changed by one split ratio), adjusted_close_rebase "
    "(only adjusted_close and fields beside prices and volume changed), correction (a user loaded other "
    "values) or vendor_revision (other values)",
    role="derived",
)

_SPECS = (
    _statement("income_statements", "income", "Income statements"),
    _statement("balance_sheets", "balance_sheet", "Balance sheets"),
    _statement("cash_flows", "cash_flow", "Cash flow statements"),
    _bars(
        "price_data",
        "Daily bars: one current row per symbol and trading day. "
        "Prices are in company_profiles.currency (the quote currency).",
        ("symbol", "date"),
        other_names=STORED_AT,
    ),
    _bars(
        "price_revisions",
        "Superseded daily bars: one row per symbol, trading day and earlier content. "
        "Prices are in company_profiles.currency (the quote currency).",
        ("symbol", "date", "revision"),
        _REVISION,
        _CHANGE_KIND,
    ),
    TableSpec(
        name="splits",
        doc="Stock splits and other events that change prices or numbers of shares, as told: one row per "
        "symbol, ex-date and event. Each denominator shares become numerator shares. split_events says which "
        "of them apply.",
        key=("symbol", "date", "event"),
        sort_by=("symbol", "date", "event"),
        time_column="date",
        columns=(
            SYMBOL,
            Column("date", "date", "ex-date: first trading day with the new number of shares", role="key"),
            EVENT,
            _number("numerator", "number of shares after the split", "shares"),
            _number("denominator", "number of shares before the split", "shares"),
            Column(
                "kind",
                "text",
                "split, stock_dividend or spin_off, where the source says it; a spin-off moves prices alone; "
                "quote_unit for an inferred 100:1 or 1:100 of a symbol that may be quoted in hundredths",
            ),
            Column("label", "text", "date as text, as the provider writes it", role="label"),
            EXTRA,
            Column(
                "source",
                "text",
                "origin of the event: provider, file, or inferred from two fetches of the same bars; an "
                "inferred 1:1 says that they did not move, against the split that was told for the day",
                role="label",
            ),
            Column(
                "earliest_date",
                "date",
                "first possible ex-date of an inferred split, the day after the split basis of the earlier "
                "fetch; NULL for a reported split, whose date is certain",
                role="label",
            ),
            Column(
                "latest_date",
                "date",
                "last possible ex-date of an inferred split, the split basis of the later fetch; NULL for a "
                "reported split",
                role="label",
            ),
            RETRACTED_AT,
            *FETCHED,
        ),
    ),
    TableSpec(
        name="dividends",
        doc="Cash dividends as told: one row per symbol, ex-date and event. "
        "Amounts are per share in company_profiles.currency (the quote currency).",
        key=("symbol", "date", "event"),
        sort_by=("symbol", "date", "event"),
        time_column="date",
        columns=(
            SYMBOL,
            Column("date", "date", "ex-date: first day traded without the dividend", role="key"),
            EVENT,
            _number("dividend", "amount per share as paid", "quote_currency_per_share"),
            _number(
                "adjusted_dividend",
                "amount per share on the split basis of the row",
                "quote_currency_per_share",
            ),
            Column("record_date", "date", "record date: holders of this day receive the dividend"),
            Column("payment_date", "date", "payment date"),
            Column("declaration_date", "date", "announcement date"),
            Column(
                "dividend_yield",
                "number",
                "dividend yield as the provider computed it",
                unit="percent",
                role="label",
            ),
            Column("frequency", "text", "payment frequency as the provider writes it", role="label"),
            Column("label", "text", "date as text, as the provider writes it", role="label"),
            EXTRA,
            SPLIT_BASIS,
            RETRACTED_AT,
            *FETCHED,
        ),
    ),
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
            _number("shares", "shares outstanding on the split basis of the row", "shares"),
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
            _number("market_cap", "market capitalisation as the provider computed it", "quote_currency"),
            *FETCHED,
            _YEAR,
        ),
    ),
    TableSpec(
        name="data_fetch_log",
        doc="Fetch log: one row per fetch, cache file read or load, with the request and its result.",
        key=("fetch_id",),
        sort_by=("symbol", "data_type", "fetch_date"),
        time_column="fetch_date",
        other_names=(*STORED_AT, ("source_provider", "provider")),
        columns=(
            Column("fetch_id", "text", "hash of the response and its origin", role="key"),
            Column("symbol", "text", "requested symbol; empty for a load of several"),
            DATA_TYPE,
            Column("period", "text", "requested period: annual, quarterly, or a period of the old cache"),
            Column("fetch_date", "timestamp", "time at which the provider served the response (UTC)"),
            Column("records_fetched", "integer", "number of records in the response"),
            Column("records_rejected", "integer", "number of records rejected, see rejected_records"),
            Column("api_calls_made", "integer", "number of API calls; 0 for a cache file or a load"),
            Column("success", "boolean", "false if the response could not be read"),
            Column("error_message", "text", "reason of a failure, or how a valid response is incomplete"),
            Column("provider", "text", "name of the provider"),
            Column("endpoint", "text", "URL without parameters, or the path of the file"),
            Column("parameters", "json", "request parameters without secrets, as a JSON object"),
            Column("http_status", "integer", "HTTP status of the last response"),
            Column("payload_sha256", "text", "SHA-256 of the bytes received"),
            Column("duration_ms", "number", "duration of the request or of reading the file", "milliseconds"),
            Column(
                "keys_landed",
                "integer",
                "number of distinct keys (periods or days) stored from the response with all values",
            ),
            Column("covered_from", "date", "earliest date in the response"),
            Column("covered_to", "date", "latest date in the response"),
            LOGGED_AT,
        ),
    ),
    TableSpec(
        name="rejected_records",
        doc="Rejected records: one row per record, with the reason and the record itself.",
        key=("fetch_id", "position"),
        sort_by=("fetch_id", "position"),
        columns=(
            Column(
                "fetch_id", "text", "fetch that delivered the record, a key of data_fetch_log", role="key"
            ),
            Column(
                "position",
                "integer",
                "position of the record in the response, from 0; negative for a record that was stored first",
                role="key",
            ),
            Column("symbol", "text", "requested symbol; empty for a load of several"),
            DATA_TYPE,
            Column("reason", "text", "reason of the rejection"),
            Column("record", "json", "record as received, as a JSON object"),
            LOGGED_AT,
        ),
    ),
)

TABLES: dict[str, TableSpec] = {spec.name: spec for spec in _SPECS} | DERIVED_TABLES
"""The tables that every lake and every server has."""

OPTIONAL_TABLES: dict[str, TableSpec] = {
    "price_bars": TableSpec(
        name="price_bars",
        doc="Bars within the day, such as minute bars: one row per symbol and start of the bar. A lake has "
        "this table from its first load on. Syncs, exports and lake.duckdb leave it out.",
        key=("symbol", "ts"),
        sort_by=("symbol", "ts"),
        time_column="date",
        partition_by="day",
        columns=(
            SYMBOL,
            Column("ts", "timestamp", "start of the bar (UTC)", role="key"),
            Column("date", "date", "New York's date of ts", role="derived"),
            *(
                _number(f"{name}_price", f"{text} of the bar, on the split basis", "quote_currency_per_share")
                for name, text in _BAR_PRICES.items()
            ),
            _number("volume", "shares traded in the bar, on the split basis of the row", "shares"),
            SPLIT_BASIS,
            *FETCHED,
            Column("day", "integer", "date as a number, such as 20240131", role="derived"),
        ),
    )
}
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
