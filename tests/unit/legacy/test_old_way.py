from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pytest

from factorlab_lake.errors import NotFound
from factorlab_lake.lake import Lake
from factorlab_lake.legacy.old_way import market_caps
from tests.support import CACHE_2021, Entry, bar, income

DAY = date(2020, 11, 2)


def test_the_old_way_agrees_with_the_lake(lake_2021: Lake) -> None:
    """The market caps of one clean cache are equal at 25 quarter ends, and None at the same ones."""
    caps = lake_2021.market_caps(["AAPL", "GOOGL"], start="2015-01-31", end="2021-03-31", freq="QE")
    new = caps.select("symbol", "date", "market_cap").rows()
    old = market_caps(CACHE_2021, ["AAPL", "GOOGL"], caps["date"].to_list())
    assert [row[:2] for row in old] == [row[:2] for row in new]
    for (symbol, day, old_cap), (_, _, lake_cap) in zip(old, new, strict=True):
        assert (old_cap is None) == (lake_cap is None), (symbol, day)
        assert old_cap is None or math.isclose(old_cap, lake_cap, rel_tol=1e-9), (symbol, day)
    assert sum(row[2] is not None for row in old) > 40


@pytest.mark.parametrize(
    ("fields", "first_day"),
    [
        ({"acceptedDate": "2020-10-29 16:00:00"}, date(2020, 10, 29)),
        ({"acceptedDate": "2020-10-29T16:00:01"}, date(2020, 10, 30)),
        ({"acceptedDate": None, "fillingDate": "2020-10-30"}, date(2020, 10, 31)),
        ({"acceptedDate": "2020-09-26 00:00:00", "fillingDate": "2020-10-30"}, date(2020, 10, 31)),
        ({"acceptedDate": None, "fillingDate": None}, date(2020, 12, 10)),
    ],
)
def test_a_statement_counts_from_the_close_it_was_public_at(
    cache: Path, fields: dict[str, str], first_day: date
) -> None:
    """The first day with a market cap is the one the lake's own rule of availability gives."""
    Entry("X", "price", [bar("2020-09-01", 2.0)]).write(cache)
    Entry("X", "income", [income(symbol="X", weightedAverageShsOut=5, **fields)]).write(cache)
    before = first_day.fromordinal(first_day.toordinal() - 1)
    assert market_caps(cache, ["X"], [before, first_day]) == [("X", before, None), ("X", first_day, 10.0)]


def test_the_newest_bar_and_quarter_count_in_any_order_of_the_file(cache: Path) -> None:
    """The order of bars and an amendment of an older quarter do not change the result."""
    Entry("X", "price", [bar("2020-11-03", 9.0), bar("2020-10-30", 2.0), bar("2020-11-02", 3.0)]).write(cache)
    late = {"acceptedDate": "2020-10-31 09:00:00", "weightedAverageShsOut": 7}
    quarters = [income("2020-06-27", "Q3", **late), income("2020-09-26", "Q4", weightedAverageShsOut=5)]
    Entry("X", "income", quarters).write(cache)
    assert market_caps(cache, ["X"], [DAY]) == [("X", DAY, 15.0)]


def test_no_shares_are_no_market_cap(cache: Path) -> None:
    """Zero stands for missing, and gives no market cap of zero."""
    Entry("X", "price", [bar("2020-11-02")], compress=False).write(cache)
    Entry("X", "income", [income(weightedAverageShsOut=0)], compress=False).write(cache)
    assert market_caps(cache, ["X"], [DAY]) == [("X", DAY, None)]


def test_a_symbol_without_files_is_not_found(cache: Path) -> None:
    """The error names the folder and the file pattern; a symbol with the same prefix does not match."""
    Entry("XY", "price", [bar("2020-11-02")]).write(cache)
    with pytest.raises(NotFound, match=r"price_data has no file X_price"):
        market_caps(cache, ["X"], [DAY])
