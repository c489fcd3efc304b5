"""The README's examples, run in a folder where the demo has run: what it shows is what comes out."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.factors.formulas import FACTORS
from tests.support import ROOT
from tests.unit.cli.running import demo_home, run
from tests.unit.sync.postgres_server import server

README = (ROOT / "README.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Block:
    """A fenced block of the README: its line, its language and its text."""

    line: int
    language: str
    text: str


BLOCKS = [
    Block(README[: m.start()].count("\n") + 1, m[1], m[2])
    for m in re.finditer(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
]
PYTHON = [(b, BLOCKS[i + 1]) for i, b in enumerate(BLOCKS) if b.language == "python"]
SERVER = [(b, BLOCKS[i + 1]) for i, b in enumerate(BLOCKS) if b.language == "py"]  # need a server
CONSOLE = [b for b in BLOCKS if b.language == "console"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo has run. Not to be changed."""
    return demo_home(tmp_path_factory)[0]


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder as the working directory; polars and rich as they print by default."""
    for name in (
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
        "FACTORLAB_LAKE",
        "POLARS_FMT_MAX_ROWS",
        "POLARS_FMT_MAX_COLS",
    ):
        monkeypatch.delenv(name, raising=False)
    folder = Path(shutil.copytree(made, tmp_path / "home"))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(("code", "shown"), PYTHON, ids=[f"line {code.line}" for code, _ in PYTHON])
def test_python_prints_what_is_shown_below_it(home: Path, code: Block, shown: Block) -> None:
    """Each Python block runs by itself and prints the text block that follows."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code.text, f"README.md:{code.line}", "exec"), {})
    assert shown.language == "text"
    _check(shown.text, out.getvalue())


@pytest.mark.parametrize(("code", "shown"), SERVER, ids=[f"line {code.line}" for code, _ in SERVER])
def test_python_on_a_server_prints_what_is_shown_below_it(home: Path, code: Block, shown: Block) -> None:
    """The same on a server that the demo's lake was synced to, its address in the place of the one shown."""
    out = io.StringIO()
    with server() as running, running.database() as url:
        fl.open("data/lake").sync(url)
        text = code.text.replace("postgresql://researcher@host/database", url)
        assert url in text
        with contextlib.redirect_stdout(out):
            exec(compile(text, f"README.md:{code.line}", "exec"), {})
    _check(shown.text, out.getvalue())


@pytest.mark.parametrize("block", CONSOLE, ids=[f"line {b.line}" for b in CONSOLE])
def test_commands_print_what_is_shown_below_them(home: Path, block: Block) -> None:
    """Each command of a console block prints what follows it; `...` stands for anything."""
    steps = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert steps.pop(0) == ""
    for step in steps:
        command, _, shown = step.partition("\n")
        program, *arguments = shlex.split(command)
        assert program == "factorlab-lake"
        done = run(*arguments, code=None)
        _check(shown, done.out + done.err)


def test_nothing_that_can_be_run_is_left_out() -> None:
    """Blocks are Python, commands, make's targets, the output of the first, and one picture."""
    assert len(PYTHON) >= 3
    assert len(CONSOLE) >= 2
    shown = {block for pair in (*PYTHON, *SERVER) for block in pair} | set(CONSOLE)
    left = [b for b in BLOCKS if b not in shown]
    assert [b.language for b in left] == ["sh", "text"]


def test_the_targets_of_make_are_there() -> None:
    """Every `make` target the README names is one of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", README, flags=re.MULTILINE))
    named |= set(re.findall(r"`([a-z]+)`", README.partition("`make help` lists")[2]))
    assert {"demo", "test", "lint"} <= named <= targets


def test_the_files_it_names_are_there() -> None:
    """Every path of the repository in backquotes exists."""
    named = re.findall(r"`((?:factorlab_lake|data/sample)/[\w./-]*)`", README)
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_tables_and_functions_it_names_can_be_asked(home: Path) -> None:
    """Every table, view and function that the chapter on SQL names is one."""
    chapter = README.partition("## SQL")[2].partition("```")[0]
    lake = fl.open(home / "data" / "lake")
    for name in re.findall(r"`([a-z_]+)`", chapter):
        assert lake.sql(f"FROM {name} LIMIT 0").columns
    for function in re.findall(r"`([a-z_]+\([a-z_, ]+\))`", chapter):
        call = (
            function.replace("as_of)", "'2021-01-01')")
            .replace("symbols", "['AAPL']")
            .replace("dates", "['2021-01-01'::DATE]")
            .replace("start_date, end_date", "'2021-01-01', '2021-01-31'")
        )
        assert lake.sql(f"FROM {call}").columns


def _check(shown: str, printed: str) -> None:
    """Fail unless the two are equal, but for `...` and spaces at the ends of lines."""
    printed = "\n".join(line.rstrip() for line in printed.splitlines()) + "\n"
    if not doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS):
        raise AssertionError(f"the README shows\n{shown}\nand this was printed\n{printed}")


def test_the_table_of_factors_is_that_of_the_formulas() -> None:
    """Each factor is listed, in order, with what it is and its source."""
    listed = re.findall(
        r"^\| `(\w+)` \| (.+) \| (.+) \|$",
        README.partition("## Factors")[2].partition("\n## ")[0],
        flags=re.MULTILINE,
    )
    assert listed == [(f.name, f.meaning, f.source) for f in FACTORS.values()]


def test_the_files_named_by_the_recipes_exist() -> None:
    """Every path that the recipes for contributors name exists."""
    text = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:factorlab_lake|tests)/[\w./-]*)`", text)
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []
