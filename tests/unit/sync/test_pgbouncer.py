"""Test programs behind a real pgbouncer that passes each connection on after every transaction."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars as pl
import psycopg
import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.server_lake import ServerLake
from tests.contracts.pair import assert_same_rows
from tests.support import slow_after
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.query.sample_company import sample_company
from tests.unit.sync.postgres_server import PASSWORD, Server

_PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
_AS = "nobody"  # pgbouncer refuses to run as root
_RULES = ("same_day", 30)
_SETTINGS = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 1
max_client_conn = 100
"""
# What a careless program leaves on the connection that the next one gets.
_LEFT_BEHIND = """
SET factorlab.availability_lag_days = '0';
SET search_path = pg_temp, public;
SET TimeZone = 'Asia/Tokyo';
CREATE TEMP TABLE IF NOT EXISTS price_data AS SELECT * FROM public.price_data LIMIT 0;
CREATE TEMP TABLE IF NOT EXISTS factorlab_lake_target AS SELECT 9 AS availability_lag_days;
"""

pytestmark = pytest.mark.skipif(
    _PROGRAM is None, reason="NOT TESTED: pgbouncer is not installed; on Debian, `apt-get install pgbouncer`"
)


@contextmanager
def _pgbouncer(server: Server) -> Iterator[int]:
    """Yield the port of a pgbouncer in front of a server, with one connection per database."""
    assert _PROGRAM is not None
    folder = Path(tempfile.mkdtemp(prefix="factorlab-pgbouncer-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = probe.getsockname()[1]
    (folder / "users").write_text(f'"{server.user}" "{PASSWORD}"\n')
    settings = folder / "pgbouncer.ini"
    settings.write_text(_SETTINGS.format(host=server.host, port=server.port, listen=listen, folder=folder))
    user = _AS if os.geteuid() == 0 else None
    if user is not None:
        for place in (folder, *folder.iterdir()):
            shutil.chown(place, user)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([_PROGRAM, settings], user=user, stdout=log, stderr=log, cwd="/")
    try:
        _wait_for(listen, process, folder / "log")
        yield listen
    finally:
        process.terminate()
        process.wait(timeout=20)
        shutil.rmtree(folder)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> list[Lake]:
    """Return two lakes of the same filings, which differ in their availability rule."""
    made = []
    for rule in _RULES:
        builder = LakeBuilder()
        sample_company(builder, "WHOLE")
        lake = builder.build(tmp_path_factory.mktemp("ruled"))
        lake.configure(availability=rule)
        made.append(fl.open(lake.path))
    return made


@pytest.fixture(scope="module")
def urls(lakes: list[Lake], postgres: Server) -> Iterator[list[str]]:
    """Yield the addresses of both lakes through one pgbouncer."""
    with ExitStack() as stack:
        direct = [stack.enter_context(postgres.database()) for _ in lakes]
        for lake, url in zip(lakes, direct, strict=True):
            lake.sync(url)
        port = stack.enter_context(_pgbouncer(postgres))
        yield [
            f"postgresql://{postgres.user}:{PASSWORD}@127.0.0.1:{port}/{url.rpartition('/')[2]}"
            for url in direct
        ]


def _answers(lake: Lake | ServerLake) -> list[pl.DataFrame]:
    days = ["2021-01-29", "2021-02-19", "2021-02-26", "2021-03-31"]
    statements = lake.sql(
        "SELECT statement_type, fiscal_date, available_date FROM financial_statements ORDER BY 1, 2, 3"
    )
    return [lake.market_caps("WHOLE", days), lake.ttm("WHOLE", days[1:]), statements]


@pytest.mark.parametrize("questions", slow_after(1, [100, 1000]))
def test_programs_with_two_rules_get_their_own_answers(
    lakes: list[Lake], urls: list[str], questions: int
) -> None:
    """Four programs ask in turn, two per rule on one connection; another one leaves its settings there."""
    expected = [_answers(lake) for lake in lakes]
    assert not expected[0][2].equals(expected[1][2])
    with ExitStack() as stack:
        programs = [(n, stack.enter_context(fl.open(url))) for n, url in enumerate(urls) for _ in range(2)]
        others = [stack.enter_context(psycopg.connect(url, autocommit=True)) for url in urls]

        def ask(turn: int) -> None:
            number, program = programs[turn % len(programs)]
            if turn % 10 == 0:
                others[turn // 10 % 2].execute(_LEFT_BEHIND)
            for answer, right in zip(_answers(program), expected[number], strict=True):
                assert_same_rows(right, answer)

        with ThreadPoolExecutor(len(programs)) as threads:
            done = list(threads.map(ask, range(-(-questions // len(expected[0])))))
    assert len(done) * len(expected[0]) >= questions
