"""Compare folder and servers on every synthetic case: all functions, vintages and reasons, odd symbols.

The servers are PostgreSQL, the same with TimescaleDB, and Snowflake.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from factorlab_lake.lake import Lake
from factorlab_lake.schema import STATEMENT_TABLES
from tests.contracts.pair import Pair, assert_same_rows, both, method_call
from tests.contracts.questions import ODD
from tests.contracts.test_made import DAYS, VINTAGES
from tests.contracts.test_spark import GRIDS, MONTHS, REASONS, every_case, every_symbol, reasons_in
from tests.unit.sync.timescale_server import timescale_database

pytestmark = pytest.mark.slow  # the first sync of so many cases takes half a minute

_EDGES = ["0001-01-01", "1990-01-01", "2030-01-01", "9999-12-31"]


@dataclass(frozen=True)
class Cases:
    """Represent a lake with all cases, the same lake on a server, and its symbols."""

    pair: Pair
    symbols: list[str]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the lake of every case."""
    return every_case(tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="module", params=["postgresql", "timescaledb", "snowflake"])
def cases(request: pytest.FixtureRequest, lake: Lake) -> Iterator[Cases]:
    """Yield the lake of every case on both."""
    with _empty(request) as url, both(lake, url) as pair:
        yield Cases(pair, every_symbol(lake))


def _empty(request: pytest.FixtureRequest) -> AbstractContextManager[str]:
    """Return a context with the address of an empty database or schema."""
    if request.param == "timescaledb":
        return timescale_database()
    if request.param == "snowflake":
        return request.getfixturevalue("snowflake").schema()  # type: ignore[no-any-return]  # a fixture has any type
    return request.getfixturevalue("postgres").database()  # type: ignore[no-any-return]  # as above


def _query(name: str, vintage: str) -> str:
    call = f"{name}($symbols::VARCHAR[], $dates::DATE[], vintage := '{vintage}')"
    return f"SELECT * FROM {call} ORDER BY symbol, date"


def _rows(pair: Pair, query: str, **values: Any) -> pl.DataFrame:
    """Return the lake's rows; fail unless those of the server are equal, integers of any size."""
    left, right = (
        of.sql(query, **values).with_columns(pl.col(pl.Int32).cast(pl.Int64))
        for of in (pair.lake, pair.shared)
    )
    assert_same_rows(left, right)
    return left


@pytest.mark.parametrize("vintage", VINTAGES)
@pytest.mark.parametrize("name", GRIDS)
def test_every_function_has_the_same_rows_and_reasons(cases: Cases, name: str, vintage: str) -> None:
    """Each case is equal at each month end, and each reason for NULL is among the rows."""
    rows = _rows(cases.pair, _query(name, vintage), symbols=cases.symbols, dates=MONTHS)
    assert rows["symbol"].n_unique() > 200  # shares_as_of has no row of a symbol without a count
    if vintage == "known":
        assert reasons_in(rows) >= REASONS[name]


@pytest.mark.parametrize("name", GRIDS)
def test_odd_symbols_have_the_same_rows_at_the_ends_of_time(cases: Cases, name: str) -> None:
    """Names with quotation marks, blanks and signs are found, at the first and last days that exist too."""
    rows = _rows(cases.pair, _query(name, "known"), symbols=ODD, dates=[*_EDGES, "2021-01-29"])
    with_counts = {"0700.HK", "CON", "O'X"}
    assert {*rows["symbol"]} >= (with_counts if name == "shares_as_of" else {*ODD})


@pytest.mark.parametrize("vintage", VINTAGES)
def test_statements_and_quarters_have_the_same_rows(cases: Cases, vintage: str) -> None:
    """Statements as known at a day are equal, and so are quarters, reported or derived."""
    for day in DAYS:
        for method in ("quarters", "statements"):
            rows = cases.pair.ask(method_call(method, cases.symbols, as_of=day, vintage=vintage))
            assert rows.height > 100
            assert reasons_in(rows) >= REASONS.get(method, set())


def test_ratios_and_bars_have_the_same_rows(cases: Cases) -> None:
    """The ratios of every published period are equal, and so are stored and adjusted bars."""
    for method in ("ratios", "prices"):
        assert not cases.pair.ask(method_call(method, cases.symbols)).is_empty()
    adjusted = cases.pair.ask(method_call("prices", cases.symbols, adjusted=True))
    assert reasons_in(adjusted) >= REASONS["adjusted_prices"]
    assert set(adjusted["adjusted_close_source"]) == {"dividends", "provider", "splits"}


def test_every_revision_has_the_same_row(cases: Cases) -> None:
    """Every value that was replaced is equal, in bars and in each kind of statement."""
    rows = cases.pair.ask(lambda lake: lake.revisions())
    assert set(rows["table_name"]) == {"price_data", *STATEMENT_TABLES.values()}


def test_the_view_of_ratios_has_the_same_rows(cases: Cases) -> None:
    """The view has the ratios of every symbol."""
    rows = _rows(cases.pair, "SELECT * FROM financial_ratios ORDER BY symbol, fiscal_date")
    assert rows["symbol"].n_unique() > 200
    assert reasons_in(rows) >= REASONS["ratios"]


def test_one_currency_has_the_same_rows(cases: Cases) -> None:
    """Converted caps of symbols and of companies are equal, and so are factors of two currencies."""
    for method in ("market_caps", "company_market_caps"):
        rows = cases.pair.ask(method_call(method, cases.symbols, "2021-02-01", currency="USD"))
        assert {"no_exchange_rate", "currency_unknown"} <= set(rows["reason"])
    factors = cases.pair.ask(method_call("factors", ["CURRENCIES.PARIS"], "2021-02-01"))
    assert factors["pe_ratio"].null_count() == 0
