"""Test the commands in a real terminal, tmux, at the widths that people have."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.running import demo_home

_PROGRAM = shutil.which("tmux")
_COLOUR = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
_COMMANDS = {
    "caps AAPL --date 2020-12-31": "2,302.5 bn",
    "factors AAPL --date 2020-12-31 --factor pe_ratio": "40.1",
    "statements AAPL --start 2020-12-01 --type income": "111.4",
    "prices AAPL --start 2021-03-31": "122.15",
    "freshness": "expected_    overdue_",
}

pytestmark = pytest.mark.skipif(
    _PROGRAM is None,
    reason="NOT TESTED: tmux is not installed; on Debian, `apt-get install tmux`",
)


def _screens(place: Path, width: int, lines: list[str], environment: dict[str, str]) -> list[str]:
    """Return what a terminal of this width shows after each line, with its escape sequences.

    The server is one of this test alone: its socket is in a folder of the test.
    """
    tmux = [_PROGRAM or "tmux", "-S", str(place / "socket"), "-f", "/dev/null"]
    shell = os.environ | {"PS1": "", "PYTHONPATH": os.pathsep.join(sys.path), **environment}

    def ask(*words: str) -> str:
        done = subprocess.run(
            [*tmux, *words], env=shell, capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout

    ask("new-session", "-d", "-x", str(width), "-y", "50", "sh")
    try:
        screens = []
        for line in lines:
            ask("send-keys", "-l", f"clear; {line}; sleep 0.1; {shlex.join(tmux)} wait-for -S done")
            ask("send-keys", "Enter")
            ask("wait-for", "done")
            screens.append(ask("capture-pane", "-p", "-e", "-J"))
        return screens
    finally:
        ask("kill-server")


def _line(lake: Path, command: str) -> str:
    return shlex.join([sys.executable, "-m", "factorlab_lake", "--lake", str(lake), *command.split()])


@pytest.mark.first_cases(1)
@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_terminal_shows_the_answer(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, width: int
) -> None:
    """At any width each command shows its answer, in lines that fit, without colours."""
    lake = demo_home(tmp_path_factory)[0] / "data" / "lake"
    screens = _screens(tmp_path, width, [_line(lake, c) for c in _COMMANDS], {"NO_COLOR": "1"})
    for (command, answer), screen in zip(_COMMANDS.items(), screens, strict=True):
        lines = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in screen.splitlines()]
        assert answer in "\n".join(lines), f"{command} at {width} columns shows\n{screen}"
        assert not _COLOUR.search(screen), command
        assert max(len(line) for line in lines if not line.startswith("(")) <= width, screen


def test_a_pipe_gets_plain_text(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """From a terminal into a pipe goes text without escape sequences, and the reader may leave early."""
    lake = demo_home(tmp_path_factory)[0] / "data" / "lake"
    file, first = tmp_path / "piped.txt", tmp_path / "first.txt"
    command = _line(lake, next(iter(_COMMANDS)))
    every = _line(lake, "--csv prices AAPL")
    [_, screen] = _screens(
        tmp_path, 80, [f"{command} | cat > {file}", f"{every} | head -n 2 > {first}"], {"TERM": "screen"}
    )
    assert "2,302.5 bn" in file.read_text()
    assert not {"\x1b", "\r"} & set(file.read_text())
    assert first.read_text().startswith("symbol,date,")
    assert first.read_text().count("\n") == 2
    assert screen.strip(" #$\n") == ""  # the prompt alone
