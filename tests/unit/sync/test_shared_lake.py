"""Test a lake on a server from Python: connections, errors and refused methods."""

from __future__ import annotations

import json
import pickle
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

import factorlab_lake as fl
from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.errors import InvalidInput, MissingExtra, NotFound, TargetFailed
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import DatabaseProvider
from factorlab_lake.server_lake import ServerLake, open_server_lake
from factorlab_lake.sync.postgres.address import Address
from factorlab_lake.sync.postgres.server_session import ServerSession
from factorlab_lake.sync.protocol import SessionLimits
from tests.contracts.pair import assert_same_rows
from tests.support import ROOT, run_python
from tests.unit.cli.running import run
from tests.unit.sync.comparing import by_hand, query_methods
from tests.unit.sync.postgres_server import PASSWORD, Server

DAYS = ["2021-01-29", "2021-01-30", "2021-02-20"]


def session(url: str, limits: SessionLimits) -> ServerLake:
    """Open the lake on a server with other limits."""
    return ServerLake(ServerSession(Address.parse(url), limits=limits), availability=CLOSE)


def _server_session(shared: ServerLake) -> ServerSession:
    """Return the PostgreSQL session of a lake on a server."""
    assert isinstance(shared.session, ServerSession)
    return shared.session


def test_its_text_and_errors_hide_the_password(company_server: ServerLake, postgres: Server) -> None:
    """Neither its text nor any error contains the password."""
    assert repr(company_server).startswith(f"ServerLake('postgresql://{postgres.user}@")
    with pytest.raises(InvalidInput) as refused:
        company_server.sql("SELECT nothing")
    for text in (
        repr(company_server),
        repr(_server_session(company_server).address),
        str(refused.value),
        repr(pickle.dumps(refused.value)),
    ):
        assert PASSWORD not in text


def test_status_counts_the_rows_of_each_table(company_server: ServerLake, company_lake: Lake) -> None:
    """The counts and their order are those of the lake."""
    assert (
        company_server.status().select("table", "rows").equals(company_lake.status().select("table", "rows"))
    )
    assert (company_server.status()["size_bytes"] > 0).all()


@pytest.mark.parametrize(
    "statement", ["DELETE FROM splits", "DROP VIEW revisions", "CREATE TABLE t (x integer)"]
)
def test_a_question_cannot_change_anything(company_server: ServerLake, statement: str) -> None:
    """Every connection is read-only, whatever the user's permissions are."""
    with pytest.raises(InvalidInput, match="only read;"):
        company_server.sql(statement)


def test_every_type_equals_that_of_the_lake(company_server: ServerLake) -> None:
    """The types are numbers, texts, dates before the server's epoch, times in UTC, JSON, lists and NULL."""
    rows = company_server.sql(
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
    assert company_server.sql("SELECT date '2020-01-01' AS day WHERE false").schema == {"day": pl.Date}


@pytest.mark.parametrize("day", ["'infinity'::date", "'-infinity'::timestamptz"])
def test_an_infinite_date_is_refused_by_name(company_server: ServerLake, day: str) -> None:
    """A frame cannot store an infinite date."""
    with pytest.raises(InvalidInput, match="'day' has an infinite date"):
        company_server.sql(f"SELECT {day} AS day")


def test_a_setting_of_a_query_ends_with_it(company_server: ServerLake) -> None:
    """The next query on the connection does not see the setting."""
    company_server.sql("SELECT set_config('timezone', 'Asia/Tokyo', false)")
    assert company_server.sql("SELECT current_setting('timezone') AS zone").item() == "UTC"


def test_a_query_that_takes_too_long_is_cancelled(company_url: str) -> None:
    """The server cancels it, and the message names the setting."""
    with session(company_url, SessionLimits(statement_timeout_s=0.1)) as shared:
        with pytest.raises(TargetFailed, match=r"0\.1 s.*FACTORLAB_STATEMENT_TIMEOUT_S"):
            shared.sql("SELECT pg_sleep(60)")
        assert shared.sql("SELECT 1 AS x").item() == 1


def test_the_wait_for_a_connection_is_limited(company_url: str) -> None:
    """If all connections are busy, the message names the settings."""
    with session(company_url, SessionLimits(pool_size=1, pool_overflow=0, pool_wait_s=0.5)) as shared:
        with (
            _server_session(shared)._connection(),
            pytest.raises(TargetFailed, match="FACTORLAB_POOL_OVERFLOW"),
        ):
            shared.sql("SELECT 1")
        assert shared.sql("SELECT 1 AS x").item() == 1


def test_many_threads_share_the_pool(company_server: ServerLake, company_lake: Lake) -> None:
    """With more queries than connections at once, each query returns its result."""
    expected = company_lake.market_caps("WHOLE", DAYS)
    with ThreadPoolExecutor(16) as threads:
        for answer in threads.map(lambda _: company_server.market_caps("WHOLE", DAYS), range(32)):
            assert_same_rows(expected, answer)


def test_connections_that_the_server_closed_are_replaced(
    company_server: ServerLake, company_url: str
) -> None:
    """After an administrator terminated every idle connection, queries still have results."""
    assert company_server.sql("SELECT 1 AS x").item() == 1
    with psycopg.connect(company_url, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert ended is not None
    assert ended[0]
    assert company_server.sql("SELECT 1 AS x").item() == 1


def test_a_query_on_a_lost_connection_is_retried_once(
    company_server: ServerLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second connection returns the result."""
    ask, faults = _server_session(company_server)._run, [psycopg.OperationalError("the server went away")]

    def lose_once(query: bytes, params: dict[str, object]) -> object:
        if faults:
            raise faults.pop()
        return ask(query, params)

    monkeypatch.setattr(company_server.session, "_run", lose_once)
    assert company_server.sql("SELECT 1 AS x").item() == 1
    assert faults == []


def test_a_server_that_goes_away_each_time_is_an_error(company_server: ServerLake) -> None:
    """A query that terminates its own connection fails on the second one too, without the password."""
    with pytest.raises(TargetFailed, match=r"was lost.*[Tt]ry again") as lost:
        company_server.sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert PASSWORD not in str(lost.value)
    assert company_server.sql("SELECT 1 AS x").item() == 1


def test_a_closed_lake_refuses_queries(company_url: str) -> None:
    """After the block the connections are closed, and the message says so; closing twice is allowed."""
    with session(company_url, SessionLimits()) as shared:
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
def test_a_forked_process_has_connections_of_its_own(company_url: str) -> None:
    """After a fork, child and parent can both run queries."""
    done = run_python(_FORKED, company_url)
    assert done.returncode == 0, done.stderr


def test_open_accepts_an_address(company_url: str) -> None:
    """An address opens a lake on a server, with the availability rule by which the lake was synced."""
    opened: Any = fl.open(company_url)
    with opened:
        assert type(opened) is ServerLake
        assert opened.availability == "close"


@pytest.mark.parametrize("rule", ["same_day", 3])
def test_another_availability_rule_than_the_synced_one_is_refused(company_url: str, rule: str | int) -> None:
    """The error has both rules and says what to open instead; no connection stays open."""
    with pytest.raises(InvalidInput, match=r"of the rule 'close'.*For another rule, open") as refused:
        fl.open(company_url, availability=rule)
    assert (refused.value.facts["got"], refused.value.facts["expected"]) == (rule, "close")
    assert PASSWORD not in str(refused.value)


def test_a_server_has_the_rule_of_the_lake(small: Lake, database: str) -> None:
    """A sync records the lake's rule and sends its rows; a server of an earlier version has ``close``."""
    small.configure(availability=3)
    small.refresh()
    small.sync(database)
    with open_server_lake(database) as shared:
        assert shared.availability == 3
        assert_same_rows(small.statements("AAA"), shared.statements("AAA"))
        assert_same_rows(small.ttm("AAA", "2019-06-28"), shared.ttm("AAA", "2019-06-28"))
    with pytest.raises(InvalidInput, match=r"availability is 'close', but .* of the rule 3"):
        open_server_lake(database, availability=CLOSE)
    by_hand(database, "ALTER TABLE factorlab_lake_target DROP COLUMN availability_lag_days CASCADE")
    with open_server_lake(database) as shared:
        assert shared.availability == "close"


# --- opening ----------------------------------------------------------------------------------------------


def test_a_server_that_cannot_be_reached(company_url: str) -> None:
    """The message names the address without the password."""
    with pytest.raises(TargetFailed, match="cannot be reached") as failed:
        fl.open(f"postgresql://me:{PASSWORD}@127.0.0.1:1/nowhere")
    assert PASSWORD not in str(failed.value)


def test_a_wrong_password_is_not_repeated(company_url: str) -> None:
    """The message contains neither the right password nor the wrong one."""
    with pytest.raises(TargetFailed) as failed:
        fl.open(company_url.replace(PASSWORD, "wr0ng-one"))
    assert PASSWORD not in str(failed.value)
    assert "wr0ng-one" not in str(failed.value)


def test_a_database_without_a_lake(database: str) -> None:
    """The message says to sync one to it first."""
    with pytest.raises(NotFound, match="sync one to it first"):
        fl.open(database)


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a server needs a driver; opening a folder does not."""
    monkeypatch.delitem(sys.modules, "factorlab_lake.sync.postgres.server_session")
    monkeypatch.delattr("factorlab_lake.sync.postgres.server_session")
    monkeypatch.setitem(sys.modules, "psycopg_pool", None)
    with pytest.raises(MissingExtra, match=r"psycopg_pool.*factorlab-lake\[postgres\]"):
        fl.open("postgresql://me@127.0.0.1/nowhere")


@pytest.mark.parametrize("package", ["adbc_driver_manager", "psycopg"])
def test_a_sync_without_the_extra_names_it(package: str, tmp_path: Path) -> None:
    """The error of a sync, or of its printed script, is MissingExtra and not an import error."""
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "import factorlab_lake as fl\n"
        "from factorlab_lake.errors import InvalidInput, MissingExtra\n"
        "from factorlab_lake.sync.registry import script\n"
        "lake, said = fl.open(sys.argv[1]), []\n"
        "for ask in (lambda: lake.sync('postgresql://me@127.0.0.1/nowhere'), lambda: script('postgresql://')):\n"
        "    try:\n        ask()\n"
        "    except MissingExtra as error:\n        said.append(str(error))\n"
        "assert said and all('factorlab-lake[postgres]' in text for text in said), said\n"
        "try:\n    lake.sync('sqlite://nowhere')\n"
        "except InvalidInput:\n    pass\n"
    )
    done = run_python(script, tmp_path / "lake")
    assert done.returncode == 0, done.stderr


def test_the_settings_are_those_of_the_environment(company_url: str, tmp_path: Path) -> None:
    """The pool's limits and the timeout are those of the FACTORLAB_* variables."""
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
    done = run_python(script, company_url)
    assert done.returncode == 0, done.stderr


# --- methods of a lake in a folder --------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["fetch", "load", "migrate", "rollback"])
def test_a_method_that_changes_the_rows_is_refused(company_server: ServerLake, verb: str) -> None:
    """The error names the method and says to call it on the folder's lake, and to sync the change."""
    with pytest.raises(InvalidInput, match=rf"^{verb} needs a lake .*: open the lake's folder .* sync again"):
        getattr(company_server, verb)("anything")


@pytest.mark.parametrize(
    "verb",
    [
        "at", "backup", "catalog", "compact", "diff", "export", "history", "refresh", "repair", "report",
        "sync", "vacuum", "validate", "verify",
    ],
)  # fmt: skip
def test_a_method_that_needs_the_folder_is_refused(company_server: ServerLake, verb: str) -> None:
    """The error says to open the folder. It names no sync, which would not help."""
    with pytest.raises(InvalidInput, match=rf"^{verb} needs a lake .*: open the lake's folder for this\.$"):
        getattr(company_server, verb)("anything")


@pytest.mark.parametrize("name", ["path", "result_cache", "snapshot"])
def test_a_property_that_needs_the_folder_is_refused(company_server: ServerLake, name: str) -> None:
    """Reading it raises the same error, and ``hasattr`` returns False."""
    assert not hasattr(company_server, name)
    with pytest.raises(
        InvalidInput, match=rf"^{name} needs a lake .*: open the lake's folder for this\.$"
    ) as refused:
        getattr(company_server, name)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


def test_the_guide_lists_every_method_that_a_server_answers(company_server: ServerLake) -> None:
    """The guide for teams names the query methods, ``status`` and no method that the server refuses."""
    guide = (ROOT / "docs" / "howto" / "share_with_a_team.md").read_text(encoding="utf-8")
    paragraph = guide.partition("A server answers")[2].partition("\n\n")[0].partition("Every other")[0]
    queries = query_methods() | {"quality", "quality_rules", "coverage", "freshness", "held_symbols"}
    assert set(re.findall(r"`(\w+)`", paragraph)) == queries | {"status"}
    assert all(hasattr(company_server, name) for name in queries)


def test_an_unknown_method_is_an_attribute_error(company_server: ServerLake) -> None:
    """A misspelt method raises AttributeError."""
    assert not hasattr(company_server, "market_cap")


def test_the_database_provider_accepts_an_address(company_url: str, company_lake: Lake) -> None:
    """Factor Lab's class returns the same rows from the server as from the lake, and hides the password."""
    ours, result = (DatabaseProvider(each, frames="polars") for each in (company_lake, company_url))
    assert PASSWORD not in repr(result)
    assert_same_rows(
        ours.get_financial_statements("WHOLE", "2020-01-01", "2020-12-31"),
        result.get_financial_statements("WHOLE", "2020-01-01", "2020-12-31"),
    )
    assert_same_rows(ours.get_financial_ratios("WHOLE"), result.get_financial_ratios("WHOLE"))
    symbols = ["WHOLE", "PRICELESS", "NOBODY"]
    assert_same_rows(
        ours.calculate_market_caps_batch(symbols, DAYS), result.calculate_market_caps_batch(symbols, DAYS)
    )
    result.lake.close()  # type: ignore[attr-defined]  # a lake on a server can be closed


def test_commands_that_query_read_the_server(company_url: str, company_server: ServerLake) -> None:
    """`caps --lake ADDRESS --json` prints the rows of the server, and `status` its tables."""
    rows = run("--lake", company_url, "--json", "caps", "WHOLE", "--date", DAYS[0]).json
    assert rows == json.loads(
        json.dumps(company_server.market_caps("WHOLE", DAYS[0]).to_dicts(), default=str)
    )
    assert run("--lake", company_url, "--json", "status").json == company_server.status().to_dicts()
