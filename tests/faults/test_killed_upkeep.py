"""Compaction, vacuum, backup and restore killed between any two of their steps, in a process of their own.

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
from tests.support import SPLITS, assert_same_content, content, copy_of, run_python, table_rows, writing

_EVERY = os.environ.get("FACTORLAB_EVERY_STEP") == "1"

# Dies before its n-th step of these kinds; ends with 0 when there are fewer.
_DYING = """
import pathlib, sys
from factorlab_lake.storage import delta
from tests.faults.dying import die_before
import factorlab_lake as fl

changes = [(delta, name) for name in ('append', 'replace', 'restore')]
die_before(int(sys.argv[2]), *changes, *((pathlib.Path, name) for name in ('replace', 'unlink', 'mkdir')))
"""
_OPEN = "lake = fl.open(sys.argv[1], create=False)\n"
_COMPACT = _DYING + _OPEN + "lake.compact()\n"
_VACUUM = _DYING + _OPEN + "lake.vacuum(retention_days=0, dry_run=False)\n"
_BACKUP = _DYING + _OPEN + "lake.backup(sys.argv[3])\n"
_RESTORE = _DYING + "fl.restore(sys.argv[1], sys.argv[3])\n"


# How many steps each has, counted: a run that is to die before one more comes to its end.
_COUNTS = {"compact": 12, "vacuum": 11, "backup": 105, "further backup": 25, "restore": 106}


def _steps(kind: str, *some: int) -> list[int]:
    return list(range(_COUNTS[kind] + 1)) if _EVERY else list(some)


def _kill(kind: str, script: str, lake: Path, step: int, *more: object) -> None:
    """Run a script that is killed before a step, unless that is one more than it has."""
    done = run_python(script, lake, step, *more)
    expected = -signal.SIGKILL if step < _COUNTS[kind] else 0
    assert done.returncode == expected, f"{kind} has not {_COUNTS[kind]} steps: {done.stderr}"


@pytest.fixture(scope="module")
def fragmented(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake of splits and of bars in two years, three files each; its third snapshot is pinned."""
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
def held(fragmented: Lake) -> dict[str, pl.DataFrame]:
    """What that lake holds."""
    return content(fragmented)


def _assert_sound(lake: Lake, held: dict[str, pl.DataFrame]) -> None:
    assert fl.verify(lake.path, deep=True).findings == []
    assert_same_content(content(fl.open(lake.path, create=False)), held)
    assert lake.at("third").sql("SELECT DISTINCT symbol FROM price_data ORDER BY 1").rows() == [
        ("A",),
        ("C",),
    ]


@pytest.mark.parametrize("step", _steps("compact", 1, 5))
def test_a_killed_compaction_changes_no_row_and_the_next_one_completes_it(
    fragmented: Lake, held: dict[str, pl.DataFrame], tmp_path: Path, step: int
) -> None:
    """Whichever step it does not come to, the rows are there, and the next run leaves one file a year."""
    lake = copy_of(fragmented, tmp_path / "lake")
    _kill("compact", _COMPACT, lake.path, step)
    _assert_sound(lake, held)
    found = fl.open(lake.path)
    found.compact()
    assert dict(found.status().select("table", "files").rows())["price_data"] == 2
    _assert_sound(found, held)


@pytest.mark.parametrize("step", _steps("vacuum", 2, 7))
def test_a_killed_vacuum_keeps_what_it_should_and_the_next_one_completes_it(
    fragmented: Lake, held: dict[str, pl.DataFrame], tmp_path: Path, step: int
) -> None:
    """Kept snapshots stay whole at every step; those that go say so."""
    lake = copy_of(fragmented, tmp_path / "lake")
    lake.compact()
    _kill("vacuum", _VACUUM, lake.path, step)
    _assert_sound(lake, held)
    found = fl.open(lake.path)
    found.vacuum(retention_days=0, dry_run=False)
    assert found.vacuum(retention_days=0).files == []
    assert [s.id for s in found.history() if not s.vacuumed] == [3, 5]
    with pytest.raises(NotFound, match="vacuumed"):
        found.at(4)
    _assert_sound(found, held)


@pytest.mark.parametrize("step", _steps("backup", 4, 20))
def test_a_killed_backup_is_no_lake_or_a_whole_one_and_the_next_one_completes_it(
    fragmented: Lake, held: dict[str, pl.DataFrame], tmp_path: Path, step: int
) -> None:
    """A first backup cut off cannot be taken for a lake; its next run brings what is missing."""
    lake, place = copy_of(fragmented, tmp_path / "lake"), tmp_path / "backup"
    _kill("backup", _BACKUP, lake.path, step, place)
    if step < _COUNTS["backup"] - 1:  # its identity is renamed into place, and then it is done
        with pytest.raises(NotFound):
            fl.open(place, create=False)
    lake.backup(place)
    _assert_sound(fl.open(place, create=False), held)


@pytest.mark.parametrize("step", _steps("further backup", 2))
def test_a_killed_further_backup_leaves_the_one_before(
    fragmented: Lake, held: dict[str, pl.DataFrame], tmp_path: Path, step: int
) -> None:
    """Cut off on the way to a newer snapshot, the backup still shows the older one, whole."""
    lake, place = copy_of(fragmented, tmp_path / "lake"), tmp_path / "backup"
    lake.backup(place)
    lake.compact()
    _kill("further backup", _BACKUP, lake.path, step, place)
    _assert_sound(fl.open(place, create=False), held)
    lake.backup(place)
    found = fl.open(place, create=False)
    assert found.snapshot == lake.snapshot
    _assert_sound(found, held)


@pytest.mark.parametrize("step", _steps("restore", 25))
def test_a_killed_restore_is_completed_by_the_next_one(
    fragmented: Lake, held: dict[str, pl.DataFrame], tmp_path: Path, step: int
) -> None:
    """The same command again ends with the whole lake, which can be written to."""
    backup, place = tmp_path / "backup", tmp_path / "restored"
    fragmented.backup(backup)
    _kill("restore", _RESTORE, backup, step, place)
    restored = fl.restore(backup, place) if step < _COUNTS["restore"] else fl.open(place, create=False)
    _assert_sound(restored, held)
    restored.compact()
