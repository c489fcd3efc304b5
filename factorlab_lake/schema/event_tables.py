"""Describe the tables of corporate actions as they were told: splits and dividends."""

from __future__ import annotations

from factorlab_lake.schema.columns import EVENT, EXTRA, FETCHED, RETRACTED_AT, SPLIT_BASIS, SYMBOL
from factorlab_lake.schema.spec import Column, TableSpec, number_column

__all__ = ["EVENT_TABLES"]

EVENT_TABLES = (
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
            number_column("numerator", "number of shares after the split", "shares"),
            number_column("denominator", "number of shares before the split", "shares"),
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
                "origin of the event: provider, file, prices (the split column of a price file), or inferred "
                "from two fetches of the same bars; an inferred 1:1 says that they did not move, against the "
                "split that was told for the day",
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
            number_column("dividend", "amount per share as paid", "quote_currency_per_share"),
            number_column(
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
)
