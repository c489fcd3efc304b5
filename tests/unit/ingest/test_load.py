"""Test loading a user's rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from factorlab_lake.errors import InvalidInput, LakeWarning, NotFound
from factorlab_lake.lake import Lake
from tests.support import SPLITS, Entry, arrive, assert_keys_unique, assert_same_content, bar, content, income

_SPLIT = {"symbol": ["AAPL"], "date": ["2020-08-31"], "numerator": [4], "denominator": [1]}
_BAR = {
    "symbol": ["AAPL"],
    "date": ["2020-01-02"],
    "close_price": [300.35],
    "split_basis_date": ["2020-01-02"],
}
_SHARES = {
    "symbol": ["AAPL"],
    "as_of_date": ["2020-10-16"],
    "source": ["cover_page"],
    "shares": [17001802000],
    "split_basis_date": ["2020-10-30"],
}


def _refused(lake: Lake, table: str, source: Any) -> InvalidInput:
    """Load rows that must be rejected, and check that the lake did not change."""
    with pytest.raises(InvalidInput) as caught:
        lake.load(table, source)
    assert lake.refresh().history() == []
    return caught.value


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
    assert lake.load("splits", form(_SPLIT)) == 1
    assert lake.sql("SELECT symbol, date, numerator, denominator FROM splits").rows() == [
        ("AAPL", date(2020, 8, 31), 4.0, 1.0)
    ]


def test_rows_come_from_a_parquet_file(lake: Lake, tmp_path: Path) -> None:
    """A Parquet file is loaded like the frame in it."""
    pl.DataFrame(_SPLIT).write_parquet(tmp_path / "splits.parquet")
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
    rows = {"splits": _SPLIT, "price_data": _BAR, "shares_outstanding": _SHARES}[table]
    lake.load(table, rows)
    before = content(lake)
    assert lake.load(table, rows) == 1
    assert len(lake.history()) == 1
    assert_same_content(content(lake), before)


def test_a_corrected_row_replaces_the_earlier_one(lake: Lake) -> None:
    """The newest load gives the only split of a symbol and day that is not retracted."""
    lake.load("splits", _SPLIT | {"numerator": [5]})
    lake.load("splits", _SPLIT)
    rows = lake.sql("SELECT numerator, retracted_at IS NULL FROM splits ORDER BY 1").rows()
    assert rows == [(4.0, True), (5.0, False)]
    assert_keys_unique(lake)


def test_a_corrected_bar_keeps_the_earlier_one_as_a_revision(lake: Lake) -> None:
    """A price that is loaded again is current, and the earlier one is a revision."""
    lake.load("price_data", _BAR)
    lake.load("price_data", _BAR | {"close_price": [300.4]})
    assert lake.sql("SELECT close_price FROM price_data").rows() == [(300.4,)]
    assert lake.revisions().select("column_name", "old", "new").rows() == [("close_price", "300.35", "300.4")]


def test_a_changed_share_count_is_a_new_version(lake: Lake) -> None:
    """A share count is never overwritten."""
    lake.load("shares_outstanding", _SHARES)
    lake.load("shares_outstanding", _SHARES | {"shares": [17001802001]})
    assert lake.sql("SELECT version, shares FROM shares_outstanding ORDER BY 1").rows() == [
        (1, 17001802000.0), (2, 17001802001.0),
    ]  # fmt: skip


def test_a_share_count_is_not_available_before_it_was_public(lake: Lake) -> None:
    """An accepted count can be used from the next close, one with a filing date from the next day."""
    for symbol, more in (
        ("A", {"accepted_at": [datetime(2020, 10, 29, 22, 6, tzinfo=UTC)]}),
        ("B", {"filing_date": ["2020-10-30"]}),
        ("C", {}),
    ):
        lake.load("shares_outstanding", _SHARES | {"symbol": [symbol]} | more)
    result = lake.sql(
        "SELECT symbol, available_date::VARCHAR, availability_basis FROM shares_outstanding ORDER BY 1"
    )
    assert result.rows() == [
        ("A", "2020-10-30", "accepted"), ("B", "2020-10-31", "filing_date"), ("C", "2020-12-30", "estimated"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "nearest"), [("numeratr", "numerator"), ("Symbol", "symbol"), ("xyzzy", None)]
)
def test_an_unknown_column_is_refused_with_the_nearest_name(
    lake: Lake, column: str, nearest: str | None
) -> None:
    """The error names a misspelt column and suggests the nearest name; nothing is loaded."""
    fault = _refused(lake, "splits", _SPLIT | {column: [1]})
    assert column in str(fault)
    assert fault.facts["column"] == column
    assert ("Did you mean" in str(fault)) == (nearest is not None)
    assert f"Did you mean {nearest!r}" in str(fault) or nearest is None


@pytest.mark.parametrize("column", ["symbol", "date", "numerator", "denominator"])
def test_a_missing_column_is_named(lake: Lake, column: str) -> None:
    """The error names the missing column."""
    fault = _refused(lake, "splits", {name: value for name, value in _SPLIT.items() if name != column})
    assert f"needs a column {column!r}" in str(fault)


def test_prices_need_the_day_of_their_split_basis(lake: Lake) -> None:
    """A price without a split basis is rejected, and the error explains the column."""
    fault = _refused(lake, "price_data", {k: v for k, v in _BAR.items() if k != "split_basis_date"})
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
    fault = _refused(lake, "splits", pl.DataFrame(rows, strict=False))
    assert fault.facts["row"] == 2
    assert "Row 2" in str(fault)
    assert column in str(fault)
    assert reason in str(fault)


def test_of_several_bad_rows_the_first_is_named(lake: Lake) -> None:
    """The error names the first invalid row of the file, whichever column is invalid."""
    rows = {"symbol": ["A", "B", "C"], "date": ["2020-01-02", "2020-01-03", "?"],
            "numerator": ["2", "two", "2"], "denominator": ["1", "1", "1"]}  # fmt: skip
    assert _refused(lake, "splits", rows).facts["row"] == 2


def test_rows_that_contradict_each_other_are_refused(lake: Lake) -> None:
    """Two different splits of one symbol and day are rejected: one would be lost silently."""
    rows = {"symbol": ["A", "A"], "date": ["2020-01-02"] * 2, "numerator": [2, 3], "denominator": [1, 1]}
    _refused(lake, "splits", rows)


def test_a_moment_without_a_zone_is_refused(lake: Lake) -> None:
    """A naive acceptance time is rejected, because its time zone is unknown."""
    rows = pl.DataFrame(_SHARES | {"accepted_at": [datetime(2020, 10, 29, 18, 6)]})  # noqa: DTZ001
    assert "time zone" in str(_refused(lake, "shares_outstanding", rows))


@pytest.mark.parametrize("table", ["vendor_ratios", "split", "revisions", "data_fetch_log"])
def test_a_table_that_cannot_be_loaded_is_refused(lake: Lake, table: str) -> None:
    """Only loadable tables are accepted; a misspelt name gets a suggestion."""
    fault = _refused(lake, table, _SPLIT)
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
    assert "splits.xlsx" in str(_refused(lake, "splits", place))


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
    assert "splits needs a column 'denominator'" in str(_refused(lake, "splits", place))


@pytest.mark.parametrize("name", ["splits.parquet", "splits.csv"])
def test_a_file_that_is_not_what_its_name_says_is_refused(lake: Lake, tmp_path: Path, name: str) -> None:
    """An unreadable file raises InvalidInput, not a library error."""
    place = tmp_path / name
    place.write_bytes(b"\xff\xfe\x00 not what it says")
    _refused(lake, "splits", place)


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
    lake.load("splits", _SPLIT)
    result = lake.sql("SELECT count(*) AS n FROM splits SEMI JOIN data_fetch_log USING (fetch_id)")
    assert result.item() == 1


def test_progress_reports_each_step_with_its_rows(lake: Lake) -> None:
    """The rows are checked, merged and committed; readers see them after the last step."""
    reports: list[dict[str, Any]] = []

    def progress(**state: Any) -> None:
        reports.append(state | {"snapshot": lake.refresh().snapshot.id})

    rows = pl.concat(pl.DataFrame(_BAR | {"symbol": [symbol]}) for symbol in ("A", "B"))
    lake.load("price_data", rows, progress=progress)
    assert [(r["step"], r["rows_done"], r["rows_total"]) for r in reports] == [
        ("checking", 2, 2), ("merging", 0, 2), ("committing", 2, 2),
    ]  # fmt: skip
    assert {r["snapshot"] for r in reports} == {0}
    assert lake.snapshot.id == 1


def test_a_contradiction_is_reported_with_its_row_of_the_file(lake: Lake) -> None:
    """A repeated row is no contradiction, but counts as a row of the file."""
    rows = pl.concat(pl.DataFrame(_SPLIT | {"numerator": [numerator]}) for numerator in (4, 4, 4, 7))
    fault = _refused(lake, "splits", rows)
    assert fault.facts["row"] == 4
    assert "contradicts an earlier row with the same symbol and date" in str(fault)


_PLAIN_BAR: dict[str, list[Any]] = {
    "symbol": ["A"],
    "date": ["2024-05-07"],
    "close_price": [10.0],
    "split_basis_date": ["2024-05-13"],
}


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
        "price_data": _PLAIN_BAR,
        "dividends": {"symbol": ["A"], "date": ["2024-05-07"], "dividend": [0.2]},
        "splits": _SPLIT | {"date": ["2024-05-07"]},
        "shares_outstanding": _SHARES,
        "company_profiles": {"symbol": ["A"], "currency": ["USD"]},
    }
    rows = tables[table]
    assert next(iter(change)) in str(_refused(lake, table, rows | change))
    assert lake.load(table, rows) == 1


@pytest.mark.parametrize("day", ["20240507", "2024/05/07", " 20240507 "])
def test_days_with_the_year_first_need_no_dashes(lake: Lake, day: str) -> None:
    """They have one reading, and a question accepts the first too; 05/07/2024 has two."""
    for other in ("05/07/2024", "20241305", "2024/0507"):
        assert f"'{other}' is not a date" in str(_refused(lake, "price_data", _PLAIN_BAR | {"date": [other]}))
    assert lake.load("price_data", _PLAIN_BAR | {"date": [day]}) == 1
    assert lake.prices("A")["date"].to_list() == [date(2024, 5, 7)]


def test_a_refused_row_is_one_line(lake: Lake) -> None:
    """A symbol with a line break is shown escaped; a heading in other letters has the column's name."""
    assert r"symbol: A\nB is no symbol" in str(
        _refused(lake, "price_data", _PLAIN_BAR | {"symbol": ["A\nB"]})
    )
    other = {"DATE" if name == "date" else name: values for name, values in _PLAIN_BAR.items()}
    assert "no column 'DATE'. Did you mean 'date'?" in str(_refused(lake, "price_data", other))


def test_all_faults_of_a_file_are_in_one_message(lake: Lake) -> None:
    """A user corrects a file once: the message lists each row with its problem."""
    rows = {name: values * 14 for name, values in _PLAIN_BAR.items()}
    rows["date"] = ["2024-05-07", "2204-05-15", "1024-05-15", *(["?"] * 11)]
    fault = _refused(lake, "price_data", rows)
    assert (fault.facts["row"], fault.facts["rows"]) == (2, 13)
    assert "row 2: date: 2204-05-15 is after the fetch; row 3: date: 1024-05-15 is before 1900" in str(fault)
    assert "row 4: date: '?' is not a date" in str(fault)
    assert str(fault).endswith("and 3 more.")


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "Pacific/Auckland"])
def test_dates_with_a_time_zone_keep_their_own_day(lake: Lake, zone: str) -> None:
    """Frames of yfinance date bars by midnight of the exchange, which is the day before in UTC for Tokyo."""
    days = [datetime(2024, 5, day) for day in (7, 8, 9, 10, 13)]  # noqa: DTZ001  # the zone follows
    frame = pl.DataFrame({"date": days}).with_columns(
        pl.col("date").dt.replace_time_zone(zone), symbol=pl.lit("7203.T"), close_price=pl.lit(100.0),
        split_basis_date=pl.lit("2024-05-14"),
    )  # fmt: skip
    lake.load("price_data", frame)
    loaded = lake.sql("SELECT date FROM price_data ORDER BY date")["date"]
    assert loaded.to_list() == [day.date() for day in days]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_a_time_of_day_that_tells_no_day_is_refused(lake: Lake, zone: str | None) -> None:
    """15:00 in UTC is the next day in Tokyo: without an exchange's zone a time of day tells no date."""
    at = pl.Series([datetime(2024, 5, 6, 15)]).dt.replace_time_zone(zone)  # noqa: DTZ001
    fault = _refused(lake, "price_data", pl.DataFrame(_PLAIN_BAR | {"date": at}))
    assert "expected" in str(fault) or "not a date" in str(fault)


@pytest.mark.parametrize(
    "text", ["2024-05-06 15:30", "2024-05-06T15:00:00Z", "2024-05-06 15:30:00+00:00", "2024-05-06x"]
)
def test_a_text_with_a_time_of_day_is_refused_as_a_moment_is(lake: Lake, text: str) -> None:
    """Its time was dropped without a word, so a close of Tokyo in UTC was of the day before."""
    fault = _refused(lake, "price_data", _PLAIN_BAR | {"date": [text]})
    assert f"date: '{text}' is not a date such as 2024-12-31" in str(fault)


@pytest.mark.parametrize(
    "text",
    ["2024-05-06", " 2024-05-06 00:00:00.000", "2024-05-06T00:00Z", "2024-05-06 00:00:00+09:00",
     "2024-05-06 15:30:00-04:00"],
)  # fmt: skip
def test_a_text_that_tells_a_day_is_that_day(lake: Lake, text: str) -> None:
    """Midnight means its day, and a time with the zone of an exchange the day there."""
    lake.load("price_data", _PLAIN_BAR | {"date": [text]})
    assert lake.sql("SELECT date FROM price_data").item() == date(2024, 5, 6)


def test_a_future_fetch_is_shown_as_it_was_written(lake: Lake) -> None:
    """A day without a time was shown as the last second of New York's day in UTC."""
    fault = _refused(lake, "price_data", _PLAIN_BAR | {"fetched_at": ["2100-01-01"]})
    assert "fetched_at: 2100-01-01 is in the future" in str(fault)


def test_naive_midnights_are_dates(lake: Lake) -> None:
    """A pandas index of days has midnights without a zone."""
    at = pl.Series([datetime(2024, 5, 6)])  # noqa: DTZ001
    lake.load("price_data", pl.DataFrame(_PLAIN_BAR | {"date": at}))
    assert lake.sql("SELECT date FROM price_data").item() == date(2024, 5, 6)


def test_a_value_that_cannot_be_read_is_missing_and_said(lake: Lake) -> None:
    """A word in a side column costs no row: it is NULL, its text is in `extra`, and a warning counts it."""
    with pytest.warns(LakeWarning, match=r"volume cannot be read .* \(1 row\)"):
        lake.load("price_data", _PLAIN_BAR | {"volume": ["N/A"], "open_price": ["1,234.5"]})
    row = lake.sql("SELECT volume, open_price, extra FROM price_data").row(0)
    assert row == (None, 1234.5, '{"volume":"N/A"}')


def test_symbols_are_stored_in_capitals(lake: Lake) -> None:
    """One symbol has one spelling; a warning says that the file has another one."""
    rows = pl.concat([pl.DataFrame(_SPLIT | {"symbol": [name]}) for name in ("aapl", "msft", "IBM")])
    with pytest.warns(LakeWarning, match=r"AAPL for aapl \(2 rows\)"):
        lake.load("splits", rows)
    assert lake.sql("SELECT symbol FROM splits ORDER BY 1")["symbol"].to_list() == ["AAPL", "IBM", "MSFT"]


def test_a_row_that_was_replaced_can_be_loaded_again(lake: Lake) -> None:
    """After A and B a load of A brings A back; once more, it changes nothing."""
    for numerator in (4, 5, 4, 4):
        lake.load("splits", _SPLIT | {"numerator": [numerator]})
    assert lake.sql("SELECT numerator FROM splits WHERE retracted_at IS NULL").item() == 4
    assert len(lake.history()) == 3
    for close in (10.0, 11.0, 10.0):
        lake.load("price_data", _PLAIN_BAR | {"close_price": [close]})
    assert lake.sql("SELECT close_price FROM price_data").item() == 10


def test_replacing_the_value_of_a_provider_is_said(lake: Lake, tmp_path: Path) -> None:
    """A load that changes what a provider served warns; equal values, and other days, do not."""
    at = datetime(2024, 5, 13, 12, tzinfo=UTC)
    arrive(lake, tmp_path, Entry("A", "price", [bar("2024-05-07", 9.0)], at))
    with pytest.warns(LakeWarning, match="1 row of fmp has other values; the loaded rows replace them"):
        lake.load("price_data", _PLAIN_BAR)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LakeWarning)
        lake.load("price_data", _PLAIN_BAR | {"date": ["2024-05-08"]})


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


def test_offsets_of_acceptances_count(lake: Lake, tmp_path: Path) -> None:
    """SEC writes acceptances with Z: 15:30Z is 11:30 in New York, 14:30-07:00 is after the close."""
    path = tmp_path / "shares.csv"
    path.write_text(
        "symbol,as_of_date,source,shares,split_basis_date,accepted_at\n"
        "A,2023-07-21,cover_page,1000000,2023-07-21,2023-08-03T15:30:00.000Z\n"
        "B,2023-07-21,cover_page,1000000,2023-07-21,2023-08-03T14:30:00-07:00\n"
        "D,2023-07-21,cover_page,1000000,2023-07-21,2023-08-03T16:10:00Z\n"
        "E,2023-07-21,cover_page,1000000,2023-07-21,2023-07-20T16:10:00Z\n"
    )
    with pytest.warns(LakeWarning, match="accepted_at"):
        lake.load("shares_outstanding", path)
    days = lake.sql("SELECT symbol, available_date::VARCHAR, accepted_at FROM shares_outstanding ORDER BY 1")
    assert days.rows() == [
        ("A", "2023-08-03", datetime(2023, 8, 3, 15, 30, tzinfo=UTC)),
        ("B", "2023-08-04", datetime(2023, 8, 3, 21, 30, tzinfo=UTC)),
        ("D", "2023-08-03", datetime(2023, 8, 3, 16, 10, tzinfo=UTC)),
        ("E", "2023-10-04", None),  # accepted before the count: unknown, so estimated
    ]
