"""Test that the page of the first hour works as it is shown, from an empty folder on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.code_blocks import blocks, exported, run_page
from tests.page_programs import own_process
from tests.support import ROOT

PAGE = ROOT / "docs" / "start.md"


def test_the_first_hour_prints_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test that each command and each piece of code of the page prints what is shown below it."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "FACTORLAB_LAKE", "POLARS_FMT_MAX_ROWS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    with own_process(exit_code=0) as programs:
        assert run_page(PAGE, {}, programs) > 0


def test_it_is_the_first_page_and_begins_with_the_installation() -> None:
    """A newcomer meets it first, in the index and in the README, and needs nothing before it."""
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", index)
    assert links[0] == "start.md"
    assert blocks(index)[0].text.split()[-1] == "start"
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Documentation")[2]
    assert re.findall(r"\]\(([^)]+)\)", readme)[0] == "docs/start.md"
    assert blocks(PAGE.read_text(encoding="utf-8"))[0].text.startswith("$ pip install factorlab-lake\n")


def test_a_built_wheel_runs_the_page() -> None:
    """The checks of a change run the page with the wheel, in an environment that has nothing else."""
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert 'python" "$checkout/.ci/installed_page.py" "$checkout/docs/start.md"' in steps
    exports = exported("In another terminal:\n  export A=1 B='x y'\nPress Ctrl-C")
    assert exports == {"A": "1", "B": "x y"}
