"""Rows of the symbols asked so far are kept in memory; answers are those of who keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, cast

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.query import lake_database
from factorlab_lake.query.row_cache_files import RowCache, Source
from factorlab_lake.storage.data_files import DataFile
from tests.support import examples

SYMBOLS = st.lists(st.sampled_from(["AAPL", "GOOGL", "NOBODY"]), min_size=1, max_size=3, unique=True)
YEARS = st.integers(2009, 2021)
DAYS = st.dates(date(2009, 1, 1), date(2021, 6, 1))
CAPS = st.tuples(st.sampled_from(["market_caps", "factors"]), SYMBOLS, st.lists(DAYS, max_size=3))
RANGES = st.tuples(st.just("statements"), SYMBOLS, st.tuples(YEARS, YEARS).map(sorted))
AS_OF = st.tuples(st.just("as_of"), SYMBOLS, st.tuples(YEARS, YEARS).map(sorted))
BARS = Source("bars", ("bars",), "main.bars", 3)


@pytest.fixture
def lake(lake_both: Lake) -> Lake:
    """Open a lake of both caches with a session of its own."""
    return fl.open(lake_both.path, create=False)


def ask_question(lake: Lake, question: tuple[str, list[str], Any]) -> pl.DataFrame:
    """Return the answer to a question made up below."""
    kind, symbols, when = question
    if kind in ("market_caps", "factors"):
        return lake.market_caps(symbols, when) if kind == "market_caps" else lake.factors(symbols, when)
    first, last = date(when[0], 1, 1), date(when[1], 12, 31)
    return lake.statements(symbols, first, last, as_of="2016-06-30" if kind == "as_of" else None)


@given(st.lists(st.one_of(CAPS, RANGES, AS_OF), min_size=1, max_size=5))
@examples(24)
def test_answers_do_not_depend_on_what_was_asked_before(
    lake_both: Lake, questions: list[tuple[str, list[str], Any]]
) -> None:
    """Whatever symbols, years and kinds of questions came before: the answer is the same."""
    one = fl.open(lake_both.path, create=False)
    one.result_cache.limit_bytes = 0
    answers = [ask_question(one, question) for question in questions]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lake_database, "FEW_SYMBOLS", 0)  # nothing is kept
        for question, answer in zip(questions, answers, strict=True):
            assert_frame_equal(answer, ask_question(fl.open(lake_both.path, create=False), question))


def test_each_row_is_kept_once_and_only_of_whom_was_asked_for(lake: Lake) -> None:
    """Years are added as they are asked for; the bars of a symbol are then those of the lake."""
    for symbols, year in ((["AAPL"], 2015), (["AAPL"], 2014), (["NOBODY", "AAPL"], 2015), (["AAPL"], 2016)):
        lake.market_caps(symbols, date(year, 6, 30))
    kept = lake.session.frame(
        "SELECT symbol, date, close_price FROM kept_rows.price_data ORDER BY symbol, date"
    )
    assert kept["date"].dt.year().unique().sort().to_list() == [2014, 2015, 2016]
    in_lake = lake.prices("AAPL", "2014-01-01", "2016-12-31").select("symbol", "date", "close_price")
    assert_frame_equal(kept, in_lake)


def test_statements_kept_are_those_of_the_files_that_can_hold_them(lake: Lake) -> None:
    """A question about one year reads no others; the next asks for those alone."""
    lake.statements("AAPL", "2015-01-01", "2015-12-31")
    count = "SELECT count(*) FROM kept_rows.financial_statements"
    some = lake.session.frame(count).item()
    assert 0 < some < len(lake.statements("AAPL"))
    assert lake.session.frame(count).item() == len(lake.statements("AAPL"))


def test_sql_sees_all_rows_after_a_question_about_few(lake: Lake, lake_both: Lake) -> None:
    """What is kept of one symbol is no answer to SQL, which may name any."""
    lake.market_caps("AAPL", "2020-12-31")
    lake.statements("AAPL", "2020-01-01", "2020-12-31")
    fresh = fl.open(lake_both.path, create=False)
    for table in ("price_data", "financial_statements"):
        query = f"SELECT symbol, count(*) AS n FROM {table} GROUP BY symbol ORDER BY symbol"
        assert_frame_equal(lake.sql(query), fresh.sql(query))


class _Interrupted:
    """A connection that is cut off once, before or after a thing is done."""

    def __init__(self, con: duckdb.DuckDBPyConnection, when: str) -> None:
        self.con, self.when = con, when

    def execute(self, sql: str) -> Any:
        when, self.when = self.when, "" if sql.startswith("INSERT") else self.when
        if not sql.startswith("INSERT") or not when:
            return self.con.execute(sql)
        if when == "after":
            self.con.execute(sql)
        raise RuntimeError("Query interrupted")


def _file(path: str) -> tuple[str, DataFile]:
    return "bars", DataFile(path, 1, 1, None, (None, None), (None, None))


def _ask(rows: RowCache, symbols: Iterable[str], *files: str) -> None:
    for unread, lacking in rows.missing(symbols, frozenset(map(_file, files))).items():
        rows.add(lacking, unread)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_reading_is_done_again(when: str) -> None:
    """The rows that an interrupted query cached are unknown, so they are all read again."""
    with duckdb.connect() as con:
        con.execute("CREATE VIEW bars AS SELECT unnest(['A', 'B']) AS symbol")
        rows = RowCache(cast("duckdb.DuckDBPyConnection", _Interrupted(con, when)), BARS)
        with pytest.raises(RuntimeError):
            _ask(rows, ["A"], "one")
        _ask(rows, ["A"], "one")
        assert con.execute("FROM kept_rows.bars").fetchall() == [("A",)]


def test_too_many_rows_are_given_up() -> None:
    """What is kept stays bounded: beyond the limit, the next question starts with its own rows."""
    with duckdb.connect() as con:
        con.execute("CREATE VIEW bars AS SELECT unnest(['A', 'A', 'B', 'B', 'C']) AS symbol")
        rows = RowCache(con, BARS)
        for symbol, kept in (("A", "AA"), ("B", "AABB"), ("C", "C"), ("C", "C")):
            _ask(rows, [symbol], "one")
            result = con.execute("FROM kept_rows.bars").fetchall()
            assert "".join(sorted(symbol for (symbol,) in result)) == kept


def test_a_session_that_keeps_rows_says_so_nowhere_in_its_tables(lake: Lake) -> None:
    """Who lists the tables finds each once, whatever is kept."""
    lake.market_caps("AAPL", "2020-12-31")
    names = lake.sql("SHOW TABLES")["name"].to_list()
    assert len(names) == len(set(names))
