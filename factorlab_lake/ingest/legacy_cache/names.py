"""File names of the old cache: ``{SYMBOL}_{type}_{period}[_{...}]_v{version}.json[.gz]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["CacheName", "parse_name"]

_DATASETS = {
    "income_statement": "income",
    "balance_sheet": "balance_sheet",
    "cash_flow": "cash_flow",
    "financial_ratios": "ratios",
    "price": "price",
}
_PATTERN = re.compile(
    rf"^(?P<symbol>.+)_(?P<type>{'|'.join(_DATASETS)})_(?P<period>quarterly|annual|daily|full_history)"
    r"(?:_(?P<rest>.+))?_v(?P<version>\d+(?:\.\d+)*)(?:\.json)?(?:\.gz)?$"
)


@dataclass(frozen=True, slots=True)
class CacheName:
    """What a cache file's name, or its envelope's key, says."""

    symbol: str
    dataset: str
    period: str
    version: str


def parse_name(name: str) -> CacheName | None:
    """Return what a name says, or None when it is no name of a cache entry.

    >>> parse_name("BRK.B_income_statement_quarterly_limit20_v1.0.json.gz")
    CacheName(symbol='BRK.B', dataset='income', period='quarterly', version='1.0')
    """
    match = _PATTERN.match(name)
    if match is None:
        return None
    return CacheName(match["symbol"], _DATASETS[match["type"]], match["period"], match["version"])
