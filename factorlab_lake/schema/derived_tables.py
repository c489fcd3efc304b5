"""Describe the derived tables: what was known when, computed from the other tables at each commit.

Each can be computed again from the rows of its symbols. So a new column needs no migration: another digest of
the SQL makes readers compute the rows, and the next commit stores them.
"""

from __future__ import annotations

from factorlab_lake.schema.columns import SPLIT_BASIS, SYMBOL
from factorlab_lake.schema.derived_columns import (
    COMPANY,
    FEW_BUCKETS,
    RESTATED,
    VALID_FROM,
    VALID_TO,
    VINTAGE,
    date_column,
    derived_table,
    text_column,
)
from factorlab_lake.schema.fundamentals_tables import FUNDAMENTALS_TABLES
from factorlab_lake.schema.spec import Column, TableSpec

__all__ = ["DERIVED_FROM", "DERIVED_TABLES", "READ_FOR_DERIVATION", "VINTAGES", "bucket_number"]

DERIVED_FROM = (
    "income_statements",
    "balance_sheets",
    "cash_flows",
    "shares_outstanding",
    "splits",
    "symbol_history",
)
"""A change of a symbol's rows in these tables changes its derived rows."""

READ_FOR_DERIVATION = (*DERIVED_FROM, "price_data", "data_fetch_log")
"""The derived tables follow from the rows of these tables alone. Bars matter for few symbols: those that
``company_symbols`` marks with ``bars_decide``, and those with new bars near a told split. Of the fetch log,
the lists of splits matter."""

VINTAGES = ("known", "first", "latest")
"""The versions of restated facts."""

_SAME_SPLITS = (
    Column(
        "same_from",
        "date",
        "first day around the split basis without an inferred split between the two; NULL without a limit",
        role="derived",
    ),
    Column("same_to", "date", "first day after the days that begin with same_from", role="derived"),
)


def bucket_number(symbol: str, buckets: int) -> str:
    """Return the DuckDB SQL of the bucket that has a symbol's rows; ``symbol`` is an expression.

    >>> bucket_number("symbol", 16)
    "('0x' || substr(md5(symbol), 1, 4))::INTEGER % 16"
    """
    return f"('0x' || substr(md5({symbol}), 1, 4))::INTEGER % {buckets}"


_SPECS = (
    *FUNDAMENTALS_TABLES,
    derived_table(
        "share_count_history",
        "When each share count is the best known one: one row per symbol, vintage and validity interval.",
        ("symbol", "of_vintage", "valid_from"),
        (
            SYMBOL,
            VINTAGE,
            RESTATED,
            VALID_FROM,
            VALID_TO,
            Column(
                "shares", "number", "share count on the split basis of the row", unit="shares", role="derived"
            ),
            text_column(
                "source", "cover_page, balance_sheet, weighted_average_proxy or weighted_average_year_proxy"
            ),
            date_column(
                "fiscal_date", "day on which the shares were counted, or end of the period of the average"
            ),
            date_column(
                "available_date", "first day on whose market close in New York the count can be used"
            ),
            Column(
                "extra_age_days",
                "integer",
                "how much longer the count stays fresh than that of a quarterly reporter",
                unit="days",
                role="derived",
            ),
            SPLIT_BASIS,
            Column(
                "cumulative_split_factor",
                "number",
                "number of today's shares that one share on the split basis has become; NULL if unknown",
                role="derived",
            ),
            *_SAME_SPLITS,
            text_column("reason", "reason why no share count is usable in the interval; shares is NULL then"),
            *COMPANY,
        ),
        buckets=FEW_BUCKETS,
    ),
    derived_table(
        "split_history",
        "How many of today's shares one share has become, and how its price is adjusted: one row per symbol "
        "and interval between splits.",
        ("symbol", "from_date"),
        (
            SYMBOL,
            Column("from_date", "date", "first day of the interval", role="key"),
            date_column("to_date", "first day after the interval"),
            Column(
                "cumulative_split_factor",
                "number",
                "number of today's shares that one share of the interval has become; NULL if it is unknown",
                role="derived",
            ),
            Column(
                "distribution_factor",
                "number",
                "what a price on the split basis of the interval is divided by on today's, besides the split "
                "factor, for distributions such as spin-offs",
                role="derived",
            ),
            *_SAME_SPLITS,
        ),
    ),
    derived_table(
        "split_events",
        "What became of each split that was told or observed: one row per symbol, ex-date and event.",
        ("symbol", "date", "event"),
        (
            SYMBOL,
            Column("date", "date", "ex-date as told, or the likely one of an observed split", role="key"),
            Column(
                "event",
                "integer",
                "number of the event as in splits; observed ones have higher numbers",
                role="key",
            ),
            Column("numerator", "number", "number of shares after the split", unit="shares", role="derived"),
            Column("denominator", "number", "number of shares before it", unit="shares", role="derived"),
            Column("ratio", "number", "numerator / denominator", role="derived"),
            text_column("source", "provider, file, or inferred from bars or share counts"),
            text_column("source_provider", "provider of a told split"),
            Column("fetched_at", "timestamp", "time at which it was told first (UTC)", role="derived"),
            text_column(
                "status",
                "applied; unproven (applies to prices, to share counts from the next count on); duplicate "
                "(the same split was told on another day, or by a better source); overruled (another ratio "
                "of the day applies); rejected (bars or counts of two fetches contradict it); retracted",
            ),
            date_column(
                "prices_from", "first day on whose split basis prices include it; NULL if it does not apply"
            ),
            date_column(
                "shares_from", "first day on whose split basis share counts include it; NULL for none"
            ),
            date_column("earliest_date", "first day on which a split that no source told can have happened"),
            date_column("latest_date", "last day on which it can have happened"),
        ),
        time="date",
    ),
    derived_table(
        "split_lists",
        "The last day on which the splits of each symbol were told, also where there are none.",
        ("symbol",),
        (
            SYMBOL,
            date_column("told_to", "day of the newest list of splits: all splits up to this day are known"),
        ),
    ),
    derived_table(
        "period_publications",
        "When each fiscal period became available: one row per symbol and period end.",
        ("symbol", "fiscal_date"),
        (
            SYMBOL,
            Column("fiscal_date", "date", "last day of the fiscal period", role="key"),
            date_column(
                "published_on",
                "first day on whose market close income statement and balance sheet were available",
            ),
            date_column("accepted_date", "New York date of the acceptance of the later of the two"),
        ),
        time="fiscal_date",
    ),
    derived_table(
        "company_symbols",
        "Companies of the symbols: one row per symbol and CIK under which it filed.",
        ("symbol", "cik"),
        (
            SYMBOL,
            Column("cik", "text", "SEC Central Index Key of the company, ten digits", role="key"),
            Column(
                "bars_decide",
                "boolean",
                "true if new bars change the rows: they tell whether the companies are one, or the unit",
                role="derived",
            ),
            Column(
                "is_main_unit",
                "boolean",
                "true if earnings show that quotes are in pounds and not in pence; needed without a profile",
                role="derived",
            ),
            date_column(
                "used_from", "first day on which the company may use the symbol, as symbol_history tells it"
            ),
            date_column("used_to", "first day on which it no longer uses it, as symbol_history tells it"),
        ),
    ),
    derived_table(
        "company_history",
        "Companies of each symbol: one row per symbol and interval in which one company used it, as "
        "symbol_history tells it or as it follows from statements and bars.",
        ("symbol", "valid_from"),
        (
            SYMBOL,
            text_column(
                "company_id",
                "company: as symbol_history names it; else cik: and its Central Index Key, or the symbol",
            ),
            VALID_FROM,
            VALID_TO,
            text_column("source", "file or provider of symbol_history; inferred from statements and bars"),
            text_column(
                "kind",
                "relation to the company that used the symbol before: reuse (another company) or successor "
                "(continues it); NULL without one",
            ),
        ),
        time="valid_from",
    ),
)

DERIVED_TABLES: dict[str, TableSpec] = {spec.name: spec for spec in _SPECS}
