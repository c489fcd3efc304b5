"""Test which tables, files, columns and rows a load refuses, and how it says so."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.lake import Lake
from tests.unit.ingest.user_rows import BAR, PLAIN_BAR, SHARES, SPLIT, refused


@pytest.mark.parametrize(
    ("column", "nearest"), [("numeratr", "numerator"), ("Symbol", "symbol"), ("xyzzy", None)]
)
def test_an_unknown_column_is_refused_with_the_nearest_name(
    lake: Lake, column: str, nearest: str | None
) -> None:
    """The error names a misspelt column and suggests the nearest name; nothing is loaded."""
    fault = refused(lake, "splits", SPLIT | {column: [1]})
    assert column in str(fault)
    assert fault.facts["column"] == column
    assert ("Did you mean" in str(fault)) == (nearest is not None)
    assert f"Did you mean {nearest!r}" in str(fault) or nearest is None


@pytest.mark.parametrize("column", ["symbol", "date", "numerator", "denominator"])
def test_a_missing_column_is_named(lake: Lake, column: str) -> None:
    """The error names the missing column."""
    fault = refused(lake, "splits", {name: value for name, value in SPLIT.items() if name != column})
    assert f"needs a column {column!r}" in str(fault)


def test_prices_need_the_day_of_their_split_basis(lake: Lake) -> None:
    """A price without a split basis is rejected, and the error explains the column."""
    fault = refused(lake, "price_data", {k: v for k, v in BAR.items() if k != "split_basis_date"})
    assert "split_basis_date" in str(fault)
    assert "the row's own date for unadjusted prices" in str(fault)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("numerator", "four", "four"),
        ("date", "31.08.2020", "31.08.2020"),
        ("date", None, "missing"),
        ("symbol", None, "missing"),
        ("symbol", "", "missing"),
        ("denominator", 0, "above 0"),
        ("numerator", -4, "above 0"),
        ("numerator", float("nan"), "missing"),
        ("numerator", float("inf"), "inf"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_loaded(lake: Lake, column: str, value: Any, reason: str) -> None:
    """All rows are loaded or none: the error has the row's number, the column and the value."""
    rows: dict[str, list[Any]] = {
        "symbol": ["A", "B", "C"],
        "date": ["2020-01-02"] * 3,
        "numerator": [2] * 3,
        "denominator": [1] * 3,
    }
    rows[column][1] = value
    fault = refused(lake, "splits", pl.DataFrame(rows, strict=False))
    assert fault.facts["row"] == 2
    assert "Row 2" in str(fault)
    assert column in str(fault)
    assert reason in str(fault)


def test_of_several_bad_rows_the_first_is_named(lake: Lake) -> None:
    """The error names the first invalid row of the file, whichever column is invalid."""
    rows = {"symbol": ["A", "B", "C"], "date": ["2020-01-02", "2020-01-03", "?"],
            "numerator": ["2", "two", "2"], "denominator": ["1", "1", "1"]}  # fmt: skip
    assert refused(lake, "splits", rows).facts["row"] == 2


def test_rows_that_contradict_each_other_are_refused(lake: Lake) -> None:
    """Two different splits of one symbol and day are rejected: one would be lost silently."""
    rows = {"symbol": ["A", "A"], "date": ["2020-01-02"] * 2, "numerator": [2, 3], "denominator": [1, 1]}
    refused(lake, "splits", rows)


@pytest.mark.parametrize("table", ["vendor_ratios", "split", "revisions", "data_fetch_log"])
def test_a_table_that_cannot_be_loaded_is_refused(lake: Lake, table: str) -> None:
    """Only loadable tables are accepted; a misspelt name gets a suggestion."""
    fault = refused(lake, table, SPLIT)
    assert repr(table) in str(fault)
    assert ("Did you mean 'splits'" in str(fault)) == (table == "split")


def test_a_missing_file_is_not_found(lake: Lake, tmp_path: Path) -> None:
    """The error names the missing file."""
    with pytest.raises(NotFound, match=r"splits\.csv"):
        lake.load("splits", tmp_path / "splits.csv")


def test_a_file_of_another_kind_is_refused(lake: Lake, tmp_path: Path) -> None:
    """A file with an unknown extension is rejected."""
    place = tmp_path / "splits.xlsx"
    place.write_bytes(b"PK")
    assert "splits.xlsx" in str(refused(lake, "splits", place))


@pytest.mark.parametrize("body", ["", "symbol,date,numerator,denominator\n", "\x00\x01\x02"])
def test_a_file_without_rows_or_columns_loads_nothing(lake: Lake, tmp_path: Path, body: str) -> None:
    """An empty or broken file is rejected or adds no row; no library error reaches the caller."""
    place = tmp_path / "splits.csv"
    place.write_text(body)
    with suppress(InvalidInput):
        assert lake.load("splits", place) == 0
    assert lake.refresh().history() == []


def test_a_header_without_a_required_column_is_refused(lake: Lake, tmp_path: Path) -> None:
    """A missing column is an error, even if the file has no rows."""
    place = tmp_path / "splits.csv"
    place.write_text("symbol,date,numerator\n")
    assert "splits needs a column 'denominator'" in str(refused(lake, "splits", place))


@pytest.mark.parametrize("name", ["splits.parquet", "splits.csv"])
def test_a_file_that_is_not_what_its_name_says_is_refused(lake: Lake, tmp_path: Path, name: str) -> None:
    """An unreadable file raises InvalidInput, not a library error."""
    place = tmp_path / name
    place.write_bytes(b"\xff\xfe\x00 not what it says")
    refused(lake, "splits", place)


def test_a_contradiction_is_reported_with_its_row_of_the_file(lake: Lake) -> None:
    """A repeated row is no contradiction, but counts as a row of the file."""
    rows = pl.concat(pl.DataFrame(SPLIT | {"numerator": [numerator]}) for numerator in (4, 4, 4, 7))
    fault = refused(lake, "splits", rows)
    assert fault.facts["row"] == 4
    assert "contradicts an earlier row with the same symbol and date" in str(fault)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("price_data", {"date": ["2204-05-15"]}),
        ("price_data", {"date": ["1024-05-15"]}),
        ("price_data", {"date": ["0001-01-01"]}),
        ("price_data", {"date": ["9999-12-31"]}),
        ("price_data", {"open_price": [-3]}),
        ("price_data", {"volume": [-5]}),
        ("price_data", {"close_price": [1e300]}),
        ("price_data", {"year": [2023]}),
        ("price_data", {"split_basis_date": ["2204-05-15"]}),
        ("price_data", {"fetched_at": [datetime(2100, 1, 1, tzinfo=UTC)]}),
        ("price_data", {"symbol": ["AAPL,MSFT"]}),
        ("price_data", {"symbol": ["Symbol"]}),
        ("price_data", {"symbol": ["A\nB"]}),
        ("dividends", {"dividend": [-1]}),
        ("dividends", {"date": ["2204-05-15"]}),
        ("splits", {"numerator": [4_000_000]}),
        ("splits", {"numerator": [1e-308]}),
        ("splits", {"date": ["1024-05-15"]}),
        ("shares_outstanding", {"as_of_date": ["2099-01-01"]}),
        ("shares_outstanding", {"source": ["Cover Page"]}),
        ("shares_outstanding", {"shares": [-60e9]}),
        ("shares_outstanding", {"shares": [0]}),
        ("shares_outstanding", {"shares": [1e30]}),
        ("shares_outstanding", {"shares": [1e-300]}),
        ("splits", {"numerator": [1e-300], "denominator": [1e-300]}),
        ("splits", {"numerator": [1e15], "denominator": [1e15]}),
        ("price_data", {"open_price": [1e20]}),
        ("dividends", {"dividend": [1e20]}),
        *(("company_profiles", {"shares_per_receipt": [ratio]}) for ratio in (-5, 0, 1e-300, 1e300)),
        ("company_profiles", {"currency": [""]}),
        ("company_profiles", {"currency": ["dollars"]}),
    ],
)
def test_impossible_rows_are_refused(lake: Lake, table: str, change: dict[str, list[Any]]) -> None:
    """A row that a provider's answer could not bring is refused, and the message names its column."""
    tables: dict[str, dict[str, Any]] = {
        "price_data": PLAIN_BAR,
        "dividends": {"symbol": ["A"], "date": ["2024-05-07"], "dividend": [0.2]},
        "splits": SPLIT | {"date": ["2024-05-07"]},
        "shares_outstanding": SHARES,
        "company_profiles": {"symbol": ["A"], "currency": ["USD"]},
    }
    rows = tables[table]
    assert next(iter(change)) in str(refused(lake, table, rows | change))
    assert lake.load(table, rows) == 1


def test_a_refused_row_is_one_line(lake: Lake) -> None:
    """A symbol with a line break is shown escaped; a heading in other letters has the column's name."""
    assert r"symbol: A\nB is no symbol" in str(refused(lake, "price_data", PLAIN_BAR | {"symbol": ["A\nB"]}))
    other = {"DATE" if name == "date" else name: values for name, values in PLAIN_BAR.items()}
    assert "no column 'DATE'. Did you mean 'date'?" in str(refused(lake, "price_data", other))


def test_all_faults_of_a_file_are_in_one_message(lake: Lake) -> None:
    """A user corrects a file once: the message lists each row with its problem."""
    rows = {name: values * 14 for name, values in PLAIN_BAR.items()}
    rows["date"] = ["2024-05-07", "2204-05-15", "1024-05-15", *(["?"] * 11)]
    fault = refused(lake, "price_data", rows)
    assert (fault.facts["row"], fault.facts["rows"]) == (2, 13)
    assert "row 2: date: 2204-05-15 is after the fetch; row 3: date: 1024-05-15 is before 1900" in str(fault)
    assert "row 4: date: '?' is not a date" in str(fault)
    assert str(fault).endswith("and 3 more.")
