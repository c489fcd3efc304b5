"""Describe the derived tables: what was known when, computed from the other tables at each commit.

Each can be computed again from the rows of its symbols. So a new column needs no migration: another digest of
the SQL makes readers compute the rows, and the next commit stores them.
"""

from __future__ import annotations

from dataclasses import replace

from factorlab_lake.schema.columns import SPLIT_BASIS, SYMBOL
from factorlab_lake.schema.spec import Column, TableSpec, line_items

__all__ = [
    "DERIVED_FROM",
    "DERIVED_TABLES",
    "READ_FOR_DERIVATION",
    "REPORTED_ONLY",
    "VINTAGES",
    "YEAR_BEFORE_ITEMS",
    "bucket_number",
    "cash_flow_names",
    "flow_names",
]

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
``company_symbols`` marks with ``bars_decide``. Of the fetch log, the lists of splits matter."""

VINTAGES = ("known", "first", "latest")
"""The versions of restated facts."""

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


_KEY = replace(SYMBOL, role="key")
_VINTAGE = Column(
    "of_vintage",  # another name than the functions' parameter: DuckDB confuses the two
    "text",
    "version of restated facts: known (the newest by each day), first or latest (hindsight)",
    role="key",
)
_RESTATED = Column(
    "restated",
    "boolean",
    "true if the vintages of the symbol can differ; otherwise it has only rows of the vintage known",
    role="derived",
)
_VALID_FROM = Column("valid_from", "date", "first day of the interval in which the row is valid", role="key")
_VALID_TO = Column("valid_to", "date", "first day after the interval", role="derived")
_BUCKET = Column(
    "bucket", "integer", "number of the group of files that has the symbol's rows", role="derived"
)


_SAME_SPLITS = (
    Column(
        "same_from",
        "date",
        "first day around the split basis without an inferred split between the two; NULL without a limit",
        role="derived",
    ),
    Column("same_to", "date", "first day after the days that begin with same_from", role="derived"),
)


def _text(name: str, doc: str) -> Column:
    return Column(name, "text", doc, role="derived")


def _day(name: str, doc: str) -> Column:
    return Column(name, "date", doc, role="derived")


def _months(name: str, doc: str) -> Column:
    return Column(name, "integer", doc, unit="months", role="derived")


_COMPANY = (
    _text("company_id", "company: cik: and its Central Index Key; the symbol if that is unknown"),
    _text("statement_provider", "provider of the company's statements"),
)
_FUNDAMENTALS = (
    *_COMPANY,
    _day("income_date", "end of the newest income period"),
    _months("income_months", "length of the newest income period"),
    _text(
        "income_basis",
        "fiscal_year, year_to_date (the last year less its first months, and the same months of the next) or "
        "quarters (the sum of four); NULL without a sum",
    ),
    _text(
        "income_derivation",
        "parts of the sum that follow from longer periods, such as 2020-12-31 = FY - 9M",
    ),
    _text("income_currency", "ISO code of the currency of the income statements"),
    _day("income_available_date", "latest available_date of the income statements of the sum"),
    _day("income_years_available_date", "the same, with the statements of the year before"),
    _text("income_reason", "reason why the income flows are NULL"),
    _months("cash_flow_months", "length of the newest cash flow period"),
    _day("cash_flow_available_date", "latest available_date of the cash flow statements of the sum"),
    _text("cash_flow_reason", "reason why the cash flows are NULL"),
    _day("balance_sheet_date", "end of the newest balance sheet's period"),
    _months("balance_sheet_months", "length of the newest balance sheet's period"),
    _text("balance_sheet_currency", "ISO code of the currency of the balance sheet"),
    _day(
        "balance_sheet_years_available_date",
        "latest available_date of that balance sheet and that of a year before",
    ),
    _text("balance_sheet_reason", "reason why the balances are NULL"),
    Column(
        "extra_age_days",
        "integer",
        "days that the figures stay fresh longer than those of a quarterly reporter",
        unit="days",
        role="derived",
    ),
    _text("income_year_before_currency", "ISO code of the currency of the income statements a year before"),
    _text("income_year_before_reason", "reason why the income flows of the year before are NULL"),
    _text(
        "balance_sheet_year_before_currency", "ISO code of the currency of the balance sheet a year before"
    ),
    _text("balance_sheet_year_before_reason", "reason why the balances of the year before are NULL"),
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


def bucket_number(symbol: str, buckets: int) -> str:
    """Return the DuckDB SQL of the bucket that has a symbol's rows; ``symbol`` is an expression.

    >>> bucket_number("symbol", 16)
    "('0x' || substr(md5(symbol), 1, 4))::INTEGER % 16"
    """
    return f"('0x' || substr(md5({symbol}), 1, 4))::INTEGER % {buckets}"


def _spec(
    name: str,
    doc: str,
    key: tuple[str, ...],
    columns: tuple[Column, ...],
    *,
    time: str = "",
    buckets: int = 0,
) -> TableSpec:
    return TableSpec(
        name=name,
        doc=doc,
        columns=(*columns, _BUCKET) if buckets else columns,
        key=key,
        sort_by=key,
        time_column=time,
        partition_by="bucket" if buckets else "",
        derived=True,
        buckets=buckets,
    )


# A changed symbol rewrites its bucket. Each reader of all symbols opens every bucket.
_MANY, _FEW = 16, 4

_SPECS = (
    _spec(
        "fundamentals_history",
        "What was known of each company's last year: one row per symbol, vintage and validity interval. "
        "Flows are sums of the trailing twelve months.",
        ("symbol", "of_vintage", "valid_from"),
        (_KEY, _VINTAGE, _RESTATED, _VALID_FROM, _VALID_TO, *_FUNDAMENTALS, *_flows(), *_inputs()),
        buckets=_MANY,
    ),
    _spec(
        "quarter_history",
        "What was known of each quarter's flows: one row per symbol, vintage, quarter end and interval.",
        ("symbol", "of_vintage", "fiscal_date", "valid_from"),
        (
            _KEY,
            _VINTAGE,
            _RESTATED,
            Column("fiscal_date", "date", "last day of the quarter", role="key"),
            _VALID_FROM,
            _VALID_TO,
            _text("derivation", "reported, or how the quarter's income follows from longer periods"),
            _text("cash_flow_derivation", "the same of the cash flows"),
            _text("reported_currency", "ISO code of the currency of all amounts in the row"),
            _day(
                "inputs_available_date", "latest available_date of the statements that the row follows from"
            ),
            _text("reason", "reason why flows are NULL"),
            *_COMPANY,
            *_flows(),
        ),
        time="fiscal_date",
        buckets=_MANY,
    ),
    _spec(
        "share_count_history",
        "When each share count is the best known one: one row per symbol, vintage and validity interval.",
        ("symbol", "of_vintage", "valid_from"),
        (
            _KEY,
            _VINTAGE,
            _RESTATED,
            _VALID_FROM,
            _VALID_TO,
            Column(
                "shares", "number", "share count on the split basis of the row", unit="shares", role="derived"
            ),
            _text(
                "source", "cover_page, balance_sheet, weighted_average_proxy or weighted_average_year_proxy"
            ),
            _day("fiscal_date", "day on which the shares were counted, or end of the period of the average"),
            _day("available_date", "first day on whose market close in New York the count can be used"),
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
            _text("reason", "reason why no share count is usable in the interval; shares is NULL then"),
            *_COMPANY,
        ),
        buckets=_FEW,
    ),
    _spec(
        "split_history",
        "How many of today's shares one share has become, and how its price is adjusted: one row per symbol "
        "and interval between splits.",
        ("symbol", "from_date"),
        (
            _KEY,
            Column("from_date", "date", "first day of the interval", role="key"),
            _day("to_date", "first day after the interval"),
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
    _spec(
        "split_events",
        "What became of each split that was told or observed: one row per symbol, ex-date and event.",
        ("symbol", "date", "event"),
        (
            _KEY,
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
            _text("source", "provider, file, or inferred from bars or share counts"),
            _text("source_provider", "provider of a told split"),
            Column("fetched_at", "timestamp", "time at which it was told first (UTC)", role="derived"),
            _text(
                "status",
                "applied; unproven (applies to prices, to share counts from the next count on); duplicate "
                "(the same split was told on another day, or by a better source); overruled (another ratio "
                "of the day applies); rejected (bars or counts of two fetches contradict it); retracted",
            ),
            _day(
                "prices_from", "first day on whose split basis prices include it; NULL if it does not apply"
            ),
            _day("shares_from", "first day on whose split basis share counts include it; NULL for none"),
            _day("earliest_date", "first day on which a split that no source told can have happened"),
            _day("latest_date", "last day on which it can have happened"),
        ),
        time="date",
    ),
    _spec(
        "split_lists",
        "The last day on which the splits of each symbol were told, also where there are none.",
        ("symbol",),
        (_KEY, _day("told_to", "day of the newest list of splits: all splits up to this day are known")),
    ),
    _spec(
        "period_publications",
        "When each fiscal period became available: one row per symbol and period end.",
        ("symbol", "fiscal_date"),
        (
            _KEY,
            Column("fiscal_date", "date", "last day of the fiscal period", role="key"),
            _day(
                "published_on",
                "first day on whose market close income statement and balance sheet were available",
            ),
            _day("accepted_date", "New York date of the acceptance of the later of the two"),
        ),
        time="fiscal_date",
    ),
    _spec(
        "company_symbols",
        "Companies of the symbols: one row per symbol and CIK under which it filed.",
        ("symbol", "cik"),
        (
            _KEY,
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
            _day(
                "used_from", "first day on which the company may use the symbol, as symbol_history tells it"
            ),
            _day("used_to", "first day on which it no longer uses it, as symbol_history tells it"),
        ),
    ),
    _spec(
        "company_history",
        "Companies of each symbol: one row per symbol and interval in which one company used it, as "
        "symbol_history tells it or as it follows from statements and bars.",
        ("symbol", "valid_from"),
        (
            _KEY,
            _text(
                "company_id",
                "company: as symbol_history names it; else cik: and its Central Index Key, or the symbol",
            ),
            _VALID_FROM,
            _VALID_TO,
            _text("source", "file or provider of symbol_history; inferred from statements and bars"),
            _text(
                "kind",
                "relation to the company that used the symbol before: reuse (another company) or successor "
                "(continues it); NULL without one",
            ),
        ),
        time="valid_from",
    ),
)

DERIVED_TABLES: dict[str, TableSpec] = {spec.name: spec for spec in _SPECS}
