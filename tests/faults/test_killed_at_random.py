"""Kill migrations, fetches, compactions, vacuums and backups with SIGKILL at random moments.

``FACTORLAB_SOAK_KILLS=100`` sets the number of kills; the default is small. The test prints the counts.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.faults.jobs import KINDS, do, faults_of, kind_of
from tests.support import ROOT, THOROUGH, assert_same_content, content

KILLS = int(os.environ.get("FACTORLAB_SOAK_KILLS", "4" if THOROUGH else "2"))
_MOST_BEGUN, _LONGEST_S = (
    3,
    0.4,
)  # at most this many jobs begin before a kill, which comes at most this long after the last one begins


def _killed(lake: Path, first: int, place: Path, dice: random.Random) -> list[str]:
    """Start the jobs from a number on and kill them at a random moment; return their output."""
    command = [sys.executable, "-m", "tests.faults.jobs", "work", str(lake), str(first), str(place)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as jobs:
        assert jobs.stdout is not None
        begun, lines = dice.randint(1, _MOST_BEGUN), [""]
        while sum(line.startswith("begin") for line in lines) < begun and (line := jobs.stdout.readline()):
            lines.append(line)
        try:
            jobs.wait(dice.uniform(0, _LONGEST_S))
        except subprocess.TimeoutExpired:
            jobs.kill()
        lines += jobs.stdout.readlines()
    assert jobs.returncode == -signal.SIGKILL, "the jobs ended by themselves"
    return lines


def test_kills_at_random_moments_lose_nothing_and_show_no_half(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After each kill every finished job is committed, and the running one as a whole or not at all.

    The next process continues without a repair; at the end the lake and its backup verify clean.
    """
    path, dice, done = tmp_path / "lake", random.Random(23), -1
    counts: Counter[str] = Counter()
    during: Counter[str] = Counter()
    fl.open(path)
    for _ in range(KILLS):
        lines = _killed(path, done + 1, tmp_path, dice)
        finished = [int(line.split()[1]) for line in lines if line.startswith("done") and line.endswith("\n")]
        done = max([done, *finished])
        during[kind_of(done + 1)] += 1
        wrong = faults_of(fl.open(path, create=False), done)
        counts.update(fault.partition(":")[0] for fault in wrong)
        assert not wrong
    shutil.rmtree(tmp_path / "again", ignore_errors=True)
    lake = fl.open(path, create=False)
    lake.compact()  # a writer undoes unfinished changes
    lake.backup(tmp_path / "backup")
    repairs = 0 if lake.verify(deep=True).clean else 1
    assert_same_content(content(fl.restore(tmp_path / "backup", tmp_path / "again")), content(lake))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{KILLS} kills during {dict(during)}, {done + 1} jobs done: {counts['lost']} committed jobs "
            f"lost, {counts['half']} half-written jobs seen, {repairs} repairs by hand\n"
        )
    assert set(during) <= set(KINDS)
    assert repairs == 0


def test_the_check_sees_lost_and_half_written_jobs(lake: Lake, tmp_path: Path) -> None:
    """A job that commits symbol by symbol has snapshots with half of it, which the check reports."""
    do(lake, 0, tmp_path)
    assert faults_of(lake, 0) == []
    pieces = fl.open(tmp_path / "pieces")
    pieces.migrate(tmp_path / "cache0", by_symbol=True)
    kinds = [
        {fault.partition(":")[0] for fault in faults_of(pieces.at(i), done)} for i, done in ((1, 0), (2, -1))
    ]
    assert kinds == [{"lost"}, {"half"}]
