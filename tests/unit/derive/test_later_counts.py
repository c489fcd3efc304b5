"""Test what a share count that is filed later does to earlier market caps of a split that a source told.

Right values are computed by hand: price times shares, on one split basis, as `docs/concepts/splits.md` says.
"""

from __future__ import annotations

import pytest

from factorlab_lake.lake import Lake
from tests.unit.derive.test_split_events import cap, count, lake, load_bars, load_splits, statuses

__all__ = ["lake"]

DAYS = ("2020-06-01", "2020-07-01", "2020-08-03")


def _reported(lake: Lake, numerator: float, denominator: float, kind: str | None = None) -> float:
    """Load a split of 2020-06-15, prices as traded, and the count of April: 1 bn; return the ratio."""
    ratio = numerator / denominator
    load_splits(lake, "XX", ("2020-06-15", numerator, denominator), kind=kind)
    load_bars(lake, "XX", *((day, 100.0 if day < "2020-06-15" else 100 / ratio, day) for day in DAYS))
    count(lake, "XX", "2020-04-20", 1e9, "2020-04-25")
    return ratio


def _caps(lake: Lake) -> list[float | None]:
    answers = [cap(lake, "XX", day) for day in DAYS]
    assert [answer[1:] for answer in answers] == [("told", None)] * 3
    return [answer[0] for answer in answers]


def test_a_small_split_counts_from_the_next_count_until_a_later_count_proves_it(lake: Lake) -> None:
    """The cap between ex-date and count is 100 bn after the proof, by 5:4 more than the 80 bn before."""
    _reported(lake, 5, 4)
    assert _caps(lake) == [100, 80, 80]
    assert statuses(lake) == [("2020-06-15", 1.25, "unproven")]
    count(lake, "XX", "2020-07-20", 1.25e9, "2020-07-25")
    assert _caps(lake) == [100, 100, 100]
    assert statuses(lake) == [("2020-06-15", 1.25, "applied")]


def test_a_later_count_that_did_not_move_makes_a_large_split_a_distribution(lake: Lake) -> None:
    """The cap between ex-date and count is 50 bn after the proof, half of the 100 bn before."""
    _reported(lake, 2, 1)
    assert _caps(lake) == [100, 100, 100]
    count(lake, "XX", "2020-07-20", 1e9, "2020-07-25")
    assert _caps(lake) == [100, 50, 50]
    assert lake.quality().filter(rule="distribution_told_as_split").height == 1


@pytest.mark.parametrize(("ratio", "later"), [((5, 4), 1.0), ((2, 1), 2.0)], ids=str)
def test_a_later_count_that_confirms_what_was_taken_changes_nothing(
    lake: Lake, ratio: tuple[float, float], later: float
) -> None:
    """A small split was not counted and a large one was: counts that say so leave all caps as they are."""
    _reported(lake, *ratio)
    before = _caps(lake)[:2]
    count(lake, "XX", "2020-07-20", later * 1e9, "2020-07-25")
    assert _caps(lake)[:2] == before


@pytest.mark.parametrize("later", [1.0, 1.25])
def test_the_kind_of_a_loaded_split_decides_before_any_count(lake: Lake, later: float) -> None:
    """A stock dividend of 5:4 changes the count on its ex-date, whatever later counts say."""
    _reported(lake, 5, 4, kind="stock_dividend")
    assert _caps(lake)[:2] == [100, 100]
    count(lake, "XX", "2020-07-20", later * 1e9, "2020-07-25")
    assert _caps(lake)[:2] == [100, 100]
