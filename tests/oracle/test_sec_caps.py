"""Test Apple's market caps and NULLs with counts from SEC, against plain Python over the filings."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from factorlab_lake.lake import Lake
from tests.oracle import apple
from tests.oracle.counts import Count, factor
from tests.oracle.null_budget import step_days
from tests.oracle.null_where_known import (
    apple_cap,
    apple_factors,
    apple_revenue,
    factors_where_known,
    nulls_where_known,
)
from tests.sec_lakes import apple_with_bars

_BUDGET = 0.02  # of the cells that have a value, for each reason
_RANK = {"cover_page": 1, "balance_sheet": 0}
_DAYS = sorted(day for day in apple.closes() if day.year >= 2018)  # up to March 2021


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of Apple from SEC with the bars of a cache, without a list of splits."""
    return apple_with_bars(tmp_path_factory)


def _cap(day: date, count: Count) -> float:
    """Return close times count on the basis of the closes, which is that after both splits."""
    return apple.closes()[day] * count.shares * factor(apple.SPLITS, count.basis, max(apple.closes()))


def _stated(day: date, *, by: str) -> Count:
    """Return the count that was stated last: among those known (or counted) by a day."""
    counts = [each for each in apple.counts() if each.source in _RANK and getattr(each, by) <= day]
    return max(counts, key=lambda each: (each.as_of, _RANK[each.source], each.order))


def test_known_caps_use_only_counts_accepted_by_the_day(lake: Lake) -> None:
    """From 2018 on each cap has a count of a filing that was public, and none that was counted later."""
    caps = lake.market_caps("AAPL", _DAYS)
    assert len(_DAYS) == 817
    assert caps["shares_available_date"].null_count() == 0
    assert (caps["shares_available_date"] <= caps["date"]).all()
    accepted = {each.known for each in apple.counts() if each.source == "cover_page"}
    assert set(caps["shares_available_date"]) <= accepted
    expected = [_cap(day, _stated(day, by="known")) for day in _DAYS]
    assert caps["market_cap"].to_list() == expected


def test_latest_caps_use_each_count_from_its_day(lake: Lake) -> None:
    """With hindsight, each cap is exactly the close times the count from the day counted."""
    caps = lake.market_caps("AAPL", _DAYS, vintage="latest")
    assert caps["market_cap"].to_list() == [_cap(day, _stated(day, by="as_of")) for day in _DAYS]
    assert (caps["shares_fiscal_date"] <= caps["date"]).all()
    # A third of the days have a count that was not public yet.
    assert (caps["shares_available_date"] > caps["date"]).sum() == 294


def test_nulls_stay_within_their_budget(lake: Lake) -> None:
    """No reason has more than two in a hundred of the cells that the filings have a value for."""
    days = step_days(28, 2010, 2021)
    results: dict[str, tuple[int, Counter[str]]] = {
        "market_caps": nulls_where_known(lake, "market_caps", ["AAPL"], days, apple_cap),
        "ttm": nulls_where_known(lake, "ttm", ["AAPL"], days, apple_revenue),
        **factors_where_known(lake, ["AAPL"], days, apple_factors),
    }
    assert len(results) == 24
    assert min(known for known, _ in results.values()) > 90
    over = {
        (name, reason): (count, known)
        for name, (known, reasons) in results.items()
        for reason, count in reasons.items()
        if count > _BUDGET * known
    }
    assert over == {}
