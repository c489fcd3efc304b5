"""Test Factor Lab's price frames: one column per symbol, with all prices on one split basis."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from factorlab_lake.errors import InvalidInput, LakeWarning, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import FMPProvider
from tests.support import CACHE_2021, entries_of
from tests.unit.query.lake_builder import LakeBuilder

CASES = LakeBuilder()
THU, FRI, MON, TUE = "2020-08-27", "2020-08-28", "2020-08-31", "2020-09-01"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FMPProvider:
    """Return a provider with one symbol for each case of this file."""
    return FMPProvider(CASES.build(tmp_path_factory.mktemp("prices")))


def _texts(index: pd.Index) -> list[str]:
    return [str(day)[:10] for day in index]


CASES.traded("BEFORE", {THU: 10.0, FRI: 11.0})
CASES.traded("AFTER", {MON: 20.0, TUE: 21.0})
CASES.traded("DATE", {FRI: 30.0})


def test_days_are_those_on_which_any_symbol_traded(made: FMPProvider) -> None:
    """The index is the sorted union; a symbol has NaN where it did not trade; columns keep their order."""
    with pytest.warns(SymbolNotHeldWarning, match="'NOPE'.* It has no column"):
        frame = made.get_prices(["AFTER", "NOPE", "DATE", "BEFORE"], THU, TUE)
    assert list(frame.columns) == ["AFTER", "DATE", "BEFORE"]
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert (frame.index.name, _texts(frame.index)) == ("date", [THU, FRI, MON, TUE])
    assert frame.dtypes.tolist() == ["float64"] * 3
    assert frame.fillna(-1).to_numpy().tolist() == [[-1, -1, 10], [-1, 30, 11], [20, -1, -1], [21, -1, -1]]


def test_a_range_is_closed_and_may_be_open(made: FMPProvider) -> None:
    """Both ends are included, and None sets no limit; a symbol without a bar in the range has no column."""
    assert _texts(made.get_prices(["BEFORE", "AFTER"], FRI, MON).index) == [FRI, MON]
    for span, days, absent in (((None, FRI), [THU, FRI], "AFTER"), ((MON,), [MON, TUE], "BEFORE")):
        with pytest.warns(LakeWarning, match=f"{absent}: no close in the range, so no column"):
            frame = made.get_prices(["BEFORE", "AFTER"], *span)
        assert (_texts(frame.index), frame.shape[1]) == (days, 1)


def test_without_a_symbol_the_frame_is_empty(made: FMPProvider) -> None:
    """No symbol has no column, and the index stays one of dates."""
    frame = made.get_prices([], THU, TUE)
    assert (frame.shape, frame.index.name) == ((0, 0), "date")
    assert isinstance(frame.index, pd.DatetimeIndex)


def test_prices_and_factors_join_on_their_dates(lake_2021: Lake) -> None:
    """Both indexes have the dtype that pandas itself gives dates."""
    provider = FMPProvider(lake_2021)
    prices = provider.get_prices("AAPL", "2020-11-02", "2020-11-06")
    factors = provider.get_fundamental_factors("AAPL", "2020-11-02", "2020-11-06")["AAPL"]
    expected = pd.bdate_range("2020-11-02", "2020-11-06", name="date")
    for index in (prices.index, factors.index):
        assert index.equals(expected)
        assert index.dtype == expected.dtype
    assert len(prices.join(factors, how="inner")) == 5


CASES.split("SPLIT", MON, 4, 1)
for day, close, shares in ((THU, 500.0, 100), (FRI, 504.0, 200), (MON, 128.0, 700), (TUE, 130.0, 900)):
    CASES.row(
        "price_data",
        symbol="SPLIT",
        date=pd.Timestamp(day).date(),
        open_price=close - 4,
        high_price=close + 4,
        low_price=close - 8,
        close_price=close,
        adjusted_close=close,
        volume=shares,
        split_basis_date=pd.Timestamp(day).date(),
    )


@pytest.mark.parametrize(
    ("price_type", "expected"),
    [
        ("close", [125, 126, 128, 130]),
        ("open", [124, 125, 124, 126]),
        ("high", [126, 127, 132, 134]),
        ("low", [123, 124, 120, 122]),
        ("adjusted_close", [125, 126, 128, 130]),
        ("adj_close", [125, 126, 128, 130]),
        ("volume", [400, 800, 700, 900]),
    ],
)
def test_a_split_is_no_jump(made: FMPProvider, price_type: str, expected: list[float]) -> None:
    """A 4:1 split on Monday adjusts the as-traded bars before it, volumes too."""
    assert made.get_prices("SPLIT", THU, TUE, price_type)["SPLIT"].tolist() == expected
    assert made.get_prices("SPLIT", THU, FRI, price_type)["SPLIT"].tolist() == expected[:2]


def test_apple_is_continuous_over_caches_of_before_and_after_its_split(
    lake_2019: Lake, lake_2021: Lake
) -> None:
    """The cache of 2019 is on the old shares, that of 2021 on the new ones: the closes of 2019 agree."""
    before, after = (
        FMPProvider(lake).get_prices("AAPL", "2019-01-01", "2019-12-31") for lake in (lake_2019, lake_2021)
    )
    assert len(before) == 252
    pd.testing.assert_frame_equal(before, after, rtol=1e-6)


def test_prices_are_those_of_the_file(lake_2021: Lake) -> None:
    """Each close of Apple is the file's, which was taken after its last split."""
    [bars] = [
        e["data"] for path, e in entries_of(CACHE_2021) if path.startswith("price_data/AAPL_price_full")
    ]
    frame = FMPProvider(lake_2021).get_prices("AAPL")
    closes = dict(zip(_texts(frame.index), frame["AAPL"].tolist(), strict=True))
    assert closes == pytest.approx({bar["date"]: bar["close"] for bar in bars}, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("BEFORE", THU, "then"), "end_date is 'then'; expected a date"),
        (("BEFORE", THU, TUE, "closing"), "price_type is 'closing'; expected one of open, high.*'close'"),
        (([None], THU, TUE), "A symbol is a string such as 'AAPL'"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused(
    made: FMPProvider, arguments: tuple[Any, ...], message: str
) -> None:
    """The error names the argument, its value and the expected form."""
    with pytest.raises(InvalidInput, match=message):
        made.get_prices(*arguments)
