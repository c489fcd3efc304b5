"""Test that a lake depends on what was sent and when, never on the order in which it arrived.

This includes a value that returns (X, Y, X) where the Y arrives last. The log of the later fetch shows that
the provider served X again, if that fetch had no gap between its first and its last day. So the fetches here
have no gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import factorlab_lake as fl
from factorlab_lake.providers.protocol import FetchResult
from tests.properties.generations import FETCHES, companies, served
from tests.support import (
    EARLIER,
    Entry,
    answer,
    assert_same_content,
    bar,
    content,
    examples,
    income,
    landed,
)

_FETCHES = [EARLIER + timedelta(days=200 * i) for i in range(3)]
_NUMBERS = st.sampled_from([0, 1, 1.5, 100, 400])
_PERIODS = [("2018-12-29", "Q1"), ("2019-03-30", "Q2"), ("2019-09-28", "Q4")]
_ACCEPTED = st.sampled_from(["2019-10-30 18:00:00", "2019-11-30 12:00:00"])
_STATEMENT = st.fixed_dictionaries(
    {
        "revenue": _NUMBERS,
        "weightedAverageShsOut": st.sampled_from([1000, 4000]),
        "eps": st.sampled_from([2.0, 0.5]),
    },
    optional={"acceptedDate": _ACCEPTED, "calendarYear": st.sampled_from(["2019", "2020"])},
)
_DAYS = ["2018-12-31", "2019-01-02", "2019-01-03"]
_BAR = st.fixed_dictionaries(
    {"close": st.sampled_from([100.0, 101.0, 400.0]), "volume": st.sampled_from([1000, 4000])}
)
_Generation = dict[Any, dict[str, Any]]


@st.composite
def _without_gaps(
    draw: st.DrawFn, keys: Sequence[Any], content: st.SearchStrategy[dict[str, Any]]
) -> _Generation:
    """Draw what one fetch brought: contents for some keys that follow each other."""
    chosen = keys[draw(st.integers(0, len(keys) - 1)) :][: draw(st.integers(1, len(keys)))]
    return {key: draw(content) for key in chosen}


_STATEMENTS = st.lists(_without_gaps(_PERIODS, _STATEMENT), min_size=2, max_size=3)
_BARS = st.lists(_without_gaps(_DAYS, _BAR), min_size=2, max_size=3)


def _income(at: Any, periods: _Generation) -> FetchResult:
    return answer("income", [income(*period, **fields) for period, fields in periods.items()], at=at)


def _bars(at: Any, days: _Generation) -> FetchResult:
    return answer("price", [bar(day, **fields) for day, fields in days.items()], at=at)


_ORDERS = st.permutations(range(3))


def _assert_order_is_nothing(answers: list[FetchResult], order: Sequence[int]) -> None:
    otherwise = [answers[i] for i in order if i < len(answers)]
    assert_same_content(landed(otherwise), landed(answers))


@examples(6)
@given(_STATEMENTS, _ORDERS)
def test_statements_end_the_same_in_any_order(generations: list[_Generation], order: Sequence[int]) -> None:
    """Two or three fetches of some quarters, values moving or coming back: the versions are the same."""
    answers = [_income(at, g) for at, g in zip(_FETCHES, generations, strict=False)]
    _assert_order_is_nothing(answers, order)


@examples(6)
@given(_BARS, _ORDERS)
def test_bars_end_the_same_in_any_order(generations: list[_Generation], order: Sequence[int]) -> None:
    """Two or three fetches of some days, values moving or coming back: all bars are the same."""
    answers = [_bars(at, g) for at, g in zip(_FETCHES, generations, strict=False)]
    _assert_order_is_nothing(answers, order)


@examples(3)
@given(st.lists(_STATEMENT, min_size=2, max_size=3), _ORDERS)
def test_statements_of_one_moment_end_the_same_in_any_order(
    contents: list[dict[str, Any]], order: Sequence[int]
) -> None:
    """Files fetched in the same second, equal or not, give the same versions whichever is read first."""
    records = [income(*_PERIODS[0], **c) for c in contents]
    answers = [answer("income", [r], at=EARLIER, endpoint=str(i)) for i, r in enumerate(records)]
    _assert_order_is_nothing(answers, order)


@examples(3)
@given(st.lists(_BAR, min_size=2, max_size=3), _ORDERS)
def test_bars_of_one_moment_end_the_same_in_any_order(
    contents: list[dict[str, Any]], order: Sequence[int]
) -> None:
    """Files fetched in the same second, equal or not, give the same bars whichever is read first."""
    records = [bar(_DAYS[0], **c) for c in contents]
    answers = [answer("price", [r], at=EARLIER, endpoint=str(i)) for i, r in enumerate(records)]
    _assert_order_is_nothing(answers, order)


@examples(3)
@given(_STATEMENTS, _BARS)
def test_answers_landed_together_end_like_answers_landed_one_by_one(
    statements: list[_Generation], bars: list[_Generation]
) -> None:
    """The size of a batch is a matter of speed: it never shows in what is stored."""
    answers = [_income(at, g) for at, g in zip(_FETCHES, statements, strict=False)]
    answers += [_bars(at, g) for at, g in zip(_FETCHES, bars, strict=False)]
    assert_same_content(landed(answers), landed(answers, together=True))


@examples(3)
@given(seed=st.integers(0, 2**32))
def test_companies_of_every_kind_end_the_same_in_any_order(seed: int) -> None:
    """Four fetches, their answers shuffled: moved, retracted and unknown splits, lost acceptance times."""
    chance = Random(seed)
    world = chance.sample(companies(chance), 4)
    answers = [result for at in FETCHES for company in world for result in served(company, at)]
    shuffled = chance.sample(answers, len(answers))
    assert_same_content(landed(shuffled), landed(answers, together=True))


@pytest.mark.parametrize("order", [(2, 0, 1)], ids=str)
def test_a_real_lake_follows_the_same_rule(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Test the same with files, tables and snapshots: three cache generations arrive in several orders."""
    generations = []
    for i, (at, factor) in enumerate(zip(_FETCHES, (1, 4, 4), strict=True)):
        place = tmp_path / f"cache{i}"
        closes = (100.0 / factor, 101.0 / factor + i // 2)
        bars = [bar(day, close, volume=1000 * factor) for day, close in zip(_DAYS, closes, strict=False)]
        statement = income(*_PERIODS[0], weightedAverageShsOut=1000 * factor, revenue=1 + i // 2)
        Entry("AAPL", "price", bars, cached_at=at).write(place)
        Entry("AAPL", "income", [statement], cached_at=at).write(place)
        generations.append(place)
    result = []
    for name, sequence in (("in time", (0, 1, 2)), ("otherwise", order)):
        lake = fl.open(tmp_path / name)
        for i in sequence:
            lake.migrate(generations[i])
        result.append(content(lake))
    assert_same_content(result[0], result[1])
