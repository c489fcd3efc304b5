"""Test that each number of the rules is written once, in one of the modules of constants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from factorlab_lake.functions.rule_placeholders import fill, rule_placeholders
from factorlab_lake.schema import limits
from factorlab_lake.schema.rules import rule_values
from tests.support import ROOT

_PACKAGE = ROOT / "factorlab_lake"
_SQL = sorted(_PACKAGE.rglob("*.sql"))
_MODULES = [_PACKAGE / "schema" / name for name in ("rules.py", "quality_thresholds.py", "limits.py")]
_PYTHON = [p for p in sorted(_PACKAGE.rglob("*.py")) if p not in _MODULES]
_LIMITS = {name for name in vars(limits) if name.isupper()}
_CONSTANTS = sorted(_LIMITS | rule_values().keys())
# Counts, places and months, which are no limits.
_PLAIN = {"0", "0e0", "1", "1.0", "1e0", "2", "3", "4", "6", "9", "12"}
_ENCODED = {
    "cap_facts.sql": {"100"},  # days, which only decide how many bars are read at once
    "companies.sql": {"10"},  # the digits of a CIK
    "company_symbols.sql": {"10"},  # the same
    "multi_class_symbols.sql": {"10"},  # the same
    "number_text.sql": {"1e-4", "1e16"},  # where DuckDB begins to write an exponent
    "json_number_text.sql": {"1e-6", "1e21"},  # the same in JSON
    "strangers.sql": {"16384"},  # where PostgreSQL begins to number the objects of users
    "unapplied_split.sql": {"5", "7", "10", "20", "100"},  # usual split ratios, and per cent
    "unrounded_close.sql": {"0.5", "100"},  # half a cent, and cents in a unit of currency
}


def _definitions() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in _MODULES)


def _code(path: Path) -> str:
    """Return a SQL file's code: comments, placeholders and texts are blank, except for dates."""
    code = re.sub(r"--.*|\{\{\w+\}\}", " ", path.read_text(encoding="utf-8"))
    return re.sub(r"(?<!DATE )'[^']*'", "''", code)


@pytest.mark.parametrize("path", _SQL, ids=lambda p: str(p.relative_to(_PACKAGE)))
def test_no_sql_file_contains_a_number_of_a_rule(path: Path) -> None:
    """A SQL file takes limits and the ends of time from placeholders, so that no two files differ in one."""
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])", _code(path))
    assert set(numbers) - _PLAIN <= _ENCODED.get(path.name, set())
    assert re.findall(r"DATE '[^']*'", _code(path)) == []


@pytest.mark.parametrize("name", _CONSTANTS)
def test_every_constant_is_used(name: str) -> None:
    """A constant that neither Python nor SQL names is no rule."""
    readers = (p.read_text(encoding="utf-8") for p in [*_PYTHON, *_SQL])
    derived = re.search(rf"^[A-Z_]+ = .*\b{name}\b", _definitions(), flags=re.MULTILINE)
    assert derived or any(re.search(rf"\b{name}\b", text) for text in readers)


@pytest.mark.parametrize("name", _CONSTANTS)
def test_every_constant_has_a_reason(name: str) -> None:
    """A docstring follows each constant and gives its reason."""
    assert re.search(rf'^{name} = .*\n"""\w[^"]+', _definitions(), flags=re.MULTILINE)


def test_a_constant_has_one_home() -> None:
    """A bound of ``limits.py`` is no rule: SQL cannot name it, and no digest of answers depends on it."""
    assert _LIMITS
    assert _LIMITS & rule_values().keys() == set()
    assert len(re.findall(r"^[A-Z][A-Z_]+ = ", _definitions(), flags=re.MULTILINE)) == len(_CONSTANTS)


@pytest.mark.parametrize("path", _SQL, ids=lambda p: str(p.relative_to(_PACKAGE)))
def test_every_placeholder_in_capitals_is_a_constant(path: Path) -> None:
    """A misspelt constant would stay in the text and fail only when the function runs."""
    text = fill(path.read_text(encoding="utf-8"), rule_placeholders)
    assert re.findall(r"\{\{[A-Z]\w*\}\}", text) == []
