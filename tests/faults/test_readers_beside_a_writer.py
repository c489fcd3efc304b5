"""Open the lake repeatedly in readers while a writer changes, compacts, vacuums and rolls it back.

``FACTORLAB_SOAK_S=600`` sets the seconds and starts six readers; the default is short, with two.
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
READERS = 6 if "FACTORLAB_SOAK_S" in os.environ else 2


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.jobs", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_readers_see_whole_snapshots_while_a_writer_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every read is of one snapshot, which has all rows of a transaction or none."""
    lake = fl.open(tmp_path / "lake")
    do(lake, 0, tmp_path)
    readers = [_start("read", lake.path, SECONDS) for _ in range(READERS)]
    writer = _start("write", lake.path, SECONDS, tmp_path)
    outputs = [process.communicate(timeout=SECONDS * 3 + 120) for process in [writer, *readers]]
    ended = zip([writer, *readers], outputs, strict=True)
    errors = [stderr for process, (_, stderr) in ended if process.returncode]
    lines = [out.splitlines() for out, _ in outputs[1:] if out]
    reads, wrong = sum(int(each[0]) for each in lines), [fault for each in lines for fault in each[1:]]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{READERS} readers for {SECONDS:.0f} s: {reads} reads, {len(errors)} errors, {len(wrong)} "
            f"inconsistent; the writer did (jobs, rollbacks) {outputs[0][0].strip()}\n"
        )
    assert errors == []
    assert wrong == []
    assert reads >= READERS
    assert int(outputs[0][0].split()[0]) >= 1
    assert faults_of(lake.refresh(), 0, own=False) == []
    assert lake.verify(deep=True).clean
