"""Test the README: it stays short, and what it names exists. `tests/test_docs.py` runs its code."""

from __future__ import annotations

import re

from tests.code_blocks import blocks
from tests.support import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAX_LINES = 160


def test_it_stays_short() -> None:
    """The README is what a newcomer reads first; details belong into docs/."""
    assert len(README.splitlines()) <= MAX_LINES


def test_its_blocks_are_code_that_runs_output_make_targets_or_the_picture() -> None:
    """Three recipes and the commands of a first lake run; only the list of make targets does not."""
    languages = [block.language for block in blocks(README)]
    assert languages.count("python") == 3
    assert languages.count("console") == 1
    assert languages.count("sh") == 1
    assert languages.count("text") == languages.count("python") + 1  # the outputs and the picture


def test_the_targets_of_make_exist() -> None:
    """Every `make` target the README names is one of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, flags=re.MULTILINE))
    assert {"demo", "test", "docs", "help"} <= named <= targets


def test_its_links_lead_to_files_of_the_repository() -> None:
    """Every relative link names a file that exists."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert len(links) > 8
    assert [link for link in links if not (ROOT / link).is_file()] == []
