"""Test loads of frames whose columns have types that the table's columns do not."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.load import LOADABLE
from factorlab_lake.ingest.load_checks import RowChecks
from factorlab_lake.lake import Lake
from factorlab_lake.schema import table
from factorlab_lake.storage.delta import polars_schema

_NOW = datetime(2021, 3, 31, tzinfo=UTC)
_SPLIT: dict[str, list[Any]] = {
    "symbol": ["AAPL"],
    "date": ["2020-08-31"],
    "numerator": [4],
    "denominator": [1],
}
_STATEMENT: dict[str, list[Any]] = {
    "symbol": ["AAPL"],
    "fiscal_date": ["2020-09-26"],
    "fiscal_period": ["Q4"],
}
_ROWS: dict[str, dict[str, list[Any]]] = {
    "splits": _SPLIT,
    "dividends": {"symbol": ["AAPL"], "date": ["2020-08-07"], "dividend": [0.2]},
    "company_profiles": {"symbol": ["AAPL"], "currency": ["USD"]},
    "price_data": {
        "symbol": ["AAPL"], "date": ["2020-08-31"], "close_price": [9.0], "split_basis_date": ["2020-09-30"],
    },
    "shares_outstanding": {
        "symbol": ["AAPL"], "as_of_date": ["2020-10-16"], "source": ["cover_page"], "shares": [17e9],
        "split_basis_date": ["2020-10-30"],
    },
    "symbol_history": {"symbol": ["AAPL"], "company_id": ["x"], "valid_from": ["2020-01-01"]},
    "fx_rates": {"base": ["EUR"], "quote": ["USD"], "date": ["2020-08-31"], "rate": [1.194]},
    "universes": {"universe": ["own"], "symbol": ["AAPL"], "valid_from": ["2020-01-01"]},
    **dict.fromkeys(("income_statements", "balance_sheets", "cash_flows"), _STATEMENT),
}  # fmt: skip
# Types that no column of any table can have, as a series of one value.
_NO_COLUMN = {
    "list": pl.Series([[1, 2]]),
    "array": pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2)),
    "struct": pl.Series([{"a": 1}]),
    "object": pl.Series([object()], dtype=pl.Object),
    "binary": pl.Series([b"\xff"]),
    "duration": pl.Series([timedelta(days=3)]),
    "time": pl.Series([time(3)]),
}
_OF_A_KIND = {
    "decimal": (pl.Series([Decimal("4.5")]), ("number", "integer", "text")),
    "unsigned": (pl.Series([2**63], dtype=pl.UInt64), ("number", "integer", "text")),
    "boolean": (pl.Series([True]), ("boolean",)),
    "date": (pl.Series([date(2020, 9, 26)]), ("date", "timestamp")),
}


def test_every_loadable_table_is_tested() -> None:
    """A table that becomes loadable needs a row here."""
    assert _ROWS.keys() == set(LOADABLE)


@pytest.mark.parametrize("name", LOADABLE)
@pytest.mark.parametrize("kind", _NO_COLUMN)
def test_a_type_of_no_column_is_refused(name: str, kind: str) -> None:
    """In each column of each table: the error names column, type and what was expected."""
    for column in table(name).names():
        frame = pl.DataFrame(_ROWS[name]).with_columns(_NO_COLUMN[kind].alias(column))
        with pytest.raises(InvalidInput) as caught:
            RowChecks(table(name), _NOW).typed(frame)
        assert caught.value.facts["column"] == column
        assert str(caught.value).startswith(f"{column} has the type ")
        assert re.search(r"expected .+\. Convert the column, or drop it\.$", str(caught.value))


@pytest.mark.parametrize("name", LOADABLE)
@pytest.mark.parametrize("kind", ["decimal", "unsigned", "boolean", "date"])
def test_a_type_of_another_kind_is_refused(name: str, kind: str) -> None:
    """A number is no date, and a date is no symbol; in columns of its kind a type gives the table's type."""
    series, kinds = _OF_A_KIND[kind]
    for column in table(name).columns:
        frame = pl.DataFrame(_ROWS[name]).with_columns(series.alias(column.name))
        checks = RowChecks(table(name), _NOW)
        if column.kind not in kinds:
            with pytest.raises(InvalidInput, match=f"^{column.name} has the type "):
                checks.typed(frame)
        else:
            typed = checks.typed(frame)
            assert typed.schema[column.name] == polars_schema(table(name))[column.name]


@pytest.mark.parametrize("name", LOADABLE)
def test_the_type_of_a_column_may_change_between_loads(lake: Lake, name: str) -> None:
    """Text first, then categories, then a column of NULLs alone: the stored types stay."""
    rows = pl.DataFrame(_ROWS[name])
    lake.load(name, rows)
    before = lake.sql(f"SELECT * FROM {name}")
    texts = [c for c, dtype in rows.schema.items() if dtype == pl.String]
    lake.load(name, rows.with_columns(pl.col(texts).cast(pl.Categorical), extra=pl.lit(None)))
    numbers = [c for c, dtype in rows.schema.items() if dtype.is_numeric()]
    lake.load(name, rows.with_columns(pl.col(numbers).cast(pl.Decimal(20, 4))))
    after = lake.sql(f"SELECT * FROM {name}")
    assert after.schema == before.schema
    assert after.height == before.height == 1


@pytest.mark.parametrize(
    "source",
    [None, 7, pl.LazyFrame(_SPLIT).select("none"), {"symbol": ["A", "B"], "date": ["2020-08-31"] * 3},
     pd.DataFrame([["A", "B"]], columns=["symbol", "symbol"]),
     pd.DataFrame({"symbol": ["A", 1.5, object()]})],
    ids=["none", "number", "lazy without its column", "lengths", "two columns of one name", "mixed objects"],
)  # fmt: skip
def test_what_is_no_frame_is_refused(lake: Lake, source: Any) -> None:
    """The error is one of the lake, and nothing is loaded."""
    with pytest.raises(InvalidInput):
        lake.load("splits", source)
    assert lake.refresh().history() == []


def test_a_lazy_frame_is_loaded(lake: Lake) -> None:
    """It is a frame of polars; it was refused, though the guide takes any frame that polars accepts."""
    assert lake.load("splits", pl.LazyFrame(_SPLIT)) == 1


def test_a_table_that_is_no_text_is_refused(lake: Lake) -> None:
    """None gave a TypeError of Python's library."""
    with pytest.raises(InvalidInput, match="Table None cannot be loaded; expected one of splits"):
        lake.load(None, pl.DataFrame(_SPLIT))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [None, "date"])
def test_the_index_of_a_pandas_frame_is_read(lake: Lake, name: str | None) -> None:
    """Days in the index are the column date, with and without a name; a numbered index is no column."""
    days = pd.DatetimeIndex(_SPLIT["date"], name=name)
    frame = pd.DataFrame(_SPLIT, index=days).drop(columns="date")
    assert lake.load("splits", frame) == 1
    assert lake.load("splits", frame.rename_axis("date").reset_index()) == 1


def test_a_column_of_pandas_without_values_is_empty(lake: Lake) -> None:
    """Pandas gives such a column the type of numbers, also where the table has dates."""
    frame = pd.DataFrame(_ROWS["symbol_history"] | {"valid_to": [float("nan")]})
    assert lake.load("symbol_history", frame) == 1
    assert lake.sql("SELECT valid_to FROM symbol_history").rows() == [(None,)]


@pytest.mark.parametrize("convert", [pl.DataFrame, pd.DataFrame, lambda rows: pl.DataFrame(rows).to_arrow()])
def test_empty_frames_load_nothing(lake: Lake, convert: Any) -> None:
    """A frame with columns and no row is a load of no row."""
    assert lake.load("splits", convert({name: [] for name in _SPLIT})) == 0
    assert lake.refresh().history() == []
