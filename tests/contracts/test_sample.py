"""The contract on real data: each question has the same rows on the lake and on the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.pair import Pair, assert_same_rows, both
from tests.contracts.questions import PLAIN_SQL, QUESTIONS, REFUSED
from tests.support import CACHE_2019, CACHE_2021, CACHE_DIRTY, SPLITS
from tests.unit.query.doors import DATES, SYMBOLS
from tests.unit.query.firm import firm
from tests.unit.query.made import Made
from tests.unit.query.test_same_everywhere import COUNTS, DIVIDENDS, PROFILES
from tests.unit.sync.postgres_server import Server

ODD_FIRMS = ("BRK.B", "0700.HK", "600519", "CON", "O'X")
EMPTY = {
    "bars before there were any", "bars of nobody", "bars of no symbol", "statements of nobody",
    "statements before any", "caps at no date", "caps of no symbol", "trailing years of no symbol",
    "quarters of nobody", "ratios of nobody",
}  # fmt: skip


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Pair]:
    """The samples, the dirty one too, with splits, dividends, counts, profiles, and firms with odd names."""
    made = Made()
    for symbol in ODD_FIRMS:
        firm(made, symbol)
    lake = made.build(tmp_path_factory.mktemp("contract"))
    for cache in (CACHE_2019, CACHE_2021, CACHE_DIRTY):
        lake.migrate(cache)
    lake.load("splits", SPLITS)
    tables = {"dividends": DIVIDENDS, "shares_outstanding": COUNTS, "company_profiles": PROFILES}
    for table, rows in tables.items():
        lake.load(table, rows)
    with postgres.database() as url, both(lake, url) as pair:
        yield pair


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_has_the_same_rows_on_both(pair: Pair, name: str) -> None:
    """Columns, types, order and values; and there are rows to compare wherever there should be."""
    assert pair.ask(QUESTIONS[name]).is_empty() == (name in EMPTY)


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_refused_alike(pair: Pair, name: str) -> None:
    """The same kind of error, which says what is wrong."""
    question, said = REFUSED[name]
    mine, theirs = pair.refuse(question)
    assert type(theirs) is type(mine)
    assert said in str(mine)
    assert said in str(theirs)


@pytest.mark.parametrize("query", PLAIN_SQL)
def test_a_function_is_called_alike(pair: Pair, query: str) -> None:
    """The same name, arguments and columns: only lists are written as the engine writes them."""
    dates = [f"DATE '{day}'" for day in DATES]
    for_duckdb = query.format(symbols=str(SYMBOLS), dates=f"[{', '.join(dates)}]")
    for_postgres = query.format(symbols=f"ARRAY{SYMBOLS}", dates=f"ARRAY[{', '.join(dates)}]")
    mine = pair.lake.sql(for_duckdb)
    assert_same_rows(mine, pair.shared.sql(for_postgres))
    assert not mine.is_empty()


def test_every_reason_of_the_sample_is_compared(pair: Pair) -> None:
    """The answers that are compared are not all there, and not all missing."""
    caps = pair.lake.market_caps([*SYMBOLS, *ODD_FIRMS], DATES)
    assert 0 < caps["market_cap"].null_count() < caps.height
    assert caps["reason"].n_unique() > 3


def test_a_change_of_the_lake_shows_after_the_next_sync(postgres: Server, tmp_path: Path) -> None:
    """A quote in another currency than the books' takes the same factors from both."""
    made = Made()
    firm(made, "LATER")
    lake = made.build(tmp_path)
    with postgres.database() as url, both(lake, url) as pair:
        before = pair.ask(lambda q: q.factors("LATER", "2021-01-30"))
        lake.load("company_profiles", {"symbol": ["LATER"], "currency": ["EUR"]})
        lake.sync(url)
        pair.lake.refresh()
        after = pair.ask(lambda q: q.factors("LATER", "2021-01-30"))
        assert (before["pe_ratio"].null_count(), after["pe_ratio"].null_count()) == (0, 1)
