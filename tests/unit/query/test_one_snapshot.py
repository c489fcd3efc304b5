"""Test that a question of several steps reads one snapshot, although another thread refreshes the lake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import LakeWarning
from factorlab_lake.lake import Lake
from factorlab_lake.query.snapshot_reader import SnapshotReader
from tests.support import copy_of

_DAY = "2020-12-31"
_QUESTIONS: dict[str, Callable[[Lake], pl.DataFrame]] = {
    "lookahead": lambda lake: lake.lookahead("market_cap", "AAPL", [_DAY], by_cell=True),
    "company_market_caps": lambda lake: lake.company_market_caps("AAPL", _DAY),
    "market_caps of all": lambda lake: lake.market_caps("all", _DAY),
}


@pytest.fixture
def moving(lake_both: Lake, tmp_path: Path) -> Lake:
    """Return a lake that has a newer snapshot, in which the close is 1 dollar and a symbol is new."""
    older = copy_of(lake_both, tmp_path / "lake")
    lake = fl.open(older.path, create=False)
    bars = {"symbol": ["AAPL", "NEW"], "date": [_DAY] * 2, "close_price": [1.0] * 2}
    with pytest.warns(LakeWarning, match="replace"):
        older.load("price_data", bars | {"split_basis_date": [_DAY] * 2})
    return lake


@pytest.mark.parametrize("name", _QUESTIONS)
def test_a_refresh_between_steps_changes_no_answer(
    moving: Lake, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lake moves after each step; the answer is that of the snapshot at the start, the next one newer."""
    question = _QUESTIONS[name]
    before = question(fl.open(moving.path, create=False).at(moving.snapshot.id))
    newest = question(fl.open(moving.path, create=False))
    assert not before.equals(newest)
    for step in ("answer", "session"):
        _refresh_after(step, moving, monkeypatch)
    assert_frame_equal(question(moving), before)
    assert_frame_equal(question(moving), newest)


def _refresh_after(step: str, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lake move whenever its reader has answered a step."""
    member = vars(SnapshotReader)[step]
    real: Any = member if callable(member) else member.func

    def moving(self: SnapshotReader, *arguments: Any) -> Any:
        answer = real(self, *arguments)
        lake.refresh()
        return answer

    monkeypatch.setattr(SnapshotReader, step, moving if callable(member) else property(moving))
