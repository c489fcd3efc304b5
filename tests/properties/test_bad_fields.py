"""Test by random records that one bad field costs no record, and that load and fetch agree."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.load_checks import RowChecks
from factorlab_lake.ingest.row_checks import needed_columns
from factorlab_lake.providers.records import fields
from factorlab_lake.schema import DATASETS, table
from tests.support import FETCHED, answer, bar, income, normalized

_RECORDS: dict[str, dict[str, Any]] = {
    "income": income(),
    "balance_sheet": income(),
    "cash_flow": income(),
    "ratios": {"symbol": "AAPL", "date": "2020-09-26", "period": "FY", "fiscalYear": "2020"},
    "price": bar("2020-01-02"),
    "market_cap": {"symbol": "AAPL", "date": "2020-01-02", "marketCap": 1e12},
    "split": {"symbol": "AAPL", "date": "2020-08-31", "numerator": 4, "denominator": 1},
    "dividend": {"symbol": "AAPL", "date": "2020-08-07", "dividend": 0.8, "adjDividend": 0.2},
    "profile": {"symbol": "AAPL", "companyName": "Apple Inc.", "currency": "USD"},
}
# Texts may be right in a text column; these are bad in a column of numbers, days or times.
_BAD = st.sampled_from(
    ["N/A", "-", "None", "0000-00-00", "n/a", "12 USD", "?", float("inf"), float("-inf"), 1e300, "Infinity"]
)


def _others(dataset: str) -> list[str]:
    """Return the fields of a dataset that a record does not need."""
    needed = needed_columns(table(DATASETS[dataset]))
    known = {"fiscalYear": "fiscal_year"} if dataset == "ratios" else fields(dataset)
    typed = {c.name: c.kind for c in table(DATASETS[dataset]).columns}
    return [f for f, c in known.items() if c not in needed and typed.get(c, "text") not in ("text", "json")]


@pytest.mark.parametrize("dataset", [d for d in _RECORDS if _others(d)])
@given(data=st.data())
def test_one_bad_field_costs_no_record(dataset: str, data: st.DataObject) -> None:
    """Any text in a field that a record does not need leaves its record, and its text in `extra`."""
    field, value = data.draw(st.sampled_from(_others(dataset))), data.draw(_BAD)
    good = _RECORDS[dataset]
    result = normalized(dataset, answer(dataset, [good, good | {"date": "2020-06-27", field: value}]))
    assert result.rejects.is_empty(), result.rejects["reason"].to_list()
    spec = table(DATASETS[dataset])
    day = pl.col(spec.time_column) if spec.time_column else None
    stored = result.rows if day is None else result.rows.filter(day == date(2020, 6, 27))
    text = stored[-1]["metrics" if dataset == "ratios" else "extra"].item()
    assert field in json.loads(text)


_SENT: dict[str, st.SearchStrategy[Any]] = {
    "date": st.sampled_from(["2020-01-02", "1024-01-01", "2204-01-01", "0001-01-01", "?"]),
    "close": st.sampled_from([10.0, 0.0, -1.0, 1e300, 1e-300, "n/a", None]),
    "open": st.sampled_from([10.0, 0.0, -3.0, 1e300]),
    "volume": st.sampled_from([100.0, 0.0, -5.0]),
}
_COLUMNS = {"date": "date", "close": "close_price", "open": "open_price", "volume": "volume"}


@given(st.fixed_dictionaries(_SENT))
def test_load_accepts_the_bars_that_a_fetch_stores_whole(fields_sent: dict[str, Any]) -> None:
    """One checker decides for both: load accepts a row if a fetch stores its record with all values."""
    result = normalized("price", answer("price", [bar("2020-01-02") | fields_sent], at=FETCHED))
    whole = not result.rows.is_empty() and result.rows["extra"].item() is None
    row = {_COLUMNS[name]: [value] for name, value in fields_sent.items()}
    checks = RowChecks(table("price_data"), FETCHED)
    checks.typed(pl.DataFrame(row | {"symbol": ["AAPL"], "split_basis_date": ["2021-03-31"]}))
    try:
        checks.raise_faults()
    except InvalidInput:
        assert not whole
    else:
        assert whole
