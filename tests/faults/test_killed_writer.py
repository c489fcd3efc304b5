"""A writer killed between any two of its steps. The kill is a real one, in a process of its own."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.support import (
    CACHE_2021,
    EARLIER,
    FETCHED,
    SPLITS,
    THOROUGH,
    Entry,
    assert_same_content,
    bar,
    content,
    copy_of,
    income,
    run_python,
)

# Dies at the n-th call of some functions, before they do anything.
_DYING = """
import pathlib, sys
from factorlab_lake.storage import delta, snapshots
from tests.faults.dying import die_before
import factorlab_lake as fl

step = int(sys.argv[2])
lake = fl.open(sys.argv[1], create=False)
"""
_COMMITS = "(delta, 'append'), (delta, 'replace'), (delta, 'restore')"
_AT_A_COMMIT = f"{_DYING}die_before(step, {_COMMITS})\n"
_AT_A_SNAPSHOT = f"{_DYING}die_before(step, (snapshots, 'save'))\n"
_AT_A_RENAME = f"{_DYING}die_before(step, (pathlib.Path, 'replace'))\n"
_MIGRATE = "lake.migrate(sys.argv[3], by_symbol=len(sys.argv) > 4)\n"


def _kill(script: str, lake: Lake, step: int, *more: object) -> None:
    """Run a script on a lake that is killed before its step of that number, and make sure that it was."""
    done = run_python(script, lake.path, step, *more)
    assert done.returncode == -signal.SIGKILL, done.stderr


def _write_cache(root: Path, at: datetime, rebased: int) -> Path:
    """Write a cache of two symbols, with bars in two years and a statement, on a split basis."""
    for symbol in ("AAA", "BBB"):
        days = [f"{year}-01-{day:02}" for year in (2018, 2019) for day in (2, 3, 4)]
        bars = [bar(day, 100.0 / rebased, volume=1000 * rebased) for day in days]
        shares = 1_000_000 * rebased
        statement = income("2018-12-31", "Q4", symbol=symbol, weightedAverageShsOut=shares)
        Entry(symbol, "price", bars, cached_at=at).write(root)
        Entry(symbol, "income", [statement], cached_at=at).write(root)
    return root


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that supersedes every row of the lake ``old``."""
    return _write_cache(tmp_path_factory.mktemp("newer"), FETCHED, 4)


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake of one generation. Not to be changed."""
    place = tmp_path_factory.mktemp("old")
    lake = fl.open(place / "lake")
    lake.migrate(_write_cache(place / "cache", EARLIER, 1))
    return lake


@pytest.fixture(scope="session")
def uninterrupted(
    old: Lake, newer: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pl.DataFrame]:
    """What the lake holds after the newer cache was migrated without a fault."""
    lake = copy_of(old, tmp_path_factory.mktemp("whole") / "lake")
    lake.migrate(newer)
    found = content(lake)
    assert found["price_revisions"].height == 12
    assert set(found["income_statements"]["version"]) == {1, 2}
    return found


_SOME = {"first commit": (_AT_A_COMMIT, 0), "last rename": (_AT_A_RENAME, 4), "snapshot": (_AT_A_SNAPSHOT, 0)}
_MORE = {"third commit": (_AT_A_COMMIT, 2), "last commit": (_AT_A_COMMIT, 3)}
_STEPS = _SOME | _MORE if THOROUGH else _SOME


@pytest.mark.parametrize(("script", "step"), _STEPS.values(), ids=_STEPS)
def test_a_killed_migration_shows_nothing_and_the_next_one_completes_it(
    old: Lake, newer: Path, uninterrupted: dict[str, pl.DataFrame], tmp_path: Path, script: str, step: int
) -> None:
    """Killed before any step, a migration leaves the old content, and a second run gives the new one."""
    lake = copy_of(old, tmp_path / "lake")
    _kill(script + _MIGRATE, lake, step, newer)
    found = fl.open(lake.path, create=False)
    assert found.snapshot == old.snapshot
    assert_same_content(content(found), content(old))
    found.migrate(newer)
    assert_same_content(content(found), uninterrupted)
    assert len(found.history()) == len(old.history()) + 1


def test_a_real_migration_killed_before_its_snapshot_is_completed_by_the_next(
    lake_2019: Lake, lake_both: Lake, tmp_path: Path
) -> None:
    """The samples of real data, cut off after every table was written, end as if nothing had happened."""
    lake = copy_of(lake_2019, tmp_path / "lake")
    _kill(_AT_A_SNAPSHOT + _MIGRATE, lake, 0, CACHE_2021)
    lake.migrate(CACHE_2021)
    tables = ("income_statements", "balance_sheets", "cash_flows", "price_data", "price_revisions")
    found, expected = content(lake), content(lake_both)
    assert_same_content({t: found[t] for t in tables}, {t: expected[t] for t in tables})


def test_a_migration_killed_between_its_batches_keeps_what_it_committed(
    old: Lake, newer: Path, uninterrupted: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """By symbol, what was committed before the kill stays, is not read again, and the rest is completed."""
    lake = copy_of(old, tmp_path / "lake")
    _kill(_AT_A_SNAPSHOT + _MIGRATE, lake, 1, newer, "by_symbol")
    found = fl.open(lake.path, create=False)
    assert len(found.history()) == len(old.history()) + 1
    changed = found.sql("SELECT DISTINCT symbol FROM price_data WHERE split_basis_date = '2021-03-31'")
    assert changed.rows() == [("AAA",)]
    report = found.migrate(newer)
    assert (report.files, report.files_migrated_before) == (4, 2)
    assert_same_content(content(found), uninterrupted)


def test_a_lake_survives_one_kill_after_the_other(
    old: Lake, newer: Path, uninterrupted: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """The undoing of an unfinished change can itself be killed, again and again, without harm."""
    lake = copy_of(old, tmp_path / "lake")
    for step in (3, 1):
        _kill(_AT_A_COMMIT + _MIGRATE, lake, step, newer)
    found = fl.open(lake.path, create=False)
    assert found.snapshot == old.snapshot
    found.migrate(newer)
    assert_same_content(content(found), uninterrupted)


def test_a_killed_load_into_a_new_table_leaves_it_empty(lake: Lake) -> None:
    """A table whose first rows were never made part of a snapshot is empty, also for the next writer."""
    _kill(_AT_A_SNAPSHOT + "lake.load('splits', sys.argv[3])\n", lake, 0, SPLITS)
    assert fl.open(lake.path).sql("SELECT * FROM splits").is_empty()
    lake.load("splits", {"symbol": ["X"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]})
    assert lake.sql("SELECT symbol FROM splits").rows() == [("X",)]


def test_a_killed_rollback_changes_nothing_and_can_be_done_again(
    old: Lake, newer: Path, uninterrupted: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """Killed after it brought back some tables, a rollback is as if it had never begun."""
    lake = copy_of(old, tmp_path / "lake")
    lake.migrate(newer)
    _kill(_AT_A_COMMIT + "lake.rollback()\n", lake, 2)
    found = fl.open(lake.path, create=False)
    assert_same_content(content(found), uninterrupted)
    found.rollback()
    assert_same_content(content(found), content(old))


def test_a_lake_with_an_unfinished_change_can_be_read_by_those_who_come_next(
    old: Lake, newer: Path, tmp_path: Path
) -> None:
    """Before the next writer has tidied up, readers answer from the last snapshot and from earlier ones."""
    lake = copy_of(old, tmp_path / "lake")
    _kill(_AT_A_SNAPSHOT + _MIGRATE, lake, 0, newer)
    assert_same_content(content(fl.open(lake.path, create=False).at(1)), content(old))
    assert fl.open(lake.path).at(0).sql("SELECT * FROM price_data").is_empty()
