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
from tests.oracle.worlds import FETCHES, KINDS, Company, companies, show
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


# Later facts may take an answer away for these reasons alone.
_TAKEN_AWAY = {"split_unknown", "company_changed", "period_length_unknown"}


def test_later_fetches_change_no_earlier_answer(tmp_path: Path) -> None:
    """An answer about a day before the first fetch stays as it is when the second and third fetch arrive."""
    lake = fl.open(tmp_path / "lake")
    made = companies(seed=2)
    symbols, days = [each.symbol for each in made], [day for day in _DAYS if day < FETCHES[0].date()]
    show(lake, made, [0])
    before = {question: getattr(lake, question)(symbols, days).to_dicts() for question in _QUESTIONS}
    for number in range(1, len(FETCHES)):
        show(lake, made, [number])
        for question, (column, _) in _QUESTIONS.items():
            after = getattr(lake, question)(symbols, days).to_dicts()
            moved = [
                (old["symbol"], old["date"], old[column], new[column], new["reason"])
                for old, new in zip(before[question], after, strict=True)
                if old[column] is not None and not _stays(old[column], new[column], new["reason"])
            ]
            assert moved == []


def _stays(old: float, new: float | None, reason: str | None) -> bool:
    return reason in _TAKEN_AWAY if new is None else new == pytest.approx(old, rel=1e-6)


def _is_right(kind: str, row: dict[str, Any], value: float | None, right: float | None) -> bool:
    if value is None:
        return bool(row["reason"]) and (right is None or (kind, row["reason"]) in _ALLOWED)
    return right is not None and value == pytest.approx(right, rel=1e-6)
