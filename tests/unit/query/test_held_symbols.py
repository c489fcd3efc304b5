"""Test what answers say of symbols that the lake does not hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from factorlab_lake.errors import SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from factorlab_lake.query.session import Session
from tests.unit.query.lake_builder import LakeBuilder

DAY = "2021-01-04"

GRIDS: dict[str, Callable[[Lake, Any], pl.DataFrame]] = {
    "market_caps": lambda lake, symbols: lake.market_caps(symbols, DAY),
    "ttm": lambda lake, symbols: lake.ttm(symbols, DAY),
    "factors": lambda lake, symbols: lake.factors(symbols, DAY),
    "chosen factors": lambda lake, symbols: lake.factors(symbols, DAY, factors=["pe_ratio"]),
}
ROWS: dict[str, Callable[[Lake, Any], pl.DataFrame]] = {
    "prices": lambda lake, symbols: lake.prices(symbols),
    "adjusted prices": lambda lake, symbols: lake.prices(symbols, adjusted=True),
    "statements": lambda lake, symbols: lake.statements(symbols),
    "statements as of": lambda lake, symbols: lake.statements(symbols, as_of=DAY),
    "quarters": lambda lake, symbols: lake.quarters(symbols),
    "ratios": lambda lake, symbols: lake.ratios(symbols),
    "lookahead": lambda lake, symbols: lake.lookahead("pe_ratio", symbols, DAY),
}
METHODS = GRIDS | ROWS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with AAPL, with GOOGL's bars alone, and with the count of LONELY alone."""
    builder = LakeBuilder()
    builder.shares("AAPL", "2020-12-31", 1000)
    builder.closes("AAPL", {DAY: 10.0})
    builder.closes("GOOGL", {DAY: 20.0})
    builder.shares("LONELY", "2020-12-31", 1000)
    return builder.build(tmp_path_factory.mktemp("held"))


@pytest.fixture
def lake(made: Lake) -> Lake:
    """Return the lake without anything that an earlier question found."""
    return Lake(made._layout, rule=made._explicit_rule)


@pytest.mark.parametrize("method", METHODS)
def test_a_symbol_that_is_not_held_gives_one_warning_with_the_nearest_name(lake: Lake, method: str) -> None:
    """A symbol in small letters, a misspelt one and one that resembles none are named in one warning."""
    with pytest.warns(SymbolNotHeldWarning) as caught:
        METHODS[method](lake, ["AAPL", "aapl", "GOGL", "XYZW"])
    (warning,) = caught
    expected = (
        "The lake has no data of 'aapl' (did you mean 'AAPL'?), 'GOGL' (did you mean 'GOOGL'?), 'XYZW'."
    )
    assert str(warning.message) == expected
    assert isinstance(warning.message, SymbolNotHeldWarning)
    assert not warning.message.none_held


@pytest.mark.parametrize("method", METHODS)
def test_a_held_symbol_without_an_answer_gives_no_warning(lake: Lake, method: str) -> None:
    """GOOGL has no statements and LONELY no bars, but both are held."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        METHODS[method](lake, ["AAPL", "GOOGL", "LONELY"])


@pytest.mark.parametrize("method", METHODS)
def test_a_repeated_question_warns_again(lake: Lake, method: str) -> None:
    """An answer from the cache of results warns as the first one did, and is the same."""
    with pytest.warns(SymbolNotHeldWarning):
        first = METHODS[method](lake, ["GOOGL", "aapl"])
    with pytest.warns(SymbolNotHeldWarning):
        assert METHODS[method](lake, ["GOOGL", "aapl"]).equals(first)


@pytest.mark.parametrize("symbol", ["GOOGL", "LONELY"])
def test_an_explanation_warns_of_a_symbol_that_is_not_held(lake: Lake, symbol: str) -> None:
    """The steps of a held symbol need no warning, whatever is missing in them."""
    with pytest.warns(SymbolNotHeldWarning, match=r"'googl' \(did you mean 'GOOGL'\?\)"):
        lake.explain_market_cap("googl", DAY)
    with pytest.warns(SymbolNotHeldWarning, match=r"'googl'"):
        lake.explain_factor("pe_ratio", "googl", DAY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lake.explain_market_cap(symbol, DAY)


def test_a_question_about_no_held_symbol_says_so(lake: Lake) -> None:
    """The command line ends with 1 then."""
    with pytest.warns(SymbolNotHeldWarning) as caught:
        lake.prices("aapl")
    message = caught[0].message
    assert isinstance(message, SymbolNotHeldWarning)
    assert message.none_held


@pytest.mark.parametrize("method", METHODS)
def test_all_means_every_held_symbol(lake: Lake, method: str) -> None:
    """``all`` gives the answer of the list of all symbols, in order."""
    expected = METHODS[method](lake, ["AAPL", "GOOGL", "LONELY"])
    assert METHODS[method](lake, "all").equals(expected)


def test_held_symbols_need_no_query(lake: Lake) -> None:
    """A symbol that had an answer is not looked up: neither at first nor later."""
    queries: list[str] = []
    session = lake.session

    def counted() -> Session:
        queries.append("held")
        return session

    lake.market_caps("AAPL", DAY)
    lake._symbols._session = counted
    lake.market_caps("AAPL", DAY)
    lake.prices("AAPL")
    assert queries == []
    lake.prices("GOGL")
    assert queries


def test_a_lake_without_data_holds_no_symbol(tmp_path: Path) -> None:
    """There is no nearest name then."""
    import factorlab_lake as fl

    with pytest.warns(SymbolNotHeldWarning, match=r"^The lake has no data of 'AAPL'\.$"):
        assert fl.open(tmp_path).prices("AAPL").is_empty()
