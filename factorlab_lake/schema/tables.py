"""Every table of the lake, once. Nothing else in the package lists their columns."""

from __future__ import annotations

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.schema.spec import STATEMENT_TYPES, Column, TableSpec, line_items

__all__ = ["DATASETS", "PERIOD_MONTHS", "STATEMENT_TABLES", "TABLES", "table"]

# Fiscal periods by their length; H1 and 9M are cumulative from the start of the fiscal year, as FY is.
PERIOD_MONTHS = {"Q1": 3, "Q2": 3, "Q3": 3, "Q4": 3, "H1": 6, "9M": 9, "FY": 12}

STATEMENT_TABLES = dict(
    zip(STATEMENT_TYPES, ("income_statements", "balance_sheets", "cash_flows"), strict=True)
)

# The datasets that are fetched, and the tables they land in.
DATASETS = {
    **STATEMENT_TABLES,
    "ratios": "vendor_ratios",
    "price": "price_data",
    "price_unadjusted": "price_data",
    "market_cap": "vendor_market_caps",
    "split": "splits",
    "dividend": "dividends",
    "profile": "company_profiles",
}
_SYMBOL = Column("symbol", "text", "ticker as the provider writes it, any length", role="key")
_FETCHED = (
    Column("source_provider", "text", "who served the row", role="provenance"),
    Column("fetch_id", "text", "the fetch it came from, see data_fetch_log", role="provenance"),
    Column("fetched_at", "timestamp", "when the provider served it (UTC)", role="provenance"),
    Column("recorded_at", "timestamp", "when this lake first saw it (UTC)", role="provenance"),
)
_SPLIT_BASIS = Column(
    "split_basis_date", "date", "shares and prices count every split up to this day", role="derived"
)
_PERIOD = (
    Column("fiscal_date", "date", "last day of the fiscal period", role="key"),
    Column("fiscal_period", "text", "Q1 to Q4, or cumulative: H1, 9M, FY", role="key"),
)
_VERSION = (
    Column("version", "integer", "1 for the first content known for the period, counting up", role="derived"),
    Column(
        "change_kind",
        "text",
        "original, restatement (accepted later), split_rebase (only share and per-share items moved, by one "
        "factor), vendor_revision (same acceptance, other values)",
        role="derived",
    ),
)


def _statement(name: str, statement_type: str, doc: str) -> TableSpec:
    return TableSpec(
        name=name,
        doc=f"{doc}: one row per symbol, fiscal period and version; line items in reported_currency.",
        key=("symbol", "fiscal_date", "fiscal_period", "version"),
        sort_by=("symbol", "fiscal_date", "fiscal_period", "version"),
        time_column="fiscal_date",
        partition_by="fiscal_year",
        columns=(
            _SYMBOL,
            *_PERIOD,
            *_VERSION,
            Column("fiscal_year", "integer", "fiscal year as the provider labels it"),
            Column("reported_currency", "text", "ISO code of the statement's currency"),
            Column("cik", "text", "SEC's company number, ten digits"),
            Column("filing_date", "date", "day of the filing, as given"),
            Column("accepted_at", "timestamp", "when the filing became public (UTC)"),
            Column("accepted_date", "date", "New York date of accepted_at", role="derived"),
            Column(
                "available_date", "date", "first day at whose New York close it could be used", role="derived"
            ),
            Column("availability_basis", "text", "accepted, filing_date or estimated", role="derived"),
            _SPLIT_BASIS,
            *line_items(statement_type),
            Column("extra", "json", "items the provider sent that have no column"),
            Column("link", "text", "address of the filing's index page"),
            Column("final_link", "text", "address of the filing's main document"),
            *_FETCHED,
        ),
    )


def _number(name: str, doc: str, unit: str = "") -> Column:
    return Column(name, "number", doc, unit=unit)


_BAR_VALUES = (
    _number("open_price", "first trade of the day", "currency_per_share"),
    _number("high_price", "highest trade of the day", "currency_per_share"),
    _number("low_price", "lowest trade of the day", "currency_per_share"),
    _number("close_price", "last trade of the day, on the split basis given", "currency_per_share"),
    _number("volume", "shares traded, on the split basis given", "shares"),
    _number("adjusted_close", "close the provider adjusted for dividends too", "currency_per_share"),
    _number("unadjusted_volume", "shares traded as counted on the day", "shares"),
    _number("vwap", "volume-weighted average price", "currency_per_share"),
    _number("change", "move over the day or from the day before, as given", "currency_per_share"),
    _number("change_percent", "the same in per cent, as given", "percent"),
    _number("change_over_time", "the same as a fraction, as given", "fraction"),
    Column("extra", "json", "items the provider sent that have no column"),
)
_BAR_KEY = (_SYMBOL, Column("date", "date", "trading day", role="key"))
_YEAR = Column("year", "integer", "calendar year of date", role="derived")


def _bars(name: str, doc: str, key: tuple[str, ...], *more: Column) -> TableSpec:
    return TableSpec(
        name=name,
        doc=doc,
        key=key,
        sort_by=("symbol", "date", "fetched_at"),
        time_column="date",
        partition_by="year",
        columns=(*_BAR_KEY, *_BAR_VALUES, _SPLIT_BASIS, *more, *_FETCHED, _YEAR),
    )


_REVISION = Column(
    "revision", "integer", "1 for the first content known for the day, counting up", role="derived"
)
_CHANGE_KIND = Column(
    "change_kind",
    "text",
    "why it was superseded: split_rebase, adjusted_close_rebase or vendor_revision",
    role="derived",
)

_SPECS = (
    _statement("income_statements", "income", "Income statements"),
    _statement("balance_sheets", "balance_sheet", "Balance sheets"),
    _statement("cash_flows", "cash_flow", "Cash flow statements"),
    _bars("price_data", "Daily bars: one current row per symbol and trading day.", ("symbol", "date")),
    _bars(
        "price_revisions",
        "Bars that a later fetch superseded: one row per symbol, day and earlier content.",
        ("symbol", "date", "revision"),
        _REVISION,
        _CHANGE_KIND,
    ),
    TableSpec(
        name="splits",
        doc="Stock splits: one row per symbol and ex-date; numerator new shares for denominator old ones.",
        key=("symbol", "date"),
        sort_by=("symbol", "date"),
        time_column="date",
        columns=(
            _SYMBOL,
            Column("date", "date", "ex-date: first day traded on the new basis", role="key"),
            _number("numerator", "new shares"),
            _number("denominator", "for this many old ones"),
            Column("label", "text", "the date in the provider's words"),
            Column("source", "text", "provider, file or inferred", role="label"),
            *_FETCHED,
        ),
    ),
    TableSpec(
        name="dividends",
        doc="Cash dividends: one row per symbol and ex-date, per share as paid and on the split basis given.",
        key=("symbol", "date"),
        sort_by=("symbol", "date"),
        time_column="date",
        columns=(
            _SYMBOL,
            Column("date", "date", "ex-date", role="key"),
            _number("dividend", "as paid", "currency_per_share"),
            _number("adjusted_dividend", "on the split basis given", "currency_per_share"),
            Column("record_date", "date", "holders of this day are paid"),
            Column("payment_date", "date", "day of payment"),
            Column("declaration_date", "date", "day of announcement"),
            _number("dividend_yield", "as given", "percent"),
            Column("frequency", "text", "as given"),
            Column("label", "text", "the date in the provider's words"),
            _SPLIT_BASIS,
            *_FETCHED,
        ),
    ),
    TableSpec(
        name="company_profiles",
        doc="Who a symbol is: one row per symbol, the profile fetched last.",
        key=("symbol",),
        sort_by=("symbol",),
        columns=(
            _SYMBOL,
            Column("company_name", "text", "legal name"),
            Column("cik", "text", "SEC's company number, ten digits"),
            Column("isin", "text", "ISIN"),
            Column("cusip", "text", "CUSIP"),
            Column("exchange", "text", "short name of the listing exchange"),
            Column("exchange_name", "text", "full name of the listing exchange"),
            Column("sector", "text", "as given"),
            Column("industry", "text", "as given"),
            Column("country", "text", "as given"),
            Column("currency", "text", "ISO code the symbol is quoted in"),
            Column("ipo_date", "date", "first day of trading"),
            Column("is_actively_trading", "boolean", "still listed"),
            Column("is_etf", "boolean", "exchange-traded fund"),
            Column("is_adr", "boolean", "depositary receipt"),
            Column("is_fund", "boolean", "mutual fund"),
            Column("extra", "json", "items the provider sent that have no column"),
            *_FETCHED,
        ),
    ),
    TableSpec(
        name="shares_outstanding",
        doc="Counts of shares: one row per symbol, day counted, source and version.",
        key=("symbol", "as_of_date", "source", "version"),
        sort_by=("symbol", "as_of_date", "source", "version"),
        time_column="as_of_date",
        columns=(
            _SYMBOL,
            Column("as_of_date", "date", "day on which the shares were counted", role="key"),
            Column("source", "text", "cover_page (SEC dei) or balance_sheet", role="key"),
            *_VERSION,
            _number("shares", "shares outstanding", "shares"),
            Column("accepted_at", "timestamp", "when the count became public (UTC)"),
            Column(
                "available_date", "date", "first day at whose New York close it could be used", role="derived"
            ),
            Column("availability_basis", "text", "accepted, filing_date or estimated", role="derived"),
            Column("filing_date", "date", "day of the filing, as given"),
            _SPLIT_BASIS,
            *_FETCHED,
        ),
    ),
    TableSpec(
        name="vendor_ratios",
        doc="Ratios as the provider computed them: one row per symbol, fiscal period and version.",
        key=("symbol", "fiscal_date", "fiscal_period", "version"),
        sort_by=("symbol", "fiscal_date", "fiscal_period", "version"),
        time_column="fiscal_date",
        partition_by="fiscal_year",
        columns=(
            _SYMBOL,
            *_PERIOD,
            *_VERSION,
            Column("fiscal_year", "integer", "fiscal year as the provider labels it"),
            Column("metrics", "json", "every ratio by the provider's own name"),
            *_FETCHED,
        ),
    ),
    TableSpec(
        name="vendor_market_caps",
        doc="Market caps as the provider computed them, to compare with: one row per symbol and day, the one "
        "fetched last. No answer uses them: the provider's share counts are of filings made later.",
        key=("symbol", "date"),
        sort_by=("symbol", "date"),
        time_column="date",
        partition_by="year",
        columns=(
            _SYMBOL,
            Column("date", "date", "trading day", role="key"),
            _number("market_cap", "as given", "currency"),
            *_FETCHED,
            _YEAR,
        ),
    ),
    TableSpec(
        name="data_fetch_log",
        doc="One row per fetch, or per cache file read: what was asked, what came, what became of it.",
        key=("fetch_id",),
        sort_by=("symbol", "data_type", "fetch_date"),
        time_column="fetch_date",
        columns=(
            Column("fetch_id", "text", "digest of what was fetched and from where", role="key"),
            Column("symbol", "text", "symbol asked for"),
            Column("data_type", "text", "dataset, as in the table names"),
            Column("period", "text", "annual, quarterly or another period asked for"),
            Column("fetch_date", "timestamp", "when the provider served it (UTC)"),
            Column("records_fetched", "integer", "records in the answer"),
            Column("records_rejected", "integer", "records that did not land, see rejected_records"),
            Column("api_calls_made", "integer", "calls it took; 0 for a cache file"),
            Column("success", "boolean", "false when nothing could be read"),
            Column("error_message", "text", "why not, or how a good answer falls short of what was asked"),
            Column("provider", "text", "who served it"),
            Column("endpoint", "text", "address without parameters, or the cache file's place"),
            Column("parameters", "json", "parameters without secrets"),
            Column("http_status", "integer", "status of the last answer"),
            Column("payload_sha256", "text", "digest of the bytes received"),
            Column("duration_ms", "number", "time it took", "milliseconds"),
            Column("keys_landed", "integer", "different periods or days that landed from it"),
            Column("covered_from", "date", "earliest date in it"),
            Column("covered_to", "date", "latest date in it"),
            Column("recorded_at", "timestamp", "when this lake logged it (UTC)", role="provenance"),
        ),
    ),
    TableSpec(
        name="rejected_records",
        doc="Records that did not land: one row per record, with the reason and the record itself.",
        key=("fetch_id", "position"),
        sort_by=("fetch_id", "position"),
        columns=(
            Column("fetch_id", "text", "the fetch it came in", role="key"),
            Column("position", "integer", "its place in the answer, from 0", role="key"),
            Column("symbol", "text", "symbol asked for"),
            Column("data_type", "text", "dataset, as in the table names"),
            Column("reason", "text", "what is wrong with it"),
            Column("record", "json", "the record as it came"),
            Column("recorded_at", "timestamp", "when this lake logged it (UTC)", role="provenance"),
        ),
    ),
)

TABLES: dict[str, TableSpec] = {spec.name: spec for spec in _SPECS}


def table(name: str) -> TableSpec:
    """Return a table's description; :class:`InvalidInput` names the nearest one when there is none."""
    try:
        return TABLES[name]
    except KeyError:
        raise InvalidInput(
            f"No table is called {name!r}; the tables are {', '.join(TABLES)}.{nearest(name, TABLES)}",
            table=name,
        ) from None
