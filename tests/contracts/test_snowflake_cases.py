"""Compare folder and Snowflake on every synthetic case: all functions, vintages and reasons, odd symbols."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl
import pytest

from tests.contracts.pair import Pair, assert_same_rows, both, method_call
from tests.contracts.questions import ODD
from tests.contracts.test_made import DAYS, VINTAGES
from tests.contracts.test_spark import GRIDS, MONTHS, REASONS, every_case, every_symbol
from tests.unit.sync.snowflake_server import Account

pytestmark = pytest.mark.slow  # the first sync of so many cases takes half a minute

_EDGES = ["0001-01-01", "1990-01-01", "2030-01-01", "9999-12-31"]


@dataclass(frozen=True)
class Cases:
    """Represent a lake with all cases, the same lake on Snowflake, and its symbols."""

    pair: Pair
    symbols: list[str]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory, snowflake: Account) -> Iterator[Cases]:
    """Yield the lake of every case on both."""
    lake = every_case(tmp_path_factory.mktemp("cases"))
    with snowflake.schema() as url, both(lake, url) as pair:
        yield Cases(pair, every_symbol(lake))


def _query(name: str, vintage: str) -> str:
    call = f"{name}($symbols::VARCHAR[], $dates::DATE[], vintage := '{vintage}')"
    return f"SELECT * FROM {call} ORDER BY symbol, date"


def _rows(pair: Pair, query: str, symbols: list[str], dates: list[str]) -> pl.DataFrame:
    """Return the lake's rows; fail unless those of Snowflake are equal, integers of any size."""
    left, right = (
        of.sql(query, symbols=symbols, dates=dates).with_columns(pl.col(pl.Int32).cast(pl.Int64))
        for of in (pair.lake, pair.shared)
    )
    assert_same_rows(left, right)
    return left


def _reasons_in(rows: pl.DataFrame) -> set[str]:
    """Return every reason in the columns of an answer, and no other word."""
    texts = {text for n in rows.columns if n.endswith("reason") for text in rows[n].drop_nulls().unique()}
    return {word for text in texts for word in re.findall("[a-z]+(?:_[a-z]+)+", text)}


@pytest.mark.parametrize("vintage", VINTAGES)
@pytest.mark.parametrize("name", GRIDS)
def test_every_function_has_the_same_rows_and_reasons(cases: Cases, name: str, vintage: str) -> None:
    """Each case is equal at each month end, and each reason for NULL is among the rows."""
    rows = _rows(cases.pair, _query(name, vintage), cases.symbols, MONTHS)
    assert rows["symbol"].n_unique() > 200  # shares_as_of has no row of a symbol without a count
    if vintage == "known":
        assert _reasons_in(rows) >= REASONS.get(name, set())


@pytest.mark.parametrize("name", GRIDS)
def test_odd_symbols_have_the_same_rows_at_the_ends_of_time(cases: Cases, name: str) -> None:
    """Names with quotation marks, blanks and signs are found, at the first and last days that exist too."""
    rows = _rows(cases.pair, _query(name, "known"), ODD, [*_EDGES, "2021-01-29"])
    with_counts = {"0700.HK", "CON", "O'X"}
    assert {*rows["symbol"]} >= (with_counts if name == "shares_as_of" else {*ODD})


@pytest.mark.parametrize("vintage", VINTAGES)
def test_statements_and_quarters_have_the_same_rows(cases: Cases, vintage: str) -> None:
    """Statements as known at a day are equal, and so are quarters, reported or derived."""
    for day in DAYS:
        for method in ("quarters", "statements"):
            question = method_call(method, cases.symbols, as_of=day, vintage=vintage)
            assert cases.pair.ask(question).height > 100


def test_ratios_and_bars_have_the_same_rows(cases: Cases) -> None:
    """The ratios of every published period are equal, and so are stored bars."""
    for method in ("ratios", "prices"):
        assert not cases.pair.ask(method_call(method, cases.symbols)).is_empty()
