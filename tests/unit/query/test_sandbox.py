"""Test the sandbox: SQL in it reads the lake's data and nothing else, and all methods answer as before."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

import factorlab_lake as fl
from factorlab_lake.cli import app
from factorlab_lake.errors import InvalidInput, QueryStopped
from factorlab_lake.lake import Lake
from factorlab_lake.settings.models import settings
from tests.support import copy_of

CAPS = "FROM market_caps(['AAPL', 'GOOGL'], [DATE '2020-08-31', DATE '2020-12-31']) ORDER BY symbol, date"

# Each one reads or writes something beside the lake's data, or changes a setting.
ATTACKS = {
    "csv": "FROM read_csv('{secret}')",
    "csv by name": "FROM '{secret}'",
    "text": "FROM read_text('{secret}')",
    "blob": "FROM read_blob('{secret}')",
    "json": "FROM read_json('{secret}')",
    "parquet": "FROM read_parquet('{secret}')",
    "metadata of parquet": "FROM parquet_metadata('{secret}')",
    "sniffing": "FROM sniff_csv('{secret}')",
    "scheme": "FROM read_text('file://{secret}')",
    "dots": "FROM read_text('{data}/../../../../secret.csv')",
    "relative": "FROM read_text('secret.csv')",
    "link in the lake": "FROM read_text('{lake}/price_data/link')",
    "metadata of the lake": "FROM read_text('{lake}/_lake/lake.json')",
    "process": "FROM read_text('/proc/self/environ')",
    "glob": "FROM glob('/etc/*')",
    "glob of the lake": "FROM glob('{lake}/**')",
    "files by a pattern": "FROM read_parquet('{lake}/price_data/*/*.parquet')",
    "address": "FROM read_csv('https://localhost:1/a.csv')",
    "address by name": "FROM 'https://localhost:1/a.parquet'",
    "bucket": "FROM read_parquet('s3://bucket/a.parquet')",
    "copy": "COPY splits TO '{outside}/mine.csv'",
    "copy to the current folder": "COPY splits TO 'mine.csv'",
    "copy to the temporary folder": "COPY splits TO '.tmp/mine.csv'",
    "copy over data": "COPY splits TO '{data}' (USE_TMP_FILE false)",
    "copy in a query": "WITH a AS (COPY splits TO '{outside}/mine.csv') SELECT 1 AS a",
    "copy from": "CREATE TABLE mine (a TEXT); COPY mine FROM '{secret}'",
    "export": "EXPORT DATABASE '{outside}/exported'",
    "import": "IMPORT DATABASE '{outside}'",
    "attach": "ATTACH '{outside}/mine.duckdb' AS mine",
    "attach read-only": "ATTACH '{lake}/lake.duckdb' AS mine (READ_ONLY)",
    "install": "INSTALL httpfs",
    "install by force": "FORCE INSTALL httpfs FROM 'http://localhost:1'",
    "load": "LOAD httpfs",
    "load of a file": "LOAD '{outside}/mine.duckdb_extension'",
    "set": "SET threads = 1",
    "set for all": "SET GLOBAL enable_external_access = true",
    "set of a zone": "SET TimeZone = 'Asia/Tokyo'",
    "set of an order": "SET default_order = 'desc'",
    "set of paths": "SET allowed_paths = ['{secret}']",
    "set of folders": "SET allowed_directories = ['/']",
    "unlock": "SET lock_configuration = false",
    "reset": "RESET lock_configuration",
    "reset of all": "RESET enable_external_access",
    "pragma": "PRAGMA enable_profiling",
    "profile": "PRAGMA profiling_output = '{outside}/profile.txt'",
    "logging": "CALL enable_logging()",
    "log file": "CALL enable_logging(storage = 'file', storage_path = '{outside}/log')",
    "log file from a query": "FROM enable_logging(storage = 'file', storage_path = '{outside}/log')",
    "secret": "CREATE SECRET mine (TYPE http, BEARER_TOKEN 'a')",
    "stored secret": "CREATE PERSISTENT SECRET mine (TYPE http, BEARER_TOKEN 'a')",
    "environment": "SELECT getenv('HOME') AS home",
    "variable of Python": "FROM frame_of_the_caller",
    "replacements": "SET python_enable_replacements = true; FROM frame_of_the_caller",
    "macro": "CREATE MACRO text_of(path) AS TABLE FROM read_text(path); FROM text_of('{secret}')",
    "prepared": "PREPARE p AS FROM read_text($1); EXECUTE p('{secret}')",
    "query of a text": "FROM query('FROM read_text(''{secret}'')')",
    "table of a text": "FROM query_table('{secret}')",
    "variable": "SET VARIABLE path = '{secret}'; FROM read_text(getvariable('path'))",
    "transaction": "BEGIN; FROM read_text('{secret}')",
    "view": "CREATE VIEW mine AS FROM read_csv('{secret}'); FROM mine",
}


@pytest.fixture(scope="module")
def place(lake_both: Lake, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a copy of the sample with a file beside it that a sandbox must not read."""
    folder = tmp_path_factory.mktemp("sandbox")
    lake = copy_of(lake_both, folder / "lake")
    lake.catalog()
    (folder / "outside").mkdir()
    (folder / "secret.csv").write_text("word\nsesame\n")
    (lake.path / "price_data" / "link").symlink_to(folder / "secret.csv")
    data = next((lake.path / "price_data").rglob("*.parquet"))
    return {"lake": lake.path, "outside": folder / "outside", "secret": folder / "secret.csv", "data": data}


@pytest.fixture(scope="module")
def sandboxed(place: dict[str, Path]) -> Lake:
    """Return a lake whose SQL runs in a sandbox, for all attacks."""
    return fl.open(place["lake"], create=False, sandbox=True)


def written(place: dict[str, Path]) -> set[Path]:
    """Return all files below the folder of the lake, without the current folder's."""
    return {path for path in place["lake"].parent.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ATTACKS)
def test_sql_in_a_sandbox_reads_and_writes_nothing_else(
    place: dict[str, Path], sandboxed: Lake, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attack is refused, writes no file, and changes no later answer."""
    frame_of_the_caller = [1]
    assert frame_of_the_caller
    monkeypatch.chdir(place["secret"].parent)
    before, data = written(place), place["data"].read_bytes()
    with pytest.raises(InvalidInput) as refused:
        sandboxed.sql(ATTACKS[kind].format(**place))
    assert "sesame" not in str(refused.value)
    assert (written(place), place["data"].read_bytes()) == (before, data)
    assert sandboxed.sql("SELECT count(*) AS n FROM price_data").item() > 0


def test_the_attacks_work_without_a_sandbox(place: dict[str, Path]) -> None:
    """The attacks fail because of the sandbox: the same SQL reads the file elsewhere."""
    lake = fl.open(place["lake"], create=False)
    for kind in ("csv", "text", "macro", "prepared", "query of a text", "view"):
        assert "sesame" in str(lake.sql(ATTACKS[kind].format(**place)).rows())


def test_after_all_attacks_the_methods_and_functions_answer_as_before(
    sandboxed: Lake, lake_both: Lake
) -> None:
    """A sandbox limits the SQL of the user: functions, tables of one's own and all methods work."""
    assert_frame_equal(sandboxed.sql(CAPS), lake_both.sql(CAPS))
    sandboxed.sql("CREATE OR REPLACE TEMP TABLE mine AS SELECT 1 AS a")
    assert sandboxed.sql("SELECT a + $b AS c FROM mine", b=1).item() == 2
    for name in ("market_caps", "ttm", "factors"):
        assert_frame_equal(
            getattr(sandboxed, name)("AAPL", "2020-12-31"), getattr(lake_both, name)("AAPL", "2020-12-31")
        )
    assert_frame_equal(sandboxed.prices("AAPL", adjusted=True), lake_both.prices("AAPL", adjusted=True))
    assert "financial_statements" in sandboxed.sql("SHOW TABLES")["name"].to_list()


def test_rows_are_computed_in_a_sandbox_too(place: dict[str, Path], lake_both: Lake) -> None:
    """Derived rows that are not stored are computed from the lake's files, which are allowed."""
    lake = fl.open(place["lake"], create=False, sandbox=True)
    lake.session._stale = None
    assert_frame_equal(lake.sql(CAPS), lake_both.sql(CAPS))


def test_a_sandbox_stays_on_the_way_to_other_snapshots_threads_and_processes(place: dict[str, Path]) -> None:
    """``at``, ``refresh``, ``close`` and a pickled lake do not leave the sandbox."""
    lake = fl.open(place["lake"], create=False, sandbox=True)
    lake.close()
    for other in (lake, lake.at(lake.snapshot.id), lake.refresh(), pickle.loads(pickle.dumps(lake))):
        with pytest.raises(InvalidInput, match="The sandbox refuses"):
            other.sql(ATTACKS["text"].format(**place))


def test_a_server_has_no_sandbox() -> None:
    """The rights of the role limit SQL on a server, and the message says so before any connection."""
    with pytest.raises(InvalidInput, match="rights of the role"):
        fl.open("postgresql://localhost:1/none", sandbox=True)


def test_the_command_line_has_the_sandbox(place: dict[str, Path]) -> None:
    """``sql --sandbox`` refuses what the library refuses, in one line, and answers otherwise."""
    run = CliRunner().invoke
    lake = ["--lake", os.fspath(place["lake"])]
    refused = run(app, [*lake, "sql", "--sandbox", ATTACKS["text"].format(**place)])
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "The sandbox refuses" in refused.stderr
    answered = run(app, [*lake, "sql", "--sandbox", "SELECT count(*) AS n FROM price_data"])
    assert answered.exit_code == 0


@pytest.fixture
def small(
    place: dict[str, Path], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Lake]:
    """Yield a lake whose sandbox has little memory, or little time."""
    limits = {"memory_mb": "100", "timeout_s": "2" if "timeout_s" in request.node.name else "60"}
    for name, value in limits.items():
        monkeypatch.setenv(f"FACTORLAB_SANDBOX_{name.upper()}", value)
    settings.cache_clear()
    yield fl.open(place["lake"], create=False, sandbox=True)
    settings.cache_clear()


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("SELECT count(*) FROM range(1000000000000) t(a) WHERE a % 7 = random()", "timeout_s"),
        ("CREATE TABLE endless AS SELECT 1 AS a; FROM range(1000000000000) t(a) WHERE a < 0", "timeout_s"),
        ("BEGIN; SELECT count(*) FROM range(1000000000000) t(a) WHERE a % 7 = random()", "timeout_s"),
        ("CREATE TABLE large AS SELECT a, random() AS b FROM range(100000000) t(a)", "memory_mb"),
        ("SELECT list(a) AS a FROM range(100000000) t(a)", "memory_mb"),
        ("FROM range(100000000)", "memory_mb"),
        # DuckDB 1 returns the rows of EXECUTE value by value, so that time is up first.
        (
            "PREPARE p AS FROM range(100000000); EXECUTE p",
            "timeout_s" if duckdb.__version__.startswith("1.") else "memory_mb",
        ),
    ],
)
def test_a_sandbox_limits_memory_and_time(small: Lake, lake_both: Lake, query: str, limit: str) -> None:
    """The error names the setting, and the next query has its result; rows of an answer count too."""
    with pytest.raises(QueryStopped, match=f"FACTORLAB_SANDBOX_{limit.upper()}") as stopped:
        small.sql(query)
    assert stopped.value.facts.keys() == {limit}
    assert small.sql("SELECT 1 AS a").item() == 1
    assert_frame_equal(small.sql(CAPS), lake_both.sql(CAPS))


def test_the_limits_are_locked(small: Lake, lake_both: Lake) -> None:
    """The user cannot change them, and a lake without a sandbox has none of them."""
    for change in ("SET memory_limit = '9GB'", "RESET memory_limit", "PRAGMA memory_limit = '9GB'"):
        with pytest.raises(InvalidInput, match="locked"):
            small.sql(change)
    limit = "SELECT current_setting('memory_limit') AS bytes"
    assert small.sql(limit).item() == "100.0 MiB"
    assert fl.open(lake_both.path, create=False).sql(limit).item() != "100.0 MiB"


@pytest.mark.parametrize("query", ["FROM duckdb_secrets()", "FROM which_secret('s3://b', 's3')"])
def test_a_sandbox_has_no_secrets_and_says_so(lake_both: Lake, query: str) -> None:
    """The text of DuckDB named the folder of the user, and then a storage that was registered twice."""
    lake = fl.open(lake_both.path, sandbox=True)
    for _ in range(2):
        with pytest.raises(InvalidInput, match=r"^The sandbox refuses the query: it has no secrets"):
            lake.sql(query)
