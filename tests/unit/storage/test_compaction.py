from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.support import SPLITS, assert_same_content, content, copy_of, table_rows, writing


def _append(lake: Lake, *symbols: str, year: int | None = 2020) -> None:
    for symbol in symbols:
        row = {"symbol": symbol, "date": date(year or 2020, 1, 2), "close_price": 1.0, "year": year}
        with writing(lake) as tx:
            tx.append("price_data", table_rows("price_data", [row]))
    lake.refresh()


def test_compaction_leaves_the_rows_and_fewer_files(lake: Lake) -> None:
    """Each fragmented partition becomes one sorted file, in one snapshot; other files stay."""
    lake.load("splits", SPLITS)
    _append(lake, "C", "A", "B")
    _append(lake, "A", year=2019)
    before, untouched = content(lake), sorted((lake.path / "price_data" / "year=2019").iterdir())
    report = lake.compact()
    assert report.partitions == [("price_data", 2020, 3)]
    # A load of splits writes six files, and each append of bars one.
    assert (report.files_before, report.files_after) == (10, 8)
    assert (report.snapshot_before, report.snapshot_after, lake.snapshot.id) == (5, 6, 6)
    assert lake.snapshot.reason == "compact"
    assert_same_content(content(lake), before)
    assert sorted((lake.path / "price_data" / "year=2019").iterdir()) == untouched
    rows = lake.sql("SELECT symbol FROM price_data WHERE year = 2020").rows()
    assert rows == [("A",), ("B",), ("C",)]
    assert lake.verify(deep=True).clean
    assert lake.diff(5).is_empty()


def test_compaction_with_nothing_to_do_takes_no_snapshot(lake: Lake) -> None:
    """A second compaction, and that of an empty lake, commit no snapshot."""
    assert lake.compact().partitions == []
    _append(lake, "A", "B")
    lake.compact()
    assert lake.compact().partitions == []
    assert len(lake.history()) == 3


def test_compaction_of_real_data_changes_no_row(lake_both: Lake, tmp_path: Path) -> None:
    """Compaction of two migrations preserves every bit, and earlier snapshots return the same rows."""
    lake = copy_of(lake_both, tmp_path / "lake")
    before, first = content(lake), content(lake.at(1))
    assert lake.compact().partitions
    assert_same_content(content(lake), before)
    assert_same_content(content(lake.at(1)), first)
    assert lake.verify().clean


def test_a_pinned_lake_is_not_compacted(lake: Lake) -> None:
    """A lake returned by `at` is read-only."""
    _append(lake, "A", "B")
    for change in (lake.at(1).compact, lake.at(1).vacuum, lake.at(1).repair):
        with pytest.raises(InvalidInput, match="pinned to snapshot 1"):
            change()
