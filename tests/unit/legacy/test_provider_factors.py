"""Factor Lab's factor frames from a lake: its shapes, and nothing before it was known."""

from __future__ import annotations

import calendar
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factorlab_lake.errors import InvalidInput, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import FMPProvider
from tests.support import ROOT, examples
from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing

GOLDEN = ROOT / "tests" / "unit" / "query" / "golden" / "factors.json"
NAMES = {"pe_ratio": "PE_ratio", "pb_ratio": "PB_ratio", "roe": "ROE", "debt_to_equity": "Debt_Equity"}


@pytest.fixture(scope="module")
def provider(lake_2021: Lake) -> FMPProvider:
    """Return a provider on the clean sample."""
    return FMPProvider(lake_2021)


def _expected(symbol: str, day: str) -> list[float]:
    """Return the four factors that plain Python computes from the sample's files; NaN for none."""
    [row] = [r for r in json.loads(GOLDEN.read_text()) if (r["symbol"], r["date"]) == (symbol, day)]
    return [float("nan") if row[name] is None else row[name] for name in NAMES]


def _row(frame: pd.DataFrame, day: str) -> Any:
    """Return what a frame has on a day, to be compared within 1e-12, NaN with NaN."""
    return pytest.approx(frame.loc[[pd.Timestamp(day)]].to_numpy()[0].tolist(), rel=1e-12, nan_ok=True)


# --- shapes -----------------------------------------------------------------------------------------------


def test_a_frame_has_the_four_factors_on_business_days(provider: FMPProvider) -> None:
    """Two weeks have ten rows, both ends included, indexed by business days and named as Factor Lab's."""
    frames = provider.get_fundamental_factors(["GOOGL", "AAPL"], "2020-11-02", "2020-11-13")
    assert list(frames) == ["GOOGL", "AAPL"]
    for frame in frames.values():
        assert list(frame.columns) == ["PE_ratio", "PB_ratio", "ROE", "Debt_Equity"]
        assert frame.dtypes.tolist() == ["float64"] * 4
        assert isinstance(frame.index, pd.DatetimeIndex)
        assert (frame.index.name, frame.index.freqstr, len(frame)) == ("date", "B", 10)
        assert (str(frame.index[0].date()), str(frame.index[-1].date())) == ("2020-11-02", "2020-11-13")


def test_ends_on_a_weekend_are_no_business_days(provider: FMPProvider) -> None:
    """A range from a Saturday to a Sunday has the rows of Monday to Friday."""
    frame = provider.get_fundamental_factors("AAPL", "2020-10-31", "2020-11-08")["AAPL"]
    assert [day.day for day in frame.index] == [2, 3, 4, 5, 6]
    assert frame.notna().all(axis=None)


def test_a_range_without_a_business_day_gives_an_empty_frame(provider: FMPProvider) -> None:
    """A weekend has no row, but all columns."""
    frame = provider.get_fundamental_factors("AAPL", "2020-10-31", "2020-11-01")["AAPL"]
    assert frame.shape == (0, 4)


def test_an_unknown_symbol_has_an_empty_frame(provider: FMPProvider) -> None:
    """Every symbol has a frame with the same columns; that of an unknown one has no row."""
    with pytest.warns(SymbolNotHeldWarning, match="'NOPE'.* It has an empty frame"):
        frames = provider.get_fundamental_factors(["AAPL", "NOPE"], "2020-11-02", "2020-11-13")
    assert (len(frames["AAPL"]), len(frames["NOPE"])) == (10, 0)
    assert frames["NOPE"].index.dtype == frames["AAPL"].index.dtype
    assert frames["NOPE"].dtypes.equals(frames["AAPL"].dtypes)


def test_no_symbols_give_no_frames(provider: FMPProvider) -> None:
    """An empty list of symbols returns an empty dict."""
    assert provider.get_fundamental_factors([], "2020-11-02", "2020-11-13") == {}


@pytest.mark.parametrize(
    ("frequency", "days"),
    [
        ("weekly", ["2020-10-30", "2020-11-06", "2020-11-13", "2020-11-20", "2020-11-27", "2020-12-04"]),
        ("monthly", ["2020-10-30", "2020-11-30"]),
    ],
)
def test_other_frequencies_are_days_of_the_daily_frame(
    provider: FMPProvider, frequency: str, days: list[str]
) -> None:
    """Weekly has the Fridays and monthly the last business days of whole months, with the daily values."""
    span = ("AAPL", "2020-10-26", "2020-12-04")
    daily = provider.get_fundamental_factors(*span, calculation_frequency="D")["AAPL"]
    frame = provider.get_fundamental_factors(*span, frequency, "D")["AAPL"]
    assert [str(day.date()) for day in frame.index] == days
    pd.testing.assert_frame_equal(
        frame, daily.loc[pd.DatetimeIndex(days)], check_freq=False, check_names=False
    )


# --- values -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["AAPL", "GOOGL"])
def test_values_are_the_expected_ones(provider: FMPProvider, symbol: str) -> None:
    """Computed daily, the factors agree with those worked out from the files on every business day there."""
    days = [row["date"] for row in json.loads(GOLDEN.read_text()) if row["symbol"] == symbol]
    weekdays = [day for day in days if date.fromisoformat(day).weekday() < 5]
    frame = provider.get_fundamental_factors(symbol, days[0], days[-1], "daily", "B")[symbol]
    assert len(weekdays) >= 45
    for day in weekdays:
        assert _expected(symbol, day) == _row(frame, day), day


def test_nothing_is_known_before_the_first_filing(provider: FMPProvider) -> None:
    """Apple's first filing in the sample was accepted on 2010-04-21 at 16:30: NaN then, a value the next day.

    A ratio of twelve months needs three more quarters, so the others come with that of 2011-01-19.
    """
    frame = provider.get_fundamental_factors("AAPL", "2010-01-04", "2011-01-20", "daily", "B")["AAPL"]
    assert frame[:"2010-04-21"].isna().all(axis=None)
    assert frame["PB_ratio"]["2010-04-22":].notna().all()
    assert frame["PE_ratio"][:"2011-01-19"].isna().all()
    assert _expected("AAPL", "2011-01-20") == _row(frame, "2011-01-20")
    assert frame.loc["2011-01-20"].notna().all()


def test_a_filing_after_the_close_counts_from_the_next_day(provider: FMPProvider) -> None:
    """Apple's quarter accepted on 2020-10-29 at 18:06 appears on the 30th, and does not on the 29th."""
    frame = provider.get_fundamental_factors("AAPL", "2020-10-28", "2020-10-30", "daily", "D")["AAPL"]
    debt_equity = frame["Debt_Equity"]
    assert debt_equity["2020-10-28"] == debt_equity["2020-10-29"]
    assert _expected("AAPL", "2020-10-29") == _row(frame, "2020-10-29")
    assert _expected("AAPL", "2020-10-30") == _row(frame, "2020-10-30")


def test_values_of_a_friday_are_carried_to_the_next_thursday(provider: FMPProvider) -> None:
    """Computed weekly, Friday the 30th stands through Thursday the 5th, and the week before has its own."""
    frame = provider.get_fundamental_factors("AAPL", "2020-10-28", "2020-11-06")["AAPL"]
    for day in ("2020-10-30", "2020-11-02", "2020-11-05"):
        assert _expected("AAPL", "2020-10-30") == _row(frame, day)
    assert frame["PE_ratio"].nunique() == 3
    assert frame["PE_ratio"]["2020-10-28"] == frame["PE_ratio"]["2020-10-29"]
    assert frame["Debt_Equity"]["2020-10-29"] == pytest.approx(1.4050109294153454)  # the quarter before


def _last_step(day: date, frequency: str) -> date:
    """Return the last calculation date on or before a business day."""
    if frequency == "B":
        return day
    if frequency == "W":
        return day - timedelta(days=(day.weekday() - 4) % 7)
    months = {"M": range(1, 13), "Q": (3, 6, 9, 12)}[frequency]
    while day.month not in months or day.day != calendar.monthrange(day.year, day.month)[1]:
        day -= timedelta(days=1)
    return day


@examples(5)
@given(
    start=st.dates(date(2010, 1, 1), date(2021, 4, 30)),
    length=st.integers(0, 40),
    frequency=st.sampled_from(["B", "W", "M", "Q"]),
)
def test_each_day_has_what_was_known_on_its_calculation_date(
    lake_2021: Lake, start: date, length: int, frequency: str
) -> None:
    """A day has the lake's factors of the last calculation date on or before it, the first days too."""
    end = start + timedelta(days=length)
    frames = FMPProvider(lake_2021).get_fundamental_factors(["AAPL", "GOOGL"], start, end, "daily", frequency)
    days = [start + timedelta(days=n) for n in range(length + 1)]
    days = [day for day in days if day.weekday() < 5]
    for symbol, frame in frames.items():
        assert [day.date() for day in frame.index] == days
        steps = {day: _last_step(day, frequency) for day in days}
        rows = {row["date"]: row for row in lake_2021.factors(symbol, set(steps.values())).to_dicts()}
        for day, step in steps.items():
            known = [float("nan") if rows[step][name] is None else rows[step][name] for name in NAMES]
            assert known == _row(frame, day.isoformat()), (symbol, day)


def test_what_could_not_be_computed_is_not_filled_from_before(tmp_path: Path) -> None:
    """Equity turns negative: its ratios are NaN from the next calculation on, and come back when it does."""
    cases = LakeBuilder()
    equity = [100, -50, 400]
    sheets = [
        filing(end, f"Q{n}", totalStockholdersEquity=e, totalDebt=200, totalAssets=900)
        for n, (end, e) in enumerate(zip(YEAR_2020[:3], equity, strict=True), start=1)
    ]
    cases.statements("TURN", "balance_sheet", sheets)
    lake = cases.build(tmp_path)
    frame = FMPProvider(lake).get_fundamental_factors("TURN", "2020-04-24", "2020-11-06")["TURN"]
    # Filed 30 days after the quarter's end: on Thursdays 2020-04-30 and 07-30, and Friday 10-30.
    changes = frame["Debt_Equity"].fillna(-1).drop_duplicates()
    assert {str(day)[:10]: value for day, value in changes.items()} == {
        "2020-04-24": -1,
        "2020-05-01": 2.0,
        "2020-10-30": 0.5,
    }
    assert frame.loc["2020-07-30", "Debt_Equity"] == 2.0
    assert frame["Debt_Equity"]["2020-07-31":"2020-10-29"].isna().all()


# --- arguments --------------------------------------------------------------------------------------------


def test_dates_may_be_written_as_pandas_writes_them(provider: FMPProvider) -> None:
    """A text, a date and a midnight are equivalent."""
    expected = provider.get_fundamental_factors("AAPL", "2020-11-02", "2020-11-03")["AAPL"]
    for first, last in (
        (date(2020, 11, 2), date(2020, 11, 3)),
        (datetime(2020, 11, 2), pd.Timestamp("2020-11-03")),  # noqa: DTZ001 - a day, as old code writes it
    ):
        pd.testing.assert_frame_equal(provider.get_fundamental_factors("AAPL", first, last)["AAPL"], expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("AAPL", "soon", "2020-11-02"), "start_date is 'soon'; expected a date"),
        (("AAPL", None, "2020-11-02"), "start_date is None; expected a date"),
        (("AAPL", "2020-11-02", None), "end_date is None; expected a date"),
        (("AAPL", "1500-01-01", "2020-11-02"), "start_date is 1500-01-01; expected a date of 1678 to 2261"),
        (("AAPL", "2020-11-02", "9999-12-31"), "end_date is 9999-12-31; expected a date of 1678 to 2261"),
        (("AAPL", "2020-11-02 25:00", "2020-11-03"), "start_date is '2020-11-02 25:00'"),
        (("AAPL", "11/02/2020", "2020-11-03"), "start_date is '11/02/2020'"),
        (("AAPL", pd.NaT, "2020-11-03"), "start_date is 'NaT'"),
        ((600519, "2020-11-02", "2020-11-03"), "put symbols of digits in quotes"),
        (("AAPL", "2020-11-02", "2020-11-03", "dayly"), "frequency is 'dayly'.*Did you mean 'daily'"),
        (
            ("AAPL", "2020-11-02", "2020-11-03", "daily", "X"),
            "calculation_frequency is 'X'; expected one of D",
        ),
        (("AAPL", "2020-11-02", "2020-11-03", "daily", None), "calculation_frequency is None"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused(
    provider: FMPProvider, arguments: tuple[Any, ...], message: str
) -> None:
    """The error names the argument, its value and the expected form."""
    with pytest.raises(InvalidInput, match=message):
        provider.get_fundamental_factors(*arguments)
