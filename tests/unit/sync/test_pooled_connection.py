"""Test programs that share one connection of the server, as behind a pool in transaction mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

import factorlab_lake as fl
from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.server_lake import ServerLake
from factorlab_lake.sync.postgres.address import Address
from factorlab_lake.sync.postgres.placeholders import sql_text
from factorlab_lake.sync.postgres.server_functions import FUNCTIONS
from factorlab_lake.sync.postgres.server_session import ServerSession
from factorlab_lake.sync.protocol import SessionLimits
from tests.contracts.pair import Question, assert_same_rows
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.query.sample_company import sample_company
from tests.unit.sync.comparing import by_hand
from tests.unit.sync.postgres_server import Server

_DAYS: dict[str, Any] = {"start": "2020-12-01", "end": "2021-04-30", "freq": "D"}
_QUESTIONS: dict[str, Question] = {
    "market_caps": lambda lake: lake.market_caps("WHOLE", **_DAYS),
    "ttm": lambda lake: lake.ttm("WHOLE", **_DAYS),
    "factors": lambda lake: lake.factors("WHOLE", **_DAYS),
    "statements": lambda lake: lake.statements("WHOLE"),
    "ratios": lambda lake: lake.ratios("WHOLE"),
    "quarters": lambda lake: lake.quarters("WHOLE"),
    "a view after WITH": lambda lake: lake.sql(
        "WITH days AS (SELECT DATE '2021-02-20' AS day) SELECT statement_type, fiscal_date, available_date "
        "FROM days JOIN financial_statements s ON s.available_date <= day ORDER BY 1, 2, 3"
    ),
}
# What other programs leave on the connection: the setting that was the rule of version 0.2.0, and names.
_LEFT_BEHIND = """
SET factorlab.availability_lag_days = '0';
SET search_path = another, public;
SET TimeZone = 'Asia/Tokyo';
CREATE TEMP TABLE price_data AS SELECT * FROM public.price_data LIMIT 0;
CREATE TEMP TABLE fundamentals_history AS SELECT * FROM public.fundamentals_history LIMIT 0;
CREATE TEMP VIEW multi_class_symbols AS SELECT * FROM public.multi_class_symbols LIMIT 0;
CREATE TEMP TABLE income_statements AS SELECT * FROM public.income_statements LIMIT 0;
"""
_OTHERS_FUNCTION = """
CREATE SCHEMA another;
CREATE FUNCTION another.market_caps(text[], date[]) RETURNS TABLE (symbol text)
LANGUAGE sql BEGIN ATOMIC SELECT 'another'; END;
CREATE FUNCTION another.checked_vintage(text) RETURNS text LANGUAGE sql RETURN 'latest';
CREATE FUNCTION another.unrounded_close(double precision, double precision) RETURNS double precision
LANGUAGE sql RETURN 0;
CREATE TABLE another.factorlab_lake_target AS SELECT 3 AS availability_lag_days;
"""
_INSTALLED = """
SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT definition FROM pg_views WHERE schemaname = 'public'
"""
_STATE = "SELECT name, setting FROM pg_settings ORDER BY name"
_UNBOUND = """
SELECT proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND prosqlbody IS NULL
  AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(proconfig, '{}'))
"""


@dataclass
class Pooler:
    """Assigns one connection to the transactions of all programs, and resets nothing between them."""

    con: psycopg.Connection[tuple[object, ...]]

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """Yield the connection for one transaction."""
        with self.con.transaction():
            pass
        yield self.con

    def close(self) -> None:
        """Leave the connection open for the other programs."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a lake of one company."""
    made = LakeBuilder()
    sample_company(made, "WHOLE")
    return made.build(tmp_path_factory.mktemp("pooled")).path


@pytest.fixture(scope="module")
def url(path: Path, postgres: Server) -> Iterator[str]:
    """Yield the address of a server that has the lake."""
    with postgres.database() as url:
        fl.open(path).sync(url)
        by_hand(url, _OTHERS_FUNCTION)
        yield url


@pytest.fixture
def con(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Yield the one connection that all programs share."""
    with psycopg.connect(url, options="-c search_path=public") as con:
        yield con


@pytest.fixture
def programs(url: str, con: psycopg.Connection[tuple[object, ...]]) -> list[ServerLake]:
    """Return two programs whose transactions share a connection."""
    return [_program(url, con), _program(url, con)]


def _program(url: str, con: psycopg.Connection[tuple[object, ...]]) -> ServerLake:
    session = ServerSession(Address.parse(url), limits=SessionLimits())
    session.close()
    session._configure(con)
    session._pool = Pooler(con)  # type: ignore[assignment]  # it has the methods that a session calls
    return ServerLake(session, availability=CLOSE)


@pytest.mark.parametrize("name", _QUESTIONS)
def test_two_programs_on_one_connection_have_the_rows_of_the_lake(
    programs: list[ServerLake], path: Path, name: str
) -> None:
    """Two programs that run queries in turn on one connection get the rows of the lake."""
    question = _QUESTIONS[name]
    expected = question(fl.open(path))
    assert not expected.is_empty()
    for program in (*programs, *programs):
        assert_same_rows(expected, question(program))


@pytest.mark.parametrize("name", _QUESTIONS)
def test_what_another_program_leaves_on_a_connection_changes_no_answer(
    programs: list[ServerLake],
    con: psycopg.Connection[tuple[object, ...]],
    path: Path,
    name: str,
) -> None:
    """Test that settings, temporary tables and functions of another program change no row."""
    question = _QUESTIONS[name]
    con.read_only = False
    con.execute(_LEFT_BEHIND)
    con.commit()
    con.read_only = True
    expected = question(fl.open(path))
    for program in programs:
        assert_same_rows(expected, question(program))


def test_a_query_leaves_no_setting_behind(
    programs: list[ServerLake], con: psycopg.Connection[tuple[object, ...]]
) -> None:
    """After queries of each program, every setting of the connection is as before."""
    con.execute("DO 'BEGIN END'")  # loads the settings of PL/pgSQL
    before = con.execute(_STATE).fetchall()
    con.rollback()
    for program in programs:
        for question in _QUESTIONS.values():
            question(program)
    assert con.execute(_STATE).fetchall() == before
    assert con.execute("SELECT current_setting('factorlab.availability_lag_days', true)").fetchone() == (
        None,
    )


def test_no_function_reads_a_setting(url: str) -> None:
    """No installed function or view reads or writes a setting while it runs."""
    texts = [sql_text(name) for name in FUNCTIONS]
    texts += [
        text
        for (text,) in by_hand(url, "SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    ]
    texts += [text for (text,) in by_hand(url, "SELECT definition FROM pg_views WHERE schemaname = 'public'")]
    assert len(texts) > len(FUNCTIONS)
    for text in texts:
        assert "current_setting" not in text
        assert "set_config" not in text


def test_every_function_resolves_its_names_before_a_caller_can_replace_them(url: str) -> None:
    """Names of SQL functions are resolved at their creation; other functions have a fixed search path."""
    assert by_hand(url, _UNBOUND) == []


def test_a_temporary_table_changes_no_answer_of_psql(url: str, path: Path) -> None:
    """A function reads the lake's tables, even if its caller has temporary tables of their names."""
    call = "SELECT * FROM {}market_caps(ARRAY['WHOLE'], ARRAY['2021-01-29'::date])"
    with psycopg.connect(url) as con:
        expected = con.execute(call.format("").encode()).fetchall()
        assert expected[0][2] is not None
        con.execute(_LEFT_BEHIND)
        assert con.execute(call.format("public.").encode()).fetchall() == expected
        assert con.execute("SELECT count(*) FROM price_data").fetchone() == (0,)


def test_a_table_of_another_schema_is_not_taken_for_the_rule(url: str, path: Path) -> None:
    """The rule is read from the schema of the lake's functions, even if the path names another first."""
    session = ServerSession(
        Address.parse(f"{url}?options=-csearch_path%3Danother,public"), limits=SessionLimits()
    )
    session.close()
    assert session.lag_days is None
