"""Symbols and dates as callers may give them, and what they are told when they may not."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.query.arguments import one_of, to_date, to_dates, to_symbols

DAY = date(2021, 3, 31)
FREQUENCIES = ("D", "B", "W", "ME", "BME", "QE", "BQE", "YE", "BYE")

# --- symbols ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given_symbols",
    [
        ["AAPL", "GOOG"],
        ("AAPL", "GOOG", "AAPL"),
        iter(["AAPL", "GOOG"]),
        {"AAPL": 1, "GOOG": 2}.keys(),
        pl.Series(["AAPL", "GOOG"]),
        pd.Series(["AAPL", "GOOG"]),
        np.array(["AAPL", "GOOG"]),
    ],
    ids=["list", "tuple", "iterator", "keys", "polars", "pandas", "numpy"],
)
def test_symbols_come_in_any_collection(given_symbols: Any) -> None:
    """to_symbols returns each symbol once, in the caller's order."""
    assert to_symbols(given_symbols) == ["AAPL", "GOOG"]


@pytest.mark.parametrize("symbol", ["AAPL", "BRK.B", "0700.HK", "600519", "CON", "X" * 300])
def test_one_symbol_is_not_taken_apart(symbol: str) -> None:
    """A text is one symbol, not a collection of letters."""
    assert to_symbols(symbol) == [symbol]


@pytest.mark.parametrize(
    ("symbols", "said"),
    [
        ([600519], "600519"),
        (600519, "600519"),
        (["AAPL", None], "None"),
        (None, "None"),
        ([b"AAPL"], "AAPL"),
        ("", "''"),
        (["AAPL", " "], "' '"),
        ([["AAPL"]], "AAPL"),
    ],
)
def test_what_is_no_symbol_is_refused_by_name(symbols: Any, said: str) -> None:
    """Numbers, nothing, bytes and blanks: the message repeats what was given and shows a symbol."""
    with pytest.raises(InvalidInput, match="AAPL") as refused:
        to_symbols(symbols)
    assert said in str(refused.value)


# --- dates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dates",
    [
        "2021-03-31",
        DAY,
        ["2021-03-31"],
        [DAY, "2021-03-31"],
        iter([DAY]),
        pl.Series([DAY]),
        pl.Series(["2021-03-31"]),
        pd.Series([DAY]),
        pd.Index([DAY]),
        np.array([DAY]),
    ],
    ids=[
        "text",
        "date",
        "texts",
        "repeats",
        "iterator",
        "polars",
        "polars texts",
        "pandas",
        "pandas index",
        "numpy",
    ],
)
def test_dates_come_alone_or_in_any_collection(dates: Any) -> None:
    """to_dates accepts a date, an ISO string, or several of either."""
    assert list(dict.fromkeys(to_dates(dates))) == [DAY]


@pytest.mark.parametrize(
    "day",
    [
        np.datetime64("2021-03-31"),
        np.datetime64("2021-03-31", "ns"),
        pd.Timestamp("2021-03-31"),
        np.array(["2021-03-31"], dtype="datetime64[D]"),
        np.array(["2021-03-31"], dtype="datetime64[ns]"),
        pd.Series(pd.to_datetime(["2021-03-31"])),
        pd.DatetimeIndex(["2021-03-31"]),
        pd.DataFrame({"date": pd.to_datetime(["2021-03-31"])})["date"],
        pl.Series([DAY]).cast(pl.Datetime("us")),
        pl.Series([DAY]).cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Tokyo"),
        pd.Timestamp("2021-03-31", tz="Asia/Tokyo"),
        pd.date_range("2021-03-31", periods=1, tz="America/New_York"),
        datetime(2021, 3, 31),  # noqa: DTZ001 - a day as a moment
        datetime(2021, 3, 31, tzinfo=UTC),
        "2021-03-31 00:00:00",
        [pd.Timestamp("2021-03-31"), np.datetime64("2021-03-31")],
    ],
    ids=str,
)
def test_whole_days_of_numpy_pandas_and_polars_are_dates(day: Any) -> None:
    """These libraries write days as moments at midnight; each is its day, in its own time zone."""
    assert to_dates(day) == [DAY]


@pytest.mark.parametrize(
    "moment",
    [
        np.datetime64("2021-03-31T09:30"),
        np.datetime64("2021-03"),
        np.datetime64("2021"),
        np.datetime64("NaT"),
        np.datetime64("200000-03-31"),
        pd.NaT,
        pd.Timestamp("2021-03-31 09:30"),
        pd.Series(pd.to_datetime(["2021-03-31 16:00"])),
        pd.Timestamp("2021-03-31 09:30", tz="America/New_York"),
        pd.date_range("2021-03-31 15:00", periods=1, tz="UTC"),
        pl.Series([datetime(2021, 3, 31, 16)]),  # noqa: DTZ001 - what is refused
    ],
    ids=str,
)
def test_moments_of_numpy_pandas_and_polars_are_refused(moment: Any) -> None:
    """A time of day, a month or nothing at all is not a day."""
    with pytest.raises(InvalidInput, match="such as '2024-01-31'"):
        to_dates(moment)


def test_dates_need_neither_numpy_nor_pandas() -> None:
    """Who gives plain dates loads neither library."""
    code = (
        "import sys; from factorlab_lake.query.arguments import to_dates; to_dates(['2021-03-31']); "
        "print({'numpy', 'pandas'} & set(sys.modules))"
    )
    reported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert reported.stdout.strip() == "set()"


def test_a_column_of_an_answer_serves_as_dates(lake_2021: Lake) -> None:
    """The dates of one answer can be asked about next."""
    bars = lake_2021.prices("AAPL", "2021-03-29", "2021-03-31")
    assert (
        lake_2021.market_caps("AAPL", bars["date"])["close_price"].to_list() == bars["close_price"].to_list()
    )


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2021, 3, 31, 9, 30),  # noqa: DTZ001 - what is refused
        datetime(2021, 3, 31, 9, 30, tzinfo=UTC),
        "2021-03-31T09:30:00",
        "2021-03-31 09:30:00",
    ],
)
@pytest.mark.parametrize("question", ["market_caps", "ttm", "factors"])
def test_moments_are_refused_as_dates(lake_2021: Lake, question: str, moment: Any) -> None:
    """A moment is another day elsewhere: every question refuses it alone and among dates."""
    for dates in (moment, [DAY, moment]):
        with pytest.raises(InvalidInput, match=r"2021-03-31.*such as '2024-01-31'"):
            getattr(lake_2021, question)("AAPL", dates)


@pytest.mark.parametrize(
    "dates", [20210331, [20210331], [None], "31/03/2021", "2021-02-30", "", [1.5], [True]]
)
def test_what_is_no_date_is_refused_by_name(dates: Any) -> None:
    """The message repeats what was given and shows a date."""
    with pytest.raises(InvalidInput, match="2024-01-31") as refused:
        to_dates(dates)
    first = dates[0] if isinstance(dates, list) else dates
    assert str(first) in str(refused.value)


def test_the_argument_that_is_wrong_is_named() -> None:
    """Of several dates the message tells which."""
    with pytest.raises(InvalidInput, match=r"^start is "):
        to_dates(None, start="soon", end="2021-03-31", freq="D")
    with pytest.raises(InvalidInput, match=r"^as_of is "):
        to_date("soon", "as_of")


# --- ranges -----------------------------------------------------------------------------------------------


@given(
    start=st.dates(date(1990, 1, 1), date(2040, 12, 31)),
    days=st.integers(0, 1500),
    freq=st.sampled_from(FREQUENCIES),
)
def test_ranges_are_those_of_pandas(start: date, days: int, freq: str) -> None:
    """The frequencies mean what they mean in pandas, both ends included; a week is known by its Friday."""
    end = start + timedelta(days=days)
    expected = [moment.date() for moment in pd.date_range(start, end, freq=freq if freq != "W" else "W-FRI")]
    assert to_dates(None, start=start, end=end, freq=freq) == expected


@pytest.mark.parametrize("question", ["prices", "statements"])
def test_a_range_that_ends_before_it_starts_is_refused(lake_2021: Lake, question: str) -> None:
    """It is a slip, not a question without an answer; a range of one day is none."""
    ask = getattr(lake_2021, question)
    with pytest.raises(InvalidInput, match=r"start is 2021-03-31 and end is 2020-12-31"):
        ask("AAPL", "2021-03-31", "2020-12-31")
    assert not ask("AAPL", "2020-12-26", "2020-12-31").is_empty()
    assert ask("AAPL", "2020-12-25", "2020-12-25").is_empty()


def test_a_grid_that_ends_before_it_starts_is_refused(lake_2021: Lake) -> None:
    """Queries by date raise this error too, and do not return an empty frame."""
    with pytest.raises(InvalidInput, match=r"start is 2021-03-31 and end is 2020-12-31"):
        lake_2021.market_caps("AAPL", start="2021-03-31", end="2020-12-31", freq="D")


@pytest.mark.parametrize(("freq", "nearest"), [("M", "ME"), ("QEE", "QE"), ("ye", None), ("daily", None)])
def test_an_unknown_frequency_names_the_known_ones(freq: str, nearest: str | None) -> None:
    """All are listed, and the nearest is proposed."""
    with pytest.raises(InvalidInput, match="D, B, W, ME, QE, YE") as refused:
        to_dates(None, start="2021-01-01", end="2021-03-31", freq=freq)
    assert freq in str(refused.value)
    assert nearest is None or f"Did you mean '{nearest}'?" in str(refused.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"freq": "ME"},
        {"start": "2021-01-01", "freq": "ME"},
        {"end": "2021-01-01", "freq": "ME"},
    ],
)
def test_half_a_range_is_refused(lake_2021: Lake, arguments: dict[str, str]) -> None:
    """No dates at all, or a range without one of its ends, is an error and not an empty answer."""
    with pytest.raises(InvalidInput, match="start, end"):
        lake_2021.market_caps("AAPL", **arguments)


def test_dates_and_a_range_at_once_are_refused(lake_2021: Lake) -> None:
    """Which of the two is meant is not guessed."""
    with pytest.raises(InvalidInput, match="one or the other"):
        lake_2021.market_caps("AAPL", DAY, start="2021-01-01", end="2021-03-31", freq="ME")


def test_a_range_asks_what_its_dates_ask(lake_2021: Lake) -> None:
    """The frames of month ends by frequency and one by one are equal."""
    ends = ["2021-01-31", "2021-02-28", "2021-03-31"]
    for question in (lake_2021.market_caps, lake_2021.ttm, lake_2021.factors):
        by_range = question("AAPL", start="2021-01-15", end="2021-03-31", freq="ME")
        assert by_range.equals(question("AAPL", ends))


def test_no_symbols_or_no_dates_give_no_rows(lake_2021: Lake) -> None:
    """An empty request has an empty answer with the usual columns."""
    usual = lake_2021.market_caps("AAPL", DAY).schema
    for rows in (lake_2021.market_caps([], DAY), lake_2021.market_caps("AAPL", [])):
        assert rows.is_empty()
        assert rows.schema == usual


def test_one_of_names_what_is_known() -> None:
    """The general form: what was given, what is known, the nearest."""
    assert one_of("income", ["income", "cash_flow"], "type") == "income"
    with pytest.raises(InvalidInput, match=r"type.*'incom'.*income, cash_flow.*Did you mean 'income'\?"):
        one_of("incom", ["income", "cash_flow"], "type")


def test_a_grid_can_end_on_the_last_day_there_is() -> None:
    """The calendar's end is a date like others."""
    assert to_dates(None, start="9999-12-01", end="9999-12-31", freq="ME") == [date(9999, 12, 31)]
