"""Test that alphalens, skfolio and quantstats take the lake's frames, against plain computations."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from math import sqrt
from pathlib import Path
from statistics import covariance, fmean, stdev, variance
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.support import ROOT
from tests.unit.cli.running import demo_home

# `make research` puts the environment there.
_PYTHON = Path(os.environ.get("FACTORLAB_TEST_RESEARCH", Path(sys.prefix) / "research" / "bin" / "python"))
_MISSING = not _PYTHON.exists() and "CI" not in os.environ  # CI fails where it is missing
_PAGE = ROOT / "docs" / "factor_libraries.md"
_SYMBOLS = ("AAPL", "GOOGL")
_NAMES = ("ic", "weights", "sharpe", "drawdown")

pytestmark = pytest.mark.skipif(_MISSING, reason="`make research` installs alphalens and others (1.5 GB)")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the demo has run."""
    return demo_home(tmp_path_factory)[0]


@pytest.fixture(scope="module")
def shown(home: Path) -> dict[str, Any]:
    """Run the page with the libraries, which also compares what it prints; return its figures."""
    program = ROOT / "tests" / "contracts" / "research_page.py"
    done = subprocess.run(
        [_PYTHON, program, _PAGE, *_NAMES],
        cwd=home, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@pytest.fixture(scope="module")
def lake(home: Path) -> Lake:
    """Return the demo's lake."""
    return fl.open(home / "data" / "lake", create=False)


def _closes(lake: Lake, symbol: str) -> dict[date, float]:
    rows = lake.prices(symbol, "2018-01-01", adjusted=True).select("date", "adjusted_close").rows()
    return {day: close for day, close in rows if close is not None}


def _return_after(closes: dict[date, float], day: date, period: int) -> float:
    """Return the growth over a number of bars from the first close after a day."""
    later = [close for on, close in closes.items() if on > day]
    return later[period] / later[0]


def test_the_information_coefficient_is_the_order_of_the_two_companies(
    lake: Lake, shown: dict[str, Any]
) -> None:
    """On each date it is 1 where the cheaper company had the better return, and else -1."""
    closes = {name: _closes(lake, name) for name in _SYMBOLS}
    factors = lake.factors(
        _SYMBOLS, start="2018-01-01", end="2020-12-31", freq="BME", factors=["earnings_yield"]
    )
    yields = {(symbol, day): value for symbol, day, value in factors.select(
        "symbol", "date", "earnings_yield").iter_rows()}  # fmt: skip
    expected = []
    for day in sorted({day for _, day in yields}):
        cheaper = yields["AAPL", day] > yields["GOOGL", day]
        expected.append([1.0 if cheaper is _is_better(closes, day, period) else -1.0 for period in (1, 21)])
    assert [pytest.approx(row) for row in expected] == shown["ic"]
    assert len({tuple(row) for row in expected}) == 4


def _is_better(closes: dict[str, dict[date, float]], day: date, period: int) -> bool:
    apple, google = (_return_after(closes[name], day, period) for name in _SYMBOLS)
    return apple > google


def _daily(lake: Lake) -> list[Sequence[float]]:
    """Return the daily returns of each symbol in 2020."""
    closes = [_closes(lake, name) for name in _SYMBOLS]
    return [[b / a - 1 for a, b in pairwise(v for d, v in c.items() if d.year == 2020)] for c in closes]


def test_the_weights_are_those_of_the_smallest_variance(lake: Lake, shown: dict[str, Any]) -> None:
    """The weight of two assets follows the closed form: (var2 - cov) / (var1 + var2 - 2 cov)."""
    first, second = _daily(lake)
    both = covariance(first, second)
    weight = (variance(second) - both) / (variance(first) + variance(second) - 2 * both)
    assert shown["weights"] == pytest.approx({"AAPL": weight, "GOOGL": 1 - weight}, abs=1e-3)


def test_the_figures_of_the_portfolio_are_those_of_its_returns(lake: Lake, shown: dict[str, Any]) -> None:
    """The Sharpe ratio is mean / deviation x sqrt(252), the drawdown the deepest fall below a high."""
    portfolio = [fmean(pair) for pair in zip(*_daily(lake), strict=True)]
    assert shown["sharpe"] == pytest.approx(fmean(portfolio) / stdev(portfolio) * sqrt(252))
    value, high, deepest = 1.0, 1.0, 0.0
    for growth in portfolio:
        value *= 1 + growth
        high = max(high, value)
        deepest = min(deepest, value / high - 1)
    assert shown["drawdown"] == pytest.approx(deepest)
