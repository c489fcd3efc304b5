"""Test prices: a range of days has one current row per symbol and day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from tests.support import LATER, Entry, bar, migrate
from tests.unit.query.lake_builder import LakeBuilder

CASES = LakeBuilder()
DAYS = ("2019-12-31", "2020-01-02", "2020-01-03", "2020-12-31", "2021-01-04")
CASES.closes("AAA", dict(zip(DAYS, (1.0, 2.0, 3.0, 4.0, 5.0), strict=True)))
CASES.closes("BBB", {"2020-01-03": 30.0, "2020-01-02": 20.0})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with two symbols over three calendar years."""
    return CASES.build(tmp_path_factory.mktemp("prices"))


@pytest.mark.parametrize(
    ("start", "end", "closes"),
    [
        (None, None, [1, 2, 3, 4, 5]),
        ("2020-01-02", "2020-12-31", [2, 3, 4]),
        ("2020-01-03", "2020-01-03", [3]),
        ("2020-01-04", "2020-12-30", []),
        (date(2020, 12, 31), None, [4, 5]),
        (None, "2019-12-31", [1]),
    ],
)
def test_both_ends_of_a_range_are_included(
    made: Lake, start: date | str | None, end: date | str | None, closes: list[float]
) -> None:
    """Bars of the first and of the last day belong to it, over year ends too; an open end has no limit."""
    assert made.prices("AAA", start, end)["close_price"].to_list() == closes


def test_bars_are_ordered_by_symbol_and_day(made: Lake) -> None:
    """The order does not depend on that of the arguments or of the file."""
    rows = made.prices(["BBB", "AAA", "BBB"], "2020-01-01", "2020-01-31")
    assert rows.select("symbol", "date", "close_price").rows() == [
        ("AAA", date(2020, 1, 2), 2),
        ("AAA", date(2020, 1, 3), 3),
        ("BBB", date(2020, 1, 2), 20),
        ("BBB", date(2020, 1, 3), 30),
    ]


def test_columns_are_those_of_the_table(made: Lake) -> None:
    """The frame has the table's columns in the table's order, and the currency after the values."""
    columns = made.prices("AAA").columns
    assert columns[columns.index("change_over_time") + 1] == "currency"
    assert [name for name in columns if name != "currency"] == TABLES["price_data"].names()


def test_an_unknown_symbol_has_no_rows(made: Lake) -> None:
    """Alone it gives an empty frame of the usual columns, among others it is passed over."""
    assert made.prices("NOBODY").is_empty()
    assert made.prices("NOBODY").schema == made.prices("AAA").schema
    assert made.prices(["NOBODY", "BBB"]).equals(made.prices("BBB"))


def test_a_symbol_is_matched_whole(made: Lake) -> None:
    """Neither a part of a name nor another case of it is the symbol."""
    assert made.prices(["A", "AA", "aaa", "AAA%", "AAA "]).is_empty()


def test_a_corrected_bar_replaces_the_one_before(lake: Lake, tmp_path: Path) -> None:
    """The bar fetched last is the current one; there is no second row for the day."""
    migrate(lake, tmp_path, Entry("AAA", "price", [bar("2020-01-02", 2.0), bar("2020-01-03", 3.0)]))
    migrate(lake, tmp_path, Entry("AAA", "price", [bar("2020-01-03", 3.5)], cached_at=LATER))
    assert lake.prices("AAA")["close_price"].to_list() == [2, 3.5]
