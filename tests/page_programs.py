"""Run the commands and the code of a page in the tests' own process, and its servers beside it."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any
from unittest.mock import patch

from tests.code_blocks import LAST_LINE, exported
from tests.fakes.test_fmp_processes import ending, printed
from tests.unit.cli.running import run, start

__all__ = ["OwnProcess", "own_process"]


@dataclass
class OwnProcess:
    """Run the program without a process of its own, which takes longer than most commands."""

    servers: contextlib.ExitStack
    exit_code: int | None = None  # that each command must have; None for any
    names: dict[str, Any] = field(default_factory=dict)

    def command(self, words: Sequence[str]) -> str:
        """Run the program; an installation of the package is only checked."""
        program, *arguments = words
        if program == "pip":
            assert arguments == ["install", "factorlab-lake"], words
            assert metadata.version("factorlab-lake")
            return "installed\n"
        assert program == "factorlab-lake", words
        done = run(*arguments, code=self.exit_code)
        return done.out + done.err

    def serve(self, words: Sequence[str]) -> str:
        """Start the program in a process that ends with this one's context."""
        program, *arguments = words
        assert program == "factorlab-lake", words
        process = self.servers.enter_context(ending(start(*arguments)))
        lines = printed(process, until=LAST_LINE)
        os.environ.update(exported(lines))
        return lines

    def python(self, code: str, where: str) -> str:
        """Run code with the names of the code before it."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, where, "exec"), self.names)
        return out.getvalue()


@contextlib.contextmanager
def own_process(exit_code: int | None = None) -> Iterator[OwnProcess]:
    """Give what runs a page; at the end its servers end, and the variables are as before."""
    with patch.dict(os.environ), contextlib.ExitStack() as servers:
        yield OwnProcess(servers, exit_code)
