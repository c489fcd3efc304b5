"""Test that syncs to Snowflake that are killed, or run at once, end with the rows of the lake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from factorlab_lake.errors import LakeLocked
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.sync.snowflake.address import SnowflakeAddress
from factorlab_lake.sync.snowflake.connection import connect
from factorlab_lake.sync.snowflake.locks import locked
from factorlab_lake.sync.snowflake.target import open_target
from tests.support import LATER, ROOT, Entry, arrive, bar, income, slow_after
from tests.unit.sync.snowflake_server import Account, by_hand
from tests.unit.sync.test_snowflake_sync import assert_equal

# Syncs as its input says, and is killed before the n-th statement. It imports the package beforehand.
_DYING = """
import json, os, signal, sys
import factorlab_lake as fl
from factorlab_lake.sync.snowflake.connection import Connection

lake, url, left = json.loads(sys.stdin.readline())
real = Connection.run
def run(self, *args):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *args)
Connection.run = run
fl.open(lake).sync(url)
"""
_SYNC = "import sys, factorlab_lake as fl; print(fl.open(sys.argv[1]).sync(sys.argv[2]).clean)"
# A first load of these rows has some 200 statements, of which 75 create tables and functions; a later sync
# has some 70. The moments of each are spread over all of them.
_FIRST = (3, 5, 8, 30, 72, 110, 150, 190)
_LATER = (11, 57, 0, 6, 9, 13, 18, 23, 29, 36, 43, 50)
_SIGKILL, _LONGEST_S = -9, 180


class Killer:
    """Represents processes that sync once and are killed; the next one starts while the last one works.

    None is a fork: a copy of a process waits forever for a lock that one of its other threads held.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._next = self._started()

    @staticmethod
    def _started() -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", _DYING], cwd=ROOT, stdin=subprocess.PIPE, text=True)

    def kill(self, lake: Lake, url: str, moment: int) -> None:
        """Sync a lake, kill that sync before a statement, and end its transaction as the account would."""
        with self._next as process:
            self._next = self._started()
            try:
                process.communicate(json.dumps([str(lake.path), url, moment]) + "\n", timeout=_LONGEST_S)
            finally:
                process.kill()
            assert process.returncode == _SIGKILL
        self._account.abort()

    def close(self) -> None:
        """End the process that was started for a further kill."""
        with self._next as process:
            process.kill()


@pytest.fixture(scope="module")
def killer(snowflake: Account) -> Iterator[Killer]:
    """Kill syncs to the account, and leave no process behind."""
    with closing(Killer(snowflake)) as started:
        yield started


@pytest.fixture
def changing(small: Lake, tmp_path: Path) -> Lake:
    """Return a lake whose last two snapshots differ in bars, statements and what follows of them."""
    newer = [bar(f"2019-01-{day:02}", 50.0 + day) for day in (2, 3, 4, 7)]
    restated = income("2018-12-31", "Q4", symbol="AAA", revenue=1.0, acceptedDate="2021-05-01 10:00:00")
    arrive(
        small,
        tmp_path,
        Entry("AAA", "price", newer, cached_at=LATER),
        Entry("AAA", "income", [restated], cached_at=LATER),
    )
    return small


@pytest.mark.parametrize("moment", slow_after(1, _FIRST))
def test_a_first_load_that_is_killed_is_completed(
    changing: Lake, killer: Killer, schema: str, moment: int
) -> None:
    """Batches of the killed sync are complete or absent; the next sync sends the rest, and all is equal."""
    killer.kill(changing, schema, moment)
    _assert_complete(schema)
    assert changing.sync(schema).clean
    assert_equal(changing, schema)


def test_a_later_sync_that_is_killed_is_completed(changing: Lake, killer: Killer, schema: str) -> None:
    """The same holds for syncs that change, insert and delete rows."""
    _kill_later_syncs(changing, killer, schema, _LATER[:2])


@pytest.mark.slow
def test_later_syncs_that_are_killed_at_ten_moments_are_completed(
    changing: Lake, killer: Killer, schema: str
) -> None:
    """The same holds at the other moments of such syncs."""
    _kill_later_syncs(changing, killer, schema, _LATER[2:])


def _kill_later_syncs(lake: Lake, killer: Killer, schema: str, moments: tuple[int, ...]) -> None:
    assert lake.sync(schema).clean
    newest = lake.snapshot.id
    for number, moment in enumerate(moments):
        lake.rollback(newest if number % 2 else 1)
        killer.kill(lake, schema, moment)
        _assert_complete(schema)
        assert lake.sync(schema, verify_deep=True).clean  # reads every value
    assert_equal(lake, schema)


def _assert_complete(url: str) -> None:
    """Fail unless each batch has the rows of its newest ledger line, and no file of a batch is left."""
    tables = {str(name).lower() for (name,) in by_hand(url, _TABLES)}
    if not {"factorlab_lake_ledger", *TABLES} <= tables:
        return
    with open_target(SnowflakeAddress.parse(url)) as target:
        digests, ledger = target.digests(TABLES.values())
    for name in TABLES:
        recorded = {part: line.digest for part, line in ledger.get(name, {}).items() if line.digest.rows}
        assert digests[name] == recorded, name
    left = " UNION ALL ".join(f"SELECT '{n}' AS name FROM factorlab_lake_stage_{n}" for n in TABLES)
    assert by_hand(url, left) == []  # in one statement: a login for each table took most of the time


_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA()"


def test_two_syncs_at_once_have_the_result_of_one(changing: Lake, schema: str) -> None:
    """Both succeed, each row was sent once and exists once, and the schema equals the lake."""
    command = [sys.executable, "-c", _SYNC, str(changing.path), schema]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    ends = [process.communicate(timeout=240) for process in running]
    assert [out for out, _ in ends] == ["True\n", "True\n"], ends
    rows = int(changing.refresh().status()["rows"].sum())  # a sync derives rows first
    assert by_hand(schema, "SELECT sum(rows_sent) FROM factorlab_lake_ledger") == [(rows,)]
    assert changing.sync(schema, verify_deep=True).sent == 0
    assert_equal(changing, schema)


def test_a_sync_waits_for_another_sync_of_the_table(changing: Lake, schema: str) -> None:
    """The second transaction on a table raises after its time limit, and writes nothing."""
    assert changing.sync(schema).clean
    address = SnowflakeAddress.parse(schema)
    first, second = connect(address), connect(address)
    with locked(first, "price_data", timeout_s=5):
        with pytest.raises(LakeLocked, match="Another program"), locked(second, "price_data", timeout_s=0.5):
            pass
        with locked(second, "splits", timeout_s=5):
            pass
    with locked(second, "price_data", timeout_s=5):
        pass
    first.close()
    second.close()
