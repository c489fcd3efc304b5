"""Run the code blocks of a Markdown page and compare what they print with what the page shows.

This module needs nothing but Python: it also runs in an environment that has only the wheel.
"""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

__all__ = ["LAST_LINE", "Block", "Programs", "blocks", "exported", "run_page"]

LAST_LINE = "Ctrl-C"  # is in the last line that a server prints before it serves


@dataclass(frozen=True)
class Block:
    """Represent a fenced block of a page: its line, its language and its text."""

    line: int
    language: str
    text: str


class Programs(Protocol):
    """Define what runs the commands and the Python code of a page."""

    def command(self, words: Sequence[str]) -> str:
        """Run a command to its end, and return what it prints."""

    def serve(self, words: Sequence[str]) -> str:
        """Start a server, apply the variables that it says to export, and return its first lines."""

    def python(self, code: str, where: str) -> str:
        """Run code with the names of the code before it, and return what it prints."""


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    matches = re.finditer(r"^```([\w{}]*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return [Block(page[: match.start()].count("\n") + 1, match[1], match[2]) for match in matches]


def run_page(path: Path, replace: Mapping[str, str], programs: Programs) -> int:
    """Run a page's blocks in order, in the working directory; return how many ran.

    Python blocks share their names; the text block that follows one shows what it prints. A console block
    shows commands with their output. A YAML block is a file, which its first line names. ``...`` stands for
    anything. ``replace`` has the addresses to use instead of those that the page shows.
    """
    page = blocks(path.read_text(encoding="utf-8"))
    count = 0
    for block, after in zip(page, [*page[1:], None], strict=True):
        where = f"{path.name}:{block.line}"
        if block.language == "python":
            shown = after.text if after is not None and after.language == "text" else ""
            _check(where, shown, programs.python(_replaced(block.text, replace), where))
        elif block.language == "yaml":
            file = Path(block.text.partition("\n")[0].removeprefix("# "))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for command, shown in _commands(block.text):
                words = shlex.split(_replaced(command, replace))
                run = programs.serve if "--server" in words else programs.command
                _check(where, shown, run(words))
        else:
            continue
        count += 1
    return count


def exported(printed: str) -> dict[str, str]:
    """Return the variables in the lines of a text that begin with ``export``."""
    lines = re.findall(r"^ *export (.*)$", printed, flags=re.MULTILINE)
    pairs = [pair.partition("=") for line in lines for pair in shlex.split(line)]
    return {name: value for name, _, value in pairs}


def _replaced(text: str, replace: Mapping[str, str]) -> str:
    for shown, used in replace.items():
        text = text.replace(shown, used)
    return text


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output below it."""
    before, *steps = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert before == "", text
    for step in steps:
        command, _, shown = step.partition("\n")
        yield command, shown


def _check(where: str, shown: str, printed: str) -> None:
    """Fail unless the two are equal, except for `...` and spaces at the ends of lines."""
    lines = "\n".join(line.rstrip() for line in printed.splitlines())
    if not doctest.OutputChecker().check_output(shown, f"{lines}\n" if lines else "", doctest.ELLIPSIS):
        raise AssertionError(f"{where} shows\n{shown}\nand this was printed\n{printed}")
