"""Compare lake and server on real data: each query returns the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.pair import Pair, assert_same_rows, both, method_call
from tests.contracts.questions import PLAIN_SQL, QUESTIONS, REFUSED
from tests.support import CACHE_2019, CACHE_2021, CACHE_DIRTY, SPLITS
from tests.unit.query.entry_points import DATES, SYMBOLS
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.query.sample_company import sample_company
from tests.unit.query.test_same_everywhere import COUNTS, DIVIDENDS, PROFILES, UNIVERSES
from tests.unit.sync.postgres_server import Server

ODD_COMPANIES = ("BRK.B", "0700.HK", "600519", "CON", "O'X")
EMPTY = {
    "bars before there were any", "bars of nobody", "bars of no symbol", "statements of nobody",
    "statements before any", "caps at no date", "caps of no symbol", "trailing years of no symbol",
    "no providers compared", "no generations compared",
    "quarters of nobody", "ratios of nobody",
}  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Pair]:
    """Yield a pair with the samples, splits, dividends, share counts, profiles, and unusual company names."""
    made = LakeBuilder()
    for symbol in ODD_COMPANIES:
        sample_company(made, symbol)
    lake = made.build(tmp_path_factory.mktemp("contract"))
    for cache in (CACHE_2019, CACHE_2021, CACHE_DIRTY):
        lake.migrate(cache)
    lake.load("splits", SPLITS)
    tables = {"dividends": DIVIDENDS, "shares_outstanding": COUNTS, "company_profiles": PROFILES}
    tables |= {"universes": UNIVERSES}
    for table, rows in tables.items():
        lake.load(table, rows)
    with postgres.database() as url, both(lake, url) as pair:
        yield pair


@pytest.mark.first_cases(17)
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_has_the_same_rows_on_both(pair: Pair, name: str) -> None:
    """Columns, types, order and values are equal; a query that should return rows does."""
    assert pair.ask(QUESTIONS[name]).is_empty() == (name in EMPTY)


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_refused_alike(pair: Pair, name: str) -> None:
    """Lake and server have the same kind of error, and it has the expected message."""
    question, message = REFUSED[name]
    left, right = pair.refuse(question)
    assert type(right) is type(left)
    assert message in str(left)
    assert message in str(right)


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("query", PLAIN_SQL)
def test_a_function_is_called_alike(pair: Pair, query: str) -> None:
    """Name, arguments and columns are equal; only the syntax of lists differs."""
    dates = [f"DATE '{day}'" for day in DATES]
    for_duckdb = query.format(symbols=str(SYMBOLS), dates=f"[{', '.join(dates)}]")
    for_postgres = query.format(symbols=f"ARRAY{SYMBOLS}", dates=f"ARRAY[{', '.join(dates)}]")
    left = pair.lake.sql(for_duckdb)
    assert_same_rows(left, pair.shared.sql(for_postgres))
    assert not left.is_empty()


def test_the_line_items_of_a_statement_have_the_same_text(pair: Pair) -> None:
    """The JSON of `metrics` has the same order of items and the same form of numbers on both."""
    question = method_call("statements", [*SYMBOLS, *ODD_COMPANIES])
    left, right = question(pair.lake), question(pair.shared)
    assert right["metrics"].to_list() == left["metrics"].to_list()
    assert left["metrics"].str.contains('"revenue":[0-9]+[.]0,').any()


def test_every_reason_of_the_sample_is_compared(pair: Pair) -> None:
    """The compared results have values as well as reasons for NULL."""
    caps = pair.lake.market_caps([*SYMBOLS, *ODD_COMPANIES], DATES)
    assert 0 < caps["market_cap"].null_count() < caps.height
    assert caps["reason"].n_unique() > 3


def test_a_change_of_the_lake_is_visible_after_the_next_sync(postgres: Server, tmp_path: Path) -> None:
    """A quote in another currency than the statements' has the same effect on the factors of both."""
    made = LakeBuilder()
    sample_company(made, "LATER")
    lake = made.build(tmp_path)
    with postgres.database() as url, both(lake, url) as pair:
        before = pair.ask(lambda q: q.factors("LATER", "2021-01-30"))
        lake.load("company_profiles", {"symbol": ["LATER"], "currency": ["EUR"]})
        lake.sync(url)
        pair.lake.refresh()
        after = pair.ask(lambda q: q.factors("LATER", "2021-01-30"))
        assert (before["pe_ratio"].null_count(), after["pe_ratio"].null_count()) == (0, 1)
