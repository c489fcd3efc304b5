"""Rows as users load them, and the check that a lake refuses some."""

from __future__ import annotations

from typing import Any

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake

__all__ = ["BAR", "PLAIN_BAR", "SHARES", "SPLIT", "refused"]

SPLIT = {"symbol": ["AAPL"], "date": ["2020-08-31"], "numerator": [4], "denominator": [1]}
BAR = {
    "symbol": ["AAPL"],
    "date": ["2020-01-02"],
    "close_price": [300.35],
    "split_basis_date": ["2020-01-02"],
}
SHARES = {
    "symbol": ["AAPL"],
    "as_of_date": ["2020-10-16"],
    "source": ["cover_page"],
    "shares": [17001802000],
    "split_basis_date": ["2020-10-30"],
}
PLAIN_BAR: dict[str, list[Any]] = {
    "symbol": ["A"],
    "date": ["2024-05-07"],
    "close_price": [10.0],
    "split_basis_date": ["2024-05-13"],
}


def refused(lake: Lake, table: str, source: Any) -> InvalidInput:
    """Load rows that must be rejected, and check that the lake did not change."""
    with pytest.raises(InvalidInput) as caught:
        lake.load(table, source)
    assert lake.refresh().history() == []
    return caught.value
