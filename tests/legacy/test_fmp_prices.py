"""Test FMPProvider.get_prices by Factor Lab's documented behaviour."""

from __future__ import annotations

import warnings
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, LakeWarning, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import FMPProvider
from tests.support import CACHE_2021, Entry, bar, entries_of

SPAN = ("2020-08-24", "2020-09-11")


@pytest.fixture(scope="module")
def provider(lake_2021: Lake) -> FMPProvider:
    """Return a provider on the clean sample."""
    return FMPProvider(lake_2021)


@pytest.fixture(scope="module")
def expected(provider: FMPProvider) -> pd.DataFrame:
    """Return the closes of two symbols."""
    return provider.get_prices(["AAPL", "GOOGL"], *SPAN)


def test_one_symbol_or_several(provider: FMPProvider, expected: pd.DataFrame) -> None:
    """A text is a list of one; columns have the order of the symbols; any iterable is accepted."""
    assert list(expected.columns) == ["AAPL", "GOOGL"]
    pd.testing.assert_frame_equal(provider.get_prices("AAPL", *SPAN), expected[["AAPL"]])
    for symbols in (("GOOGL", "AAPL"), iter(["GOOGL", "AAPL"]), pd.Index(["GOOGL", "AAPL"])):
        pd.testing.assert_frame_equal(provider.get_prices(symbols, *SPAN), expected[["GOOGL", "AAPL"]])


def test_the_index_has_business_days(expected: pd.DataFrame) -> None:
    """Rows are days without a time, from Monday to Friday, in order; Labor Day has no row."""
    assert isinstance(expected.index, pd.DatetimeIndex)
    assert expected.index.is_monotonic_increasing
    assert expected.index.equals(expected.index.normalize())
    assert len(expected) == 14
    assert expected.index.isin(pd.bdate_range(*SPAN)).all()
    assert pd.Timestamp("2020-09-07") not in expected.index


def test_an_unknown_symbol_has_no_column_and_is_named(provider: FMPProvider, expected: pd.DataFrame) -> None:
    """A column of NaN would make pct_change().dropna() empty."""
    with pytest.warns(SymbolNotHeldWarning, match="'NOPE'.*'ZZZZ'.* It has no column"):
        frame = provider.get_prices(["AAPL", "NOPE", "GOOGL", "ZZZZ"], *SPAN)
    pd.testing.assert_frame_equal(frame, expected)
    with pytest.warns(SymbolNotHeldWarning) as caught:
        frame = provider.get_prices("NOPE", *SPAN)
    assert frame.shape == (0, 0)
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert caught[0].message.none_held  # type: ignore[union-attr]
    assert Path(caught[0].filename) == Path(__file__)


def test_symbols_in_small_letters_are_found(provider: FMPProvider, expected: pd.DataFrame) -> None:
    """The column has the caller's spelling, so the caller's own code finds it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = provider.get_prices(["aapl", "GooGL", "AAPL"], *SPAN)
    assert list(frame.columns) == ["aapl", "GooGL", "AAPL"]
    assert frame["aapl"].equals(expected["AAPL"].rename("aapl"))
    assert frame["GooGL"].tolist() == expected["GOOGL"].tolist()


_START: list[Any] = [
    "2020-08-24",
    "2020/08/24",
    "2020/8/24",
    "2020-08-24 00:00:00",
    "2020-08-24T09:30",
    date(2020, 8, 24),
    datetime(2020, 8, 24, 17, 45),  # noqa: DTZ001 - as datetime.now() has it
    pd.Timestamp("2020-08-24 12:00"),
    pd.Timestamp("2020-08-24 12:00", tz="US/Pacific"),
    np.datetime64("2020-08-24"),
    np.datetime64("2020-08-24T12:00:00.000000001"),
]


@pytest.mark.parametrize("start", _START, ids=lambda d: f"{type(d).__name__} {d}")
def test_each_form_of_a_date_is_its_day(provider: FMPProvider, expected: pd.DataFrame, start: Any) -> None:
    """Texts with dashes, slashes or a time, dates, and moments of Python, pandas and numpy are equivalent."""
    pd.testing.assert_frame_equal(provider.get_prices(["AAPL", "GOOGL"], start, SPAN[1]), expected)
    one_day = provider.get_prices("AAPL", start, start)
    assert one_day.index.tolist() == [pd.Timestamp("2020-08-24")]


def test_a_month_is_its_first_day(provider: FMPProvider) -> None:
    """As pandas.Timestamp("2020-09") does; a year too."""
    index = provider.get_prices("AAPL", "2020-08", "2020/09").index
    assert (index[0], index[-1]) == (pd.Timestamp("2020-08-03"), pd.Timestamp("2020-09-01"))
    index = provider.get_prices("AAPL", "2020", "2020-01-31").index
    assert index[0] == pd.Timestamp("2020-01-02")


def test_now_is_an_end(provider: FMPProvider) -> None:
    """The present moment is its day: Factor Lab's notebooks use datetime.now()."""
    frame = provider.get_prices("AAPL", "2021-03-30", datetime.now())  # noqa: DTZ005 - as old code does
    assert [str(day.date()) for day in frame.index] == ["2021-03-30", "2021-03-31"]


def test_a_start_after_the_end_is_empty_with_a_warning(provider: FMPProvider) -> None:
    """The frame has no row and no column."""
    with pytest.warns(LakeWarning, match="start_date 2020-09-11 is after end_date 2020-08-24") as caught:
        frame = provider.get_prices(["AAPL", "GOOGL"], SPAN[1], SPAN[0])
    assert frame.shape == (0, 0)
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert Path(caught[0].filename) == Path(__file__)


@pytest.mark.parametrize(
    ("price_type", "field"),
    [("open", "open"), ("high", "high"), ("low", "low"), ("close", "close"), ("volume", "volume"),
     ("adjClose", "adjClose"), ("adj_close", "adjClose"), ("adjusted_close", "adjClose")],
)  # fmt: skip
def test_each_price_type_is_the_field_of_that_name(
    provider: FMPProvider, price_type: str, field: str
) -> None:
    """In a cache of one day, prices are those of the file: its split basis is the newest."""
    [bars] = [e["data"] for p, e in entries_of(CACHE_2021) if p.startswith("price_data/AAPL_price_full")]
    values = {b["date"]: b[field] for b in bars if SPAN[0] <= b["date"] <= SPAN[1]}
    frame = provider.get_prices("AAPL", *SPAN, price_type=price_type)
    answer = {str(day.date()): value for day, value in frame["AAPL"].items()}  # type: ignore[attr-defined]
    assert answer == pytest.approx(values)


def test_vwap_is_on_the_split_basis_of_the_close(tmp_path: Path, cache: Path) -> None:
    """The average price of a bar before a 4:1 split is divided by four, as its close is."""
    Entry("AAPL", "price", [bar("2020-08-28", 400.0, vwap=404.0)], cached_at=1598652000.0).write(cache)
    lake = fl.open(tmp_path / "lake")
    lake.migrate(cache)
    split = {"symbol": ["AAPL"], "date": ["2020-08-31"], "numerator": [4.0], "denominator": [1.0]}
    lake.load("splits", split)
    provider = FMPProvider(lake)
    assert provider.get_prices("AAPL", price_type="close")["AAPL"].tolist() == [100.0]
    assert provider.get_prices("AAPL", price_type="vwap")["AAPL"].tolist() == [101.0]


def test_a_price_type_that_the_lake_does_not_have_leaves_the_column_out(provider: FMPProvider) -> None:
    """The sample has no vwap: a warning names the symbol, and no column is full of NaN."""
    with pytest.warns(LakeWarning, match="AAPL: no vwap in the range, so no column"):
        assert provider.get_prices("AAPL", *SPAN, "vwap").shape == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("AAPL", *SPAN, "adjclose"), "price_type is 'adjclose'; expected one of open, .*adjClose, vwap"),
        (("AAPL", "08/24/2020", SPAN[1]), "start_date is '08/24/2020'; expected a date"),
        (("AAPL", "2020-13-24", SPAN[1]), "start_date is '2020-13-24'; expected a date"),
        (("AAPL", "2020-08-24 25:00", SPAN[1]), "start_date is '2020-08-24 25:00'; expected a date"),
        (("AAPL", SPAN[0], pd.NaT), "end_date is 'NaT'; expected a date"),
        (("AAPL", SPAN[0], np.datetime64("NaT")), "end_date is .*NaT"),
        (("AAPL", 20200824, SPAN[1]), "start_date is 20200824; expected a date"),
        ((["AAPL", None], *SPAN), "A symbol is a string such as 'AAPL', not None"),
        ((["AAPL", ""], *SPAN), "A symbol is a string such as 'AAPL', not ''"),
    ],
)
def test_an_invalid_argument_is_named(
    provider: FMPProvider, arguments: tuple[Any, ...], message: str
) -> None:
    """The error names the argument, its value and the expected form; a day-month order is not guessed."""
    with pytest.raises(InvalidInput, match=message):
        provider.get_prices(*arguments)
