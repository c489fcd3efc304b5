"""Run the commands of the guide for teams as they are written: roles, researchers, a schema, and cron."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.sync.postgres.placeholders import sql_text
from factorlab_lake.sync.postgres.server_functions import FUNCTIONS
from tests.code_blocks import blocks
from tests.contracts.pair import assert_same_rows, method_call
from tests.contracts.questions import PLAIN_SQL
from tests.support import ROOT, copy_of
from tests.unit.query.entry_points import DATES, SYMBOLS
from tests.unit.sync.postgres_server import PASSWORD, Server, program, server

pytestmark = pytest.mark.slow  # each command is a process, and the server is one of its own

_PAGE = (ROOT / "docs" / "howto" / "share_with_a_team.md").read_text(encoding="utf-8")
_RELATIONS = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'p')
"""
_WRITES = (
    "INSERT INTO {} DEFAULT VALUES",
    "DELETE FROM {}",
    "TRUNCATE {}",
    "DROP TABLE {}",
    "CREATE INDEX ON {} (symbol)",
)
_CREATES = ("CREATE TABLE mine (x integer)", "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1")
_QUESTIONS = {name for name in FUNCTIONS if re.search("RETURNS (TABLE|SETOF)", sql_text(name))}
_GIVEN = "change-me"  # the password that the page shows
_CAP = "2302452670110"


@dataclass(frozen=True)
class Team:
    """Represent a server of its own, a folder with a lake in ``data/lake``, and who runs the commands."""

    running: Server
    folder: Path
    done: list[str] = field(default_factory=list)

    def run(self, block: str, *, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a block of the page in a shell, with the server's address for the one that it shows."""
        script = re.sub(r"(@|-h )host\b", r"\g<1>127.0.0.1", block).replace("/data ", f"{self.folder}/data ")
        path = os.pathsep.join([str(Path(sys.executable).parent), str(Path(program("psql")).parent)])
        environment = os.environ | {
            "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": self.running.host,
            "PGPORT": str(self.running.port),
            "PGUSER": self.running.user,
            "PGPASSFILE": str(self.folder / "pgpass"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        shell = ["bash", "-e", "-o", "pipefail", "-c", script]
        done = subprocess.run(
            shell, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == code, done
        return done

    def url(self, user: str) -> str:
        """Return the address of the database for a user of the page."""
        return f"postgresql://{user}:{_GIVEN}@{self.running.host}:{self.running.port}/lake"


def _block(heading: str, start: str) -> str:
    """Return the block below a heading that begins with a text."""
    section = _PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    [text] = [block.text for block in blocks(section) if block.text.startswith(start)]
    return text


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, lake_2021: Lake) -> Iterator[Team]:
    """Yield a server on which the page was followed until the researchers have access."""
    folder = tmp_path_factory.mktemp("team")
    copy_of(lake_2021, folder / "data" / "lake")
    passwords = f"*:*:*:postgres:{PASSWORD}\n*:*:*:*:{_GIVEN}\n"
    (folder / "pgpass").write_text(passwords, encoding="utf-8")
    (folder / "pgpass").chmod(0o600)
    with server() as running:
        team = Team(running, folder)
        team.run(_block("Prepare", "psql"))
        team.run(_block("Give researchers access", "(factorlab-lake"))
        yield team


def test_the_check_of_the_page_is_as_it_says(team: Team) -> None:
    """The researcher gets a market cap, and a change is refused."""
    done = team.run(_block("Give researchers access", "psql -h"), code=1)
    assert _CAP in done.stdout
    assert "permission denied for table price_data" in done.stderr


def test_a_researcher_reads_every_table_and_function(team: Team) -> None:
    """Each relation can be read and each function called, with the rows of the lake."""
    with psycopg.connect(team.url("a_user"), autocommit=True) as con:
        relations = {name for (name,) in con.execute(_RELATIONS).fetchall()}
        assert {
            *TABLES,
            "financial_statements",
            "financial_ratios",
            "revisions",
            "universe_members",
        } <= relations
        for name in relations:
            con.execute(f'SELECT count(*) FROM public."{name}"'.encode())
    called = {re.findall(r"FROM (\w+)\(", query)[0] for query in PLAIN_SQL}
    assert called == _QUESTIONS
    days = [f"DATE '{day}'" for day in DATES]
    lake = fl.open(team.folder / "data" / "lake")
    with fl.open(team.url("a_user")) as shared:
        for query in PLAIN_SQL:
            left = lake.sql(query.format(symbols=str(SYMBOLS), dates=f"[{', '.join(days)}]"))
            text = query.format(symbols=f"ARRAY{SYMBOLS}", dates=f"ARRAY[{', '.join(days)}]")
            assert_same_rows(left, shared.sql(text))
        question = method_call("factors", SYMBOLS, DATES)
        assert_same_rows(question(lake), question(shared))


def test_a_researcher_cannot_write(team: Team) -> None:
    """No table can be changed, and nothing can be created in the schema."""
    statements = [text.format(name) for name in TABLES for text in _WRITES]
    with psycopg.connect(team.url("a_user"), autocommit=True) as con:
        for statement in (*statements, *_CREATES, "UPDATE splits SET numerator = 1"):
            with pytest.raises(errors.InsufficientPrivilege):
                con.execute(statement.encode())


def test_a_researcher_reads_what_the_owner_adds_later(team: Team) -> None:
    """The default privileges are those of the owner of the tables, whoever pasted the script."""
    with psycopg.connect(team.url("lake_owner"), autocommit=True) as owner:
        owner.execute("CREATE TABLE later (x integer)")
        try:
            with psycopg.connect(team.url("a_user")) as con:
                assert con.execute("SELECT count(*) FROM later").fetchone() == (0,)
        finally:
            owner.execute("DROP TABLE later")


def test_cron_gets_a_mail_only_if_something_is_wrong(team: Team) -> None:
    """Without a fault nothing is printed; an edit by hand is named, with the exit code of the page."""
    line = _block("Every night", "# crontab").splitlines()[1]
    command = line.split(maxsplit=5)[5]
    done = team.run(command)
    assert (done.stdout, done.stderr) == ("", "")
    with psycopg.connect(team.url("lake_owner"), autocommit=True) as owner:
        owner.execute("DELETE FROM price_data WHERE symbol = 'AAPL' AND year = 2020")
    assert "price_data" in team.run(command, code=3).stdout
    team.run(command.replace(" sync ", " sync --repair "))
    assert team.run(command).stdout == ""
    assert "No such option" in team.run(command.replace(" sync ", " sync --mend "), code=2).stderr
    assert "error: " in team.run(command.replace("@host/lake", "@host/lakes"), code=1).stderr


def test_a_lake_in_another_schema_answers(team: Team) -> None:
    """The option of the address and the key of an environment name the schema; researchers have it too."""
    done = team.run(_block("In another schema", "psql"))
    assert "2,302.5 bn" in done.stdout
    with psycopg.connect(team.url("a_user")) as con:
        assert con.execute("SELECT count(*) > 1000 FROM research.price_data").fetchone() == (True,)
    file = team.folder / "config" / "environments.yaml"
    file.parent.mkdir()
    written = _block("In another schema", "production:").replace("host: host", "host: 127.0.0.1")
    file.write_text(written.replace("lake\n", f"lake\n    port: {team.running.port}\n", 1), encoding="utf-8")
    query = "SELECT current_schema() AS s, count(*) AS n FROM splits GROUP BY 1"
    ask = f"DB_PASSWORD={_GIVEN} factorlab-lake --json --env production sql '{query}'"
    assert '"s": "research"' in team.run(ask).stdout
