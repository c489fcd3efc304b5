"""Hold the arguments with which each method of a lake works, and the wrong values that replace them.

Callbacks are left out: an error in the caller's own function is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from factorlab_lake.errors import LakeError
from tests.support import THOROUGH

__all__ = ["OF_A_FOLDER", "QUESTIONS", "WRONG", "raw_errors", "wrong_calls"]

WRONG: list[Any] = [
    None, "", " ", "\ud800", b"x", 3.5, float("nan"), -1, 10**30, [], {}, object(), [None], "\x00",
    ["\ud800"], {1: None}, {"a": "\ud800"}, {"A"}, True, "A" * 30_000, (3, "A"), range(2),
]  # fmt: skip
_DAY = "2020-01-03"
_STATEMENTS = {"symbols": "A", "start": _DAY, "end": _DAY, "as_of": _DAY, "vintage": "known"}
# The methods of a lake in a folder and of one on a server.
QUESTIONS: dict[str, dict[str, Any]] = {
    "company_market_caps": {
        "symbols": "A",
        "dates": _DAY,
        "vintage": "known",
        "currency": "USD",
        "columns": ["company_market_cap"],
    },
    "compare_generations": {"symbol": "A", "before": _DAY, "after": _DAY},
    "compare_providers": {"symbol": "A", "as_of": _DAY},
    "explain_market_cap": {"symbol": "A", "day": _DAY},
    "explain_factor": {"factor": "pe_ratio", "symbol": "A", "day": _DAY},
    "factors": {
        "symbols": "A",
        "dates": _DAY,
        "factors": ["pe_ratio"],
        "vintage": "known",
        "define": {"twice": "revenue * 2"},
    },
    "fetch_log": {},
    "lookahead": {"factor": "pe_ratio", "symbols": "A", "dates": _DAY},
    "market_caps": {
        "symbols": "A",
        "start": _DAY,
        "end": _DAY,
        "freq": "D",
        "vintage": "known",
        "currency": "USD",
        "columns": ["market_cap"],
    },
    "prices": {"symbols": "A", "start": _DAY, "end": _DAY, "columns": ["close_price"]},
    "quarters": {"symbols": "A", "start": _DAY, "end": _DAY, "as_of": _DAY, "vintage": "known"},
    "ratios": {"symbols": "A", "start": _DAY, "end": _DAY},
    "revisions": {},
    "symbols": {},
    "columns": {"name": "splits"},
    "sql": {"query": "SELECT $x AS x", "x": "word", "frames": {}},
    "statements": _STATEMENTS | {"types": ["income"], "columns": ["metrics"]},
    "income_statements": _STATEMENTS | {"columns": ["revenue"]},
    "balance_sheets": _STATEMENTS | {"columns": ["total_assets"]},
    "cash_flows": _STATEMENTS | {"columns": ["free_cash_flow"]},
    "screen": {
        "expression": "roe > 0",
        "date": _DAY,
        "universe": "all",
        "columns": ["roe"],
        "undecided": True,
    },
    "cross_section": {"factor": "roe", "dates": _DAY, "universe": ["A"], "by": "sector", "winsorise": 0.1},
    "trends": {"factor": "roe", "symbols": "A", "as_of": _DAY, "years": 3, "define": {"x": "revenue"}},
    "seasonality": {"factor": "revenue", "symbols": "A", "as_of": _DAY, "years": 3},
    "forward_returns": {
        "symbols": "A",
        "dates": _DAY,
        "periods": [1, 5],
        "delistings": {"symbol": ["A"], "date": [_DAY], "delisting_return": [-1.0]},
    },
    "industry_stats": {"factor": ["roe"], "dates": _DAY, "universe": ["A"], "by": "sector"},
    "ttm": {"symbols": "A", "dates": _DAY, "vintage": "known"},
}
OF_A_FOLDER: dict[str, dict[str, Any]] = {
    "at": {"when": 1},
    "backup": {"path": "backup"},
    "configure": {"availability": "close", "provider_order": ["fmp"]},
    "coverage": {},
    "diff": {"before": 1, "after": 1},
    "export": {"path": "export.duckdb", "symbols": ["A"], "start": _DAY, "end": _DAY},
    "fetch": {"provider": "fmp", "symbols": "A", "kinds": ["prices"], "since": _DAY},
    "freshness": {"now": None},
    "daily_bars": {"start": _DAY, "end": _DAY},
    "load_bars": {
        "sources": {"symbol": ["A"], "ts": ["2020-01-03 10:00"], "close": [1.0]},
        "split_basis": "own-day",
        "time_zone": "UTC",
    },
    "load": {"table": "splits", "source": {"symbol": ["A"]}},
    "migrate": {"cache_dir": "cache", "symbols": ["A"]},
    "pin": {"name": "paper"},
    "plan_fetch": {"provider": "fmp", "symbols": "A", "kinds": ["prices"], "since": _DAY},
    "quality": {"rules": ["price_gap"]},
    "repair": {"backup": "backup"},
    "report": {"path": "report.html"},
    "rollback": {"to": 1},
    "sync": {"target": "postgresql://nobody@127.0.0.1:1/none"},
    "unpin": {"name": "paper"},
    "vacuum": {"retention_days": 30.0},
    "validate": {"cache_dir": "cache", "symbols": ["A"]},
}


def wrong_calls(arguments: dict[str, Any]) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """Yield a description of one wrong argument, then all arguments: those by place, and those by name."""
    for name in arguments:
        for value in WRONG if THOROUGH else WRONG[::3]:
            wrong = arguments | {name: value}
            by_place = [wrong.pop("query")] if "query" in wrong else []  # a parameter by place only
            yield f"{name}={value!r}", by_place, wrong


def raw_errors(method: Callable[..., Any], arguments: dict[str, Any]) -> list[str]:
    """Return the errors of other libraries, and of Python itself, that wrong arguments of a method raise."""
    raw = []
    for text, by_place, by_name in wrong_calls(arguments):
        try:
            method(*by_place, **by_name)
        except LakeError:
            pass
        except Exception as error:  # noqa: BLE001 - each other error is the finding
            raw.append(f"{text}: {type(error).__name__}: {error}"[:200])
    return raw
