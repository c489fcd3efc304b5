from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import factorlab_lake
from tests.fakes import fmp

_MODULES = [
    found.name
    for package in (factorlab_lake, fmp)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not found.name.endswith("__main__")
]


@pytest.mark.parametrize("name", _MODULES)
def test_the_examples_of_a_module_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a docstring shows is what happens, whatever the environment sets."""
    for setting in ("FMP_API_KEY", "FMP_BASE_URL", "FMP_API_GENERATION", "FMP_CALLS_PER_MINUTE"):
        monkeypatch.delenv(setting, raising=False)
    done = doctest.testmod(importlib.import_module(name))
    assert done.failed == 0


def test_there_are_examples() -> None:
    """Doctest finds none, and fails none, where it looks in the wrong place."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [e for name in _MODULES for t in finder.find(importlib.import_module(name)) for e in t.examples]
    assert len(found) > 10
