"""Kill a writer between any two of its steps, with a real signal in its own process."""

from __future__ import annotations

import signal
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.support import (
    CACHE_2021,
    SPLITS,
    THOROUGH,
    assert_same_content,
    content,
    copy_of,
    run_python,
)

# The script kills itself at the n-th call of some functions, before the call runs.
_SCRIPT = """
import pathlib, sys
from factorlab_lake.storage import delta, snapshots
from tests.faults.crashing_writer import kill_before
import factorlab_lake as fl

step = int(sys.argv[2])
lake = fl.open(sys.argv[1], create=False)
"""
_COMMITS = "(delta, 'append'), (delta, 'replace'), (delta, 'restore')"
_AT_A_COMMIT = f"{_SCRIPT}kill_before(step, {_COMMITS})\n"
_AT_A_SNAPSHOT = f"{_SCRIPT}kill_before(step, (snapshots, 'save'))\n"
_AT_A_RENAME = f"{_SCRIPT}kill_before(step, (pathlib.Path, 'replace'))\n"
_MIGRATE = "lake.migrate(sys.argv[3], by_symbol=len(sys.argv) > 4)\n"


def _kill(script: str, lake: Lake, step: int, *more: object) -> None:
    """Run a script that is killed before its n-th step, and check that it was killed."""
    ended = run_python(script, lake.path, step, *more)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.fixture(scope="session")
def uninterrupted(
    old: Lake, newer: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pl.DataFrame]:
    """Return the lake's content after an uninterrupted migration of the newer cache."""
    lake = copy_of(old, tmp_path_factory.mktemp("whole") / "lake")
    lake.migrate(newer)
    rows = content(lake)
    assert rows["price_revisions"].height == 12
    assert set(rows["income_statements"]["version"]) == {1, 2}
    return rows


_SOME = {"first commit": (_AT_A_COMMIT, 0), "last rename": (_AT_A_RENAME, 4), "snapshot": (_AT_A_SNAPSHOT, 0)}
_MORE = {
    "third commit": (_AT_A_COMMIT, 2),
    "first derived table": (_AT_A_COMMIT, 5),
    "last derived table": (_AT_A_COMMIT, 8),
}
_STEPS = _SOME | _MORE if THOROUGH else _SOME


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(("script", "step"), _STEPS.values(), ids=_STEPS)
def test_a_killed_migration_shows_nothing_and_the_next_one_completes_it(
    old: Lake, newer: Path, uninterrupted: dict[str, pl.DataFrame], tmp_path: Path, script: str, step: int
) -> None:
    """A migration killed before any step leaves the old content; a second run commits the new one."""
    lake = copy_of(old, tmp_path / "lake")
    _kill(script + _MIGRATE, lake, step, newer)
    reopened = fl.open(lake.path, create=False)
    assert reopened.snapshot == old.snapshot
    assert_same_content(content(reopened), content(old))
    reopened.migrate(newer)
    assert_same_content(content(reopened), uninterrupted)
    assert len(reopened.history()) == len(old.history()) + 1


@pytest.mark.slow
def test_a_real_migration_killed_before_its_snapshot_is_completed_by_the_next(
    lake_2019: Lake, lake_both: Lake, tmp_path: Path
) -> None:
    """A migration of real data, killed after all table commits, is completed by a second run."""
    lake = copy_of(lake_2019, tmp_path / "lake")
    _kill(_AT_A_SNAPSHOT + _MIGRATE, lake, 0, CACHE_2021)
    lake.migrate(CACHE_2021)
    tables = ("income_statements", "balance_sheets", "cash_flows", "price_data", "price_revisions")
    rows, expected = content(lake), content(lake_both)
    assert_same_content({t: rows[t] for t in tables}, {t: expected[t] for t in tables})


def test_a_migration_killed_between_its_batches_keeps_what_it_committed(
    old: Lake, newer: Path, uninterrupted: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """A migration by symbol keeps the committed symbols, does not read them again, and completes the rest."""
    lake = copy_of(old, tmp_path / "lake")
    _kill(_AT_A_SNAPSHOT + _MIGRATE, lake, 1, newer, "by_symbol")
    reopened = fl.open(lake.path, create=False)
    assert len(reopened.history()) == len(old.history()) + 1
    changed = reopened.sql("SELECT DISTINCT symbol FROM price_data WHERE split_basis_date = '2021-03-31'")
    assert changed.rows() == [("AAA",)]
    report = reopened.migrate(newer)
    assert (report.files, report.files_migrated_before) == (4, 2)
    assert_same_content(content(reopened), uninterrupted)


@pytest.mark.slow
def test_a_lake_survives_one_kill_after_the_other(
    old: Lake, newer: Path, uninterrupted: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """Undoing an unfinished change can be killed repeatedly without losing rows."""
    lake = copy_of(old, tmp_path / "lake")
    for step in (3, 1):
        _kill(_AT_A_COMMIT + _MIGRATE, lake, step, newer)
    reopened = fl.open(lake.path, create=False)
    assert reopened.snapshot == old.snapshot
    reopened.migrate(newer)
    assert_same_content(content(reopened), uninterrupted)


def test_a_killed_load_into_a_new_table_leaves_it_empty(lake: Lake) -> None:
    """A table whose first rows are in no snapshot is empty, also for the next writer."""
    _kill(_AT_A_SNAPSHOT + "lake.load('splits', sys.argv[3])\n", lake, 0, SPLITS)
    assert fl.open(lake.path).sql("SELECT * FROM splits").is_empty()
    lake.load("splits", {"symbol": ["X"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]})
    assert lake.sql("SELECT symbol FROM splits").rows() == [("X",)]


def test_a_killed_rollback_changes_nothing_and_can_be_done_again(
    old: Lake, newer: Path, uninterrupted: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """A rollback killed after it restored some tables changes nothing."""
    lake = copy_of(old, tmp_path / "lake")
    lake.migrate(newer)
    _kill(_AT_A_COMMIT + "lake.rollback()\n", lake, 2)
    reopened = fl.open(lake.path, create=False)
    assert_same_content(content(reopened), uninterrupted)
    reopened.rollback()
    assert_same_content(content(reopened), content(old))


def test_readers_do_not_see_an_unfinished_change(old: Lake, newer: Path, tmp_path: Path) -> None:
    """Before the next writer undoes the unfinished change, readers see the last snapshot and earlier ones."""
    lake = copy_of(old, tmp_path / "lake")
    _kill(_AT_A_SNAPSHOT + _MIGRATE, lake, 0, newer)
    assert_same_content(content(fl.open(lake.path, create=False).at(1)), content(old))
    assert fl.open(lake.path).at(0).sql("SELECT * FROM price_data").is_empty()
