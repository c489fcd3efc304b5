"""Test a lake of random companies against the truth, and against versions that follow from the rule alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.oracle.expected import right_cap, right_revenue
from tests.oracle.worlds import KINDS, Company, companies, show
from tests.support import THOROUGH, made_once

_MADE = companies(seed=1, of_each_kind=4 if THOROUGH else 1)
_DAYS = [date(2018, 7, 6) + timedelta(days=number * (5 if THOROUGH else 19)) for number in range(67)]
# A cap may be NULL where the vendor's lists do not say when a split was; every other NULL is an error.
_ALLOWED = {("split_unlisted", "split_unknown")}


def _make(place: Path) -> None:
    show(fl.open(place), _MADE)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of all companies, as three fetches showed them."""
    return fl.open(made_once(tmp_path_factory, "worlds", _make), create=False)


Right = Callable[[Company, date], float | None]
_QUESTIONS: dict[str, tuple[str, Right]] = {
    "market_caps": ("market_cap", right_cap),
    "ttm": ("revenue", right_revenue),
}


@pytest.mark.parametrize("question", _QUESTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_answers_equal_the_plain_computation(lake: Lake, kind: str, question: str) -> None:
    """Each answer is the right value, or NULL where there is none, on every day."""
    column, right = _QUESTIONS[question]
    made = {each.symbol: each for each in _MADE if each.kind == kind}
    rows = getattr(lake, question)(list(made), _DAYS).to_dicts()
    expected = [right(made[row["symbol"]], row["date"]) for row in rows]
    assert any(value is not None for value in expected)
    wrong = [
        (row["symbol"], row["date"], row[column], value, row["reason"])
        for row, value in zip(rows, expected, strict=True)
        if not _is_right(kind, row, row[column], value)
    ]
    assert wrong == []


def _is_right(kind: str, row: dict[str, Any], value: float | None, right: float | None) -> bool:
    if value is None:
        return bool(row["reason"]) and (right is None or (kind, row["reason"]) in _ALLOWED)
    return right is not None and value == pytest.approx(right, rel=1e-6)
