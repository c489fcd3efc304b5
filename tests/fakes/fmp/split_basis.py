"""Adjust records from one split basis to another, as FMP does on the day of a split."""

from __future__ import annotations

from functools import cache
from typing import Any

from factorlab_lake.providers.fmp.sample_server.records_by_symbol import Record, split_power
from factorlab_lake.schema import STATEMENT_TABLES, table

__all__ = ["to_split_basis"]

_TABLES = {**STATEMENT_TABLES, "price": "price_data", "dividend": "dividends"}
_OWN_DAY = {"unadjusted_volume", "dividend"}  # FMP counts these on the basis of their own day for good
_PER_SHARE = {
    "profile": ("price", "last_dividend", "change"),
    "ratios": ("revenue_per_share", "net_income_per_share"),
}
_POWERS = {"reported_currency_per_share": -1, "quote_currency_per_share": -1, "shares": 1}


def to_split_basis(dataset: str, record: Record, ratio: float) -> Record:
    """Return a record with its per-share figures divided, and its share counts multiplied, by ``ratio``."""
    powers = _powers(dataset)
    return {name: _scaled(value, ratio, powers.get(name, 0)) for name, value in record.items()}


@cache
def _powers(dataset: str) -> dict[str, int]:
    powers = dict.fromkeys(_PER_SHARE.get(dataset, ()), -1)
    columns = table(_TABLES[dataset]).columns if dataset in _TABLES else ()
    return powers | {c.name: split_power(c.unit) for c in columns if c.name not in _OWN_DAY}


def _scaled(value: Any, ratio: float, power: int) -> Any:
    if not power or not isinstance(value, int | float):
        return value
    return round(value * ratio) if power > 0 else round(value / ratio, 4)
