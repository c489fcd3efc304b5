"""Kill compaction, vacuum, backup and restore between any two of their steps, in their own processes.

``FACTORLAB_EVERY_STEP=1`` kills before each step instead of before some.
"""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import NotFound
from factorlab_lake.lake import Lake
from tests.support import (
    SPLITS,
    assert_same_content,
    content,
    copy_of,
    run_python,
    slow_after,
    table_rows,
    writing,
)

_EVERY = os.environ.get("FACTORLAB_EVERY_STEP") == "1"

# The script kills itself before its n-th step of these kinds, or ends with 0 if it has fewer.
_SCRIPT = """
import pathlib, sys
from factorlab_lake.storage import delta
from tests.faults.crashing_writer import kill_before
import factorlab_lake as fl

changes = [(delta, name) for name in ('append', 'replace', 'restore')]
kill_before(int(sys.argv[2]), *changes, *((pathlib.Path, name) for name in ('replace', 'unlink', 'mkdir')))
"""
_OPEN = "lake = fl.open(sys.argv[1], create=False)\n"
_COMPACT = _SCRIPT + _OPEN + "lake.compact()\n"
_VACUUM = _SCRIPT + _OPEN + "lake.vacuum(retention_days=0, dry_run=False)\n"
_BACKUP = _SCRIPT + _OPEN + "lake.backup(sys.argv[3])\n"
_RESTORE = _SCRIPT + "fl.restore(sys.argv[1], sys.argv[3])\n"


# The measured numbers of steps: a run that is to be killed one step later ends normally.
_COUNTS = {"compact": 12, "vacuum": 11, "backup": 105, "further backup": 25, "restore": 106}


def _steps(kind: str, *some: int) -> list[int]:
    return list(range(_COUNTS[kind] + 1)) if _EVERY else list(some)


def _kill(kind: str, script: str, lake: Path, step: int, *more: object) -> None:
    """Run a script that is killed before a step, or ends normally if it has no such step."""
    ended = run_python(script, lake, step, *more)
    expected = -signal.SIGKILL if step < _COUNTS[kind] else 0
    assert ended.returncode == expected, f"{kind} does not have {_COUNTS[kind]} steps: {ended.stderr}"


@pytest.fixture(scope="module")
def fragmented(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of splits and of bars in two years, three files each, with the third snapshot pinned."""
    lake = fl.open(tmp_path_factory.mktemp("fragmented") / "lake")
    lake.load("splits", SPLITS)
    for symbol in ("C", "A", "B"):
        rows = [
            {
                "symbol": symbol,
                "date": datetime(year, 1, 2, tzinfo=UTC).date(),
                "close_price": 1.5,
                "year": year,
            }
            for year in (2019, 2020)
        ]
        with writing(lake) as tx:
            tx.append("price_data", table_rows("price_data", rows))
    lake.refresh().at(3).pin("third")
    return lake


@pytest.fixture(scope="module")
def expected(fragmented: Lake) -> dict[str, pl.DataFrame]:
    """Return that lake's content."""
    return content(fragmented)


def _assert_sound(lake: Lake, expected: dict[str, pl.DataFrame]) -> None:
    assert fl.verify(lake.path, deep=True).findings == []
    assert_same_content(content(fl.open(lake.path, create=False)), expected)
    assert lake.at("third").sql("SELECT DISTINCT symbol FROM price_data ORDER BY 1").rows() == [
        ("A",),
        ("C",),
    ]


@pytest.mark.parametrize("step", slow_after(1, _steps("compact", 1, 5)))
def test_a_killed_compaction_changes_no_row_and_the_next_one_completes_it(
    fragmented: Lake, expected: dict[str, pl.DataFrame], tmp_path: Path, step: int
) -> None:
    """A compaction killed before any step loses no row; the next run leaves one file per year."""
    lake = copy_of(fragmented, tmp_path / "lake")
    _kill("compact", _COMPACT, lake.path, step)
    _assert_sound(lake, expected)
    reopened = fl.open(lake.path)
    reopened.compact()
    assert dict(reopened.status().select("table", "files").rows())["price_data"] == 2
    _assert_sound(reopened, expected)


@pytest.mark.parametrize("step", slow_after(1, _steps("vacuum", 2, 7)))
def test_a_killed_vacuum_retains_snapshots_and_the_next_one_completes_it(
    fragmented: Lake, expected: dict[str, pl.DataFrame], tmp_path: Path, step: int
) -> None:
    """Retained snapshots stay complete at every step; `at` raises for the vacuumed ones."""
    lake = copy_of(fragmented, tmp_path / "lake")
    lake.compact()
    _kill("vacuum", _VACUUM, lake.path, step)
    _assert_sound(lake, expected)
    reopened = fl.open(lake.path)
    reopened.vacuum(retention_days=0, dry_run=False)
    assert reopened.vacuum(retention_days=0).files == []
    assert [s.id for s in reopened.history() if not s.vacuumed] == [3, 5]
    with pytest.raises(NotFound, match="vacuumed"):
        reopened.at(4)
    _assert_sound(reopened, expected)


@pytest.mark.parametrize("step", slow_after(1, _steps("backup", 4, 20)))
def test_a_killed_backup_is_no_lake_or_a_complete_one_and_the_next_one_completes_it(
    fragmented: Lake, expected: dict[str, pl.DataFrame], tmp_path: Path, step: int
) -> None:
    """An interrupted first backup does not open as a lake; the next run copies the missing files."""
    lake, place = copy_of(fragmented, tmp_path / "lake"), tmp_path / "backup"
    _kill("backup", _BACKUP, lake.path, step, place)
    if step < _COUNTS["backup"] - 1:  # the last step renames lake.json into place
        with pytest.raises(NotFound):
            fl.open(place, create=False)
    lake.backup(place)
    _assert_sound(fl.open(place, create=False), expected)


@pytest.mark.parametrize("step", _steps("further backup", 2))
def test_a_killed_further_backup_leaves_the_one_before(
    fragmented: Lake, expected: dict[str, pl.DataFrame], tmp_path: Path, step: int
) -> None:
    """A backup that was killed during an update still has the older snapshot, complete."""
    lake, place = copy_of(fragmented, tmp_path / "lake"), tmp_path / "backup"
    lake.backup(place)
    lake.compact()
    _kill("further backup", _BACKUP, lake.path, step, place)
    _assert_sound(fl.open(place, create=False), expected)
    lake.backup(place)
    reopened = fl.open(place, create=False)
    assert reopened.snapshot == lake.snapshot
    _assert_sound(reopened, expected)


@pytest.mark.parametrize("step", _steps("restore", 25))
def test_a_killed_restore_is_completed_by_the_next_one(
    fragmented: Lake, expected: dict[str, pl.DataFrame], tmp_path: Path, step: int
) -> None:
    """A second run of a killed restore completes the lake, which is writable."""
    backup, place = tmp_path / "backup", tmp_path / "restored"
    fragmented.backup(backup)
    _kill("restore", _RESTORE, backup, step, place)
    restored = fl.restore(backup, place) if step < _COUNTS["restore"] else fl.open(place, create=False)
    _assert_sound(restored, expected)
    restored.compact()
