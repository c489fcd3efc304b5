"""Tests that a server has the companies of each symbol."""

from __future__ import annotations

import factorlab_lake as fl
from factorlab_lake.lake import Lake

_ROWS = "SELECT symbol, company_id, valid_from, valid_to FROM symbol_history ORDER BY symbol, valid_from"


def test_a_server_has_the_intervals_of_the_last_load(lake: Lake, database: str) -> None:
    """A sync sends the intervals, and those that a later load replaced are removed."""
    lake.load(
        "symbol_history",
        {
            "symbol": ["META", "META"],
            "company_id": ["0001614806", "0001326801"],
            "valid_from": ["2021-06-30", "2022-06-09"],
            "valid_to": ["2022-01-31", None],
        },
    )
    assert lake.sync(database).clean
    lake.load(
        "symbol_history", {"symbol": ["META"], "company_id": ["0001326801"], "valid_from": ["2022-06-08"]}
    )
    assert lake.sync(database, verify_deep=True).clean
    with fl.open(database) as server:
        assert server.sql(_ROWS).rows() == lake.sql(_ROWS).rows()
