"""Test the revisions view: each superseded value with the new one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from factorlab_lake.lake import Lake
from tests.support import EARLIER, FETCHED, LATER, Entry, arrive, bar, income


def _rows(lake: Lake) -> list[tuple[object, ...]]:
    return (
        lake.revisions()
        .select("table_name", "symbol", "date", "fiscal_period", "column_name", "old", "new", "kind")
        .rows()
    )


def test_a_lake_without_changes_has_no_revisions(lake: Lake, tmp_path: Path) -> None:
    """The view is empty after first contents and equal later ones."""
    for at in (EARLIER, FETCHED):
        arrive(lake, tmp_path, Entry("AAPL", "price", [bar("2019-01-02")], cached_at=at))
        arrive(lake, tmp_path, Entry("AAPL", "income", [income("2019-09-28")], cached_at=at))
    assert lake.revisions().is_empty()


def test_a_changed_statement_lists_each_changed_value(lake: Lake, tmp_path: Path) -> None:
    """Each changed item has one row with the old and the new value; unchanged items have none."""
    arrive(
        lake,
        tmp_path,
        Entry("AAPL", "income", [income("2019-09-28", revenue=100, interestExpense=5)], cached_at=EARLIER),
    )
    changed = income("2019-09-28", revenue=101, interestExpense=5, otherExpenses=7)
    arrive(lake, tmp_path, Entry("AAPL", "income", [changed], cached_at=FETCHED))
    place = ("income_statements", "AAPL", date(2019, 9, 28), "Q4")
    assert _rows(lake) == [
        (*place, "other_expenses", None, "7.0", "vendor_revision"),
        (*place, "revenue", "100.0", "101.0", "vendor_revision"),
    ]


def test_each_step_of_a_value_is_a_revision_of_its_own(lake: Lake, tmp_path: Path) -> None:
    """The view has X to Y and Y to Z for contents X, Y, Z, each with the newer fetch."""
    for at, revenue, accepted in ((EARLIER, 1, "2019-10-30 18:06:25"), (FETCHED, 2, "2019-10-30 18:06:25"),
                                  (LATER, 3, "2021-05-03 17:00:00")):  # fmt: skip
        entry = Entry(
            "AAPL", "income", [income("2019-09-28", revenue=revenue, acceptedDate=accepted)], cached_at=at
        )
        arrive(lake, tmp_path, entry)
    revisions = lake.revisions().filter(column_name="revenue")
    assert revisions.select("old", "new", "kind").rows() == [
        ("1.0", "2.0", "vendor_revision"), ("2.0", "3.0", "restatement"),
    ]  # fmt: skip
    fetches = lake.fetch_log().sort("fetch_date")["fetch_id"].to_list()
    assert revisions["fetch_id"].to_list() == fetches[1:]


def test_a_changed_bar_lists_each_changed_value(lake: Lake, tmp_path: Path) -> None:
    """Prices and volume around a split are listed by the order of fetches, not of arrival."""
    arrive(
        lake,
        tmp_path,
        Entry(
            "AAPL", "price", [bar("2019-01-02", 25.0, volume=4000), bar("2019-01-03", 9.0)], cached_at=FETCHED
        ),
    )
    arrive(lake, tmp_path, Entry("AAPL", "price", [bar("2019-01-02", 100.0)], cached_at=EARLIER))
    place = ("price_data", "AAPL", date(2019, 1, 2), None)
    assert _rows(lake) == [
        (*place, "adjusted_close", "100.0", "25.0", "split_rebase"),
        (*place, "close_price", "100.0", "25.0", "split_rebase"),
        (*place, "high_price", "100.0", "25.0", "split_rebase"),
        (*place, "low_price", "100.0", "25.0", "split_rebase"),
        (*place, "open_price", "100.0", "25.0", "split_rebase"),
        (*place, "volume", "1000.0", "4000.0", "split_rebase"),
    ]


@pytest.mark.parametrize("turn", [1, -1], ids=["unadjusted first", "adjusted first"])
def test_of_two_contents_of_one_file_the_one_with_more_splits_is_stored(
    lake: Lake, tmp_path: Path, turn: int
) -> None:
    """If one fetch has a day before and after a split adjustment, the adjusted bar is the right one."""
    bars = [bar("2019-01-02", 100.0), bar("2019-01-02", 25.0, volume=4000)][::turn]
    arrive(lake, tmp_path, Entry("AAPL", "price", bars, cached_at=FETCHED))
    assert lake.sql("SELECT close_price FROM price_data").rows() == [(25.0,)]
    assert lake.revisions().is_empty()
    [reason] = lake.sql("SELECT reason FROM rejected_records")["reason"]
    assert "the same symbol and date" in reason


def test_every_superseded_value_of_the_samples_is_listed(lake_both: Lake) -> None:
    """Across the split of 2020 each statement of AAPL lists its share items, each bar its prices."""
    counts = dict(lake_both.revisions().group_by("column_name").len().rows())
    assert counts["eps"] == counts["eps_diluted"] == counts["weighted_average_shares_outstanding"] == 42
    assert counts["close_price"] == counts["volume"] == counts["open_price"] == 2516
    assert set(lake_both.revisions()["kind"]) == {"split_rebase"}
    assert set(lake_both.revisions()["symbol"]) == {"AAPL"}
