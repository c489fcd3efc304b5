"""Delete the lock file of a writer: a second one starts, and no commit of either is lost or doubled.

``FACTORLAB_SOAK_KILLS=200`` sets the number of kills of the last test; the default is small.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import LakeLocked
from factorlab_lake.lake import Lake
from factorlab_lake.storage import snapshots
from factorlab_lake.storage.transaction import Transaction
from tests.support import ROOT, THOROUGH, table_rows, writing

KILLS = int(os.environ.get("FACTORLAB_SOAK_KILLS", "4" if THOROUGH else "2"))  # of each of two writers
DELETIONS = max(KILLS // 2, 1)


def _append(tx: Transaction, symbol: str, table: str = "splits") -> None:
    row = {"symbol": symbol, "date": date(2020, 1, 2), "numerator": 2.0, "denominator": 1.0, "year": 2020}
    names = {"splits": ("numerator", "denominator"), "price_data": ("year",)}[table]
    tx.append(table, table_rows(table, [{n: row[n] for n in ("symbol", "date", *names)}]))


def _rival(path: Path) -> Callable[[], None]:
    """Return a function that deletes the lock file and commits as another writer."""

    def commit() -> None:
        (path / "_lake" / "write.lock").unlink()
        with writing(fl.open(path, create=False)) as tx:
            _append(tx, "RIVAL")

    return commit


def _symbols(path: Path, table: str = "splits") -> list[str]:
    lake = fl.open(path, create=False)
    symbols: list[str] = lake.sql(f"SELECT symbol FROM {table} ORDER BY ALL")["symbol"].to_list()
    return symbols


@pytest.fixture
def path(lake: Lake) -> Path:
    """Return the folder of a lake with one snapshot."""
    with writing(lake) as tx:
        _append(tx, "A")
    return lake.path


@pytest.mark.parametrize("moment", ["before the first change", "between two changes", "before the commit"])
def test_a_writer_whose_lock_file_was_deleted_commits_nothing(path: Path, moment: str) -> None:
    """The other writer's commit stays; the first writer gets an error, and its retry succeeds."""
    before, rival = _symbols(path), _rival(path)

    def change() -> None:
        with writing(fl.open(path)) as tx:
            if moment == "before the first change":
                rival()
            _append(tx, "FIRST")
            if moment == "between two changes":
                rival()
            _append(tx, "FIRST", "price_data")
            if moment == "before the commit":
                rival()

    with pytest.raises(LakeLocked, match=r"lock file _lake/write\.lock was deleted.*Nothing of this change"):
        change()
    assert (_symbols(path), _symbols(path, "price_data")) == ([*before, "RIVAL"], [])
    with writing(fl.open(path)) as tx:
        _append(tx, "FIRST")
    assert _symbols(path) == sorted([*before, "FIRST", "RIVAL"])
    assert [s.id for s in fl.open(path).history()] == [1, 2, 3]
    assert fl.verify(path, deep=True).clean


def test_a_snapshot_is_never_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rival that commits after the check of the lock wins: the second snapshot of a number is refused."""
    before, save, rival = _symbols(path), snapshots.save, _rival(path)

    def save_after_the_rival(*arguments: object) -> object:
        monkeypatch.setattr(snapshots, "save", save)
        rival()
        return save(*arguments)  # type: ignore[arg-type]  # passed on as they come

    monkeypatch.setattr(snapshots, "save", save_after_the_rival)
    with pytest.raises(LakeLocked), writing(fl.open(path)) as tx:
        _append(tx, "FIRST")
    assert _symbols(path) == [*before, "RIVAL"]
    assert fl.verify(path, deep=True).clean


def test_two_unfinished_writers_never_mix_their_rows(path: Path) -> None:
    """Of two writers that change one table in turns, at most one commits, and only its own rows."""
    before = _symbols(path)

    def change_in_turns(first: Transaction) -> None:
        with writing(fl.open(path)) as second:
            _append(second, "SECOND")
            _append(first, "FIRST2")

    def change() -> None:
        with writing(fl.open(path)) as first:
            _append(first, "FIRST")
            first.lock.path.unlink()
            change_in_turns(first)

    with pytest.raises(LakeLocked):
        change()
    assert _symbols(path) == before
    with writing(fl.open(path)) as tx:
        _append(tx, "THIRD")
    assert _symbols(path) == [*before, "THIRD"]


def test_a_vacuum_spares_the_files_of_a_writer_whose_lock_was_deleted(path: Path) -> None:
    """The writer commits its young files after the vacuum, or gets an error; no committed row is lost."""
    other = fl.open(path)

    def change() -> None:
        with writing(fl.open(path)) as tx:
            _append(tx, "FIRST", "price_data")
            files = {f.path for f in tx.files("price_data")}
            tx.lock.path.unlink()
            other.vacuum(retention_days=0, dry_run=False)
            assert all((path / "price_data" / file).exists() for file in files)

    with pytest.raises(LakeLocked):
        change()
    assert fl.verify(path, deep=True).clean


_WRITER = """
import sys, factorlab_lake as fl
from factorlab_lake.errors import LakeLocked
path, name = sys.argv[1:]
lake = fl.open(path)
for i in range(10_000):
    row = {"symbol": [f"{name}{i}"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]}
    try:
        lake.load("splits", row)
        print("done", f"{name}{i}", flush=True)
    except LakeLocked:
        print("locked", f"{name}{i}", flush=True)
"""


class _Writer:
    """Represent a process that loads one split after the other and prints which are committed."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        command = [sys.executable, "-c", _WRITER, str(path), name]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.first = self.process.stdout.readline() if self.process.stdout else ""

    def kill(self) -> list[str]:
        """Kill the process; return its lines."""
        self.process.send_signal(signal.SIGKILL)
        rest, _ = self.process.communicate()
        return [self.first.strip(), *(line for line in rest.splitlines() if len(line.split()) == 2)]


def test_kills_and_deleted_locks_lose_and_double_no_commit(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two writers compete; both are killed at random moments, and the lock file is deleted under them."""
    dice, done, locked, expected = random.Random(7), 0, 0, set(_symbols(path))
    deletions = set(dice.sample(range(KILLS), DELETIONS))
    for kill in range(KILLS):
        writers = [_Writer(path, f"{name}{kill}X") for name in "AB"]
        if kill in deletions:
            (path / "_lake" / "write.lock").unlink(missing_ok=True)
        with pytest.raises(subprocess.TimeoutExpired):
            writers[0].process.wait(dice.uniform(0, 0.2))
        lines = [line.split() for writer in writers for line in writer.kill()]
        expected |= {symbol for outcome, symbol in lines if outcome == "done"}
        done += sum(outcome == "done" for outcome, _ in lines)
        locked += sum(outcome == "locked" for outcome, _ in lines)
    landed = _symbols(path)
    uncertain = {w for w in landed if w not in expected}  # committed, and killed before the line was printed
    with capsys.disabled():
        sys.stdout.write(
            f"\n{KILLS} kills, {DELETIONS} deleted locks, {done} commits, {locked} refused: "
            f"{len(expected - set(landed))} lost, {len(landed) - len(set(landed))} doubled\n"
        )
    assert expected <= set(landed)
    assert len(landed) == len(set(landed))
    assert len(uncertain) <= 2 * KILLS
    assert fl.verify(path, deep=True).clean
