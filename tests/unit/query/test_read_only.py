"""Test SQL of a user: it changes no answer of the lake, and it cannot write into the lake's folder."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, LakeDamaged
from factorlab_lake.lake import Lake
from tests.support import copy_of, without_index

SYMBOLS = ["AAPL", "GOOGL", "NOBODY"]
DAYS = [f"{year}-12-31" for year in range(2012, 2021)]

# Each one is a list of statements that would change answers on a connection that questions share.
MISCHIEF = {
    "settings": [
        "SET threads = 1; SET memory_limit = '300MB'",
        "SET TimeZone = 'Asia/Tokyo'",
        "SET GLOBAL TimeZone = 'Asia/Tokyo'",
        "SET default_order = 'desc'",
        "SET default_null_order = 'nulls_first'",
        "SET integer_division = true",
        "SET disabled_optimizers = 'filter_pushdown'",
    ],
    "search path": ["CREATE SCHEMA mine", "SET search_path = 'mine'", "CREATE TABLE splits (symbol TEXT)"],
    "views": [
        "CREATE OR REPLACE VIEW price_data AS SELECT 'AAPL' AS symbol",
        "CREATE OR REPLACE VIEW split_history AS SELECT 'AAPL' AS symbol",
        "CREATE OR REPLACE VIEW financial_statements AS SELECT 1 AS one",
    ],
    "macros": [
        "CREATE OR REPLACE MACRO market_caps(symbols, dates, vintage := 'known') AS TABLE SELECT 1 AS one",
        "CREATE OR REPLACE MACRO checked_vintage(vintage) AS 'latest'",
        "CREATE OR REPLACE MACRO arg_max(a, b) AS NULL",
        "CREATE OR REPLACE MACRO coalesce_all(a) AS NULL",
    ],
    "names of built-in functions": [
        "CREATE OR REPLACE MACRO abs(a) AS -1",
        "CREATE OR REPLACE MACRO max(a) AS 0",
        "CREATE OR REPLACE MACRO row_number() AS 1",
        "CREATE OR REPLACE MACRO list_contains(a, b) AS false",
    ],
    "limits": [
        "PRAGMA disable_optimizer",
        "PRAGMA enable_verification",
        "SET python_enable_replacements = true",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ],
    "temporary tables": [
        "CREATE TEMP TABLE splits AS SELECT 'AAPL' AS symbol",
        "CREATE TEMP TABLE derived_symbols AS SELECT 'AAPL' AS symbol",
        "CREATE TEMP VIEW price_data AS SELECT 'AAPL' AS symbol",
        "CREATE TEMP TABLE rows_of_the_answer AS SELECT 1 AS one",
        "CREATE TEMP MACRO shares_as_of(symbols, dates) AS TABLE SELECT 1 AS one",
    ],
    "an open transaction": ["BEGIN", "CREATE OR REPLACE VIEW dividends AS SELECT 1 AS one"],
    "drops": [
        "FROM market_caps(['AAPL'], [DATE '2020-08-31'])",
        "DROP VIEW price_data",
        "DROP VIEW split_history",
        "DROP MACRO TABLE market_caps",
        "ALTER VIEW share_count_history RENAME TO gone",
    ],
    "another database": [
        "ATTACH ':memory:' AS other",
        "USE other",
        "CREATE TABLE price_data AS SELECT 'AAPL' AS symbol",
        "CREATE TABLE splits AS SELECT 'AAPL' AS symbol",
    ],
    "prepared statements": [
        "CREATE TABLE mine AS SELECT 1 AS a",
        "PREPARE market_caps AS INSERT INTO mine VALUES (2)",
        "EXECUTE market_caps",
    ],
}

REFUSED_BY_DUCKDB = [
    "DELETE FROM split_history",
    "delete from main.split_history where symbol = 'AAPL'",
    'INSERT INTO "share_count_history" FROM share_count_history',
    "INSERT OR REPLACE INTO split_history FROM split_history",
    "UPDATE share_count_history SET shares = shares * 2",
    "TRUNCATE split_history",
    "DELETE FROM period_publications",
    "DELETE FROM price_data",
    "DROP TABLE split_history",
    "CREATE OR REPLACE TABLE split_history AS SELECT 1 AS symbol",
    "COPY share_count_history FROM 'counts.csv'",
    "MERGE INTO split_history USING splits ON true WHEN MATCHED THEN DELETE",
    "/* of mine */ DELETE -- all\n FROM split_history",
    "DROP SCHEMA main CASCADE",
    "DETACH memory",
]


@pytest.fixture
def queried_lake(lake_both: Lake) -> Lake:
    """Return a lake of the sample with a session of its own, which has run SQL and caches no answers."""
    lake = fl.open(lake_both.path, create=False)
    lake.result_cache.clear()
    assert lake.sql("FROM market_caps(['AAPL'], [DATE '2020-08-31'])")["market_cap"].item() is not None
    return lake


@pytest.fixture(scope="module")
def expected(lake_both: Lake) -> dict[str, pl.DataFrame]:
    """Return the answers of a session that ran no SQL of a user."""
    lake_both.result_cache.clear()
    return answers(fl.open(lake_both.path, create=False))


def answers(lake: Lake) -> dict[str, pl.DataFrame]:
    """Return the answer to a question of each kind, computed and not cached."""
    lake.result_cache.clear()
    return {
        "market_caps": lake.market_caps(SYMBOLS, DAYS),
        "market_caps of one day": lake.market_caps("AAPL", "2020-08-31"),
        "ttm": lake.ttm(SYMBOLS, DAYS, vintage="first"),
        "factors": lake.factors(SYMBOLS, start="2019-12-31", end="2020-12-31", freq="ME"),
        "prices": lake.prices("AAPL", "2020-06-01", "2020-12-31"),
        "adjusted prices": lake.prices("AAPL", "2020-06-01", "2020-12-31", adjusted=True),
        "statements": lake.statements("AAPL", "2019-01-01", as_of="2020-06-30"),
        "quarters": lake.quarters("AAPL", "2019-01-01"),
        "ratios": lake.ratios("AAPL", "2019-01-01"),
        "explanation": lake.explain_market_cap("AAPL", "2020-08-31"),
        "fetch log": lake.fetch_log(),
        "revisions": lake.revisions(),
        "coverage": lake.coverage(),
    }


def compare(lake: Lake, expected: dict[str, pl.DataFrame]) -> None:
    """Raise where an answer differs from the expected one."""
    for name, answer in answers(lake).items():
        assert_frame_equal(answer, expected[name])


@pytest.mark.parametrize("kind", MISCHIEF)
def test_sql_of_a_user_changes_no_answer(
    queried_lake: Lake, expected: dict[str, pl.DataFrame], kind: str
) -> None:
    """Whatever SQL sets, creates, drops or leaves open, methods answer as before, in each thread."""
    for statement in MISCHIEF[kind]:
        queried_lake.sql(statement)
    compare(queried_lake, expected)
    with ThreadPoolExecutor(1) as other:
        other.submit(compare, queried_lake, expected).result()
        query = "FROM market_caps($symbols, [DATE '2020-08-31']) ORDER BY symbol"
        rows = other.submit(lambda: queried_lake.sql(query, symbols=["AAPL"])).result()
    assert_frame_equal(rows, expected["market_caps of one day"])


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("kind", ["drops", "views", "temporary tables", "an open transaction"])
def test_sql_of_a_user_changes_no_answer_from_computed_rows(
    lake_both: Lake, expected: dict[str, pl.DataFrame], kind: str
) -> None:
    """The rows that a session computes for its methods are out of reach too."""
    lake = without_index(lake_both, None)
    changes = ["FROM fundamentals_history", "DELETE FROM computed.fundamentals_history", *MISCHIEF[kind]]
    for statement in changes:
        lake.sql(statement)
    compare(lake, expected)


def test_a_mischief_of_each_kind_changes_what_the_users_own_sql_reads(queried_lake: Lake) -> None:
    """The statements above are effective: a user's later SQL in the same thread sees what they created."""
    queried_lake.sql("CREATE OR REPLACE VIEW price_data AS SELECT 'MINE' AS symbol")
    assert queried_lake.sql("FROM price_data").rows() == [("MINE",)]
    queried_lake.sql("SET TimeZone = 'Asia/Tokyo'")
    assert queried_lake.sql("SELECT current_setting('TimeZone') AS zone").item() == "Asia/Tokyo"


@pytest.mark.parametrize("ending", ["ROLLBACK", "COMMIT"])
def test_a_users_transaction_sees_every_table_and_its_end_removes_none(
    queried_lake: Lake, ending: str
) -> None:
    """Tables and functions that are named first within a transaction exist, and still do after it."""
    queried_lake.sql("BEGIN")
    queried_lake.sql("CREATE TABLE mine AS FROM splits")
    for query in ("FROM dividends", "FROM ttm(['AAPL'], [DATE '2020-12-31'])"):
        inside = queried_lake.sql(query)
        with pytest.raises(InvalidInput):
            queried_lake.sql("SELECT nothing")
        queried_lake.sql(ending if ending == "ROLLBACK" else "ROLLBACK")
        assert_frame_equal(queried_lake.sql(query), inside)
        queried_lake.sql("BEGIN")
    queried_lake.sql(ending)
    assert queried_lake.sql("FROM splits").height >= 0


@pytest.mark.parametrize("change", REFUSED_BY_DUCKDB)
def test_rows_of_the_lakes_names_are_not_changed(queried_lake: Lake, change: str) -> None:
    """The names of the lake are views for a user's SQL, so DuckDB refuses to change their rows."""
    query = "FROM market_caps(['AAPL', 'GOOGL'], [DATE '2020-08-31']) ORDER BY symbol"
    before = queried_lake.sql(query)
    with pytest.raises(InvalidInput):
        queried_lake.sql(change)
    assert_frame_equal(queried_lake.sql(query), before)


def test_tables_of_a_user_can_be_made_and_changed(queried_lake: Lake, tmp_path: Path) -> None:
    """A user can create, fill, read and drop tables, and copy rows to a file outside the lake."""
    queried_lake.sql("CREATE TEMP TABLE mine AS SELECT symbol, date, close_price FROM price_data")
    queried_lake.sql("DELETE FROM mine WHERE symbol <> 'AAPL'")
    queried_lake.sql("INSERT INTO mine SELECT 'UPDATE splits', DATE '2020-01-02', 1.0")
    assert queried_lake.sql("SELECT DISTINCT symbol FROM mine ORDER BY 1")["symbol"].to_list() == [
        "AAPL",
        "UPDATE splits",
    ]
    file = tmp_path / "bars.parquet"
    queried_lake.sql(f"COPY price_data TO '{file}'")
    count = "SELECT count(*) AS n FROM"
    assert queried_lake.sql(f"{count} '{file}'").rows() == queried_lake.sql(f"{count} price_data").rows()
    queried_lake.sql("DROP TABLE mine")


def test_statements_of_one_text_run_in_order(queried_lake: Lake) -> None:
    """The rows and the parameters are those of the last statement; a text without one has no rows."""
    rows = queried_lake.sql(
        "CREATE TABLE one AS SELECT 1 AS a; INSERT INTO one VALUES (2); FROM one WHERE a > $a", a=1
    )
    assert rows.rows() == [(2,)]
    assert queried_lake.sql("SELECT 1; PIVOT one ON a USING count(*)").columns == ["1", "2"]
    assert queried_lake.sql("FROM range(1000000); SELECT 3 AS a").item() == 3
    assert queried_lake.sql("-- a comment").is_empty()


# --- files of the lake ------------------------------------------------------------------------------------

WRITES = {
    "copy": "COPY splits TO '{lake}/mine.parquet'",
    "copy over a file": "COPY (SELECT 1 AS a) TO '{lake}/lake.duckdb' (FORMAT csv)",
    "copy by a dollar quote": "COPY splits TO $${lake}/mine.csv$$",
    "copy by escapes": "COPY splits TO E'{lake}\\x2fmine.csv'",
    "copy behind a comment": "COPY /* TO 'x' */ splits TO -- 'x'\n '{lake}/mine.csv'",
    "copy of non-ASCII text": "COPY (SELECT 'é; TO' AS é) TO '{lake}/é.csv' (FORMAT csv)",
    "copy by dots": "COPY splits TO '{outside}/../{name}/mine.csv'",
    "copy by a link": "COPY splits TO '{outside}/link/mine.csv'",
    "copy by a scheme": "COPY splits TO 'file://{lake}/mine.csv'",
    "copy by an expression": "COPY splits TO ('{lake}' || '/mine.csv') (FORMAT csv)",
    "copy by a variable": "SET VARIABLE place = '{lake}/mine.csv'; COPY splits TO (getvariable('place'))",
    "copy by a parameter": "COPY splits TO $place",
    "copy by a continued literal": "COPY splits TO '{lake}/mi'\n'ne.csv'",
    "copy by a name of files": "COPY (SELECT 1 AS a, 2 AS b) TO '{outside}' "
    "(FORMAT csv, PARTITION_BY (a), FILENAME_PATTERN '../../{name}/f', OVERWRITE_OR_IGNORE)",
    "copy by a quoted option": "COPY (SELECT 1 AS a, 2 AS b) TO '{outside}' "
    "(FORMAT csv, PER_THREAD_OUTPUT, \"file_Extension\" '/../../{name}/f', OVERWRITE_OR_IGNORE)",
    "copy within a query": "WITH a AS (COPY splits TO '{lake}/mine.csv') SELECT 1 AS a",
    "copy within a text": "FROM query('WITH a AS (COPY splits TO ''{lake}/mine.csv'') SELECT 1 AS a')",
    "import of a script": "IMPORT DATABASE '{outside}/script'",
    "import by a pragma": "PRAGMA import_database('{outside}/script')",
    "copy of a folder": "COPY (SELECT 1 AS a, 2 AS b) TO '{lake}/..' (PARTITION_BY (a), OVERWRITE)",
    "copy while explained": "EXPLAIN ANALYZE COPY splits TO '{lake}/mine.csv'",
    "copy when prepared": "PREPARE p AS COPY splits TO '{lake}/mine.csv'",
    "copy to a prepared parameter": "PREPARE p AS COPY splits TO $1",
    "second statement": "SELECT 1; COPY splits TO '{lake}/mine.csv'; SELECT 2",
    "export": "EXPORT DATABASE '{lake}/price_data'",
    "export of a name": "EXPORT DATABASE memory TO '{lake}/mine' (FORMAT parquet)",
    "attach": "ATTACH '{lake}/lake.duckdb' AS mine",
    "attach of a new file": "ATTACH IF NOT EXISTS DATABASE '{lake}/mine.duckdb' AS mine",
    "attach that writes": "ATTACH '{lake}/lake.duckdb' AS mine (READ_ONLY false)",
    "profile": "SET profiling_output = '{lake}/profile.json'",
    "profile over a file": "PRAGMA profiling_output = '{lake}/lake.duckdb'",
    "profile by an expression": "SET profiling_output = '{lake}' || '/profile.json'",
    "profile by a quoted name": 'SET profiling_output = "{lake}/profile.json"',
    "log": "CALL enable_logging(storage = 'file', storage_path = '{lake}/log')",
    "log from a query": "FROM enable_logging(storage = 'file', storage_path = '{lake}/log')",
    "log by an expression": "FROM enable_logging(storage = 'file', storage_path = '{lake}' || '/log')",
    "log by a struct": "CALL enable_logging(storage = 'file', storage_config = {{'path': '{lake}/log'}})",
    "log of queries": "SET log_query_path = '{lake}/new/query.log'",
    "secrets": "SET secret_directory = '{lake}/secrets'",
    "temporary files": "SET temp_directory = '{lake}/temporary'",
}


_REFUSED = (
    "cannot write to|needs the path as a literal|runs two files|without a path|must be literals"
    "|A CTE needs a SELECT"  # DuckDB 1 has no COPY within a query
)


@pytest.fixture(scope="module")
def writable(lake_both: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a copy of a lake with a folder beside it that has a symbolic link to it."""
    folder = tmp_path_factory.mktemp("writes")
    lake = copy_of(lake_both, folder / "lake")
    lake.catalog()
    (folder / "outside").mkdir()
    (folder / "outside" / "link").symlink_to(lake.path)
    (folder / "outside" / "script").mkdir()
    for script in ("schema.sql", "load.sql"):
        (folder / "outside" / "script" / script).write_text(f"COPY splits TO '{lake.path}/mine.csv';")
    return lake


def contents(folder: Path) -> dict[str, str]:
    """Return the hash of each file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("kind", WRITES)
def test_sql_cannot_write_into_the_lakes_folder(writable: Lake, kind: str) -> None:
    """Each statement that would write there is refused, however it names the path."""
    before = contents(writable.path)
    place = {"lake": writable.path, "outside": writable.path.parent / "outside", "name": writable.path.name}
    params: dict[str, Any] = {"place": f"{writable.path}/mine.csv"} if kind == "copy by a parameter" else {}
    with pytest.raises(InvalidInput, match=_REFUSED):
        writable.sql(WRITES[kind].format(**place), **params)
    assert contents(writable.path) == before


@pytest.mark.parametrize(
    "statement",
    [
        "COPY splits TO '{outside}/mine.csv'",
        'COPY splits TO "{outside}/mine2.csv"',
        "COPY (FROM read_parquet('{lake}/splits/**/*.parquet')) TO ('{outside}' || '/own.csv') (FORMAT csv)",
        "CREATE TABLE read AS FROM read_parquet('{lake}/splits/**/*.parquet')",
        "ATTACH '{lake}/lake.duckdb' AS reading (READ_ONLY)",
        "ATTACH '{outside}/mine.duckdb' AS writing",
        "EXPORT DATABASE spare TO '{outside}/exported'",
        "SET VARIABLE files = '{lake}/splits/**/*.parquet'",
        "SET TimeZone = 'Europe/Berlin'",
        "SET profiling_output = '{outside}/profile.txt'",
        "CALL enable_logging(storage = 'file', storage_path = '{outside}/log')",
        "SELECT 'copy that' AS copy, 'COPY the rest' AS text",
        "COPY splits TO '{outside}/parts' (PARTITION_BY (symbol), FILENAME_PATTERN 'part_{{i}}')",
        "SET threads = 1 + 1",
        "EXPLAIN SELECT * FROM splits",
    ],
)
def test_sql_can_read_the_lakes_files_and_write_elsewhere(
    writable: Lake, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the path that a statement writes to counts, also if the lake's folder is the current one."""
    monkeypatch.chdir(writable.path)
    writable.sql("ATTACH IF NOT EXISTS ':memory:' AS spare")
    writable.sql(statement.format(lake=writable.path, outside=writable.path.parent / "outside"))


# --- whose error it is ------------------------------------------------------------------------------------


def test_an_error_of_a_users_file_is_not_damage_of_the_lake(lake_both: Lake, tmp_path: Path) -> None:
    """A missing or damaged file of the user is named as such, also where files of the lake are missing."""
    lake = copy_of(lake_both, tmp_path / "lake")
    for path in (lake.path / "price_data").rglob("*.parquet"):
        path.unlink()
    for name, content in (("mine.parquet", "PAR1 and no more"), ("mine.json", "{"), ("gone.csv", None)):
        if content is not None:
            (tmp_path / name).write_text(content)
        with pytest.raises(InvalidInput, match=name):
            lake.sql(f"SELECT * FROM '{tmp_path / name}', splits")
    with pytest.raises(LakeDamaged, match=r"price_data.*missing"):
        lake.sql("SELECT max(close_price) AS highest FROM price_data")


def test_a_setting_that_shuts_the_files_is_not_damage_of_the_lake(queried_lake: Lake) -> None:
    """The error names the permission; a closed lake starts again without the setting."""
    queried_lake.sql("SET enable_external_access = false")
    with pytest.raises(InvalidInput, match="Permission Error"):
        queried_lake.sql("FROM price_data")
    queried_lake.close()
    assert not queried_lake.sql("FROM price_data LIMIT 1").is_empty()


def test_a_table_that_use_hides_is_named_with_the_way_back(queried_lake: Lake) -> None:
    """After USE of another database, the error says how to see the lake's tables again."""
    queried_lake.sql("ATTACH ':memory:' AS other; USE other")
    with pytest.raises(InvalidInput, match=r"price_data.*USE memory\.main"):
        queried_lake.sql("FROM price_data LIMIT 1")
    queried_lake.sql("USE memory.main")
    assert not queried_lake.sql("FROM price_data LIMIT 1").is_empty()
