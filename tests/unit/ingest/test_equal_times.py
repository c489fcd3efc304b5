"""Test contents that several fetches of one time have of one key: their values decide, never an id."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.support import FETCHED, Entry, arrive, bar, income

# Each limit gives the file another name, and so another id.
_LIMITS = [(8, 20), (20, 8), (5, 40), (40, 5), (60, 12)]


def _statement(limit: int, **values: Any) -> Entry:
    return Entry("AAPL", "income", [income("2019-09-28", **values)], cached_at=FETCHED, limit=limit)


@pytest.mark.parametrize("limits", _LIMITS, ids=str)
def test_the_more_complete_of_two_fetches_of_one_time_counts(
    lake: Lake, tmp_path: Path, limits: tuple[int, int]
) -> None:
    """Both contradict each other in revenue, and one lacks the income: the other one counts."""
    poor = _statement(limits[0], revenue=99, netIncome=...)
    full = _statement(limits[1], revenue=11)
    arrive(lake, tmp_path, poor, full)
    assert lake.sql("SELECT revenue FROM income_statements ORDER BY version")["revenue"].to_list() == [99, 11]


@pytest.mark.parametrize("limits", _LIMITS[:2], ids=str)
def test_the_order_of_arrival_of_two_fetches_of_one_time_does_not_matter(
    lake: Lake, tmp_path: Path, limits: tuple[int, int]
) -> None:
    """The result is the same with each file in a cache of its own."""
    full, poor = _statement(limits[0], revenue=11), _statement(limits[1], revenue=99, netIncome=...)
    for entry in (full, poor):
        arrive(lake, tmp_path, entry)
    assert lake.sql("SELECT revenue FROM income_statements ORDER BY version")["revenue"].to_list() == [99, 11]


def test_of_equally_complete_contents_the_values_decide(lake: Lake, tmp_path: Path) -> None:
    """Whatever their ids and their order, the version that counts is the same."""
    newest = set()
    for symbol, limits in zip("ABCDE", _LIMITS, strict=True):
        entries = [
            Entry(symbol, "income", [income("2019-09-28", symbol=symbol, revenue=v)], limit=limit)
            for v, limit in zip((3, 7), limits, strict=True)
        ]
        arrive(lake, tmp_path, *entries)
        versions = lake.sql(
            f"SELECT revenue FROM income_statements WHERE symbol = '{symbol}' ORDER BY version"
        )
        newest.add(tuple(versions["revenue"]))
    assert newest == {(3.0, 7.0)}


def test_a_copy_that_lacks_values_is_no_version(lake: Lake, tmp_path: Path) -> None:
    """Of three fetches of one time two only repeat what the third has."""
    for symbol, order in zip("ABCDEF", permutations((8, 20, 40)), strict=True):
        kinds: list[dict[str, Any]] = [{"eps": ...}, {}, {"netIncome": ...}]
        arrive(
            lake,
            tmp_path,
            *(
                Entry(symbol, "income", [income("2019-09-28", symbol=symbol, **kind)], limit=limit)
                for kind, limit in zip(kinds, order, strict=True)
            ),
        )
    rows = lake.sql("SELECT symbol, version, eps, net_income FROM income_statements ORDER BY ALL").rows()
    assert rows == [(symbol, 1, 0.74, 12673000000.0) for symbol in "ABCDEF"]


@pytest.mark.parametrize("stub_first", [True, False])
def test_a_stub_of_a_bar_does_not_replace_the_bar_of_another_fetch(
    lake: Lake, tmp_path: Path, *, stub_first: bool
) -> None:
    """A stub repeats the last close with zeros; its fetch has the time of the fetch with the real bar."""
    stub = Entry("A", "price", [bar("2019-03-29", 9.0, open=0, high=0, low=0, volume=0, unadjustedVolume=0)])
    real = Entry("A", "price", [bar("2019-03-29", 10.0)], period="full_history_2019")
    entries = [stub, real] if stub_first else [real, stub]
    for entry in entries:
        arrive(lake, tmp_path, entry)
    assert lake.sql("SELECT close_price FROM price_data")["close_price"].to_list() == [10.0]
    assert lake.sql("SELECT close_price FROM price_revisions")["close_price"].to_list() == [9.0]


@pytest.mark.parametrize("limits", _LIMITS, ids=str)
def test_two_filings_of_one_moment_are_in_order_of_their_accession_numbers(
    lake: Lake, tmp_path: Path, limits: tuple[int, int]
) -> None:
    """A filing and its amendment have one acceptance: the later number is the newer version."""
    links = [f"https://www.sec.gov/Archives/edgar/data/320193/00003201931900011{n}/x.htm" for n in (7, 9)]
    entries = [
        _statement(limit, revenue=value, finalLink=link)
        for limit, value, link in zip(limits, (70, 90), links, strict=True)
    ]
    arrive(lake, tmp_path, *reversed(entries))
    assert lake.sql("SELECT revenue FROM income_statements ORDER BY version")["revenue"].to_list() == [70, 90]
