"""Run the program in the tests' own process, with the error handling of a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from factorlab_lake.cli import app
from tests.support import CACHE_2021, SAMPLE, SPLITS, made_once

_PROGRAM = get_command(app)  # built once: that takes longer than many a command


@dataclass(frozen=True)
class Done:
    """Hold the exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the output as strict JSON."""
        return json.loads(self.out, parse_constant=_refuse)


def run(*arguments: object, code: int | None = 0) -> Done:
    """Run the program, and fail if the exit code is not the expected one (``None``: any)."""
    out, err = io.StringIO(), io.StringIO()
    ended: Any = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            _PROGRAM(list(map(str, arguments)), prog_name="factorlab-lake")
        except SystemExit as end:
            ended = end.code or 0
    done = Done(ended, out.getvalue(), err.getvalue())
    assert code is None or done.code == code, done
    return done


def start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Start the program in its own process, with pipes to it."""
    return subprocess.Popen(
        [sys.executable, "-m", "factorlab_lake", *map(str, arguments)],
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def demo_home(factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """Return a folder as after ``make demo``, with an old cache in it, and the demo's output.

    All workers of a test run share the folder. Tests must not change it.
    """

    def make(place: Path) -> None:
        home = place / "home"
        shutil.copytree(SAMPLE, home / "data" / "sample")
        shutil.copytree(CACHE_2021, home / "data" / "cache" / "fmp")
        shutil.copy(SPLITS, home)  # the example of `load` reads it
        with contextlib.chdir(home):
            (place / "printed.txt").write_text(run("demo").out, encoding="utf-8")

    place = made_once(factory, "demo", make)
    return place / "home", Done(0, (place / "printed.txt").read_text(encoding="utf-8"), "")


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")
