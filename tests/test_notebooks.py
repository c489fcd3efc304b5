"""The notebooks, run from their folder over the lake of the demo: what they show is what comes out."""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.unit.cli.running import demo_home

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def answers(notebook: dict[str, Any], name: str) -> Iterator[tuple[str, str | None]]:
    """Run the cells of code one after the other; yield each with what its last expression shows."""
    known: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            code = "".join(cell["source"])
            *steps, last = ast.parse(code).body
            shown = last.value if isinstance(last, ast.Expr) else None
            exec(compile(ast.Module(steps if shown else [*steps, last], []), name, "exec"), known)
            value = eval(compile(ast.Expression(shown), name, "eval"), known) if shown else None
            yield code, None if value is None else repr(value)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS])
def test_a_notebook_shows_what_its_cells_give(
    path: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every cell of code runs, in order, and its last expression prints as the notebook has it."""
    for name in ("FACTORLAB_LAKE", "POLARS_FMT_MAX_ROWS", "POLARS_FMT_MAX_COLS"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(demo_home(tmp_path_factory)[0] / "data", tmp_path / "data")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    notebook = json.loads(path.read_text(encoding="utf-8"))
    kept = [_shown(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert any(kept)
    for (code, given), shown in zip(answers(notebook, path.name), kept, strict=True):
        assert given == shown, f"after\n{code}"


def test_there_are_notebooks() -> None:
    """A folder without any would make the test above pass by having nothing to run."""
    assert NOTEBOOKS


def _shown(cell: dict[str, Any]) -> str | None:
    """Return the text of a cell's output, if it has one."""
    outputs = cell["outputs"]
    return "".join(outputs[0]["data"]["text/plain"]) if outputs else None
