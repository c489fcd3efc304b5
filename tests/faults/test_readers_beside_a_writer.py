"""Open a lake repeatedly in readers while writers change, compact, vacuum, roll back and sync it.

``FACTORLAB_SOAK_S=600`` sets the seconds and starts twelve readers and two writers. The default is short,
with two readers and one writer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import factorlab_lake as fl
from tests.faults.jobs import do, faults_of
from tests.support import ROOT, THOROUGH

SECONDS = float(os.environ.get("FACTORLAB_SOAK_S", "4" if THOROUGH else "2"))
READERS, WRITERS = (12, 2) if "FACTORLAB_SOAK_S" in os.environ else (2, 1)
_MOST_GROWTH_MIB, _MOST_NEW_FILES = 64, 8  # between a quarter of the time and the end


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.jobs", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_readers_see_whole_snapshots_while_writers_work(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every read is of one snapshot, which has all rows of a transaction or none; so has the server."""
    lake = fl.open(tmp_path / "lake")
    do(lake, 0, tmp_path)
    places = [tmp_path / f"writer{n}" for n in range(WRITERS)]
    processes = [
        *(_start("write", lake.path, SECONDS, place, n, WRITERS) for n, place in enumerate(places, start=1)),
        _start("sync", lake.path, SECONDS, database),
        *(_start("read", lake.path, SECONDS) for _ in range(READERS)),
    ]
    outputs = [process.communicate(timeout=SECONDS * 3 + 120) for process in processes]
    ended = zip(processes, outputs, strict=True)
    errors = [stderr for process, (_, stderr) in ended if process.returncode]
    assert errors == []
    jobs, waits = (sum(int(out.split()[n]) for out, _ in outputs[:WRITERS]) for n in (0, 2))
    syncs, *unequal = outputs[WRITERS][0].splitlines()
    lines = [out.splitlines() for out, _ in outputs[WRITERS + 1 :]]
    reads, wrong = sum(int(each[0]) for each in lines), [fault for each in lines for fault in each[2:]]
    levels = [[int(figure) for figure in each[1].split()] for each in lines]
    growth = [(after - before, files - fewer) for before, fewer, after, files in levels]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{READERS} readers, {WRITERS} writers for {SECONDS:.0f} s: {reads} reads, {jobs} jobs "
            f"({waits} waits in vain), {syncs} syncs, {len(wrong) + len(unequal)} inconsistent; "
            f"growth (MiB, files) at most {max(growth)}\n"
        )
    assert wrong == unequal == []
    assert reads >= READERS
    assert jobs >= 1
    assert all(mib <= _MOST_GROWTH_MIB and files <= _MOST_NEW_FILES for mib, files in growth)
    assert faults_of(lake.refresh(), 0, own=False) == []
    assert lake.verify(deep=True).clean
    assert lake.sync(database, verify_deep=True).clean
