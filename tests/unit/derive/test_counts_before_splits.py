"""Test counts of cover pages whose day is before a split and whose filing is after it.

Right values are computed by hand: price times shares, on one split basis.
"""

from __future__ import annotations

import pytest

from factorlab_lake.lake import Lake
from tests.unit.derive.test_split_events import cap, count, lake, load_bars, load_splits, statuses

__all__ = ["lake"]

DAYS = ("2021-03-05", "2021-03-08", "2021-03-09", "2021-03-15", "2021-05-03")


def load_quotes(lake: Lake, ratio: float) -> None:
    """Load bars as traded, at 100 before the split of 2021-03-08 and at 100 / ratio from it on."""
    load_bars(lake, "XX", *((day, 100.0 if day < "2021-03-08" else 100 / ratio, day) for day in DAYS))


@pytest.mark.parametrize("split", [(2, 1), (1, 20), (3, 2)], ids=str)
@pytest.mark.parametrize("is_restated", [False, True], ids=["of its day", "restated"])
def test_a_count_of_a_day_before_the_split_is_right_whether_it_is_restated(
    lake: Lake, split: tuple[int, int], *, is_restated: bool
) -> None:
    """30 m shares at 100 are 3 bn on each day; the count of February was filed after the split of March."""
    ratio = split[0] / split[1]
    load_quotes(lake, ratio)
    load_splits(lake, "XX", ("2021-03-08", *split))
    count(lake, "XX", "2020-10-27", 3e7, "2020-11-02")
    assert [cap(lake, "XX", day) for day in DAYS[:4]] == [(3.0, "told", None)] * 4
    count(lake, "XX", "2021-02-28", 3e7 * (ratio if is_restated else 1), "2021-03-10")
    assert [cap(lake, "XX", day) for day in DAYS[:4]] == [(3.0, "told", None)] * 4
    count(lake, "XX", "2021-04-24", 3e7 * ratio, "2021-04-30")
    assert [cap(lake, "XX", day) for day in DAYS] == [(3.0, "told", None)] * 5
    assert statuses(lake) == [("2021-03-08", ratio, "applied")]
    assert lake.quality().filter(rule="uncounted_split").height == 0


@pytest.mark.parametrize("source", ["cover_page", "balance_sheet"])
def test_a_first_cover_page_after_the_split_is_compared_with_any_count_before(
    lake: Lake, source: str
) -> None:
    """The count of February, filed after the split with a few shares more, is still that before it."""
    load_quotes(lake, 2)
    load_splits(lake, "XX", ("2021-03-08", 2, 1))
    count(lake, "XX", "2020-12-31", 3e7, "2021-01-29", source=source)
    count(lake, "XX", "2021-02-28", 3.01e7, "2021-03-10")
    assert [cap(lake, "XX", day) for day in DAYS[:3]] == [(3.0, "told", None)] * 3
    assert cap(lake, "XX", "2021-03-15") == (3.01, "told", None)
    assert statuses(lake) == [("2021-03-08", 2.0, "applied")]


def test_a_repeated_cover_page_does_not_make_a_split_a_distribution(lake: Lake) -> None:
    """An amendment after the split states the count of November again, with a few shares more."""
    load_quotes(lake, 2)
    load_splits(lake, "XX", ("2021-03-08", 2, 1))
    count(lake, "XX", "2020-10-27", 3e7, "2020-11-02")
    count(lake, "XX", "2020-10-27", 3.01e7, "2021-03-10")
    assert [cap(lake, "XX", day) for day in DAYS[:3]] == [(3.0, "told", None)] * 3
    assert cap(lake, "XX", "2021-03-15") == (3.01, "told", None)


def test_a_count_after_a_distribution_still_proves_it(lake: Lake) -> None:
    """Price halves by a spin-off told as 2:1: a count of a day after it has the same 30 m shares."""
    load_quotes(lake, 2)
    load_splits(lake, "XX", ("2021-03-08", 2, 1))
    count(lake, "XX", "2020-10-27", 3e7, "2020-11-02")
    count(lake, "XX", "2021-03-09", 3e7, "2021-03-10")
    assert [cap(lake, "XX", day)[0] for day in DAYS[:4]] == [3.0, 1.5, 1.5, 1.5]
