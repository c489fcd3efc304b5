"""Test that wrong arguments raise errors of this package, in every public method of a lake."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import LakeError
from factorlab_lake.lake import Lake
from tests.support import THOROUGH, copy_of

_BAD: list[Any] = [None, "", " ", "\ud800", b"x", 3.5, float("nan"), -1, 10**30, [], {}, object(), [None]]
_DAY = "2020-01-03"
# The arguments with which each method works; the test replaces one after the other. Callbacks are left out:
# an error in the caller's own function is the caller's.
_CALLS: dict[str, dict[str, Any]] = {
    "at": {"when": 1},
    "backup": {"path": "backup"},
    "company_market_caps": {"symbols": "A", "dates": _DAY, "vintage": "known"},
    "compare_providers": {"symbol": "A"},
    "configure": {"availability": "close", "provider_order": ["fmp"]},
    "coverage": {},
    "diff": {"before": 1, "after": 1},
    "explain_market_cap": {"symbol": "A", "day": _DAY},
    "explain_factor": {"factor": "pe_ratio", "symbol": "A", "day": _DAY},
    "export": {"path": "export.duckdb", "symbols": ["A"], "start": _DAY, "end": _DAY},
    "factors": {"symbols": "A", "dates": _DAY, "factors": ["pe_ratio"], "vintage": "known"},
    "fetch": {"provider": "fmp", "symbols": "A", "kinds": ["prices"], "since": _DAY},
    "freshness": {"now": None},
    "load": {"table": "splits", "source": {"symbol": ["A"]}},
    "lookahead": {"factor": "pe_ratio", "symbols": "A", "dates": _DAY},
    "market_caps": {"symbols": "A", "start": _DAY, "end": _DAY, "freq": "D", "vintage": "known"},
    "migrate": {"cache_dir": "cache", "symbols": ["A"]},
    "pin": {"name": "paper"},
    "plan_fetch": {"provider": "fmp", "symbols": "A", "kinds": ["prices"], "since": _DAY},
    "prices": {"symbols": "A", "start": _DAY, "end": _DAY},
    "quality": {"rules": ["price_gap"]},
    "quarters": {"symbols": "A", "start": _DAY, "end": _DAY, "as_of": _DAY, "vintage": "known"},
    "ratios": {"symbols": "A", "start": _DAY, "end": _DAY},
    "repair": {"backup": "backup"},
    "report": {"path": "report.html"},
    "rollback": {"to": 1},
    "sql": {"query": "SELECT 1"},
    "statements": {"symbols": "A", "start": _DAY, "end": _DAY, "as_of": _DAY, "vintage": "known"},
    "sync": {"target": "postgresql://nobody@127.0.0.1:1/none"},
    "ttm": {"symbols": "A", "dates": _DAY, "vintage": "known"},
    "unpin": {"name": "paper"},
    "vacuum": {"retention_days": 30.0},
    "validate": {"cache_dir": "cache", "symbols": ["A"]},
}
# These take no arguments but flags.
_WITHOUT = {
    "catalog", "close", "compact", "fetch_log", "held_symbols", "history", "quality_rules",
    "query_statistics", "refresh", "revisions", "status", "verify",
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with one split; each test uses a copy."""
    lake = fl.open(tmp_path_factory.mktemp("whole") / "lake")
    lake.load("splits", {"symbol": ["A"], "date": [_DAY], "numerator": [2], "denominator": [1]})
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
    lake, raw = copy_of(whole, tmp_path / "lake"), []
    for parameter in _CALLS[name]:
        for value in _BAD if THOROUGH else _BAD[::3]:
            outcome = _outcome(lake, name, parameter, value)
            raw += [f"{name}({parameter}={value!r}): {outcome}"] if outcome else []
    assert raw == []


def _outcome(lake: Lake, name: str, parameter: str, value: Any) -> str:
    """Return the error of another library, or an empty text."""
    arguments = _CALLS[name] | {parameter: value}
    query = [arguments.pop("query")] if name == "sql" else []  # a parameter by place only
    try:
        getattr(lake, name)(*query, **arguments)
    except LakeError:
        return ""
    except Exception as error:  # noqa: BLE001 - each other error is the finding
        return f"{type(error).__name__}: {error}"[:200]
    return ""
