"""Test that an interrupted sync leaves complete batches, and that the next sync completes the work.

``FACTORLAB_SOAK_KILLS=100`` sets how often the sync is killed; the default is small.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from factorlab_lake.errors import LakeLocked, TargetFailed
from factorlab_lake.lake import Lake
from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage import snapshots
from factorlab_lake.sync.engine import sync
from factorlab_lake.sync.postgres.target import open_target
from tests.support import LATER, ROOT, THOROUGH, Entry, arrive, bar, copy_of, income, run_python
from tests.unit.sync.comparing import assert_equal, by_hand, consistent
from tests.unit.sync.postgres_server import Server

KILLS = int(os.environ.get("FACTORLAB_SOAK_KILLS", "8" if THOROUGH else "3"))

# Syncs repeatedly, each time in a process that is killed before its n-th message to the server. After a sync
# that completes, the lake is rolled back to another snapshot, so that the next sync has changes to send.
_DYING = """
import json, os, signal, sys
from adbc_driver_postgresql import dbapi
import psycopg
import factorlab_lake as fl
from factorlab_lake.sync import engine
from tests.unit.sync.comparing import consistent

engine._LARGE_ROWS = 1  # also while tables are without their keys
lake, url, moments, kills = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])

def in_a_process_of_its_own(work):
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def dying(moment):
    left = moment
    def before(owner, name):
        real = getattr(owner, name)
        def call(*args, **kwargs):
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        setattr(owner, name, call)
    for name in ("execute", "adbc_ingest"):
        before(dbapi.Cursor, name)
    before(dbapi.Connection, "commit")
    before(psycopg.Connection, "execute")
    fl.open(lake).sync(url)

def to_another_content():
    opened = fl.open(lake)
    opened.rollback((opened.snapshot.id + 1) % 3)

killed = ended = 0
for moment in moments:
    end = in_a_process_of_its_own(lambda: dying(moment))
    killed, ended = killed + (end == -signal.SIGKILL), ended + (end == 0)
    assert in_a_process_of_its_own(lambda: os._exit(0 if consistent(url) else 1)) == 0
    if killed == kills:
        break
    if end == 0:
        assert in_a_process_of_its_own(to_another_content) == 0
print(killed, ended)
"""
_SYNC = "import sys, factorlab_lake as fl; print(fl.open(sys.argv[1]).sync(sys.argv[2]).clean)"


def test_a_sync_killed_at_random_moments_leaves_complete_batches(
    small: Lake, database: str, tmp_path: Path
) -> None:
    """After each kill every batch is complete; after the last sync every value equals the lake's."""
    newer = [bar(f"2019-01-{day:02}", 50.0 + day) for day in (2, 3, 4, 7)]
    restated = income("2018-12-31", "Q4", symbol="AAA", revenue=1.0, acceptedDate="2021-05-01 10:00:00")
    arrive(
        small,
        tmp_path,
        Entry("AAA", "price", newer, cached_at=LATER),
        Entry("AAA", "income", [restated], cached_at=LATER),
    )
    chance = random.Random(20_210_331)
    moments = [chance.randrange(80) for _ in range(5 * KILLS)]
    moments.insert(1, 10_000)  # one sync that ends, so that the next has another content to send
    done = run_python(_DYING, small.path, database, json.dumps(moments), KILLS, timeout_s=120 + 15 * KILLS)
    assert done.returncode == 0, done.stderr
    killed, ended = map(int, done.stdout.split())
    assert (killed, ended > 0) == (KILLS, True)
    assert small.refresh().sync(database, verify_deep=True).clean
    assert_equal(small, database)


def _at_batch(number: int, act: Callable[[], object]) -> Callable[..., None]:
    def progress(*, files_done: int, files_total: int, records: int) -> None:
        if files_done == number:
            act()

    return progress


def test_a_restart_of_the_server_during_a_sync_is_survived(
    lake_2021: Lake, postgres: Server, database: str, tmp_path: Path
) -> None:
    """The sync raises one error, its committed batches stay, and the next sync continues."""
    if postgres.folder is None:
        pytest.skip("the tests restart only a server that they started")
    lake = copy_of(lake_2021, tmp_path / "lake")
    with pytest.raises(TargetFailed, match="sync again to continue"):
        lake.sync(database, progress=_at_batch(3, postgres.restart))
    assert consistent(database)
    batches = len(by_hand(database, "SELECT 1 FROM factorlab_lake_ledger"))
    assert batches == 3
    assert lake.sync(database, verify_deep=True).clean
    assert_equal(lake, database)


def test_a_lost_connection_is_survived(
    lake_2021: Lake, postgres: Server, database: str, tmp_path: Path
) -> None:
    """A sync that loses its connection between two batches raises an error, and the next sync continues."""
    lake = copy_of(lake_2021, tmp_path / "lake")
    ours = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE 'factorlab-lake%'"
    )
    with psycopg.connect(postgres.url(), application_name="factorlab-lake of another database") as other:
        with pytest.raises(TargetFailed):
            lake.sync(database, progress=_at_batch(5, lambda: by_hand(database, ours)))
        assert other.execute("SELECT 1").fetchone() == (1,)
    again = lake.sync(database, verify_deep=True)
    assert again.clean
    assert 0 < again.sent < _rows(lake)


def _rows(lake: Lake) -> int:
    return int(lake.status()["rows"].sum())


def test_two_syncs_at_once_have_the_result_of_one(lake_2021: Lake, database: str, tmp_path: Path) -> None:
    """Both succeed, no row exists twice, and the target equals the lake."""
    lake = copy_of(lake_2021, tmp_path / "lake")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _SYNC, str(lake.path), database],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ends = [process.communicate(timeout=120) for process in running]
    assert [out for out, _ in ends] == ["True\n", "True\n"], ends
    assert by_hand(database, "SELECT sum(rows_sent) FROM factorlab_lake_ledger") == [(_rows(lake),)]
    assert lake.sync(database, verify_deep=True).sent == 0
    assert_equal(lake, database)


def test_a_sync_waits_for_another_sync_of_the_table(small: Lake, postgres: Server, database: str) -> None:
    """After the time limit the error names the other program, and no row was sent."""
    layout = layouts.find(small.path)
    with open_target(database) as target:
        target.prepare(layout.lake_id, lambda _spec, _columns: [])
    with psycopg.connect(database, application_name="factorlab-lake on quants, process 7") as other:
        other.execute("SELECT FROM factorlab_lake_written WHERE table_name = 'price_data' FOR UPDATE")
        with (
            pytest.raises(LakeLocked, match=f"factorlab-lake on quants, process 7 as {postgres.user}"),
            open_target(database, timeout_s=0) as target,
        ):
            sync(layout, target)
        assert other.execute("SELECT count(*) FROM price_data").fetchone() == (0,)
    assert small.sync(database).clean


def test_a_slow_sync_leaves_newer_batches(
    small: Lake, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow sync of an older snapshot keeps batches of a newer one, and reports that it is behind."""
    layout = layouts.find(small.path)
    with open_target(database) as target:
        older = small.snapshot
        small.sync(database)
        small.rollback(0)
        small.sync(database)
        with monkeypatch.context() as then:
            then.setattr("factorlab_lake.storage.snapshots.latest", _once(older))
            report = sync(layout, target)
    assert (report.ahead, report.clean, report.snapshot, report.sent) == (True, True, 1, 0)
    assert by_hand(database, "SELECT count(*) FROM price_data") == [(0,)]


def _once(first: object) -> Callable[..., object]:
    """Return a function that returns the older snapshot on the first call, and then the newest."""
    real, earlier = snapshots.latest, iter([first])
    return lambda layout: next(earlier, None) or real(layout)
