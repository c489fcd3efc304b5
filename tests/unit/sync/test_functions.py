"""Test the lake's functions on a server: their list, installation, replacement and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest

from factorlab_lake.functions.duckdb_functions import FUNCTIONS as OF_THE_LAKE
from factorlab_lake.functions.duckdb_functions import sql_text as lake_text
from factorlab_lake.functions.question_texts import QUESTIONS, question_steps, question_text
from factorlab_lake.sync.postgres import server_functions
from factorlab_lake.sync.postgres.install import STEPS
from factorlab_lake.sync.postgres.placeholders import sql_text
from factorlab_lake.sync.postgres.server_functions import FUNCTIONS, install, installed
from tests.support import ROOT

Con = psycopg.Connection[tuple[object, ...]]

_SHELLS = ROOT / "factorlab_lake" / "functions" / "shell"
_FILES = sorted((_SHELLS / "postgres").glob("*.sql"))
_SAME = {
    "instruments",
    "multi_class_symbols",
    "sectors",
    "universe_members",
}  # views whose text is that of DuckDB
_ONLY_SERVER = {"product", "number_text", "json_number_text"}  # what Postgres lacks
_EMBEDDED = {
    "market_caps": ("market_caps",),
    "ttm": ("ttm",),
    "factor_inputs": ("market_caps", "factor_inputs"),
    "factors": ("market_caps", "inputs_of_factors", "factors"),
    "ratios": ("market_caps", "inputs_of_factors", "factors", "ratios"),
    "statements_as_of": ("statements_as_of",),
}
_OLDER = """
CREATE FUNCTION quarters(symbols text[], as_of date, vintage text) RETURNS TABLE (old integer)
LANGUAGE sql BEGIN ATOMIC SELECT 1; END
"""
_FORMER = """
CREATE TYPE grid_cell AS (symbol text, date date);
CREATE VIEW split_levels AS SELECT symbol, date FROM splits;
CREATE FUNCTION period_spans(vintage text) RETURNS TABLE (symbol text)
LANGUAGE sql BEGIN ATOMIC
SELECT symbol FROM financial_statements WHERE checked_vintage(vintage) IS NOT NULL; END;
CREATE FUNCTION factors(cells grid_cell[]) RETURNS TABLE (symbol text)
LANGUAGE sql BEGIN ATOMIC SELECT p.symbol FROM period_spans('known') p JOIN split_levels USING (symbol); END;
DROP FUNCTION lake_functions_digest();
"""
_NAMES = """
SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
UNION ALL SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
"""
_PARAMETERS = """
SELECT pg_get_function_identity_arguments(oid) FROM pg_proc
WHERE proname = %s AND pronamespace = current_schema()::regnamespace
"""


@pytest.fixture
def con(database: str) -> Iterator[Con]:
    """Yield a connection to a database that has the tables and nothing else."""
    with psycopg.connect(database, autocommit=True) as con:
        _create_tables(con)
        yield con


def _create_tables(con: Con) -> None:
    for step in STEPS:
        for statement in step():
            con.execute(statement.encode())


def test_every_file_is_installed_and_every_function_has_a_file() -> None:
    """A file that is not in the list would be dead; a name without a file would fail at the first sync."""
    assert {file.stem for file in _FILES} == set(FUNCTIONS) - _SAME
    assert {file.stem for file in (_SHELLS / "duckdb").glob("*.sql")} >= _SAME
    assert len(set(FUNCTIONS)) == len(FUNCTIONS)


def test_a_server_has_the_functions_of_the_lake() -> None:
    """Both engines have functions of the same names, except those that only Postgres needs."""
    assert set(FUNCTIONS) - _ONLY_SERVER == set(OF_THE_LAKE)


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_a_head_names_the_function_and_its_grain(file: Path) -> None:
    """The head names the function and states the grain of its rows; no placeholder remains."""
    text = sql_text(file.stem)
    assert text.startswith(f"-- {file.stem}")
    assert "{{" not in text
    assert ("-- Grain: " in text) == ("RETURNS TABLE" in text or "SETOF" in text or "VIEW" in text)


@pytest.mark.first_cases(6)
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - _ONLY_SERVER))
def test_a_function_has_the_arguments_of_the_lake(con: Con, name: str) -> None:
    """Arguments have the same names and order, so that a call is written alike."""
    install(con)
    head = re.search(rf"MACRO {name}\((.*)\) AS", lake_text(name))
    rows = con.execute(_PARAMETERS, [name]).fetchall()
    assert len(rows) == (head is not None)
    for (arguments,) in rows:
        assert head is not None
        expected = re.findall(r"(\w+)(?: :=|,|$)", re.sub(r":= [^,]*", ":=", head[1]))
        assert re.findall(r"(?:^|, )(\w+) ", str(arguments)) == expected


def test_no_function_takes_an_availability_rule(con: Con) -> None:
    """A server has the rows of the rule that was synced, so no argument could select another."""
    install(con)
    rows = con.execute(
        "SELECT proname FROM pg_proc "
        "WHERE pronamespace = current_schema()::regnamespace AND 'availability' = ANY (proargnames)"
    )
    assert rows.fetchall() == []


def test_installing_again_changes_nothing(con: Con) -> None:
    """The installed digest shows that nothing has to be done."""
    assert installed(con) is None
    assert install(con)
    assert installed(con) == server_functions.digest()
    assert not install(con)


def test_another_version_is_replaced_in_place(con: Con, monkeypatch: pytest.MonkeyPatch) -> None:
    """Views and grants of users on the functions stay."""
    install(con)
    con.execute("CREATE VIEW user_view AS SELECT * FROM market_caps(ARRAY['A'], ARRAY['2020-01-01'::date])")
    monkeypatch.setattr(server_functions, "digest", lambda: "another")
    server_functions.statements.cache_clear()
    try:
        assert install(con)
    finally:
        server_functions.statements.cache_clear()
    assert installed(con) == "another"
    assert con.execute("SELECT count(*) FROM user_view").fetchone() == (1,)


def test_a_version_with_other_columns_is_replaced_too(con: Con) -> None:
    """Functions and views of an earlier version with other columns or arguments are dropped and created."""
    install(con)
    con.execute("DROP FUNCTION quarters(text[], date, text)")
    con.execute(_OLDER)
    con.execute("CREATE FUNCTION lake_functions_digest(older integer) RETURNS text LANGUAGE sql RETURN 'x'")
    con.execute("DROP FUNCTION lake_functions_digest()")
    assert install(con)
    assert installed(con) == server_functions.digest()
    rows = con.execute("SELECT * FROM quarters(ARRAY['A'], '2020-01-01')")
    assert [c.name for c in rows.description or ()][:3] == ["symbol", "fiscal_date", "derivation"]


def test_an_upgrade_drops_functions_of_former_names(con: Con) -> None:
    """An upgrade removes objects with former names, even if functions of that version use them."""
    install(con)
    con.execute(_FORMER)
    assert install(con)
    names = [name for (name,) in con.execute(_NAMES).fetchall()]
    assert not {"grid_cell", "split_levels", "period_spans"} & set(names)
    assert names.count("factors") == 1


def test_a_function_that_a_user_view_needs_is_not_dropped(con: Con) -> None:
    """If a replacement would break a user's view, nothing changes, and the error names the view."""
    install(con)
    con.execute("DROP FUNCTION lake_functions_digest()")
    con.execute("DROP FUNCTION quarters(text[], date, text)")
    con.execute(_OLDER)
    con.execute("CREATE VIEW user_view AS SELECT * FROM quarters(ARRAY['A'], '2020-01-01', 'known')")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist, match="quarters"):
        install(con)
    assert con.execute("SELECT old FROM user_view").fetchall() == [(1,)]


def test_a_function_has_its_head_as_a_comment(con: Con) -> None:
    """A client's list of functions shows the head of the file."""
    install(con)
    row = con.execute("SELECT obj_description('market_caps'::regproc)").fetchone()
    assert row is not None
    assert str(row[0]).startswith("market_caps(symbols, dates")
    assert "Point in time: no bar after the date" in str(row[0])


@pytest.mark.parametrize(("function", "questions"), _EMBEDDED.items())
def test_both_engines_run_the_same_text_of_a_question(function: str, questions: tuple[str, ...]) -> None:
    """The function of each engine embeds the one text of each question that it answers or builds on.

    OFFSET 0 changes no row; it makes Postgres compute a subquery once.
    """
    without_fences = sql_text(function).replace(" OFFSET 0", "")
    for question in questions:
        assert question_text(question).strip() in without_fences
        assert question_steps(question) in lake_text(function)


def test_every_question_is_embedded() -> None:
    """A question that no function embeds would be dead, or not compared."""
    assert {question for questions in _EMBEDDED.values() for question in questions} == set(QUESTIONS)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (-3.0, "-3.0"),
        (57536000000.0, "57536000000.0"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_a_number_has_the_text_of_the_lake(con: Con, number: float, text: str) -> None:
    """The text has the fewest digits that represent the number exactly."""
    install(con)
    assert con.execute("SELECT number_text(%s)", [number]).fetchone() == (text,)


@pytest.mark.parametrize(
    "number", [0.0, -0.0, -3.0, 57536000000.0, 0.1 + 0.2, 9.9e20, 1e21, 1e-6, 9.9e-7, -1.5e-12, 5e-324]
)
def test_a_number_in_json_has_the_text_of_the_lake(con: Con, number: float) -> None:
    """The text equals that of DuckDB's JSON, on both sides of the limits from which it has an exponent."""
    install(con)
    row = duckdb.execute("SELECT to_json($1::DOUBLE)::VARCHAR", [number]).fetchone()
    assert con.execute("SELECT json_number_text(%s)", [number]).fetchone() == row


def test_functions_work_in_a_schema_of_their_own(con: Con) -> None:
    """Functions are created where the tables are, and find them whatever the caller's search path is."""
    con.execute("CREATE SCHEMA team")
    con.execute("SET search_path = team")
    _create_tables(con)
    assert install(con)
    con.execute("SET search_path = public")
    rows = con.execute("SELECT reason FROM team.market_caps(ARRAY['A'], ARRAY['2020-01-01'::date])")
    assert rows.fetchone() == ("no_price_within_limit; no_share_count_known",)
