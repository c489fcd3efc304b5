"""Kill a migration before each file that it renames into place, from rows to the index and lake.duckdb."""

from __future__ import annotations

import signal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.support import THOROUGH, copy_of, run_python

DAYS = ["2018-12-31", "2019-01-04", "2019-02-28", "2021-03-31"]
_SCRIPT = """
import pathlib, sys
from tests.faults.crashing_writer import kill_before
import factorlab_lake as fl

lake = fl.open(sys.argv[1], create=False)
kill_before(int(sys.argv[2]), (pathlib.Path, "replace"))
lake.migrate(sys.argv[3])
"""
_EVERY = 1 if THOROUGH else 9  # renames from one kill to the next


def _answers(lake: Lake) -> list[pl.DataFrame]:
    symbols = ["AAA", "BBB"]
    return [lake.market_caps(symbols, DAYS), lake.ttm(symbols, DAYS), lake.factors(symbols, DAYS)]


def _answers_of_sql(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> list[pl.DataFrame]:
    with monkeypatch.context() as patch:
        patch.setenv("FACTORLAB_READ_INDEX", "0")
        return _answers(fl.open(lake.path, create=False))


def _assert_equal(one: list[pl.DataFrame], other: list[pl.DataFrame]) -> None:
    for left, right in zip(one, other, strict=True):
        assert_frame_equal(left, right)


@pytest.mark.slow
def test_a_migration_killed_before_any_rename_shows_the_old_or_the_new_answers(
    old: Lake, newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers are those of one snapshot, with and without the index; the next migration completes it."""
    monkeypatch.setenv("FACTORLAB_RESULT_CACHE_MB", "0")
    whole = copy_of(old, tmp_path / "whole")
    whole.migrate(newer)
    before, after = _answers(old), _answers(whole)
    seen, step, code = set(), 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        lake = copy_of(old, tmp_path / f"lake{step}")
        code = run_python(_SCRIPT, lake.path, step, newer).returncode
        reopened = fl.open(lake.path, create=False)
        is_new = reopened.snapshot.id > old.snapshot.id
        seen.add(is_new)
        _assert_equal(_answers(reopened), after if is_new else before)
        _assert_equal(_answers_of_sql(reopened, monkeypatch), after if is_new else before)
        reopened.migrate(newer)
        _assert_equal(_answers(reopened), after)
        assert reopened.verify(deep=True).clean
        step += _EVERY
    assert code == 0
    assert seen == {False, True}
