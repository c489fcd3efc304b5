"""Change a copy of the package by the recipes of docs/contributing.md, and run scripts with that copy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT

__all__ = ["Program"]

_RECIPES = re.findall(
    r"^\d+\. \*\*(.+?)\.\*\*(.*?)(?=^\d+\. |\Z)",
    (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)
_FILES = {
    title: [name.removeprefix("factorlab_lake/") for name in re.findall(r"`(factorlab_lake/[^`]+)`", body)]
    for title, body in _RECIPES
}


@dataclass(frozen=True, slots=True)
class Program:
    """Represent a copy of the package that follows one recipe.

    A change to a file that the recipe does not name fails.
    """

    package: Path
    recipe: str

    @classmethod
    def copy(cls, folder: Path, recipe: str) -> Program:
        """Copy the package into a folder, with its compiled files, which make each start faster."""
        return cls(shutil.copytree(ROOT / "factorlab_lake", folder / "factorlab_lake"), recipe)

    def add_line(self, file: str, line: str) -> None:
        """Add one line to the end of a file."""
        path = self._file(file)
        path.write_text(path.read_text(encoding="utf-8").rstrip("\n") + f"\n{line}\n", encoding="utf-8")

    def add_file(self, file: str, text: str) -> None:
        """Add a file."""
        path = self._file(file)
        assert not path.exists()
        path.write_text(text, encoding="utf-8")

    def replace(self, file: str, before: str, after: str) -> None:
        """Replace a text that occurs once in a file."""
        path = self._file(file)
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1
        path.write_text(text.replace(before, after), encoding="utf-8")

    def run(self, script: str, *arguments: object) -> None:
        """Run a script that imports this copy; fail with its error output unless it succeeds."""
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(self.package.parent)},
            cwd=self.package.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def _file(self, file: str) -> Path:
        named = _FILES[self.recipe]
        folders = tuple(name for name in named if name.endswith("/"))
        assert file in named or file.startswith(folders), f"{self.recipe!r} does not name {file}"
        return self.package / file
