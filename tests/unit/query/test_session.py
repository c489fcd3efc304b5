"""Test the session: it runs any SQL over one snapshot, from any thread, over the needed files alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.query import user_sql
from factorlab_lake.schema import TABLES, identifiers, table
from tests.support import LATER, Entry, bar, copy_of, migrate
from tests.unit.query.lake_builder import LakeBuilder, filing

CASES = LakeBuilder()
QUESTIONS = ("market_caps", "ttm", "factors")
SYMBOLS = ["AAPL", "GOOG", "GOOGL", "NOBODY"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("session"))


# --- any SQL ----------------------------------------------------------------------------------------------

INJECTED = "O'NEIL') UNION SELECT '1' --"  # without a semicolon: that separates symbols, none has one
CASES.shares(INJECTED, "2020-12-31", 1000)
CASES.closes("PLAIN", {"2021-02-01": 2.0})


@pytest.mark.parametrize(
    "value", [INJECTED, "", "$s", "?", "x\ny", "日本", 5, 2.5, None, True, date(2021, 1, 1)]
)
def test_values_are_bound(made: Lake, value: Any) -> None:
    """A parameter is a value and nothing else, whatever it looks like."""
    assert made.sql("SELECT $s AS s", s=value)["s"].to_list() == [value]


def test_symbols_are_bound(made: Lake) -> None:
    """A symbol with quotes and SQL in it is looked up like any other, and harms nothing."""
    assert made.prices(INJECTED).is_empty()
    assert made.market_caps(INJECTED, "2021-02-01")["shares_outstanding"].to_list() == [1000]
    assert made.statements(INJECTED)["symbol"].to_list() == [INJECTED]
    assert len(made.prices("PLAIN")) == 1


def test_lists_are_bound(made: Lake) -> None:
    """Lists of symbols and dates go into the functions as parameters."""
    rows = made.sql(
        "FROM market_caps($symbols, $dates)", symbols=["PLAIN", INJECTED], dates=[date(2021, 2, 1)]
    )
    assert set(rows["symbol"]) == {"PLAIN", INJECTED}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("FROM price_dat", "price_data"),
        ("SELECT close_prise FROM price_data", "close_price"),
        ("SELECT * FROM market_capz(['A'], [DATE '2021-01-01'])", "market_capz"),
        ("SELECT $s", "s"),
        ("INSERT INTO splits VALUES ('A')", "splits"),
        ("SELECT CASE WHEN i = 999999 THEN error('too late') END FROM range(1000000) AS r(i)", "too late"),
    ],
)
def test_a_query_that_cannot_run_says_why(made: Lake, query: str, said: str) -> None:
    """One kind of error is raised for misspelt names, a missing parameter and a write."""
    fresh = fl.open(made.path)  # so that the answer does not depend on what was asked before
    with pytest.raises(InvalidInput) as refused:
        fresh.sql(query)
    assert said in str(refused.value)


def test_a_parameter_that_the_query_does_not_name_is_an_error(made: Lake) -> None:
    """A value that goes nowhere is more likely a slip than meant."""
    with pytest.raises(InvalidInput):
        made.sql("SELECT 1 AS one", symbol="AAPL")


def test_two_columns_of_one_name_are_refused(made: Lake) -> None:
    """A frame has each name once; the error names the column."""
    with pytest.raises(InvalidInput, match="'a'"):
        made.sql("SELECT 1 AS a, 2 AS a")


def test_an_interval_is_refused_by_name(made: Lake) -> None:
    """What no frame holds is named with the way out, which works; arithmetic with intervals does too."""
    with pytest.raises(InvalidInput, match=r"'apart'.*INTERVAL.*cast"):
        made.sql("SELECT INTERVAL 3 DAY AS apart")
    rows = made.sql("SELECT (INTERVAL 3 DAY)::VARCHAR AS a, (DATE '2021-01-01' + INTERVAL 3 DAY)::DATE AS b")
    assert rows.rows() == [("3 days", date(2021, 1, 4))]


def test_an_answer_without_rows_keeps_its_columns(made: Lake) -> None:
    """Names and types are those of the query."""
    rows = made.sql("SELECT symbol, date, close_price FROM price_data WHERE false")
    assert rows.schema == {"symbol": pl.String, "date": pl.Date, "close_price": pl.Float64}


def test_every_table_is_listed_once(made: Lake) -> None:
    """Who explores by ``SHOW TABLES`` finds each table and nothing twice."""
    names = made.sql("SHOW TABLES")["name"].to_list()
    assert {*TABLES, "financial_statements", "revisions"} <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("table", [*TABLES, "financial_statements", "revisions"])
def test_an_empty_lake_has_every_table(lake: Lake, table: str) -> None:
    """Each table and view of an empty lake can be queried and is empty."""
    assert lake.sql(f"FROM {table}").is_empty()


# --- one snapshot -----------------------------------------------------------------------------------------


def test_a_reader_keeps_its_snapshot(lake: Lake, tmp_path: Path) -> None:
    """The commit of another lake object is visible after a refresh and not before, in every kind of query."""
    shares = filing("2020-12-31", symbol="ONE", weightedAverageShsOut=100, revenue=1)
    migrate(lake, tmp_path, Entry("ONE", "price", [bar("2021-02-01", 2.0)]), Entry("ONE", "income", [shares]))
    reader, untouched = fl.open(lake.path), fl.open(lake.path)  # one has asked before, the other has not
    before = reader.market_caps("ONE", "2021-02-01")
    migrate(lake, tmp_path, Entry("ONE", "price", [bar("2021-02-01", 3.0)], cached_at=LATER))
    for held in (reader, untouched):
        assert held.market_caps("ONE", "2021-02-01").equals(before)
        assert held.prices("ONE")["close_price"].to_list() == [2]
        assert held.sql("SELECT close_price FROM price_data").rows() == [(2,)]
    assert reader.refresh().prices("ONE")["close_price"].to_list() == [3]
    assert lake.market_caps("ONE", "2021-02-01")["market_cap"].to_list() == [300]


def test_an_earlier_snapshot_answers_as_it_did(lake: Lake, tmp_path: Path) -> None:
    """The lake at a snapshot gives that snapshot's answers, beside the newest one's."""
    migrate(lake, tmp_path, Entry("ONE", "price", [bar("2021-02-01", 2.0)]))
    earlier = lake.snapshot
    migrate(lake, tmp_path, Entry("ONE", "price", [bar("2021-02-01", 3.0)], cached_at=LATER))
    assert lake.at(earlier.id).prices("ONE")["close_price"].to_list() == [2]
    assert lake.prices("ONE")["close_price"].to_list() == [3]


# --- threads ----------------------------------------------------------------------------------------------


def test_threads_share_a_lake(lake_2021: Lake, tmp_path: Path) -> None:
    """Questions asked at the same time about different symbols and tables get the answers they get alone."""
    days = [date(year, 3, 31) for year in range(2012, 2022)]
    questions = [(question, symbol) for question in ("market_caps", "ttm") for symbol in ("AAPL", "GOOGL")]
    alone = {key: getattr(lake_2021, key[0])(key[1], days) for key in questions}
    shared = copy_of(lake_2021, tmp_path / "lake")
    start = Barrier(len(questions))

    def ask(key: tuple[str, str]) -> list[pl.DataFrame]:
        start.wait(timeout=60)
        return [getattr(shared, key[0])(key[1], days) for _ in range(2)]

    with ThreadPoolExecutor(len(questions)) as threads:
        answers = dict(zip(questions, threads.map(ask, questions), strict=True))
    for key in questions:
        for answer in answers[key]:
            assert_frame_equal(answer, alone[key])


# --- files left out ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbols", [["GOOGL", "NOBODY"], SYMBOLS])
@pytest.mark.parametrize(
    "days",
    [
        ["2014-06-09"],
        ["2016-01-01", "2016-01-04"],  # the last price is in the year before
        ["2009-12-31", "2021-04-10"],
        [f"{year}-12-31" for year in range(2012, 2021)],
    ],
    ids=["one day", "new year", "outside", "many years"],
)
@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_over_fewer_files_have_equal_answers(
    lake_2021: Lake, question: str, symbols: list[str], days: list[str]
) -> None:
    """What a method finds in the files it needs is what SQL finds in all of them.

    Where an enterprise value lacks the cap of a class, the method names the class; the function says that
    there are several.
    """
    pruned = getattr(lake_2021, question)(symbols, days)
    dates = [date.fromisoformat(day) for day in days]
    whole = lake_2021.sql(
        f"FROM {question}($symbols, $dates) ORDER BY symbol, date", symbols=symbols, dates=dates
    )
    if question == "factors":
        reasons = pl.col("reasons").str.replace_all(r"(company_market_cap: )[^\"]*", "$1")
        pruned, whole = pruned.with_columns(reasons), whole.with_columns(reasons)
    assert_frame_equal(pruned, whole)


@pytest.mark.parametrize(
    ("start", "end"), [("2015-06-01", "2016-06-30"), (None, "2010-01-15"), ("2021-03-01", None)]
)
def test_ranges_over_fewer_files_have_equal_rows(lake_2021: Lake, start: str | None, end: str | None) -> None:
    """Bars of a range are those that a scan of all bars finds."""
    query = (
        f"SELECT {identifiers(table('price_data').names())} FROM price_data "
        "WHERE symbol IN ('AAPL', 'GOOG') AND date BETWEEN $a::DATE AND $b::DATE ORDER BY ALL"
    )
    whole = lake_2021.sql(query, a=start or "0001-01-01", b=end or "9999-12-31")
    assert not whole.is_empty()
    rows = lake_2021.prices(["AAPL", "GOOG"], start, end)
    assert_frame_equal(rows.drop("currency"), whole)  # the unit of a quote is in the profile, not the bar
    assert rows["currency"].unique().to_list() == [None]  # the sample has no profiles


@pytest.mark.parametrize("types", [["income"], ["cash_flow", "balance_sheet"]])
@pytest.mark.parametrize("as_of", [None, "2019-06-30"])
@pytest.mark.parametrize(
    ("start", "end"), [("2015-06-01", "2016-09-30"), (None, "2010-12-31"), ("2019-01-01", None)]
)
def test_statements_over_fewer_files_have_equal_rows(
    lake_2021: Lake, types: list[str], as_of: str | None, start: str | None, end: str | None
) -> None:
    """Statements of a range are those that SQL finds in every file of every type."""
    source = "financial_statements" if as_of is None else f"statements_as_of('{as_of}')"
    query = (
        f"FROM {source} WHERE symbol IN ('AAPL', 'GOOG') AND list_contains($types, statement_type) "
        "AND fiscal_date BETWEEN $a::DATE AND $b::DATE "
        "ORDER BY symbol, statement_type, fiscal_date, fiscal_period, version"
    )
    whole = lake_2021.sql(query, types=types, a=start or "0001-01-01", b=end or "9999-12-31")
    assert not whole.is_empty()
    rows = lake_2021.statements(["AAPL", "GOOG"], start, end, types=types, as_of=as_of)
    assert_frame_equal(rows, whole, check_column_order=False)  # the method's values come first


def test_statements_of_one_type_do_not_hide_the_others(lake_2021: Lake, tmp_path: Path) -> None:
    """After a question about a few statements, every function sees all of them."""
    lake = copy_of(lake_2021, tmp_path / "lake")
    count = "SELECT count(*) AS n FROM financial_statements"
    everything = lake.sql(count)["n"].item()
    for question in ("market_caps", "ttm"):
        before = getattr(lake_2021, question)("AAPL", "2015-06-30")
        assert len(lake.statements("AAPL", "2020-12-26", "2020-12-26", types=["cash_flow"])) == 1
        assert_frame_equal(getattr(lake, question)("AAPL", "2015-06-30"), before)
        assert lake.sql(count)["n"].item() == everything
    assert lake.sql("SHOW TABLES").filter(pl.col("name").str.contains("answer")).is_empty()


@pytest.mark.parametrize("question", QUESTIONS)
def test_long_and_short_answers_agree(
    lake_2021: Lake, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames of both ways of fetching an answer are equal."""
    monkeypatch.setattr(lake_2021.result_cache, "limit_bytes", 0)
    lake_2021.result_cache.clear()
    days = [date(year, 6, 30) for year in range(2010, 2022)]
    short = getattr(lake_2021, question)(SYMBOLS, days)
    monkeypatch.setattr("factorlab_lake.query.symbol_grids._SHORT", 0)
    assert_frame_equal(getattr(lake_2021, question)(SYMBOLS, days), short)


@pytest.mark.parametrize(
    ("query", "by_table"),
    [
        ("-- a note\nFROM price_data WHERE symbol = $x", True),
        ("WITH t AS (SELECT $x AS x) SELECT * FROM t", True),
        ("(SELECT $x AS x)", True),
        ("CREATE OR REPLACE TABLE mine AS SELECT $x AS x", False),
        ("DESCRIBE SELECT $x AS x", False),
        ("SELECT 1 AS a; SELECT $x AS x", False),
    ],
)
def test_rows_of_a_question_with_parameters_go_by_table_on_duckdb_1(
    monkeypatch: pytest.MonkeyPatch, query: str, *, by_table: bool
) -> None:
    """Version 1 holds them value by value otherwise; what gives no rows cannot go that way, and need not."""
    with duckdb.connect() as con:
        monkeypatch.setattr(user_sql, "_VERSION_1", True)
        assert user_sql.returns_values(con, query, {"x": "AAPL"}) == by_table
        assert not user_sql.returns_values(con, query, {})


def test_sql_with_parameters_answers_on_duckdb_1(lake_2021: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows and their order are the same through a temporary table."""
    query = "SELECT date, close_price FROM price_data WHERE symbol = $symbol ORDER BY date DESC"
    expected = lake_2021.sql(query, symbol="AAPL")
    monkeypatch.setattr(user_sql, "_VERSION_1", True)
    assert_frame_equal(lake_2021.sql(query, symbol="AAPL"), expected)
    assert not expected.is_empty()


def test_a_narrow_question_does_not_narrow_the_next(lake_2021: Lake, tmp_path: Path) -> None:
    """A query of one day does not limit a later query of all days, nor the other way round."""
    lake = copy_of(lake_2021, tmp_path / "lake")
    count = "SELECT count(*) AS n FROM price_data"
    everything = lake.sql(count)["n"].item()
    for _ in range(2):
        assert len(lake.prices("AAPL", "2021-03-31", "2021-03-31")) == 1
        assert lake.sql(count)["n"].item() == everything
        assert lake.market_caps("GOOGL", "2015-01-02")["price_date"].to_list() == [date(2015, 1, 2)]
        assert len(lake.prices(["AAPL", "GOOG", "GOOGL"])) == everything
