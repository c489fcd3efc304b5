"""Test loading the companies that used a symbol."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.load import load
from factorlab_lake.lake import Lake
from tests.support import (
    FETCHED,
    assert_keys_unique,
    assert_same_content,
    content,
    memory_transaction,
    writing,
)

_FUND, _META = "roundhill-meta", "0001326801"
_INTERVALS: dict[str, list[Any]] = {
    "symbol": ["META", "FB", "META"],
    "company_id": [_META, _META, _FUND],
    "valid_from": ["2022-06-09", "2012-05-18", "2021-06-30"],
    "valid_to": [None, "2022-06-09", "2022-01-31"],
    "kind": ["reuse", None, None],
}
_DAYS = "valid_from::VARCHAR, valid_to::VARCHAR"
_ROWS = f"SELECT symbol, company_id, {_DAYS}, kind FROM symbol_history ORDER BY 1, 2"
_LOADED = [
    ("FB", _META, "2012-05-18", "2022-06-09", None),
    ("META", _META, "2022-06-09", None, "reuse"),
    ("META", _FUND, "2021-06-30", "2022-01-31", None),
]


def _companies(*starts: str) -> dict[str, list[str]]:
    """Return intervals of one symbol without ends, so that two of them overlap."""
    return {"symbol": ["X"] * len(starts), "company_id": list("ABC"[: len(starts)]), "valid_from": [*starts]}


@pytest.mark.parametrize("form", ["frame", "file"])
def test_intervals_are_loaded(lake: Lake, tmp_path: Path, form: str) -> None:
    """A frame and a CSV file give the same rows; a missing end is NULL."""
    source: Any = _INTERVALS
    if form == "file":
        source = tmp_path / "symbols.csv"
        pl.DataFrame(_INTERVALS).write_csv(source)
    assert lake.load("symbol_history", source) == 3
    assert lake.sql(_ROWS).rows() == _LOADED
    assert lake.sql("SELECT DISTINCT source, source_provider FROM symbol_history").rows() == [
        ("file", "file")
    ]
    assert_keys_unique(lake)


def test_loading_the_intervals_again_changes_nothing(lake: Lake) -> None:
    """A second load of the same rows adds no snapshot."""
    lake.load("symbol_history", _INTERVALS)
    before = content(lake)
    assert lake.load("symbol_history", _INTERVALS) == 3
    assert len(lake.history()) == 1
    assert_same_content(content(lake), before)


def test_a_load_replaces_all_intervals_of_its_symbols(lake: Lake) -> None:
    """A corrected start would overlap the wrong interval, so the newer list replaces the older one."""
    lake.load("symbol_history", _INTERVALS)
    lake.load("symbol_history", {"symbol": ["META"], "company_id": [_META], "valid_from": ["2022-06-08"]})
    assert lake.sql(_ROWS).rows() == [_LOADED[0], ("META", _META, "2022-06-08", None, None)]
    assert lake.at(1).sql(_ROWS).rows() == _LOADED


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_the_newer_list_of_a_symbol_is_kept_in_any_order(order: tuple[int, ...]) -> None:
    """An older list that arrives later changes nothing."""
    tx = memory_transaction()
    for i in order:
        load(tx, "symbol_history", _companies(f"2020-01-0{i + 1}"), now=FETCHED + i * timedelta(days=1))
    assert tx.read("symbol_history")["valid_from"].cast(pl.String).to_list() == ["2020-01-02"]


@pytest.mark.parametrize(
    ("change", "row", "reason"),
    [
        ({"company_id": [_META, None, _FUND]}, 2, "company_id is missing"),
        ({"valid_from": [None, "2012-05-18", "2021-06-30"]}, 1, "valid_from is missing"),
        ({"valid_to": [None, "2012-05-18", None]}, 2, "valid_to must be after valid_from"),
        ({"kind": ["reused", None, None]}, 1, "kind must be reuse or successor or rename, or empty"),
        ({"valid_to": [None, None, "2022-06-10"]}, 1, "META from 2022-06-09 overlaps row 3"),
        ({"valid_to": [None, None, None]}, 1, "begins 2021-06-30 and has no valid_to"),
        (
            {"valid_from": ["2021-06-30"] * 3},
            3,
            "contradicts an earlier row with the same symbol and valid_from",
        ),
    ],
)
def test_a_wrong_interval_is_refused(lake: Lake, change: dict[str, Any], row: int, reason: str) -> None:
    """The error names the row of the source and the reason; nothing is loaded."""
    with pytest.raises(InvalidInput, match=reason) as caught:
        lake.load("symbol_history", pl.DataFrame(_INTERVALS | change))
    assert caught.value.facts["row"] == row
    assert lake.refresh().history() == []


def test_intervals_that_meet_do_not_overlap(lake: Lake) -> None:
    """``valid_to`` is the first day without the symbol, so that the next interval may begin on it."""
    ends = ["2020-02-01", None]
    assert lake.load("symbol_history", _companies("2020-01-01", "2020-02-01") | {"valid_to": ends}) == 2


@pytest.mark.parametrize("slice_rows", [1, 2, 100])
def test_an_overlap_is_found_across_slices(lake: Lake, slice_rows: int) -> None:
    """The rows of a symbol may be anywhere in the source."""
    message = "Row 3 for symbol_history: X from 2020-03-01 overlaps row 1"
    with pytest.raises(InvalidInput, match=message), writing(lake) as tx:
        load(tx, "symbol_history", _far_apart(), slice_rows=slice_rows)


def _far_apart() -> pl.DataFrame:
    rows = pl.DataFrame(_companies("2020-01-01", "2020-02-01", "2020-03-01"))
    return rows.with_columns(symbol=pl.Series(["X", "Y", "X"]))


def test_other_ways_to_the_table(lake: Lake, tmp_path: Path) -> None:
    """The table is verified, compared between snapshots, and part of a backup."""
    lake.load("symbol_history", _INTERVALS)
    lake.load("symbol_history", _companies("2020-01-01"))
    assert lake.verify(deep=True).clean
    changes = lake.diff(1).filter(table="symbol_history").to_dicts()
    assert [(c["symbol"], c["added"], c["removed"]) for c in changes] == [("X", 1, 0)]
    lake.backup(tmp_path / "backup")
    restored = fl.restore(tmp_path / "backup", tmp_path / "restored")
    assert restored.sql(_ROWS).equals(lake.sql(_ROWS))
