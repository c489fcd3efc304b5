"""Test that loading the same figures again with another split basis corrects a wrong one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from factorlab_lake.lake import Lake

_ROWS: dict[str, dict[str, Any]] = {
    "price_data": {"date": "2020-08-28", "close_price": 500.0},
    "shares_outstanding": {
        "as_of_date": "2020-07-17",
        "source": "cover_page",
        "shares": 1e9,
        "filing_date": "2020-07-30",
    },
    "income_statements": {
        "fiscal_date": "2020-06-27",
        "fiscal_period": "Q3",
        "filing_date": "2020-07-30",
        "weighted_average_shares_outstanding": 1e9,
    },
}
_RIGHT, _WRONG = "2020-08-28", "2021-03-31"


def _load(lake: Lake, table: str, basis: str | None) -> int:
    row = {"symbol": "Q"} | _ROWS[table] | ({"split_basis_date": basis} if basis else {})
    return lake.load(table, {name: [value] for name, value in row.items()})


def _bases(lake: Lake, table: str) -> list[tuple[object, ...]]:
    if table == "price_data":
        query = "SELECT split_basis_date, change_kind FROM price_revisions ORDER BY revision"
        query = f"({query}) UNION ALL SELECT split_basis_date, NULL FROM price_data"
    else:
        query = f"SELECT split_basis_date, change_kind FROM {table} ORDER BY version"
    return lake.sql(query).rows()


def _cap(lake: Lake) -> float:
    return float(lake.market_caps("Q", "2020-08-28")["market_cap"].item())


@pytest.mark.parametrize(
    ("table", "first"),
    [*((table, _WRONG) for table in _ROWS), ("income_statements", None)],  # without one: the day of the load
)
def test_the_newest_basis_counts_and_is_a_correction(lake: Lake, table: str, first: str | None) -> None:
    """The cap is right with the last load; each other basis is a row, and the same load again is none."""
    lake.load("splits", {"symbol": ["Q"], "date": ["2020-08-31"], "numerator": [4], "denominator": [1]})
    for other in ("price_data", "shares_outstanding"):
        if other != table and not (table == "income_statements" and other == "shares_outstanding"):
            _load(lake, other, _RIGHT)
    _load(lake, table, first)
    assert _cap(lake) == pytest.approx(5e11 * (4 if table == "price_data" else 0.25))
    _load(lake, table, _RIGHT)
    assert _cap(lake) == pytest.approx(5e11)
    kinds = [kind for _, kind in _bases(lake, table)]
    assert kinds == (["correction", None] if table == "price_data" else ["original", "correction"])
    assert _bases(lake, table)[-1][0] == date.fromisoformat(_RIGHT)
    before = lake.snapshot.id
    _load(lake, table, _RIGHT)
    assert lake.snapshot.id == before
    _load(lake, table, _WRONG)
    _load(lake, table, _RIGHT)
    assert len(_bases(lake, table)) == 4
    assert _cap(lake) == pytest.approx(5e11)
