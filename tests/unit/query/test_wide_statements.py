"""Test statements with a column per line item, the choice of columns, and their way to Excel and pandas."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.schema import STATEMENT_TABLES, line_items, table
from tests.unit.query.lake_builder import LakeBuilder, filing, quarters

CASES = LakeBuilder()
CASES.statements("RANGE", "income", quarters(revenue=[1, 2, 3, 4], netIncome=[..., 0, None, -1.5]))
CASES.statements("AMENDED", "income", quarters(revenue=[1, 2, 3, 4]))
CASES.statements("AMENDED", "income", [filing("2020-06-30", "Q2", filed="2021-02-15", revenue=2.5)])
CASES.closes("RANGE", {"2020-06-30": 10, "2020-07-01": 11})

_KEY = ["symbol", "fiscal_date", "fiscal_period", "version"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file."""
    return CASES.build(tmp_path_factory.mktemp("wide"))


@pytest.mark.parametrize(("kind", "method"), STATEMENT_TABLES.items())
def test_each_value_is_that_of_the_metrics(lake_2021: Lake, kind: str, method: str) -> None:
    """Each wide frame has the rows and values of ``statements``, as numbers; what is not reported is NULL."""
    rows = lake_2021.statements(["AAPL", "GOOGL"], types=[kind])
    wide = getattr(lake_2021, method)(["AAPL", "GOOGL"])
    assert wide.select(_KEY).rows() == rows.select(_KEY).rows()
    assert wide.height > 40
    reported = [json.loads(text) for text in rows["metrics"]]
    for item in line_items(kind):
        assert wide.schema[item.name] == pl.Float64
        assert wide[item.name].to_list() == [values.get(item.name) for values in reported], item.name


def test_content_comes_before_provenance(lake_2021: Lake) -> None:
    """The first columns say what the row is and has; where it comes from is at the end."""
    wide = lake_2021.income_statements("AAPL")
    assert wide.columns[:7] == [
        "symbol", "fiscal_date", "fiscal_period", "fiscal_year", "reported_currency", "revenue",
        "cost_of_revenue",
    ]  # fmt: skip
    assert lake_2021.statements("AAPL").columns[:7] == [
        "symbol", "statement_type", "fiscal_date", "fiscal_period", "fiscal_year", "reported_currency",
        "metrics",
    ]  # fmt: skip
    bars = lake_2021.prices("AAPL").columns
    assert bars.index("close_price") < bars.index("currency") < bars.index("fetch_id")


@pytest.mark.parametrize(("day", "known"), [("2021-02-14", 2.0), ("2021-02-15", 2.5)])
def test_as_of_has_the_version_of_the_day(made: Lake, day: str, known: float) -> None:
    """A restatement shows from the day on which it was public, and not before."""
    rows = made.income_statements("AMENDED", "2020-06-30", "2020-06-30", as_of=day, columns=["revenue"])
    assert rows["revenue"].to_list() == [known]
    first = made.income_statements(
        "AMENDED", "2020-06-30", "2020-06-30", as_of=day, vintage="first", columns=["revenue"]
    )
    assert first["revenue"].to_list() == [2.0]


def test_a_later_filing_changes_nothing_earlier(tmp_path: Path) -> None:
    """The frame as of a day is the same before and after a lake receives later statements."""
    cases = LakeBuilder()
    cases.statements("A", "income", quarters(revenue=[1, 2, 3, 4]))
    lake = cases.build(tmp_path)
    before = lake.income_statements("A", as_of="2020-11-30")
    later = LakeBuilder()
    later.statements("A", "income", [filing("2020-06-30", "Q2", filed="2021-02-15", revenue=9)])
    later.add_to(lake, tmp_path)
    assert lake.income_statements("A", as_of="2020-11-30").equals(before)
    assert lake.income_statements("A", as_of="2021-02-28")["revenue"].to_list() == [1, 9, 3, 4]


def test_columns_come_after_the_key_in_the_order_of_the_caller(made: Lake) -> None:
    """Any column of the table can be chosen, timestamps too; the key stays first."""
    rows = made.income_statements("RANGE", columns=["net_income", "fetch_id", "fiscal_date", "accepted_at"])
    assert rows.columns == [*_KEY, "net_income", "fetch_id", "accepted_at"]
    assert rows["net_income"].to_list() == [None, 0, None, -1.5]
    every = table("income_statements").names()
    assert set(made.income_statements("RANGE", columns=every).columns) == set(every)


def test_columns_of_other_frames(made: Lake) -> None:
    """Bars, adjusted bars and statements have the same choice."""
    bars = made.prices("RANGE", columns=["currency", "close_price"])
    assert bars.columns == ["symbol", "date", "currency", "close_price"]
    assert bars["close_price"].to_list() == [10, 11]
    assert made.prices("RANGE", adjusted=True, columns="volume").columns == ["symbol", "date", "volume"]
    rows = made.statements("RANGE", columns=["available_date"])
    assert rows.columns == ["symbol", "statement_type", *_KEY[1:], "available_date"]


@pytest.mark.parametrize("method", ["income_statements", "statements", "prices"])
def test_an_unknown_column_is_refused_with_the_nearest(made: Lake, method: str) -> None:
    """A misspelt column is an error, not a missing column."""
    with pytest.raises(InvalidInput, match=r"no column 'fetched_att'.*Did you mean 'fetched_at'"):
        getattr(made, method)("RANGE", columns=["fetched_att"])
    with pytest.raises(InvalidInput, match="columns is empty"):
        getattr(made, method)("RANGE", columns=[])


def test_an_unknown_symbol_warns_in_the_code_of_the_caller(made: Lake) -> None:
    """The warning points to the line that has the symbol, and the frame has all columns."""
    with pytest.warns(SymbolNotHeldWarning, match="RANG") as warned:
        rows = made.income_statements("RANG")
    assert warned[0].filename == __file__
    assert (rows.height, rows.schema) == (0, made.income_statements("RANGE").schema)


def test_a_wide_frame_goes_to_excel_and_pandas(lake_2021: Lake, tmp_path: Path) -> None:
    """No column has a time zone, which Excel does not know; both writers accept the frame."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("xlsxwriter")
    rows = lake_2021.balance_sheets("AAPL", "2020-01-01")
    rows.write_excel(tmp_path / "polars.xlsx")
    frame = rows.to_pandas()
    frame.to_excel(tmp_path / "pandas.xlsx", engine="xlsxwriter")
    assert isinstance(frame, pandas.DataFrame)
    assert frame["total_assets"].tolist() == rows["total_assets"].to_list()
    assert {path.name for path in tmp_path.iterdir()} == {"polars.xlsx", "pandas.xlsx"}


def test_an_empty_lake_has_the_columns(tmp_path: Path) -> None:
    """Without statements the frame is empty and typed."""
    with pytest.warns(SymbolNotHeldWarning):
        rows = fl.open(tmp_path / "lake").cash_flows("A")
    assert rows.is_empty()
    assert rows.schema["free_cash_flow"] == pl.Float64
