"""Run a page of the documentation with an installed program, in an environment that has nothing else.

The first block of the page may install the package. Run it with the Python of that environment, whose
programs come first on the path, in an empty folder::

    PYTHONPATH=CHECKOUT python CHECKOUT/.ci/installed_page.py CHECKOUT/docs/start.md
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.code_blocks import LAST_LINE, exported, run_page

CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass
class Installed:
    """Run each command as a shell would, and Python code in this process."""

    servers: contextlib.ExitStack
    names: dict[str, Any] = field(default_factory=dict)

    def command(self, words: Sequence[str]) -> str:
        """Run a command to its end; it must end well, also where the page shows none of its output."""
        print(f"$ {' '.join(words)}", flush=True)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        return done.stdout + done.stderr

    def serve(self, words: Sequence[str]) -> str:
        """Start a server that ends with this process, and apply the variables that it says to export."""
        process = self.servers.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        self.servers.callback(process.terminate)
        assert process.stdout is not None
        lines = ""
        while LAST_LINE not in lines:
            line = process.stdout.readline()
            assert line, f"{words} ended after {lines!r}"
            lines += line
        print(f"$ {' '.join(words)} &", flush=True)
        os.environ.update(exported(lines))
        return lines

    def python(self, code: str, where: str) -> str:
        """Run code with the names of the code before it."""
        importlib.invalidate_caches()  # the package was installed after this process began
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, where, "exec"), self.names)
        return out.getvalue()


def main(page: Path) -> None:
    """Run the page with nothing of the checkout on the path of modules."""
    os.environ.pop("PYTHONPATH", None)
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != CHECKOUT]
    with contextlib.ExitStack() as servers:
        count = run_page(page, {}, Installed(servers))
    package = Path(importlib.import_module("factorlab_lake").__file__ or "")
    assert package.is_relative_to(sys.prefix), f"{package} is not that of the environment"
    print(f"{page.name}: {count} blocks printed what the page shows")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
