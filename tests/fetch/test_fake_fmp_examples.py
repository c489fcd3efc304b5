from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("module", ["faults", "made", "rebasing", "server", "wire", "world"])
def test_the_examples_in_the_docstrings_are_true(module: str) -> None:
    """What a docstring shows is what comes out."""
    ran = doctest.testmod(import_module(f"factorlab_lake.fetch.fake_fmp.{module}"))
    assert (ran.failed, ran.attempted > 0) == (0, True)
