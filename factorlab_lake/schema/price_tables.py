"""Describe the tables of prices: daily bars, superseded ones, and bars within the day."""

from __future__ import annotations

from factorlab_lake.schema.columns import EXTRA, FETCHED, SPLIT_BASIS, STORED_AT, SYMBOL, YEAR
from factorlab_lake.schema.spec import Column, TableSpec, number_column

__all__ = ["INTRADAY_BARS", "PRICE_TABLES"]

_BAR_VALUES = (
    number_column(
        "open_price",
        "price of the first trade of the day, on the split basis of the row",
        "quote_currency_per_share",
    ),
    number_column(
        "high_price", "highest price of the day, on the split basis of the row", "quote_currency_per_share"
    ),
    number_column(
        "low_price", "lowest price of the day, on the split basis of the row", "quote_currency_per_share"
    ),
    number_column(
        "close_price",
        "price of the last trade of the day, on the split basis of the row",
        "quote_currency_per_share",
    ),
    number_column("volume", "shares traded on the day, on the split basis of the row", "shares"),
    number_column(
        "adjusted_close",
        "close that the provider adjusted for splits and dividends",
        "quote_currency_per_share",
    ),
    number_column("unadjusted_volume", "shares traded on the day, as counted on that day", "shares"),
    number_column("vwap", "volume-weighted average price of the day", "quote_currency_per_share"),
    number_column(
        "change",
        "price change over the day or since the day before, as the provider reports it",
        "quote_currency_per_share",
    ),
    number_column("change_percent", "the same change in per cent, as the provider reports it", "percent"),
    number_column(
        "change_over_time", "the same change as a fraction, as the provider reports it", "fraction"
    ),
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
        columns=(*_BAR_KEY, *_BAR_VALUES, SPLIT_BASIS, _STATED_BASIS, *more, *FETCHED, YEAR),
    )


PRICE_TABLES = (
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
)
"""The tables of daily bars."""

INTRADAY_BARS = TableSpec(
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
            number_column(
                f"{name}_price", f"{text} of the bar, on the split basis", "quote_currency_per_share"
            )
            for name, text in _BAR_PRICES.items()
        ),
        number_column("volume", "shares traded in the bar, on the split basis of the row", "shares"),
        SPLIT_BASIS,
        *FETCHED,
        Column("day", "integer", "date as a number, such as 20240131", role="derived"),
    ),
)
