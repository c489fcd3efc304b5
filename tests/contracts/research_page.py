"""Run the code of a page in the environment of the research libraries and print some of its names as JSON.

Usage: `python research_page.py PAGE NAME…`, in a folder with the demo's lake. The figures are compared by the
test, in the package's own environment, with a plain computation.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.code_blocks import run_page


@dataclass
class PythonAlone:
    """Run the Python code of a page in this process; the page has no commands."""

    names: dict[str, Any] = field(default_factory=dict)

    def command(self, words: Sequence[str]) -> str:
        """Refuse a command, because the environment has no program of the package."""
        raise AssertionError(f"the page runs {words}, but this environment has no commands")

    serve = command

    def python(self, code: str, where: str) -> str:
        """Run code with the names of the code before it, and return what it prints."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, where, "exec"), self.names)
        return out.getvalue()


def main(page: Path, names: Sequence[str]) -> None:
    """Run the page and print the values of its names; a pandas frame or series as a list of its values."""
    programs = PythonAlone()
    assert run_page(page, {}, programs) > 0
    values = {name: programs.names[name] for name in names}
    sys.stdout.write(
        json.dumps({n: v.to_numpy().tolist() if hasattr(v, "to_numpy") else v for n, v in values.items()})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
