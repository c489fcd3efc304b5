from __future__ import annotations

import re
import shlex
import subprocess
import sys

import polars as pl
import pytest
import typer

from factorlab_lake.cli import app
from tests.support import ROOT, run_python
from tests.unit.cli.running import run

_GROUP = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
COMMANDS = sorted(name for name, command in _GROUP.items() if not command.hidden)
BAR = {"symbol": ["AAPL"], "ts": ["2021-02-01 09:30"], "close": [133.75]}
OTHER_NAMES = {"market-caps": "caps", "fetch-log": "log"}

EXPECTED = {
    "columns", "log", "mcp", "revisions", "symbols",
    "backup", "caps", "compact", "compare", "config", "configure",
    "coverage", "demo", "diff", "explain", "export", "factors", "fetch", "freshness", "history", "init",
    "load", "load-bars", "daily-bars",
    "lookahead", "migrate", "pin", "prices", "quality", "quarters", "ratios", "repair", "report",
    "restore", "rollback", "sql", "statements", "status", "sync", "ttm", "vacuum", "validate", "verify",
    "cross-section", "screen", "seasonality", "trends",
}  # fmt: skip


# These only read: their examples may share one folder.
READING = {
    "columns", "log", "mcp", "revisions", "symbols",
    "caps", "compare", "config", "coverage", "daily-bars", "diff", "explain", "factors",
    "freshness", "history", "lookahead", "prices",
    "quality", "quarters", "ratios", "sql", "statements", "status", "ttm", "validate", "verify",
    "cross-section", "screen", "seasonality", "trends",
}  # fmt: skip


def _example(command: str) -> str:
    """Return the example in a command's help. It must fit in one line of 80 columns."""
    examples = re.findall(r"^  Example: (factorlab-lake .*)$", run(command, "--help").out, flags=re.MULTILINE)
    assert len(examples) == 1, f"{command} shows {len(examples)} examples"
    return str(examples[0])


def test_the_commands_are_the_documented_ones() -> None:
    """The program has exactly the documented commands."""
    assert set(COMMANDS) == EXPECTED
    listed = re.findall(r"^  ([a-z-]+)  +\S", run("--help").out.partition("Commands:")[2], flags=re.MULTILINE)
    assert set(listed) == EXPECTED


@pytest.mark.first_cases(9)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_summary_of_one_line(command: str) -> None:
    """The summary of a command begins with a capital letter and ends with a full stop."""
    summary = run(command, "--help").out.splitlines()[2].strip()
    assert re.fullmatch(r"[A-Z].{10,}\.", summary), summary
    assert summary in run("--help").out


@pytest.mark.first_cases(9)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_every_command_runs(command: str, request: pytest.FixtureRequest) -> None:
    """Each command's help shows an example of that command, and the example runs after the demo."""
    request.getfixturevalue("home" if command in READING else "own_home")
    if command == "restore":  # its example reads the backup of the other example
        run(*shlex.split(_example("backup"))[1:])
    if command == "load-bars":
        pl.DataFrame(BAR).write_parquet("minutes.parquet")
    program, *arguments = shlex.split(_example(command))
    assert (program, command in arguments) == ("factorlab-lake", True)
    if command == "mcp":  # it ends when its client leaves
        left = [sys.executable, "-m", "factorlab_lake", *arguments]
        subprocess.run(left, stdin=subprocess.DEVNULL, check=True, timeout=120)
        return
    assert run(*arguments).out


def test_a_command_shorter_than_its_method_has_the_name_of_the_method_too() -> None:
    """The long names are hidden from the list, and run the same command."""
    hidden = {name for name, command in _GROUP.items() if command.hidden}
    assert hidden == set(OTHER_NAMES)
    for name, short in OTHER_NAMES.items():
        assert run(name, "--help").out.partition("\n\n")[2] == run(short, "--help").out.partition("\n\n")[2]


def test_help_loads_no_heavy_library() -> None:
    """`--help` loads only typer and rich, so that it is fast."""
    script = """
import sys
from factorlab_lake.cli import main
heavy = ("polars", "duckdb", "deltalake", "pydantic", "pydantic_settings", "jinja2")
sys.argv = ["factorlab-lake", "--help"]
try:
    main()
except SystemExit:
    print([m for m in heavy if m in sys.modules])
"""
    done = run_python(script)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_version_is_that_of_the_package() -> None:
    """`--version` prints the name and the version from pyproject.toml."""
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert version is not None
    assert run("--version").out == f"factorlab-lake {version[1]}\n"
