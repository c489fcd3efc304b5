"""Test what a load of a user's rows stores, logs, warns of and replaces."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from factorlab_lake.errors import LakeWarning
from factorlab_lake.lake import Lake
from tests.support import SPLITS, Entry, arrive, assert_keys_unique, assert_same_content, bar, content, income
from tests.unit.ingest.user_rows import BAR, PLAIN_BAR, SHARES, SPLIT


def test_splits_come_from_a_csv_file(lake: Lake) -> None:
    """The sample's splits are loaded with their ratios and the source file."""
    assert lake.load("splits", SPLITS) == 4
    result = lake.sql(
        "SELECT symbol, date::VARCHAR, numerator / denominator, source FROM splits ORDER BY ALL"
    )
    assert result.rows() == [
        ("AAPL", "2014-06-09", 7.0, "file"), ("AAPL", "2020-08-31", 4.0, "file"),
        ("GOOG", "2022-07-18", 20.0, "file"), ("GOOGL", "2022-07-18", 20.0, "file"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "form",
    [
        pl.DataFrame,
        pd.DataFrame,
        pa.table,
        dict,
        lambda rows: pl.DataFrame(rows).with_columns(pl.col("date").str.to_date()),
        lambda rows: pd.DataFrame(rows).assign(date=lambda frame: pd.to_datetime(frame["date"])),
    ],
    ids=["polars", "pandas", "arrow", "dict", "polars dates", "pandas dates"],
)
def test_rows_come_in_any_form_of_frame(lake: Lake, form: Callable[[Any], Any]) -> None:
    """polars, pandas and Arrow frames give the same row, with dates as text, dates or timestamps."""
    assert lake.load("splits", form(SPLIT)) == 1
    assert lake.sql("SELECT symbol, date, numerator, denominator FROM splits").rows() == [
        ("AAPL", date(2020, 8, 31), 4.0, 1.0)
    ]


def test_rows_come_from_a_parquet_file(lake: Lake, tmp_path: Path) -> None:
    """A Parquet file is loaded like the frame in it."""
    pl.DataFrame(SPLIT).write_parquet(tmp_path / "splits.parquet")
    assert lake.load("splits", str(tmp_path / "splits.parquet")) == 1


def test_symbols_made_of_digits_stay_text(lake: Lake, tmp_path: Path) -> None:
    """600519 and 0700 in a CSV file are symbols and keep their zeros."""
    place = tmp_path / "splits.csv"
    place.write_text("symbol,date,numerator,denominator\n600519,2020-01-02,2,1\n0700,2014-05-15,5,1\n")
    lake.load("splits", place)
    assert lake.sql("SELECT symbol FROM splits ORDER BY symbol")["symbol"].to_list() == ["0700", "600519"]


@pytest.mark.parametrize("table", ["splits", "price_data", "shares_outstanding"])
def test_loading_the_same_rows_again_changes_nothing(lake: Lake, table: str) -> None:
    """A second load of the same rows adds no snapshot and no row."""
    rows = {"splits": SPLIT, "price_data": BAR, "shares_outstanding": SHARES}[table]
    lake.load(table, rows)
    before = content(lake)
    assert lake.load(table, rows) == 1
    assert len(lake.history()) == 1
    assert_same_content(content(lake), before)


def test_a_corrected_row_replaces_the_earlier_one(lake: Lake) -> None:
    """The newest load gives the only split of a symbol and day that is not retracted."""
    lake.load("splits", SPLIT | {"numerator": [5]})
    lake.load("splits", SPLIT)
    rows = lake.sql("SELECT numerator, retracted_at IS NULL FROM splits ORDER BY 1").rows()
    assert rows == [(4.0, True), (5.0, False)]
    assert_keys_unique(lake)


def test_a_corrected_bar_keeps_the_earlier_one_as_a_revision(lake: Lake) -> None:
    """A price that is loaded again is current, and the earlier one is a revision."""
    lake.load("price_data", BAR)
    lake.load("price_data", BAR | {"close_price": [300.4]})
    assert lake.sql("SELECT close_price FROM price_data").rows() == [(300.4,)]
    assert lake.revisions().select("column_name", "old", "new").rows() == [("close_price", "300.35", "300.4")]


def test_a_changed_share_count_is_a_new_version(lake: Lake) -> None:
    """A share count is never overwritten."""
    lake.load("shares_outstanding", SHARES)
    lake.load("shares_outstanding", SHARES | {"shares": [17001802001]})
    assert lake.sql("SELECT version, shares FROM shares_outstanding ORDER BY 1").rows() == [
        (1, 17001802000.0), (2, 17001802001.0),
    ]  # fmt: skip


def test_profiles_keep_their_numbers_as_text(lake: Lake) -> None:
    """A company number keeps its zeros, and a flag stays a boolean."""
    lake.load(
        "company_profiles",
        {"symbol": ["AAPL"], "cik": ["0000320193"], "is_etf": [False], "currency": ["USD"]},
    )
    assert lake.sql("SELECT cik, is_etf, currency, exchange FROM company_profiles").rows() == [
        ("0000320193", False, "USD", None)
    ]


def test_what_was_loaded_is_in_the_log(lake: Lake) -> None:
    """The fetch_id of a loaded row is in the fetch log."""
    lake.load("splits", SPLIT)
    result = lake.sql("SELECT count(*) AS n FROM splits SEMI JOIN data_fetch_log USING (fetch_id)")
    assert result.item() == 1


def test_progress_reports_each_step_with_its_rows(lake: Lake) -> None:
    """The rows are checked, merged and committed; readers see them after the last step."""
    reports: list[dict[str, Any]] = []

    def progress(**state: Any) -> None:
        reports.append(state | {"snapshot": lake.refresh().snapshot.id})

    rows = pl.concat(pl.DataFrame(BAR | {"symbol": [symbol]}) for symbol in ("A", "B"))
    lake.load("price_data", rows, progress=progress)
    assert [(r["step"], r["rows_done"], r["rows_total"]) for r in reports] == [
        ("checking", 2, 2), ("merging", 0, 2), ("committing", 2, 2),
    ]  # fmt: skip
    assert {r["snapshot"] for r in reports} == {0}
    assert lake.snapshot.id == 1


def test_a_value_that_cannot_be_read_is_missing_and_said(lake: Lake) -> None:
    """A word in a side column costs no row: it is NULL, its text is in `extra`, and a warning counts it."""
    with pytest.warns(LakeWarning, match=r"volume cannot be read .* \(1 row\)"):
        lake.load("price_data", PLAIN_BAR | {"volume": ["N/A"], "open_price": ["1,234.5"]})
    row = lake.sql("SELECT volume, open_price, extra FROM price_data").row(0)
    assert row == (None, 1234.5, '{"volume":"N/A"}')


def test_symbols_are_stored_in_capitals(lake: Lake) -> None:
    """One symbol has one spelling; a warning says that the file has another one."""
    rows = pl.concat([pl.DataFrame(SPLIT | {"symbol": [name]}) for name in ("aapl", "msft", "IBM")])
    with pytest.warns(LakeWarning, match=r"AAPL for aapl \(2 rows\)"):
        lake.load("splits", rows)
    assert lake.sql("SELECT symbol FROM splits ORDER BY 1")["symbol"].to_list() == ["AAPL", "IBM", "MSFT"]


def test_a_row_that_was_replaced_can_be_loaded_again(lake: Lake) -> None:
    """After A and B a load of A brings A back; once more, it changes nothing."""
    for numerator in (4, 5, 4, 4):
        lake.load("splits", SPLIT | {"numerator": [numerator]})
    assert lake.sql("SELECT numerator FROM splits WHERE retracted_at IS NULL").item() == 4
    assert len(lake.history()) == 3
    for close in (10.0, 11.0, 10.0):
        lake.load("price_data", PLAIN_BAR | {"close_price": [close]})
    assert lake.sql("SELECT close_price FROM price_data").item() == 10


def test_replacing_the_value_of_a_provider_is_said(lake: Lake, tmp_path: Path) -> None:
    """A load that changes what a provider served warns; equal values, and other days, do not."""
    at = datetime(2024, 5, 13, 12, tzinfo=UTC)
    arrive(lake, tmp_path, Entry("A", "price", [bar("2024-05-07", 9.0)], at))
    with pytest.warns(LakeWarning, match="1 row of fmp has other values; the loaded rows replace them"):
        lake.load("price_data", PLAIN_BAR)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LakeWarning)
        lake.load("price_data", PLAIN_BAR | {"date": ["2024-05-08"]})


def test_correcting_a_statement_of_a_provider_is_said(lake: Lake, tmp_path: Path) -> None:
    """A loaded statement with another value warns, though the provider's row stays; an equal one does not."""
    arrive(lake, tmp_path, Entry("AAPL", "income", [income("2020-09-26", "Q4", revenue=100)]))
    row = {"symbol": ["AAPL"], "fiscal_date": ["2020-09-26"], "fiscal_period": ["Q4"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error", LakeWarning)
        lake.load("income_statements", row | {"revenue": [100.0]})
    with pytest.warns(
        LakeWarning,
        match="of fmp has other values; the loaded rows correct those of the same filing, and no others",
    ):
        lake.load("income_statements", row | {"revenue": [150.0]})
