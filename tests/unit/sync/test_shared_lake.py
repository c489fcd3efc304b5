"""A lake on a server as Python sees it: connections, faults, what is refused, and questions to be awaited."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, MissingExtra, NotFound, TargetFailed
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import DatabaseProvider
from factorlab_lake.query.aio import AsyncQuestions
from factorlab_lake.query.availability_rule import CLOSE
from factorlab_lake.query.questions import Questions
from factorlab_lake.server_lake import ServerLake, open_server_lake
from factorlab_lake.sync.postgres.address import Address
from factorlab_lake.sync.postgres.server_session import ServerSession
from factorlab_lake.sync.protocol import SessionLimits
from tests.contracts.pair import assert_same_rows
from tests.support import run_python
from tests.unit.query.firm import firm
from tests.unit.query.made import Made
from tests.unit.sync.comparing import by_hand
from tests.unit.sync.postgres_server import PASSWORD, Server

DAYS = ["2021-01-29", "2021-01-30", "2021-02-20"]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A company with everything, and one without a price."""
    made = Made()
    firm(made, "WHOLE")
    firm(made, "PRICELESS", price=None)
    return made.build(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def url(lake: Lake, postgres: Server) -> Iterator[str]:
    """The address of a server that has it."""
    with postgres.database() as url:
        lake.sync(url)
        yield url


@pytest.fixture
def shared(url: str) -> Iterator[ServerLake]:
    """The lake on the server."""
    with open_server_lake(url, availability=CLOSE) as shared:
        yield shared


def session(url: str, limits: SessionLimits) -> ServerLake:
    """Open a lake on a server with limits of its own."""
    return ServerLake(ServerSession(Address.parse(url), limits=limits), availability=CLOSE)


def _server_session(shared: ServerLake) -> ServerSession:
    """Return the PostgreSQL session of a lake on a server."""
    assert isinstance(shared.session, ServerSession)
    return shared.session


def test_it_says_where_it_is_without_the_password(shared: ServerLake) -> None:
    """Neither its text nor an error of any kind repeats the password."""
    assert repr(shared).startswith("ServerLake('postgresql://postgres@")
    with pytest.raises(InvalidInput) as refused:
        shared.sql("SELECT nothing")
    for text in (
        repr(shared),
        repr(_server_session(shared).address),
        str(refused.value),
        repr(pickle.dumps(refused.value)),
    ):
        assert PASSWORD not in text


def test_status_counts_the_rows_of_each_table(shared: ServerLake, lake: Lake) -> None:
    """As many as the lake has, in the same order."""
    assert shared.status().select("table", "rows").equals(lake.status().select("table", "rows"))
    assert (shared.status()["size_bytes"] > 0).all()


@pytest.mark.parametrize(
    "statement", ["DELETE FROM splits", "DROP VIEW revisions", "CREATE TABLE t (x integer)"]
)
def test_a_question_cannot_change_anything(shared: ServerLake, statement: str) -> None:
    """Every connection only reads, whatever its user may do."""
    with pytest.raises(InvalidInput, match="only read;"):
        shared.sql(statement)


def test_every_type_comes_as_the_lakes_own(shared: ServerLake) -> None:
    """Numbers, texts, dates from before the server's epoch, moments in UTC, JSON as text, lists, and NULL."""
    rows = shared.sql(
        "SELECT true AS flag, 1::smallint AS small, 2 AS whole, 3::bigint AS large, 1.5::real AS short,"
        " 2.5::float8 AS number, 4.25 AS exact, 'x' AS word, date '1999-12-31' AS day,"
        " timestamp '1969-07-20 20:17:40.5' AS moment, timestamptz '2020-01-31 12:00:00-05' AS instant,"
        " '{\"a\": [1, null]}'::jsonb AS document, ARRAY[1, 2] AS numbers, ARRAY['a', NULL] AS words,"
        " NULL::date AS nothing"
    )
    moment = datetime.fromisoformat("1969-07-20T20:17:40.500")
    assert rows.row(0) == (
        True, 1, 2, 3, 1.5, 2.5, 4.25, "x", date(1999, 12, 31), moment,
        datetime(2020, 1, 31, 17, tzinfo=UTC), '{"a": [1, null]}', [1, 2], ["a", None], None,
    )  # fmt: skip
    assert rows.dtypes == [
        pl.Boolean, pl.Int16, pl.Int32, pl.Int64, pl.Float32, pl.Float64, pl.Float64, pl.String, pl.Date,
        pl.Datetime("us"), pl.Datetime("us", "UTC"), pl.String, pl.List(pl.Int32), pl.List(pl.String),
        pl.Date,
    ]  # fmt: skip
    assert shared.sql("SELECT date '2020-01-01' AS day WHERE false").schema == {"day": pl.Date}


@pytest.mark.parametrize("day", ["'infinity'::date", "'-infinity'::timestamptz"])
def test_an_infinite_date_is_refused_by_name(shared: ServerLake, day: str) -> None:
    """Frames have none."""
    with pytest.raises(InvalidInput, match="'day' has an infinite date"):
        shared.sql(f"SELECT {day} AS day")


def test_a_setting_made_by_a_question_ends_with_it(shared: ServerLake) -> None:
    """The next question, of whoever gets the connection, finds none of it."""
    shared.sql("SELECT set_config('timezone', 'Asia/Tokyo', false)")
    assert shared.sql("SELECT current_setting('timezone') AS zone").item() == "UTC"


def test_a_question_that_takes_too_long_is_ended(url: str) -> None:
    """The server stops working on it, and the message says what to set."""
    with session(url, SessionLimits(statement_timeout_s=0.1)) as shared:
        with pytest.raises(TargetFailed, match=r"0\.1 s.*FACTORLAB_STATEMENT_TIMEOUT_S"):
            shared.sql("SELECT pg_sleep(60)")
        assert shared.sql("SELECT 1 AS x").item() == 1


def test_a_question_waits_so_long_for_a_connection_and_no_longer(url: str) -> None:
    """With all connections taken, the message names the settings."""
    with session(url, SessionLimits(pool_size=1, pool_overflow=0, pool_wait_s=0.5)) as shared:
        with (
            _server_session(shared)._connection(),
            pytest.raises(TargetFailed, match="FACTORLAB_POOL_OVERFLOW"),
        ):
            shared.sql("SELECT 1")
        assert shared.sql("SELECT 1 AS x").item() == 1


def test_many_threads_share_the_pool(shared: ServerLake, lake: Lake) -> None:
    """More questions than connections at a time: each gets its answer."""
    expected = lake.market_caps("WHOLE", DAYS)
    with ThreadPoolExecutor(16) as threads:
        for answer in threads.map(lambda _: shared.market_caps("WHOLE", DAYS), range(32)):
            assert_same_rows(expected, answer)


def test_connections_that_the_server_closed_are_replaced(shared: ServerLake, url: str) -> None:
    """Nobody notices that an administrator ended every idle connection."""
    assert shared.sql("SELECT 1 AS x").item() == 1
    with psycopg.connect(url, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert ended is not None
    assert ended[0]
    assert shared.sql("SELECT 1 AS x").item() == 1


def test_a_connection_lost_in_a_question_is_tried_once_more(
    shared: ServerLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second connection answers."""
    ask, faults = _server_session(shared)._run, [psycopg.OperationalError("the server went away")]

    def lose_once(query: bytes, params: dict[str, object]) -> object:
        if faults:
            raise faults.pop()
        return ask(query, params)

    monkeypatch.setattr(shared.session, "_run", lose_once)
    assert shared.sql("SELECT 1 AS x").item() == 1
    assert faults == []


def test_a_server_that_goes_away_each_time_is_an_error(shared: ServerLake) -> None:
    """A question that ends its own connection loses the second one too; no password is in the message."""
    with pytest.raises(TargetFailed, match=r"was lost.*[Tt]ry again") as lost:
        shared.sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert PASSWORD not in str(lost.value)
    assert shared.sql("SELECT 1 AS x").item() == 1


def test_a_closed_lake_answers_nothing(url: str) -> None:
    """After the block the connections are gone, and the message says so; closing twice is fine."""
    with session(url, SessionLimits()) as shared:
        assert shared.sql("SELECT 1 AS x").item() == 1
    shared.close()
    with pytest.raises(InvalidInput, match="open it again"):
        shared.sql("SELECT 1")


_FORKED = """
import os, sys
import factorlab_lake as fl
shared = fl.open(sys.argv[1])
assert shared.sql("SELECT 1 AS x").item() == 1
child = os.fork()
if child == 0:
    os._exit(0 if shared.sql("SELECT 2 AS x").item() == 2 else 1)
assert os.waitpid(child, 0)[1] == 0
assert shared.sql("SELECT 3 AS x").item() == 3
shared.close()
"""


@pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="only there do processes fork")
def test_a_forked_process_has_connections_of_its_own(url: str) -> None:
    """Child and parent both get answers after a fork."""
    done = run_python(_FORKED, url)
    assert done.returncode == 0, done.stderr


def test_the_front_door_opens_it(url: str) -> None:
    """An address opens a lake on a server, under the rule of availability given."""
    opened: Any = fl.open(url, availability="same_day")
    with opened:
        assert type(opened) is ServerLake
        assert opened.availability == "same_day"


# --- opening ----------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there(url: str) -> None:
    """The message names the place without the password."""
    with pytest.raises(TargetFailed, match="cannot be reached") as failed:
        fl.open(f"postgresql://me:{PASSWORD}@127.0.0.1:1/nowhere")
    assert PASSWORD not in str(failed.value)


def test_a_wrong_password_is_not_repeated(url: str) -> None:
    """The server refuses; the message has neither the right password nor the wrong one."""
    with pytest.raises(TargetFailed) as failed:
        fl.open(url.replace(PASSWORD, "wr0ng-one"))
    assert PASSWORD not in str(failed.value)
    assert "wr0ng-one" not in str(failed.value)


def test_a_database_without_a_lake(database: str) -> None:
    """The message says to sync one to it first."""
    with pytest.raises(NotFound, match="sync one to it first"):
        fl.open(database)


def test_without_the_driver_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake in a folder needs no driver; a server does."""
    monkeypatch.delitem(sys.modules, "factorlab_lake.sync.postgres.server_session")
    monkeypatch.delattr("factorlab_lake.sync.postgres.server_session")
    monkeypatch.setitem(sys.modules, "psycopg_pool", None)
    with pytest.raises(MissingExtra, match=r"psycopg_pool.*factorlab-lake\[postgres\]"):
        fl.open("postgresql://me@127.0.0.1/nowhere")


@pytest.mark.parametrize("package", ["numpy", "psycopg"])
def test_a_sync_without_the_extra_says_what_to_install(package: str, tmp_path: Path) -> None:
    """Neither a sync nor its printed script shows an import error."""
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "import factorlab_lake as fl\n"
        "from factorlab_lake.errors import InvalidInput, MissingExtra\n"
        "from factorlab_lake.sync.registry import script\n"
        "lake, said = fl.open(sys.argv[1]), []\n"
        "for ask in (lambda: lake.sync('postgresql://me@127.0.0.1/nowhere'), script):\n"
        "    try:\n        ask()\n"
        "    except MissingExtra as error:\n        said.append(str(error))\n"
        "assert said and all('factorlab-lake[postgres]' in text for text in said), said\n"
        "try:\n    lake.sync('sqlite://nowhere')\n"
        "except InvalidInput:\n    pass\n"
    )
    done = run_python(script, tmp_path / "lake")
    assert done.returncode == 0, done.stderr


def test_the_settings_are_those_of_the_environment(url: str, tmp_path: Path) -> None:
    """The pool's limits and the timeout come from FACTORLAB_* variables."""
    script = (
        "import os, sys; os.environ.update(FACTORLAB_POOL_SIZE='2', FACTORLAB_POOL_OVERFLOW='3', "
        "FACTORLAB_STATEMENT_TIMEOUT_S='4.5')\n"
        "import factorlab_lake as fl\n"
        "with fl.open(sys.argv[1]) as shared:\n"
        "    limits = shared.session.limits\n"
        "    assert (limits.pool_size, limits.max_connections) == (2, 5), limits\n"
        "    assert limits.statement_timeout_s == 4.5, limits\n"
        "    assert shared.sql('SHOW statement_timeout').item() == '4500ms'\n"
    )
    done = run_python(script, url)
    assert done.returncode == 0, done.stderr


# --- what is for a folder ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verb",
    ["migrate", "validate", "load", "rollback", "at", "history", "refresh", "catalog", "export", "sync"],
)
def test_what_changes_a_lake_says_where_to_do_it(shared: ServerLake, verb: str) -> None:
    """Each method of a lake in a folder is refused by its name."""
    with pytest.raises(InvalidInput, match=rf"{verb} needs a lake in a folder.*then sync again"):
        getattr(shared, verb)("anything")


def test_what_no_lake_has_is_no_attribute(shared: ServerLake) -> None:
    """A misspelt method is an AttributeError, as everywhere."""
    assert not hasattr(shared, "market_cap")


def test_the_database_provider_takes_an_address(url: str, lake: Lake) -> None:
    """Factor Lab's class answers from the server as from the lake, and does not show the password."""
    ours, theirs = DatabaseProvider(lake), DatabaseProvider(url)
    assert PASSWORD not in repr(theirs)
    assert_same_rows(
        ours.get_financial_statements("WHOLE", "2020-01-01", "2020-12-31"),
        theirs.get_financial_statements("WHOLE", "2020-01-01", "2020-12-31"),
    )
    assert_same_rows(ours.get_financial_ratios("WHOLE"), theirs.get_financial_ratios("WHOLE"))
    symbols = ["WHOLE", "PRICELESS", "NOBODY"]
    assert_same_rows(
        ours.calculate_market_caps_batch(symbols, DAYS), theirs.calculate_market_caps_batch(symbols, DAYS)
    )
    theirs.lake.close()  # type: ignore[attr-defined]  # a lake on a server can be closed


# --- awaited ----------------------------------------------------------------------------------------------


def test_questions_can_be_awaited_together(shared: ServerLake, lake: Lake) -> None:
    """Every question has its awaited form, and its answer is the same."""

    async def ask() -> list[pl.DataFrame]:
        aio = shared.aio
        return list(
            await asyncio.gather(
                aio.market_caps(["WHOLE"], DAYS),
                aio.ttm(["WHOLE"], DAYS, vintage="first"),
                aio.factors(["WHOLE"], start="2021-01-01", end="2021-02-28", freq="W"),
                aio.sql("SELECT $x::integer AS x", x=5),
            )
        )

    caps, years, factors, five = asyncio.run(ask())
    assert_same_rows(lake.market_caps(["WHOLE"], DAYS), caps)
    assert_same_rows(lake.ttm(["WHOLE"], DAYS, vintage="first"), years)
    weekly = lake.factors(["WHOLE"], start="2021-01-01", end="2021-02-28", freq="W")
    assert_same_rows(weekly, factors)
    assert five.item() == 5


def test_awaiting_does_not_hold_up_the_others(shared: ServerLake) -> None:
    """While the server works on one question, the program goes on: a second one is answered before it."""

    async def ask() -> list[str]:
        order: list[str] = []

        async def one(name: str, query: str) -> None:
            await shared.aio.sql(query)
            order.append(name)

        await asyncio.gather(one("slow", "SELECT pg_sleep(1)"), one("quick", "SELECT 1 AS x"))
        return order

    assert asyncio.run(ask()) == ["quick", "slow"]


def test_a_question_that_nobody_awaits_any_more_ends_on_the_server(shared: ServerLake, url: str) -> None:
    """Cancelling the task ends the question, long before its time; the next one is answered."""
    asleep = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(90)%'"
    )

    async def asking(count: int) -> None:
        while await asyncio.to_thread(by_hand, url, asleep) != [(count,)]:
            pass

    async def ask() -> int:
        async with asyncio.timeout(45):
            task = asyncio.create_task(shared.aio.sql("SELECT pg_sleep(90)"))
            await asking(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asking(0)
            answer: int = (await shared.aio.sql("SELECT 1 AS x")).item()
            return answer

    assert asyncio.run(ask()) == 1


def test_a_question_that_was_stopped_while_it_waited_is_not_asked(shared: ServerLake) -> None:
    """What comes after the end is refused, in that context alone."""
    context = copy_context()
    context.run(shared.session.stoppable)()
    with pytest.raises(TargetFailed, match="cancelled before it began"):
        context.run(shared.sql, "SELECT 1 AS x")
    assert shared.sql("SELECT 1 AS x").item() == 1


def test_an_awaited_mistake_is_the_same_error(shared: ServerLake) -> None:
    """Errors come through as they are."""
    with pytest.raises(InvalidInput, match="known, first, latest"):
        asyncio.run(shared.aio.ttm("WHOLE", DAYS, vintage="newest"))


def test_every_question_has_its_awaited_form() -> None:
    """What is added to the questions is added there too, by one line."""
    asked = {name for name, value in vars(Questions).items() if callable(value) and name[0] != "_"}
    assert asked == {name for name in vars(AsyncQuestions) if name[0] != "_"}
