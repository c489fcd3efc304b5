"""Split-adjusted figures from one split basis to another, as the vendor does on the day of a split."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

from factorlab_lake.providers.fmp.fake_server.encoding import Record
from factorlab_lake.schema import STATEMENT_TABLES, table

__all__ = ["as_traded", "factor", "rebased"]

_TABLES = {**STATEMENT_TABLES, "price": "price_data", "dividend": "dividends"}
_AS_COUNTED = {"unadjusted_volume", "dividend"}  # on the basis of their own day, for good
_PER_SHARE = {
    "profile": ("price", "last_dividend", "change"),
    "ratios": ("revenue_per_share", "net_income_per_share"),
}
_POWERS = {"currency_per_share": -1, "shares": 1}


def factor(splits: Sequence[Record], since: str, until: str) -> float:
    """Return how many shares of the day ``until`` one share of the day ``since`` has become.

    >>> factor([{"date": "2020-08-31", "numerator": 4, "denominator": 1}], "2020-08-28", "2020-08-31")
    4.0
    """
    if since > until:
        return 1 / factor(splits, until, since)
    return prod((s["numerator"] / s["denominator"] for s in splits if since < s["date"] <= until), start=1.0)


def rebased(dataset: str, record: Record, ratio: float) -> Record:
    """Return a record with its per-share figures divided, and its share counts multiplied, by ``ratio``."""
    powers = _powers(dataset)
    return {name: _scaled(value, ratio, powers.get(name, 0)) for name, value in record.items()}


def as_traded(bar: Record, splits: Sequence[Record], basis: str) -> Record:
    """Return a bar as it was seen on its own day."""
    return rebased("price", bar, 1 / factor(splits, bar["date"], basis))


@cache
def _powers(dataset: str) -> dict[str, int]:
    powers = dict.fromkeys(_PER_SHARE.get(dataset, ()), -1)
    columns = table(_TABLES[dataset]).columns if dataset in _TABLES else ()
    return powers | {
        c.name: _POWERS[c.unit] for c in columns if c.unit in _POWERS and c.name not in _AS_COUNTED
    }


def _scaled(value: Any, ratio: float, power: int) -> Any:
    if not power or not isinstance(value, int | float):
        return value
    return round(value * ratio) if power > 0 else round(value / ratio, 4)
