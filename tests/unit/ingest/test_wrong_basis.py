"""Test that bars with a split_basis_date that is too late get their own basis."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.ingest.merge import merge_rows
from tests.support import MemoryTransaction, examples, memory_transaction, table_rows

_FIRST = date(2019, 12, 2)  # so that the ex-date may lie in either year
_FETCHED = datetime(2020, 4, 1, tzinfo=UTC)
_NO_LOG = table_rows("data_fetch_log", [])
_DAYS = 60


def _bar(day: int, close: float) -> dict[str, Any]:
    on = _FIRST + timedelta(days=day)
    return {
        "symbol": "AAPL", "date": on, "year": on.year, "close_price": close,
        "split_basis_date": _FETCHED.date(), "fetched_at": _FETCHED, "fetch_id": "f",
        "source_provider": "fmp",
    }  # fmt: skip


def _split(day: int) -> dict[str, Any]:
    on = _FIRST + timedelta(days=day)
    return {
        "symbol": "AAPL", "date": on, "numerator": 4.0, "denominator": 1.0, "source": "provider",
        "fetched_at": _FETCHED, "fetch_id": "s", "source_provider": "fmp",
    }  # fmt: skip


def _merge(tx: MemoryTransaction, name: str, rows: list[dict[str, Any]]) -> None:
    merge_rows(tx, name, table_rows(name, rows).drop("recorded_at"), _FETCHED, _NO_LOG)


@examples(40)
@given(st.data())
def test_a_history_that_grows_ends_as_one_fetch_does(data: st.DataObject) -> None:
    """A history in any number of pieces, with the split at any point, gives the same bases as one fetch."""
    ex, gap = data.draw(st.integers(5, _DAYS - 5), "ex"), data.draw(st.integers(0, 14), "days without bars")
    bars = [_bar(d, 400.0 if d < ex else 100.0) for d in range(_DAYS) if not ex - gap <= d < ex]
    whole = memory_transaction()
    _merge(whole, "splits", [_split(ex)])
    _merge(whole, "price_data", bars)
    cuts = sorted({0, len(bars), *data.draw(st.lists(st.integers(0, len(bars)), max_size=5), "cuts")})
    pieces = [("price_data", bars[a:b]) for a, b in pairwise(cuts)]
    pieces.insert(data.draw(st.integers(0, len(pieces)), "pieces before the split"), ("splits", [_split(ex)]))
    apart = memory_transaction()
    for name, rows in pieces:
        _merge(apart, name, rows)
    columns = ["date", "close_price", "split_basis_date"]
    merged = apart.read("price_data").select(columns).sort("date")
    assert merged.equals(whole.read("price_data").select(columns).sort("date"))
    own = pl.col("split_basis_date") < _FETCHED.date()
    # After more than ten days without bars a step proves nothing.
    assert merged.filter(own).height == (max(ex - gap, 0) if gap < 10 else 0)
