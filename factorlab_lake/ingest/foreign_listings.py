"""Apply the availability of symbols whose profile names an exchange outside the United States.

The suffix of a symbol is known when its row is read; its profile may arrive before or after the row.
"""

from __future__ import annotations

import polars as pl

from factorlab_lake.ingest.availability import availability
from factorlab_lake.schema import TableSpec
from factorlab_lake.schema.exchanges import US_EXCHANGES
from factorlab_lake.storage.transaction import Transaction

__all__ = ["symbols_abroad", "with_listing"]


def symbols_abroad(tx: Transaction, symbols: pl.Series) -> list[str]:
    """Return the symbols of which a profile names an exchange outside the United States."""
    profiles = tx.read("company_profiles", symbols=symbols, columns=["symbol", "exchange"])
    exchange = pl.col("exchange").str.strip_chars().str.to_uppercase()
    abroad = profiles.filter(exchange.is_not_null() & ~exchange.is_in(sorted(US_EXCHANGES)))
    return abroad["symbol"].unique().sort().to_list()


def with_listing(tx: Transaction, spec: TableSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """Return a table's rows; those of symbols listed abroad are available on the day after acceptance."""
    if not {"available_date", "accepted_at"} <= set(spec.names()):
        return rows
    abroad = symbols_abroad(tx, rows["symbol"])
    if not abroad:
        return rows
    usual, later = availability(spec)[1], availability(spec, pl.lit(value=True))[1]
    # A day that a user loaded stays: it does not follow from the rule.
    follows = pl.col("symbol").is_in(abroad) & (pl.col("available_date") == usual)
    return rows.with_columns(available_date=pl.when(follows).then(later).otherwise("available_date"))
