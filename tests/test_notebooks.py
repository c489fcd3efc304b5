"""Test that each cell of the notebooks, run over the demo's lake, prints what the notebook shows."""

from __future__ import annotations

import ast
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.providers.sec.sample_server import SecSampleServer, documents_of
from tests.support import ROOT, SAMPLE
from tests.unit.cli.running import demo_home

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def outputs(notebook: dict[str, Any], name: str) -> Iterator[tuple[str, str | None]]:
    """Run the code cells in order; yield each cell's code with the text of its last expression."""
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            code = "".join(cell["source"])
            *steps, last = ast.parse(code).body
            expression = last.value if isinstance(last, ast.Expr) else None
            exec(compile(ast.Module(steps if expression else [*steps, last], []), name, "exec"), names)
            value = eval(compile(ast.Expression(expression), name, "eval"), names) if expression else None
            draw = getattr(value, "_repr_mimebundle_", None)  # a chart's, as a notebook calls it
            assert draw is None or draw()
            yield code, None if value is None else repr(value)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS])
def test_a_notebook_shows_what_its_cells_print(
    path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Every code cell runs, in order, and its last expression prints the text that the notebook has.

    The time of the run is printed at the end of the test run, and never tested.
    """
    for name in ("FACTORLAB_LAKE", "POLARS_FMT_MAX_ROWS", "POLARS_FMT_MAX_COLS"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(demo_home(tmp_path_factory)[0] / "data", tmp_path / "data")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    expected = [_output(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert any(expected)
    with _sec(monkeypatch) if 'fetch(\\"sec\\"' in text else nullcontext():
        started = time.perf_counter()
        for (code, printed), shown in zip(outputs(notebook, path.name), expected, strict=True):
            assert printed == shown, f"after\n{code}"
    record_property("notebook", f"{path.name} ran in {time.perf_counter() - started:.1f} s")


@contextmanager
def _sec(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve the sample as SEC would, and set what `demo --server --provider sec` prints."""
    with SecSampleServer(documents_of(SAMPLE / "sec")) as sec:
        monkeypatch.setenv("SEC_USER_AGENT", "Your Name you@example.com")
        for variable in ("SEC_BASE_URL", "SEC_FILES_URL"):
            monkeypatch.setenv(variable, sec.url)
        yield


def test_there_are_notebooks() -> None:
    """An empty folder would make the test above pass without a run."""
    assert NOTEBOOKS


def _output(cell: dict[str, Any]) -> str | None:
    """Return the text of a cell's output, None without one."""
    texts = cell["outputs"]
    return "".join(texts[0]["data"]["text/plain"]) if texts else None
