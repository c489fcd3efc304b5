"""Test that writers of a lake in a bucket lose no commit, also when they are killed.

``FACTORLAB_TEST_BUCKET_COMMITS`` sets the commits of each writer, by default 5, and
``FACTORLAB_TEST_BUCKET_WRITERS`` the number of writers, by default 3.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import LakeLocked, WriteFailed
from factorlab_lake.storage import lease as leases
from factorlab_lake.storage.bucket_path import BucketPath
from factorlab_lake.storage.lake_paths import folder_path
from factorlab_lake.storage.lease import leased

_COMMITS = int(os.environ.get("FACTORLAB_TEST_BUCKET_COMMITS", "5"))
_WRITERS = int(os.environ.get("FACTORLAB_TEST_BUCKET_WRITERS", "3"))
_KILLS = max(2, _COMMITS // 5)  # of each writer
_CHANCE = 0.05  # of a kill, about each 0.1 s
_LONGEST_S = 20.0 + 12.0 * _COMMITS * _WRITERS
_SCRIPT = """
import sys
import factorlab_lake as fl
from factorlab_lake.errors import LakeLocked
address, writer, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
lake = fl.open(address, create=False)
for number in range(first, count):
    day = f"{2000 + number // 28:04d}-01-{number % 28 + 1:02d}"
    row = {"symbol": [writer], "date": [day], "numerator": [2], "denominator": [1]}
    while True:
        try:
            lake.refresh()
            if not lake.sql(f"SELECT 1 FROM splits WHERE symbol = '{writer}' AND date = DATE '{day}'").height:
                lake.load("splits", row)
            break
        except LakeLocked:
            pass
    print(number, flush=True)
"""


class _Writer:
    """Run the commits of one writer in processes, each killed at a random moment but the last."""

    def __init__(self, address: str, name: str, folder: Path) -> None:
        self.address, self.name, self.output = address, name, folder / name
        self.kills_left = _KILLS
        self.acknowledged = -1
        self.start()

    def start(self) -> None:
        first = self.acknowledged + 1
        command = [sys.executable, "-c", _SCRIPT, self.address, self.name, str(first), str(_COMMITS)]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output)

    def step(self, dice: random.Random) -> bool:
        """Kill or restart the process by chance; return whether all commits are acknowledged."""
        numbers = self.output.read_text().split()
        self.acknowledged = max(map(int, numbers), default=-1)
        if self.process.poll() is None:
            # Kills are spread over the commits, so that the last ones are interrupted too.
            due = (_KILLS - self.kills_left) * _COMMITS // _KILLS - 1
            if self.kills_left and self.acknowledged >= due and dice.random() < _CHANCE:
                self.process.kill()
                self.process.wait()
                self.kills_left -= 1
                self.start()
            return False
        if self.acknowledged < _COMMITS - 1:
            assert self.process.returncode in (0, -9)
            self.start()
            return False
        return True


def test_killed_writers_lose_and_double_no_commit(address: str, tmp_path: Path) -> None:
    """Several writers with kill -9, and a reader during all of it: each acknowledged row is there once."""
    fl.open(address, create=True)
    writers = [_Writer(address, f"W{n}", tmp_path) for n in range(_WRITERS)]
    dice, deadline, seen, reads = random.Random(7), time.monotonic() + _LONGEST_S, 0, 0
    reader = fl.open(address)
    try:
        while sum(writer.step(dice) for writer in writers) < _WRITERS:
            assert time.monotonic() < deadline
            rows = reader.refresh().sql("SELECT count(*) AS n FROM splits")["n"].item()
            assert rows >= seen
            seen, reads = rows, reads + 1
            time.sleep(0.1)
    finally:
        for writer in writers:
            writer.process.kill()
            writer.process.wait()
    lake = fl.open(address)
    total = lake.sql("SELECT count(*) AS n FROM splits")["n"].item()
    kills = sum(_KILLS - writer.kills_left for writer in writers)
    sys.stdout.write(f"{total} of {_WRITERS * _COMMITS} rows, {kills} kills, {reads} reads\n")
    assert total == _WRITERS * _COMMITS
    counts = "SELECT symbol, count(DISTINCT date) AS n, count(*) AS m FROM splits GROUP BY ALL"
    assert lake.sql(counts)["n"].to_list() == [_COMMITS] * _WRITERS
    assert lake.verify(deep=True).findings == []
    assert [s.id for s in lake.history()] == list(range(1, lake.snapshot.id + 1))


def _lock(address: str) -> BucketPath:
    return BucketPath(*folder_path(address).parts) / "_lake" / "write.lock"


def test_a_lease_is_taken_over_only_after_its_term(
    moto_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease of another machine that is not renewed ends after its term, and its former owner notices."""
    monkeypatch.setattr(leases, "LEASE_S", 0.8)
    lock = _lock(moto_address)
    with leased(lock, 1, "busy") as living:
        time.sleep(1.2)
        living.assert_owned()
        with pytest.raises(LakeLocked, match="busy"), leased(lock, 1.2, "busy"):
            pass
    with leased(lock, 1, "busy"):
        pass
    stale = lock.tagged()
    dead = lock.swap(json.dumps({"owner": "x", "machine": "elsewhere", "pid": 1}).encode(), stale[1])
    assert dead is not None
    with pytest.raises(LakeLocked, match="busy"), leased(lock, 0.2, "busy"):
        pass
    with leased(lock, 5, "busy") as taken:
        assert lock.swap(b"{}", taken.e_tag) is not None
        with pytest.raises(LakeLocked, match="did not renew"):
            taken.assert_owned()


def test_a_dead_process_of_this_machine_loses_its_lease_at_once(moto_address: str) -> None:
    """The lease of a process that was killed here is free without a wait."""
    lock = _lock(moto_address)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    lock.create(json.dumps({"owner": "x", "machine": leases._machine(), "pid": ended.pid}).encode())
    with leased(lock, 0, "busy") as lease:
        lease.assert_owned()


def test_a_snapshot_is_created_once(moto_address: str) -> None:
    """Creating an object that another writer created fails, and repeating an own request does not."""
    path = _lock(moto_address)
    assert path.create(b"one") == path.create(b"one")
    with pytest.raises(FileExistsError):
        path.create(b"two")
    assert path.read_bytes() == b"one"


@pytest.mark.parametrize("ignored", ["create", "swap"])
def test_a_store_that_ignores_conditions_is_refused(
    moto_address: str, ignored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store without conditional puts is refused before the first change."""

    def put(self: BucketPath, content: bytes, *_: str) -> str:
        self.write_bytes(content)
        return self.tagged()[1]

    monkeypatch.setattr(BucketPath, ignored, put)
    leases._assert_conditional.cache_clear()
    with pytest.raises(WriteFailed, match="ignores the condition"), leased(_lock(moto_address), 1, "busy"):
        pass
    assert not folder_path(moto_address).exists()
