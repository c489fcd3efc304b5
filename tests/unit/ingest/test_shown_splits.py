"""Test that a load is not on a split basis that its own bars contradict."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake

_DAYS = ["2020-08-27", "2020-08-28", "2020-08-31"]
_TRADED, _ADJUSTED = [500.04, 499.23, 129.04], [125.01, 124.81, 129.04]
_TELLS = [1.0, 1.0, 4.0]


def _tiingo(close: list[float]) -> pl.DataFrame:
    more = {"adjClose": _ADJUSTED, "divCash": [0.0] * 3, "splitFactor": _TELLS}
    return pl.DataFrame({"date": _DAYS, "close": close} | more)


def _yahoo(close: list[float], **more: Any) -> pl.DataFrame:
    return pl.DataFrame({"Date": _DAYS, "Close": close, "Adj Close": _ADJUSTED} | more)


_WRONG = {
    "Tiingo's closes on a later basis": (_tiingo(_TRADED), "2021-03-31", "as traded, not on the split basis"),
    "Tiingo's adjusted closes": (_tiingo(_ADJUSTED), None, "adjusted for splits, not as traded"),
    "Yahoo's closes on their own days": (
        _yahoo(_ADJUSTED, **{"Stock Splits": [0.0, 0.0, 4.0]}),
        "own-day",
        "split of 4:1 the close goes from 124.81 to 129.04",
    ),
    "closes that fall where adjusted ones do not": (
        _yahoo(_TRADED),
        "2021-03-31",
        "pass split_basis='own-day'",
    ),
    "rows from the newest on": (_yahoo(_TRADED).reverse(), "2021-03-31", "as traded"),
}


@pytest.mark.filterwarnings("ignore::factorlab_lake.errors.LakeWarning")
@pytest.mark.parametrize("case", _WRONG)
def test_a_contradicted_basis_is_refused(lake: Lake, case: str) -> None:
    """The message has the split, both closes and the basis to pass instead; nothing is stored."""
    frame, basis, text = _WRONG[case]
    with pytest.raises(InvalidInput, match=text):
        lake.load("price_data", frame, symbol="AAPL", split_basis=basis)
    assert lake.snapshot.id == 0


@pytest.mark.filterwarnings("ignore::factorlab_lake.errors.LakeWarning")
@pytest.mark.parametrize(
    ("frame", "basis", "stored"),
    [
        (_tiingo(_TRADED), None, date(2020, 8, 27)),
        (_tiingo(_TRADED), "own-day", date(2020, 8, 27)),
        (_tiingo(_ADJUSTED), "2021-03-31", date(2021, 3, 31)),
        (_yahoo(_ADJUSTED), "2021-03-31", date(2021, 3, 31)),
        (_yahoo(_TRADED), "own-day", date(2020, 8, 27)),
    ],
)
def test_a_basis_that_the_bars_allow_is_stored(
    lake: Lake, frame: pl.DataFrame, basis: str | None, stored: date
) -> None:
    """Each form of prices loads with its own basis."""
    assert lake.load("price_data", frame, symbol="AAPL", split_basis=basis) == 3
    assert lake.prices("AAPL")["split_basis_date"][0] == stored


def test_a_fall_of_the_market_is_no_split(lake: Lake) -> None:
    """A close that halves with its adjusted close has no split, nor has one of another symbol or year."""
    crash = _yahoo([100.0, 100.0, 49.0]).with_columns(pl.Series("Adj Close", [99.0, 99.0, 48.5]))
    assert lake.load("price_data", crash, symbol="A", split_basis="2021-03-31") == 3
    two = pl.concat([_yahoo(_ADJUSTED).with_columns(Symbol=pl.lit(s)) for s in ("B", "C")])
    two = two.with_columns(pl.col("Close", "Adj Close") * pl.Series([1.0, 1.0, 1.0, 9.0, 9.0, 9.0]))
    assert lake.load("price_data", two, split_basis="2021-03-31") == 6
