"""What a session keeps for later questions changes no answer, only the time it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import date, timedelta
from typing import Any, cast

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.functions.duckdb_functions import names_in
from factorlab_lake.lake import Lake
from factorlab_lake.query.query_hints import QueryHints
from factorlab_lake.query.row_cache import BY_SYMBOL, WHOLE, SessionCache

YEAR = {"start": "2019-12-31", "end": "2020-12-31", "freq": "ME"}  # dates enough to keep companies
SYMBOLS = ["AAPL", "GOOGL"]


@pytest.fixture
def lake(lake_both: Lake) -> Lake:
    """Open a lake of both caches with a session of its own."""
    return fl.open(lake_both.path, create=False)


def kept(lake: Lake) -> Iterator[str]:
    """Yield the symbols of which rows are kept."""
    yield from lake.session.frame(
        "SELECT DISTINCT symbol FROM kept.fundamentals_validity_rows ORDER BY symbol"
    )["symbol"]


def day_by_day(lake: Lake, symbols: list[str], days: list[date]) -> pl.DataFrame:
    """Return the factors of one day after the other, which is too few to keep any company."""
    return pl.concat(lake.factors(symbols, day) for day in days).sort("symbol", "date")


def test_kept_answers_are_those_of_each_day_by_itself(lake: Lake, lake_both: Lake) -> None:
    """The first asking and the second give what a session that keeps nothing gives."""
    first, again = lake.factors(SYMBOLS, **YEAR), lake.factors(SYMBOLS, **YEAR)
    assert list(kept(lake)) == SYMBOLS
    fresh = fl.open(lake_both.path, create=False)
    assert_frame_equal(first, day_by_day(fresh, SYMBOLS, first["date"].unique().sort().to_list()))
    assert_frame_equal(again, first)


def test_symbols_that_are_new_are_added(lake: Lake, lake_both: Lake) -> None:
    """A later question about more companies keeps those too, and each once; unknown ones do no harm."""
    lake.factors("AAPL", **YEAR)
    assert list(kept(lake)) == ["AAPL"]
    more = lake.factors(["GOOGL", "NOBODY", "AAPL"], **YEAR)
    expected = fl.open(lake_both.path, create=False).factors(["AAPL", "GOOGL", "NOBODY"], **YEAR)
    assert_frame_equal(more, expected)
    twice = lake.session.frame(
        "SELECT symbol, valid_from FROM kept.fundamentals_validity_rows GROUP BY ALL HAVING count(*) > 1"
    )
    assert twice.is_empty()


def test_other_questions_do_not_see_what_is_kept(lake: Lake) -> None:
    """SQL can name any company, another vintage is computed again, and dates can be outside the cache."""
    lake.factors("AAPL", **YEAR)
    rows = lake.sql("SELECT symbol, roe FROM factors(['GOOGL'], [DATE '2020-12-31'])")
    assert rows.rows() == lake.factors("GOOGL", "2020-12-31").select("symbol", "roe").rows()
    assert rows["roe"].item() is not None
    latest = lake.factors(SYMBOLS, **YEAR, vintage="latest")
    assert latest.height == 2 * 13
    assert latest["roe"].null_count() == 0
    early = [date(2015, 1, 31) + timedelta(days=31 * month) for month in range(13)]
    assert_frame_equal(lake.factors(SYMBOLS, early), day_by_day(lake, SYMBOLS, early))


def test_a_question_that_fails_leaves_the_session_as_it_was(lake: Lake) -> None:
    """The search path is put back whatever happens inside."""
    lake.factors("AAPL", **YEAR)
    with pytest.raises(fl.LakeError):
        lake.session.frame(
            "SELECT nothing FROM factors(['AAPL'], [today()])",
            needs=QueryHints(symbols=["AAPL"], lasting=True),
        )
    assert lake.session.frame("SELECT current_setting('search_path') AS path")["path"].item() in (
        "main",
        "main,main",
    )
    assert lake.factors("GOOGL", "2020-12-31")["roe"].item() is not None


@pytest.mark.parametrize("view", sorted(BY_SYMBOL))
def test_sql_after_a_question_about_one_company_sees_all(lake: Lake, lake_both: Lake, view: str) -> None:
    """Rows kept of one company are no answer to SQL, which may name any; and none is kept twice."""
    lake.factors("AAPL", "2020-12-31")
    lake.factors(["GOOGL", "AAPL"], "2020-12-31")
    query = f"SELECT * FROM {view} ORDER BY ALL"
    everything = fl.open(lake_both.path, create=False).sql(query)
    assert everything["symbol"].n_unique() > 2
    assert_frame_equal(lake.sql(query), everything)


def test_rows_are_kept_of_the_companies_asked_for_alone(lake: Lake) -> None:
    """A question about one company does not read those of all; one about very many does."""
    session = lake.session
    some = "SELECT DISTINCT symbol FROM share_count_validity ORDER BY symbol"
    value = QueryHints(symbols=["AAPL"])
    assert session.frame(some, needs=value)["symbol"].to_list() == ["AAPL"]
    assert session.frame(some, needs=QueryHints(symbols=["GOOGL", "O'NEIL"]))["symbol"].to_list() == SYMBOLS
    many = [*SYMBOLS, *(f"NOBODY{n}" for n in range(1000))]
    assert len(session.frame(some, needs=QueryHints(symbols=many))) > 2


def test_who_asks_about_one_company_after_the_other_gets_those_of_all(lake: Lake) -> None:
    """Reading each by itself is slow in the long run: after a hundred the rows of all are kept, each once."""
    some = "SELECT symbol, valid_from FROM share_count_validity WHERE of_vintage = 'known'"
    for n in range(0, 100, 50):
        assert lake.session.frame(
            some, needs=QueryHints(symbols=[f"NOBODY{n + k}" for k in range(50)])
        ).is_empty()
    everything = lake.session.frame(some, needs=QueryHints(symbols=["AAPL"]))
    assert everything["symbol"].n_unique() > 2
    assert everything.is_unique().all()


def test_trading_days_of_later_files_are_added(lake: Lake, lake_both: Lake) -> None:
    """A question about other years finds their days, and the days of earlier questions change no answer."""
    for day in ("2015-06-30", "2020-06-30", "2015-06-30"):
        expected = fl.open(lake_both.path, create=False).market_caps(SYMBOLS, day)
        assert expected["price_date"].null_count() == 0
        assert_frame_equal(lake.market_caps(SYMBOLS, day), expected)
    days = lake.sql("SELECT date FROM market_days ORDER BY date")
    assert_frame_equal(days, lake.sql("SELECT DISTINCT date FROM price_data ORDER BY date"))


@pytest.mark.parametrize("view", sorted(WHOLE | BY_SYMBOL))
def test_what_is_kept_does_not_read_bars(view: str) -> None:
    """Questions show a part of the bars alone; rows kept from those would be wrong for the next."""
    assert "price_data" not in names_in(f"FROM {view}")


CUT_OFF = [f"{when}{what}" for when in ("", "after ") for what in ("INSERT", "CREATE OR REPLACE TABLE")]


class _Interrupted:
    """A connection that fails once, as on Ctrl-C, when it is told to do a thing, or after that is done."""

    def __init__(self, con: duckdb.DuckDBPyConnection, at: str) -> None:
        self.con, self.at = con, at

    def execute(self, sql: str, *value: Any) -> Any:
        if not self.at or not sql.startswith(self.at.removeprefix("after ")):
            return self.con.execute(sql, *value)
        if self.at.startswith("after "):
            self.con.execute(sql, *value)
        self.at = ""
        raise RuntimeError("Query interrupted")


@pytest.mark.parametrize("at", ["DROP", "ALTER", "CREATE"])
@pytest.mark.parametrize("view", ["split_factors", "statement_periods"])
def test_an_interrupted_question_can_be_asked_again(view: str, at: str) -> None:
    """Wherever the making of a table was cut off, the next question makes it."""
    with duckdb.connect() as con:
        kept = SessionCache(cast("duckdb.DuckDBPyConnection", _Interrupted(con, at)))
        for cut_off in (True, False):
            con.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT 'A' AS symbol")
            with pytest.raises(RuntimeError) if cut_off else nullcontext():
                kept.turn(view)
                if view in BY_SYMBOL:
                    kept.cover(view, ["A"])
        assert con.execute(f"FROM {view}").fetchall() == [("A",)]


@pytest.mark.parametrize("at", CUT_OFF)
def test_rows_of_an_interrupted_question_are_read_again(at: str) -> None:
    """Whether the rows of a symbol got there before the end or not, the next question has them once."""
    with duckdb.connect() as con:
        con.execute("CREATE VIEW statement_periods AS SELECT unnest(['A', 'B', 'C']) AS symbol")
        one = _Interrupted(con, "")
        kept = SessionCache(cast("duckdb.DuckDBPyConnection", one))
        kept.turn("statement_periods")
        rows = [["A"], ["B"]] if at.endswith("INSERT") else [["A", "B"]]
        one.at = at
        for _ in range(2):
            for symbols in rows:
                with suppress(RuntimeError):
                    kept.cover("statement_periods", symbols)
        assert not one.at
        assert sorted(con.execute("FROM statement_periods").fetchall()) == [("A",), ("B",)]


@pytest.mark.parametrize("at", CUT_OFF)
def test_companies_of_an_interrupted_question_are_computed_again(at: str) -> None:
    """The same of the rows that take long to compute."""
    with duckdb.connect() as con:
        con.execute(
            "CREATE MACRO fundamentals_validity(symbols, dates) AS TABLE SELECT unnest(symbols) AS symbol"
        )
        one = _Interrupted(con, at)
        kept = SessionCache(cast("duckdb.DuckDBPyConnection", one))
        rows = [["A"], ["B"]] if at.endswith("INSERT") else [["A", "B"]]
        for _ in range(2):
            for symbols in rows:
                with suppress(RuntimeError):
                    kept.add_companies(symbols)
        assert not one.at
        assert sorted(con.execute("FROM kept.fundamentals_validity_rows").fetchall()) == [("A",), ("B",)]
