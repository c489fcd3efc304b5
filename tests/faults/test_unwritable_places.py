"""Test a full disk and a read-only folder: one clear error, and no rows are lost."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import PostCommitWarning, WriteFailed
from factorlab_lake.lake import Lake
from tests.support import SPLITS, assert_same_content, content, copy_of

CHANGES: dict[str, Callable[[Lake], object]] = {
    "load": lambda lake: lake.load("dividends", {"symbol": ["X"], "date": ["2020-01-02"], "dividend": [1.0]}),
    "load more": lambda lake: lake.load(
        "splits", {"symbol": ["X"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]}
    ),
    "rollback": lambda lake: lake.rollback(1),
    "pin": lambda lake: lake.pin("name"),
    "vacuum": lambda lake: lake.vacuum(retention_days=0, dry_run=False),
    "repair": lambda lake: lake.repair(),
}


_ROOM_FOR_ROWS_BYTES = 256 * 1024  # enough for a load of one row; lake.duckdb needs more


def _mount(*arguments: str | Path) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Create and mount a disk of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.name != "posix" or os.geteuid() != 0 or not _mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", place):
        pytest.skip("NOT TESTED: a full disk and a read-only one, since only root may mount them")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture
def lake(disk: Path, tmp_path: Path) -> Lake:
    """Return a lake of two snapshots on the small disk."""
    made = fl.open(tmp_path / "made")
    made.load("splits", SPLITS)
    made.load("splits", {"symbol": ["Y"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]})
    (made.path / "lake.duckdb").unlink()
    return copy_of(made, disk / "lake")


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as handle, contextlib.suppress(OSError):
        while handle.write(b"x" * 4096):
            pass
    return ballast


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("name", [n for n in CHANGES if n not in ("repair", "vacuum")])
def test_a_full_disk_stops_a_change_and_loses_nothing(lake: Lake, disk: Path, name: str) -> None:
    """The error names the file and the next step; no rows are lost, and with free space the change works."""
    before, snapshot = content(lake), lake.snapshot
    ballast = _fill(disk)
    with pytest.raises(WriteFailed, match=r"No space left on device.*Free some space") as caught:
        CHANGES[name](lake)
    assert caught.value.facts["path"].startswith(str(lake.path))
    reopened = fl.open(lake.path, create=False)
    assert reopened.snapshot == snapshot
    assert_same_content(content(reopened), before)
    ballast.unlink()
    CHANGES[name](fl.open(lake.path))
    assert fl.verify(lake.path, deep=True).clean


def test_a_disk_that_has_no_room_for_the_single_file_has_the_rows(lake: Lake, disk: Path) -> None:
    """A load commits its rows and warns when only ``lake.duckdb`` does not fit; the next load writes it."""
    ballast = _fill(disk)
    os.truncate(ballast, ballast.stat().st_size - _ROOM_FOR_ROWS_BYTES)
    with pytest.warns(PostCommitWarning, match=r"lake\.duckdb does not show snapshot 3.*No space left"):
        CHANGES["load more"](lake)
    assert fl.open(lake.path, create=False).snapshot.id == 3
    assert lake.sql("SELECT symbol FROM splits WHERE symbol = 'X'").height == 1
    assert not (lake.path / "lake.duckdb").exists()
    ballast.unlink()
    CHANGES["load"](lake)
    assert (lake.path / "lake.duckdb").exists()
    assert fl.verify(lake.path, deep=True).clean


def test_a_backup_to_a_full_disk_goes_on_when_there_is_room(lake: Lake, disk: Path, tmp_path: Path) -> None:
    """A backup that a full disk interrupts is completed by the next run."""
    away = copy_of(lake, tmp_path / "away")
    ballast = _fill(disk)
    with pytest.raises(WriteFailed, match="Free some space"):
        away.backup(disk / "backup")
    ballast.unlink()
    away.backup(disk / "backup")
    assert_same_content(content(fl.open(disk / "backup", create=False)), content(away))


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("name", CHANGES)
def test_a_read_only_folder_is_read_and_refuses_changes(lake: Lake, disk: Path, name: str) -> None:
    """Queries work; a change raises one error with the next step."""
    before = content(lake)
    assert _mount("-o", "remount,ro", disk)
    reopened = fl.open(lake.path, create=False)
    with pytest.raises(WriteFailed, match=r"Read-only file system.*make its folder writable"):
        CHANGES[name](reopened)
    assert_same_content(content(reopened), before)
    assert fl.verify(lake.path, deep=True).clean


def test_a_read_only_lake_can_be_backed_up_and_restored(lake: Lake, disk: Path, tmp_path: Path) -> None:
    """The steps that the error recommends work: backup, restore, and then the change."""
    assert _mount("-o", "remount,ro", disk)
    fl.open(lake.path).backup(tmp_path / "backup")
    restored = fl.restore(tmp_path / "backup", tmp_path / "restored")
    CHANGES["load"](restored)
    assert restored.snapshot.id == lake.snapshot.id + 1
