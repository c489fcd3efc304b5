from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import LakeLocked
from factorlab_lake.lake import Lake
from tests.support import ROOT, SPLITS, content, writing

_HOLDER = """
import sys
from factorlab_lake.storage import layout
from factorlab_lake.storage.lock import writer_lock
with writer_lock(layout.find(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def locked(lake: Lake) -> Iterator[subprocess.Popen[str]]:
    """Start a process that locks the lake until it reads a line or is killed."""
    lake.load("splits", SPLITS)
    arguments = [sys.executable, "-c", _HOLDER, str(lake.path)]
    with subprocess.Popen(
        arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        yield holder
        holder.kill()


def test_a_second_writer_raises_lake_locked(lake: Lake, locked: subprocess.Popen[str]) -> None:
    """While another process writes, a writer with a short timeout raises an error that names the lake."""
    with pytest.raises(LakeLocked, match="Another process") as caught, writing(lake, timeout_s=0.05):
        pass
    assert caught.value.facts["path"] == str(lake.path)


def test_readers_do_not_wait_for_a_writer(lake: Lake, locked: subprocess.Popen[str]) -> None:
    """Opening, queries, history and time travel work while another process has the lock."""
    reader = fl.open(lake.path)
    assert content(reader)["splits"].height == 4
    assert [s.id for s in reader.history()] == [1]
    assert reader.at(0).sql("SELECT * FROM splits").is_empty()
    assert reader.refresh().snapshot.id == 1


def test_the_lock_of_a_killed_writer_is_gone(lake: Lake, locked: subprocess.Popen[str]) -> None:
    """The lock of a killed writer is free; no one has to remove a file."""
    locked.send_signal(signal.SIGKILL)
    locked.wait()
    with writing(lake, timeout_s=5) as tx:
        assert tx.read("splits").height == 4


def test_a_waiting_writer_goes_on_when_the_other_ends(lake: Lake, locked: subprocess.Popen[str]) -> None:
    """A writer that waits for another one changes the other's result."""

    def write() -> int:
        with writing(lake, timeout_s=30) as tx:
            return tx.base.id

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(write)
        locked.communicate("go on\n")
        assert waiting.result() == 1
    assert locked.returncode == 0


def test_two_processes_that_write_at_once_both_land(lake: Lake, tmp_path: Path) -> None:
    """Concurrent writers take turns: no rows are lost, and each commits its own snapshot."""
    script = (
        "import sys, factorlab_lake as fl\n"
        "lake = fl.open(sys.argv[1])\n"
        "for i in range(3):\n"
        "    lake.load('splits', {'symbol': [f'{sys.argv[2]}{i}'], 'date': ['2020-01-02'],\n"
        "                         'numerator': [2], 'denominator': [1]})\n"
    )
    command = [sys.executable, "-c", script, str(lake.path)]
    writers = [subprocess.Popen([*command, name], cwd=ROOT) for name in ("X", "Y")]
    assert [w.wait(timeout=60) for w in writers] == [0, 0]
    lake.refresh()
    assert lake.sql("SELECT symbol FROM splits ORDER BY ALL")["symbol"].to_list() == [
        "X0", "X1", "X2", "Y0", "Y1", "Y2",
    ]  # fmt: skip
    assert [s.id for s in lake.history()] == [1, 2, 3, 4, 5, 6]
