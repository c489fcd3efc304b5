"""Test the examples in docstrings with doctest; `...` stands for any text, as in the documentation."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import docs
import factorlab_lake

_MODULES = [
    module.name
    for package in (factorlab_lake, docs)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith(("__main__", "conf"))
]


@pytest.mark.parametrize("name", _MODULES)
def test_the_examples_of_a_module_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test that each docstring's example prints what it shows, whatever the environment sets."""
    for setting in ("FMP_API_KEY", "FMP_BASE_URL", "FMP_API_GENERATION", "FMP_CALLS_PER_MINUTE"):
        monkeypatch.delenv(setting, raising=False)
    done = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert done.failed == 0


def test_there_are_examples() -> None:
    """Doctest finds examples; in a wrong folder it would find none and fail none."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [
        example
        for name in _MODULES
        for test in finder.find(importlib.import_module(name))
        for example in test.examples
    ]
    assert len(examples) > 10
