"""Test FMPProvider.get_fundamental_factors and get_fundamentals by Factor Lab's documented behaviour."""

from __future__ import annotations

import warnings
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from factorlab_lake.errors import InvalidInput, LakeWarning, SymbolNotHeldWarning
from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import FMPProvider
from tests.support import copy_of

SPAN = ("2020-10-26", "2020-11-06")
FACTOR_NAMES = ["PE_ratio", "PB_ratio", "ROE", "Debt_Equity"]


@pytest.fixture(scope="module")
def provider(lake_2021: Lake) -> FMPProvider:
    """Return a provider on the clean sample."""
    return FMPProvider(lake_2021)


@pytest.fixture(scope="module")
def expected(provider: FMPProvider) -> dict[str, pd.DataFrame]:
    """Return the factors of two symbols."""
    return provider.get_fundamental_factors(["AAPL", "GOOGL"], *SPAN)


def test_each_symbol_has_a_frame_of_business_days(expected: dict[str, pd.DataFrame]) -> None:
    """It has the four factors by day, calculated weekly by default."""
    assert list(expected) == ["AAPL", "GOOGL"]
    for frame in expected.values():
        assert list(frame.columns) == FACTOR_NAMES
        assert frame.index.equals(pd.bdate_range(*SPAN))
        assert frame.notna().all(axis=None)


@pytest.mark.parametrize("steps", ["D", "W", "M", "Q"])
def test_the_calculation_frequency_sets_how_often_values_change(
    provider: FMPProvider, lake_2021: Lake, steps: str
) -> None:
    """A value is of each day, of Fridays, or of the ends of months or quarters."""
    frame = provider.get_fundamental_factors("AAPL", "2020-07-01", "2020-09-30", "daily", steps)["AAPL"]
    changes = frame["PE_ratio"][frame["PE_ratio"].diff() != 0].index[1:]
    days = {"D": 62, "W": 13, "M": 3, "Q": 1}[steps]
    assert abs(len(changes) - days) <= 2
    if steps == "W":
        assert {day.weekday() for day in changes} == {4}
    at = changes[-1].date()
    [cell] = lake_2021.factors("AAPL", at)["pe_ratio"]
    assert frame["PE_ratio"][pd.Timestamp(at)] == pytest.approx(cell, rel=1e-12)


@pytest.mark.parametrize(
    ("frequency", "days"),
    [
        ("quarterly", ["2020-03-31", "2020-06-30", "2020-09-30", "2020-12-31"]),
        ("monthly", ["2020-01-31", "2020-02-28", "2020-03-31", "2020-04-30"]),
    ],
)
def test_a_frequency_selects_days_of_the_daily_frame(
    provider: FMPProvider, frequency: str, days: list[str]
) -> None:
    """Quarterly has the last business day of each quarter, with its daily values."""
    frame = provider.get_fundamental_factors("AAPL", "2020-01-01", "2020-12-31", frequency)["AAPL"]
    daily = provider.get_fundamental_factors("AAPL", "2020-01-01", "2020-12-31")["AAPL"]
    assert [str(day.date()) for day in frame.index][:4] == days
    pd.testing.assert_frame_equal(frame, daily.loc[frame.index], check_freq=False)


def test_an_unknown_symbol_has_an_empty_frame(
    provider: FMPProvider, expected: dict[str, pd.DataFrame]
) -> None:
    """It has the columns, no row, and is named in a warning; the others are not affected."""
    with pytest.warns(SymbolNotHeldWarning, match="'NOPE'.* It has an empty frame") as caught:
        frames = provider.get_fundamental_factors(["AAPL", "NOPE", "GOOGL"], *SPAN)
    assert list(frames) == ["AAPL", "NOPE", "GOOGL"]
    assert frames["NOPE"].empty
    assert list(frames["NOPE"].columns) == FACTOR_NAMES
    assert isinstance(frames["NOPE"].index, pd.DatetimeIndex)
    for symbol, frame in expected.items():
        pd.testing.assert_frame_equal(frames[symbol], frame)
    assert Path(caught[0].filename) == Path(__file__)
    with pytest.warns(SymbolNotHeldWarning):
        assert provider.get_fundamental_factors("NOPE", *SPAN)["NOPE"].empty


def test_symbols_in_small_letters_are_found(provider: FMPProvider, expected: dict[str, pd.DataFrame]) -> None:
    """The key has the caller's spelling."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames = provider.get_fundamental_factors(["aapl", "AAPL"], *SPAN)
    assert list(frames) == ["aapl", "AAPL"]
    for frame in frames.values():
        pd.testing.assert_frame_equal(frame, expected["AAPL"])


_SPANS: list[tuple[Any, Any]] = [
    (date(2020, 10, 26), date(2020, 11, 6)),
    (datetime(2020, 10, 26, 9, 30), datetime(2020, 11, 6, 23, 59, 59)),  # noqa: DTZ001 - as old code has it
    (pd.Timestamp("2020-10-26 16:00"), pd.Timestamp("2020-11-06", tz="UTC")),
    ("2020-10-26 00:00:00", "2020/11/06"),
]


@pytest.mark.parametrize("span", _SPANS, ids=str)
def test_each_form_of_a_date_is_its_day(
    provider: FMPProvider, expected: dict[str, pd.DataFrame], span: tuple[Any, Any]
) -> None:
    """Texts, dates and moments are equivalent."""
    pd.testing.assert_frame_equal(provider.get_fundamental_factors("AAPL", *span)["AAPL"], expected["AAPL"])


def test_a_month_is_its_first_day(provider: FMPProvider) -> None:
    """As pandas.Timestamp("2020-11") does."""
    index = provider.get_fundamental_factors("AAPL", "2020-10", "2020-11")["AAPL"].index
    assert (str(index[0].date()), str(index[-1].date())) == ("2020-10-01", "2020-10-30")


def test_a_start_after_the_end_is_empty_with_a_warning(provider: FMPProvider) -> None:
    """Each symbol has a frame with the columns and no row."""
    with pytest.warns(LakeWarning, match="start_date 2020-11-06 is after end_date 2020-10-26"):
        frames = provider.get_fundamental_factors(["AAPL", "GOOGL"], SPAN[1], SPAN[0])
    assert {s: (f.shape, list(f.columns)) for s, f in frames.items()} == dict.fromkeys(
        ["AAPL", "GOOGL"], ((0, 4), FACTOR_NAMES)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("AAPL", None, SPAN[1]), "start_date is None"),
        (("AAPL", SPAN[0], "11/06/2020"), "end_date is '11/06/2020'"),
        (
            ("AAPL", *SPAN, "hourly"),
            "frequency is 'hourly'; expected one of daily, weekly, monthly, quarterly",
        ),
        (("AAPL", *SPAN, "daily", "Y"), "calculation_frequency is 'Y'; expected one of D"),
        (("AAPL", SPAN[1], SPAN[0], "daily", "Y"), "calculation_frequency is 'Y'"),
    ],
)
def test_an_invalid_argument_is_named(
    provider: FMPProvider, arguments: tuple[Any, ...], message: str
) -> None:
    """The error names the argument, its value and the expected form."""
    with pytest.raises(InvalidInput, match=message):
        provider.get_fundamental_factors(*arguments)


# --- get_fundamentals -------------------------------------------------------------------------------------


def test_fundamentals_have_one_row_per_symbol(provider: FMPProvider, lake_2021: Lake) -> None:
    """A row has what is known on the day of the symbol's last bar."""
    frame = provider.get_fundamentals(["GOOGL", "AAPL"])
    assert (frame.index.name, frame.index.tolist()) == ("symbol", ["GOOGL", "AAPL"])
    head = ["date", "company_name", "sector", "industry", "currency", "close", "market_cap"]
    assert list(frame.columns) == [*head, *FACTOR_NAMES[:2], *list(frame.columns)[9:]]
    assert len(frame.columns) == len(head) + len(FACTORS)
    for symbol, row in frame.iterrows():
        [values] = lake_2021.factors(str(symbol), "2021-03-31").to_dicts()
        assert row["date"] == pd.Timestamp("2021-03-31")
        for column, name in (("PE_ratio", "pe_ratio"), ("ROE", "roe"), ("market_cap", "market_cap")):
            assert row[column] == pytest.approx(values[name], rel=1e-12)


def test_fundamentals_of_a_symbol_that_no_longer_trades_are_its_last(lake_2021: Lake, tmp_path: Path) -> None:
    """Its row has the day of its last bar, and a profile where the lake has one."""
    lake = copy_of(lake_2021, tmp_path / "lake")
    day = ["2019-05-31"]
    lake.load("price_data", {"symbol": ["GONE"], "date": day, "split_basis_date": day, "close_price": [7.0]})
    profile = {"symbol": ["GONE"], "company_name": ["Gone Inc."], "sector": ["Energy"], "currency": ["USD"]}
    lake.load("company_profiles", profile)
    with pytest.warns(SymbolNotHeldWarning, match="'NOPE'.* It has no row"):
        frame = FMPProvider(lake).get_fundamentals(["gone", "NOPE", "aapl"])
    assert frame.index.tolist() == ["gone", "aapl"]
    gone = frame.to_dict("index")["gone"]
    names = ("date", "company_name", "sector", "currency", "close")
    expected = (pd.Timestamp("2019-05-31"), "Gone Inc.", "Energy", "USD", 7.0)
    assert tuple(gone[name] for name in names) == expected
    assert frame.loc[["gone"], FACTOR_NAMES].isna().to_numpy().all()


@pytest.mark.parametrize("symbols", ["NOPE", ["NOPE"], []])
def test_fundamentals_of_no_known_symbol_are_empty(
    provider: FMPProvider, symbols: Any, recwarn: pytest.WarningsRecorder
) -> None:
    """The frame has its columns and no row; an unknown symbol is named."""
    frame = provider.get_fundamentals(symbols)
    assert (len(frame), frame.index.name) == (0, "symbol")
    assert {"date", "market_cap", *FACTOR_NAMES} <= set(frame.columns)
    assert len(recwarn) == (1 if symbols else 0)
