"""Test that derived rows computed in memory answer as the stored ones do, whatever was queried before."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from threading import Barrier
from typing import Any, Self

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.functions.duckdb_functions import names_in
from factorlab_lake.lake import Lake
from factorlab_lake.query import lake_database
from factorlab_lake.query.lake_database import LakeDatabase
from factorlab_lake.query.query_hints import QueryHints
from factorlab_lake.schema.derived_tables import DERIVED_FROM, DERIVED_TABLES
from tests.support import examples, without_index

Question = tuple[str, list[str], Any]

STALE: list[frozenset[str] | None] = [
    None,
    frozenset({"AAPL"}),
    frozenset({"GOOGL", "NOBODY"}),
    frozenset({"AAPL", "GOOG", "GOOGL"}),
]
SYMBOLS = st.lists(st.sampled_from(["AAPL", "GOOGL", "NOBODY"]), min_size=1, max_size=3, unique=True)
DAYS = st.dates(date(2009, 1, 1), date(2021, 6, 1))
YEARS = st.tuples(st.integers(2009, 2021), st.integers(2009, 2021)).map(sorted)
GRIDS = st.tuples(st.sampled_from(["market_caps", "ttm", "factors"]), SYMBOLS, st.lists(DAYS, max_size=3))
HINDSIGHT = st.tuples(st.just("latest"), SYMBOLS, st.lists(DAYS, max_size=2))
PERIODS = st.tuples(st.sampled_from(["ratios", "quarters", "statements", "as_of"]), SYMBOLS, YEARS)
SQL = st.tuples(st.just("sql"), SYMBOLS, st.sampled_from(sorted(DERIVED_TABLES)))


def _label(stale: frozenset[str] | None) -> str:
    """Return a case's name; the order of a set differs between processes."""
    return "all" if stale is None else "-".join(sorted(stale)) or "none"


def answer(lake: Lake, question: Question) -> pl.DataFrame:
    """Return the answer to a generated question."""
    kind, symbols, when = question
    rows: pl.DataFrame
    if kind == "sql":
        rows = lake.sql(f"SELECT * FROM {when} ORDER BY ALL")
    elif kind == "latest":
        rows = lake.factors(symbols, when, vintage="latest")
    elif kind in ("market_caps", "ttm", "factors"):
        rows = getattr(lake, kind)(symbols, when)
    else:
        first, last = date(when[0], 1, 1), date(when[1], 12, 31)
        as_of = {"as_of": "2016-06-30"} if kind == "as_of" else {}
        rows = getattr(lake, "statements" if as_of else kind)(symbols, first, last, **as_of)
    return rows


def test_the_sample_stores_the_derived_rows_of_all_symbols(lake_both: Lake) -> None:
    """The comparisons of this file would compare a computation with itself if nothing were stored."""
    assert fl.open(lake_both.path, create=False).session._stale == frozenset()


@given(st.sampled_from(STALE), st.lists(st.one_of(GRIDS, HINDSIGHT, PERIODS, SQL), min_size=1, max_size=5))
@examples(24)
def test_answers_depend_neither_on_earlier_questions_nor_on_stale_symbols(
    lake_both: Lake, stale: frozenset[str] | None, questions: list[Question]
) -> None:
    """Whatever symbols, dates and kinds of questions came before, the answer is that of the stored rows."""
    one = without_index(lake_both, stale)
    for question in questions:
        assert_frame_equal(answer(one, question), answer(without_index(lake_both, frozenset()), question))


@pytest.mark.first_cases(6)
@pytest.mark.parametrize("name", sorted(DERIVED_TABLES))
@pytest.mark.parametrize("stale", STALE, ids=_label)
def test_a_table_has_each_row_once_after_queries_of_some_symbols(
    lake_2021: Lake, name: str, stale: frozenset[str] | None
) -> None:
    """Test that a table shows each row of all symbols once after queries that computed some of them."""
    lake = without_index(lake_2021, stale)
    own = f"SELECT * FROM {name} ORDER BY ALL"
    expected = without_index(lake_2021, frozenset()).session.frame(own)
    for symbols in (["AAPL"], ["GOOGL", "AAPL", "NOBODY"]):
        lake.factors(symbols, "2020-12-31")
        some = lake.session.frame(own, needs=QueryHints(symbols=symbols))
        of_symbols = pl.col("symbol").is_in(symbols)
        assert_frame_equal(some.filter(of_symbols), expected.filter(of_symbols))
    assert_frame_equal(lake.session.frame(own), expected)
    assert not expected.is_empty()


def test_only_the_symbols_of_a_query_and_of_their_companies_are_computed(lake_both: Lake) -> None:
    """A question about one symbol does not compute the rows of all, but those of its other classes too."""
    lake = without_index(lake_both, None)
    query = "SELECT DISTINCT symbol FROM fundamentals_history ORDER BY symbol"
    assert lake.session.frame(query, needs=QueryHints(symbols=["AAPL"]))["symbol"].to_list() == ["AAPL"]
    more = lake.session.frame(query, needs=QueryHints(symbols=["GOOGL", "O'NEIL"]))
    assert more["symbol"].to_list() == ["AAPL", "GOOG", "GOOGL"]


@pytest.mark.parametrize("stale", STALE, ids=_label)
def test_a_company_of_several_classes_is_known_from_one_of_them(
    lake_both: Lake, stale: frozenset[str] | None
) -> None:
    """A query of GOOGL alone tells that Alphabet has other listed shares."""
    caps = without_index(lake_both, stale).market_caps(["GOOGL"], "2020-12-31")
    assert caps["multi_class"].to_list() == [True]


def test_the_computation_hides_no_row_from_a_users_view(lake_both: Lake) -> None:
    """A user's own view reads all rows of a table, also after a computation that read few of its files."""
    lake = without_index(lake_both, None)
    lake.sql("CREATE VIEW mine AS SELECT symbol, fiscal_date FROM income_statements")
    before = lake.sql("FROM mine ORDER BY ALL")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lake_database, "in_parts", lambda symbols: iter([[s] for s in sorted(symbols)]))
        assert not lake.sql("FROM quarter_history").is_empty()
    assert_frame_equal(lake.sql("FROM mine ORDER BY ALL"), before)


def test_a_query_that_fails_leaves_the_session_usable(lake_both: Lake) -> None:
    """An error inside a query of computed rows does not change a later answer."""
    lake = without_index(lake_both, None)
    with pytest.raises(fl.LakeError):
        lake.session.frame(
            "SELECT nothing FROM factors(['AAPL'], [DATE '2020-12-31'])", needs=QueryHints(symbols=["AAPL"])
        )
    expected = without_index(lake_both, frozenset()).factors(["AAPL", "GOOGL"], "2020-12-31")
    assert_frame_equal(lake.factors(["AAPL", "GOOGL"], "2020-12-31"), expected)


@pytest.mark.parametrize("name", DERIVED_FROM)
def test_derived_rows_do_not_follow_from_bars(name: str) -> None:
    """A question shows few files of bars, so rows computed from those would be wrong for the next."""
    assert "price_data" not in names_in(f"FROM {name}")


def test_threads_compute_for_themselves(lake_both: Lake) -> None:
    """Threads that query stale symbols of one lake at a time get the answers of the stored rows."""
    lake, stored = without_index(lake_both, None), without_index(lake_both, frozenset())
    start = Barrier(3)

    def ask(symbol: str) -> list[pl.DataFrame]:
        start.wait(timeout=60)
        return [lake.factors(symbol, day) for day in ("2015-06-30", "2020-12-31")]

    symbols = ["AAPL", "GOOGL", "NOBODY"]
    with ThreadPoolExecutor(len(symbols)) as threads:
        answers = dict(zip(symbols, threads.map(ask, symbols), strict=True))
    for symbol, frames in answers.items():
        for day, frame in zip(("2015-06-30", "2020-12-31"), frames, strict=True):
            assert_frame_equal(frame, stored.factors(symbol, day))


# --- interruptions ----------------------------------------------------------------------------------------


class _InterruptedConnection:
    """Forward to a connection, but raise once, as Ctrl-C does, before or after a statement."""

    def __init__(self, con: Any, place: str, when: str, state: dict[str, bool]) -> None:
        self._con, self._place, self._when, self._state = con, place, when, state

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._con.close()

    def cursor(self) -> _InterruptedConnection:
        return _InterruptedConnection(self._con.cursor(), self._place, self._when, self._state)

    def execute(self, sql: str, *values: Any) -> Any:
        if self._state["interrupted"] or not sql.lstrip().startswith(self._place):
            return self._con.execute(sql, *values)
        self._state["interrupted"] = True
        if self._when == "after":
            self._con.execute(sql, *values)
        raise KeyboardInterrupt


@contextmanager
def interrupted_at(place: str, when: str) -> Iterator[dict[str, bool]]:
    """Interrupt the first execution of a statement in any new database."""
    state = {"interrupted": False}
    create = LakeDatabase.__init__

    def patched_init(self: LakeDatabase, *arguments: Any, **named: Any) -> None:
        create(self, *arguments, **named)
        self._con = _InterruptedConnection(self._con, place, when, state)  # type: ignore[assignment]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(LakeDatabase, "__init__", patched_init)
        yield state


_STATEMENTS = (
    "COMMIT",
    "INSERT INTO computed",
    "CREATE SCHEMA",
    "CREATE OR REPLACE TABLE computed",
    "CREATE OR REPLACE TEMP VIEW",
    "CREATE OR REPLACE TEMP TABLE derived_symbols",
    "--",  # the scripts of the computation
    "BEGIN",
    "DELETE",
    "CREATE OR REPLACE VIEW",
)


@pytest.mark.first_cases(4)
@pytest.mark.parametrize("when", ["after", "before"])
@pytest.mark.parametrize("place", _STATEMENTS)
def test_an_interrupted_computation_leaves_all_rows_of_a_symbol_or_none(
    lake_both: Lake, place: str, when: str
) -> None:
    """Wherever Ctrl-C ends a question about stale symbols, the next question has each row once."""
    lake = without_index(lake_both, frozenset({"AAPL", "GOOGL"}))
    with interrupted_at(place, when) as state:
        with pytest.raises(KeyboardInterrupt):
            lake.factors("AAPL", "2020-12-31")
        assert state["interrupted"]
        stored = without_index(lake_both, frozenset())
        for symbols in (["GOOGL"], ["AAPL", "GOOGL"]):
            expected = stored.factors(symbols, "2020-12-31")
            assert_frame_equal(lake.factors(symbols, "2020-12-31"), expected)
        for name in DERIVED_TABLES:
            query = f"SELECT * FROM {name} ORDER BY ALL"
            assert_frame_equal(lake.session.frame(query), stored.session.frame(query))
