"""Test that wrong arguments raise errors of this package, in every public method of a lake."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.support import copy_of
from tests.unit.query.wrong_arguments import OF_A_FOLDER, QUESTIONS, raw_errors

_CALLS = QUESTIONS | OF_A_FOLDER
# These take no arguments but flags.
_WITHOUT = {
    "catalog", "close", "compact", "held_symbols", "history", "on_spark", "quality_rules", "query_statistics",
    "refresh", "status", "verify",
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with one split; each test uses a copy."""
    lake = fl.open(tmp_path_factory.mktemp("whole") / "lake")
    lake.load("splits", {"symbol": ["A"], "date": ["2020-01-03"], "numerator": [2], "denominator": [1]})
    return lake


def _methods() -> dict[str, Callable[..., Any]]:
    members = inspect.getmembers(Lake, inspect.isfunction)
    return {name: method for name, method in members if not name.startswith("_")}


def test_each_public_method_is_tried() -> None:
    """A new method has a line in the table above."""
    assert _methods().keys() == _CALLS.keys() | _WITHOUT


@pytest.mark.parametrize("name", sorted(_CALLS))
def test_a_wrong_argument_raises_an_error_of_this_package(
    whole: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """No form of an argument raises an error of Python, polars, DuckDB or another library."""
    monkeypatch.chdir(tmp_path)
    lake = copy_of(whole, tmp_path / "lake")
    assert raw_errors(getattr(lake, name), _CALLS[name]) == []
