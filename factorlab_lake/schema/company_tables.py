"""Describe the tables about companies, their symbols and the currencies of their figures."""

from __future__ import annotations

from factorlab_lake.schema.columns import EXTRA, FETCHED, SYMBOL
from factorlab_lake.schema.spec import Column, TableSpec

__all__ = ["COMPANY_TABLES", "SYMBOL_CHANGES"]

# The values of symbol_history.kind.
SYMBOL_CHANGES = ("reuse", "successor", "rename")

_PROFILE = (
    Column("company_name", "text", "legal name"),
    Column("cik", "text", "SEC Central Index Key of the company, ten digits"),
    Column("isin", "text", "International Securities Identification Number"),
    Column("cusip", "text", "CUSIP number"),
    Column("exchange", "text", "code of the listing exchange, such as NASDAQ"),
    Column("exchange_name", "text", "full name of the listing exchange"),
    Column("sector", "text", "sector as the provider classifies it"),
    Column("industry", "text", "industry as the provider classifies it"),
    Column("country", "text", "country as the provider writes it"),
    Column(
        "currency",
        "text",
        "code of the currency in which the symbol is quoted; GBp, GBX, ZAc and ILA are hundredths",
    ),
    Column("ipo_date", "date", "first day of trading"),
    Column("is_actively_trading", "boolean", "true if the symbol still trades"),
    Column("is_etf", "boolean", "true for an exchange-traded fund"),
    Column("is_adr", "boolean", "true for a depositary receipt"),
    Column("is_fund", "boolean", "true for a mutual fund"),
    Column(
        "shares_per_receipt",
        "number",
        "number of shares that one unit of the symbol stands for, such as 5 for a depositary receipt",
        unit="shares",
    ),
)

COMPANY_TABLES = (
    TableSpec(
        name="company_profiles",
        doc="Company profiles: one row per symbol, from the newest fetch.",
        key=("symbol",),
        sort_by=("symbol",),
        columns=(
            SYMBOL,
            *_PROFILE,
            EXTRA,
            *FETCHED,
        ),
    ),
    TableSpec(
        name="profile_history",
        doc="Contents of company profiles: one row per symbol and day on which a fetch or a load brought "
        "another content. The unit of quotation and the ratio of receipts of the first row hold before it "
        "too.",
        key=("symbol", "valid_from"),
        sort_by=("symbol", "valid_from"),
        time_column="valid_from",
        columns=(
            SYMBOL,
            Column("valid_from", "date", "day of the fetch that first brought the content (UTC)", role="key"),
            *_PROFILE,
            *FETCHED,
        ),
    ),
    TableSpec(
        name="symbol_history",
        doc="Companies of each symbol: one row per symbol and interval in which one company uses it. The "
        "intervals of a symbol do not overlap.",
        key=("symbol", "valid_from"),
        sort_by=("symbol", "valid_from"),
        time_column="valid_from",
        columns=(
            SYMBOL,
            Column(
                "company_id",
                "text",
                "identifier of the company, such as its ten-digit Central Index Key; NULL where a provider "
                "tells only when a company took or left the symbol",
            ),
            Column(
                "valid_from",
                "date",
                "first day on which the company uses the symbol; of year 1 where unknown",
                role="key",
            ),
            Column(
                "valid_to",
                "date",
                "first day on which it no longer uses the symbol; NULL while it does",
            ),
            Column("source", "text", "origin of the interval: file or provider", role="label"),
            Column(
                "kind",
                "text",
                "relation to the company that used the symbol before: reuse (another company) or successor "
                "(continues it); rename where a change of symbol limits the interval; NULL without one",
            ),
            EXTRA,
            *FETCHED,
        ),
    ),
    TableSpec(
        name="universes",
        doc="Members of universes, such as an index: one row per universe, symbol and interval of "
        "membership, as a user loaded them. The intervals of a symbol in a universe do not overlap.",
        key=("universe", "symbol", "valid_from"),
        sort_by=("universe", "symbol", "valid_from"),
        time_column="valid_from",
        columns=(
            Column("universe", "text", "name of the universe, such as sp500", role="key"),
            SYMBOL,
            Column("valid_from", "date", "first day of the membership", role="key"),
            Column("valid_to", "date", "first day on which it is no member; NULL while it is one"),
            EXTRA,
            *FETCHED,
        ),
    ),
    TableSpec(
        name="fx_rates",
        doc="Exchange rates: one row per pair of currencies and day of publication, from the newest load. "
        "One unit of base costs rate units of quote.",
        key=("base", "quote", "date"),
        sort_by=("base", "quote", "date"),
        time_column="date",
        columns=(
            Column("base", "text", "ISO code of the currency of which one unit is priced", role="key"),
            Column("quote", "text", "ISO code of the currency in which it is priced", role="key"),
            Column("date", "date", "day on which the rate was published", role="key"),
            Column("rate", "number", "price of one unit of base in quote", unit="quote_per_base"),
            Column("source", "text", "publisher of the rate: ECB for its file; file elsewhere", role="label"),
            EXTRA,
            *FETCHED,
        ),
    ),
)
