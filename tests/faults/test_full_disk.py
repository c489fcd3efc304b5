"""Test a write that the disk has no room for: one clear error, and the disk has its space back at once.

These tests need no disk of their own: a limit of file sizes, or a patched function, stands for a full disk.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import LakeLocked, WriteFailed
from factorlab_lake.lake import Lake
from factorlab_lake.schema import STORED_TABLES
from factorlab_lake.storage import checksums, commits, delta, disk_space, snapshots
from factorlab_lake.storage.layout import create_atomically, write_errors
from tests.support import ROOT, assert_same_content, content, table_rows, writing

FULL = "No space left on device"


def _bars(symbol: str, *, days: int = 400) -> pl.DataFrame:
    first = date(2020, 1, 1)
    return pl.DataFrame(
        {
            "symbol": [symbol] * days,
            "date": [first + timedelta(days=n) for n in range(days)],
            "close_price": [100 + n * 0.37 % 5 for n in range(days)],
            "split_basis_date": [date(2024, 1, 1)] * days,
        }
    )


def _files(lake: Lake) -> set[Path]:
    """Return the data files and temporary files of all tables."""
    return {path for name in STORED_TABLES for path in disk_space.files_in(lake.path / name)}


def _full(*_: Any, **__: Any) -> None:
    with write_errors(Path("place")):
        raise OSError(28, FULL)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake with the bars of one symbol."""
    made = fl.open(tmp_path / "lake")
    made.load("price_data", _bars("A"))
    return made


def _has_free_bytes(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(disk_space, "_free_bytes", lambda _: free)


def _must_not_run(*_: Any, **__: Any) -> None:
    raise AssertionError("the write began")


@pytest.mark.parametrize("free", [0, 10_000])
def test_a_write_that_does_not_fit_is_refused_before_it_begins(
    lake: Lake, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how much is needed and free, and the next step; nothing is written."""
    before, files = content(lake), _files(lake)
    with monkeypatch.context() as patch:
        _has_free_bytes(patch, free)
        patch.setattr(delta, "write_deltalake", _must_not_run)
        with pytest.raises(
            WriteFailed, match=rf"{FULL}: about [\d,]+ bytes are needed, and {free:,} are free"
        ):
            lake.load("price_data", _bars("B"))
    assert _files(lake) == files
    assert_same_content(content(fl.open(lake.path)), before)
    lake.load("price_data", _bars("B"))
    assert lake.sql("SELECT count(*) AS n FROM price_data")["n"].item() == 800


def test_rows_that_fit_only_compressed_are_written(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of the rows in memory does not refuse a write whose files are smaller."""
    bars = _bars("B", days=20_000)
    free = int(bars.estimated_size())
    monkeypatch.setattr(disk_space, "_BYTES_PER_FILE", 0)
    rows = table_rows("price_data", bars.with_columns(year=pl.lit(2020, pl.Int32)).to_dicts())
    assert rows.estimated_size() > free
    _has_free_bytes(monkeypatch, free)
    with writing(lake) as tx:
        tx.append("price_data", rows)
    assert lake.refresh().sql("SELECT count(*) AS n FROM price_data")["n"].item() == 20_400


def test_the_measured_size_is_that_of_the_files(lake: Lake) -> None:
    """The bytes that the check counts differ from those of the written files by less than a fifth."""
    lake.load("price_data", _bars("B", days=2000))
    rows = lake.sql("SELECT * FROM price_data WHERE symbol = 'B'")
    frame = table_rows(
        "price_data", rows.select(delta.polars_schema(STORED_TABLES["price_data"]).names()).to_dicts()
    )
    files = _files(lake)
    with writing(lake) as tx:
        tx.append("price_data", frame)
    written = sum(path.stat().st_size for path in _files(lake) - files)
    measured = disk_space._encoded_bytes(STORED_TABLES["price_data"], frame)
    assert abs(measured / written - 1) < 0.2


LIMITED = textwrap.dedent("""
    import resource, sys
    import factorlab_lake as fl
    from factorlab_lake.errors import WriteFailed
    lake = fl.open(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        lake.load("price_data", sys.argv[3])
    except WriteFailed as error:
        print(error)
""")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
@pytest.mark.parametrize("limit", [0, 7_000])
def test_a_write_that_fails_halfway_deletes_its_files(lake: Lake, tmp_path: Path, limit: int) -> None:
    """A limit that stops the larger files: the error names it, and the small files are not left behind.

    The check of free space cannot see such a limit.
    """
    short, long = _bars("B", days=366 + 1), _bars("C", days=366)  # 2021 has few rows, and its file fits
    pl.concat([short, long]).write_parquet(tmp_path / "bars.parquet")
    before, files = content(lake), _files(lake)
    command = [sys.executable, "-c", LIMITED, str(lake.path), str(limit), str(tmp_path / "bars.parquet")]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert (
        "price_data cannot be written: File too large. Raise the limit of file sizes, then retry."
        in ran.stdout
    )
    assert _files(lake) == files
    reopened = fl.open(lake.path)
    assert_same_content(content(reopened), before)
    assert fl.verify(lake.path, deep=True).clean
    reopened.load("price_data", tmp_path / "bars.parquet")
    assert reopened.sql("SELECT count(*) AS n FROM price_data")["n"].item() == 400 + 367 + 366
    assert fl.verify(lake.path, deep=True).clean


@pytest.mark.parametrize(
    ("code", "remedy"), [(27, "Raise the limit"), (28, "Free some space"), (30, "Reading still works")]
)
def test_an_error_number_of_the_system_tells_the_next_step(code: int, remedy: str) -> None:
    """A message of the Delta library is never taken for damage if the system refused the write."""
    message = f"Generic LocalFileSystem error: Unable to copy data to file: refused (os error {code})"
    assert remedy in str(disk_space.system_error(Path("place"), message))
    assert disk_space.system_error(Path("place"), "No such file (os error 2)") is None


STEPS: dict[str, tuple[Any, str]] = {
    "checksums": (checksums, "record"),
    "snapshot": (snapshots, "save"),
    "format": (commits, "raise_format"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_commit_that_fails_leaves_no_file(lake: Lake, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full after the rows were written gets their space back; a retry commits them once."""
    before, files = content(lake), _files(lake)
    with monkeypatch.context() as patch:
        patch.setattr(*STEPS[step], _full)
        with pytest.raises(WriteFailed, match=FULL):
            lake.load("price_data", _bars("B"))
    assert _files(lake) == files
    reopened = fl.open(lake.path)
    assert_same_content(content(reopened), before)
    assert fl.verify(lake.path, deep=True).clean
    reopened.load("price_data", _bars("B"))
    assert reopened.sql("SELECT count(*) AS n FROM price_data")["n"].item() == 800
    assert fl.verify(lake.path, deep=True).clean


@pytest.mark.parametrize("failures", [1, 99])
def test_an_undo_without_room_for_its_log_entry_frees_the_rows_first(
    lake: Lake, failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of the failed change are deleted, so the undo has room; else the next writer undoes it."""
    before, files = content(lake), _files(lake)
    restore: Callable[..., int] = delta.restore
    calls: list[set[Path]] = []

    def limited(*arguments: Any) -> int:
        calls.append(_files(lake) - files)
        if len(calls) <= failures:
            _full()
        return restore(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(delta, "restore", limited)
        patch.setattr(checksums, "record", _full)
        with pytest.raises(WriteFailed, match="place cannot be written"):
            lake.load("price_data", _bars("B"))
    assert calls[0]
    assert not calls[1]
    assert _files(lake) == files
    reopened = fl.open(lake.path)
    assert_same_content(content(reopened), before)
    reopened.load("price_data", _bars("B"))
    assert reopened.sql("SELECT count(*) AS n FROM price_data")["n"].item() == 800
    assert fl.verify(lake.path, deep=True).clean


def test_an_error_after_the_snapshot_was_created_discards_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is committed then, whatever the error says."""

    def created(path: Path, text: str) -> None:
        create_atomically(path, text)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "create_atomically", created)
        with pytest.raises(KeyboardInterrupt):
            lake.load("price_data", _bars("B"))
    assert fl.open(lake.path).sql("SELECT count(*) AS n FROM price_data")["n"].item() == 800
    assert fl.verify(lake.path, deep=True).clean


def test_a_writer_that_lost_its_lock_deletes_no_files(lake: Lake) -> None:
    """The owner of the lock may have written them."""
    files = _files(lake)
    lock = lake.path / "_lake" / "write.lock"
    row = table_rows("splits", [{"symbol": "B", "date": date(2020, 1, 1), "numerator": 2.0}])

    def lose_the_lock() -> None:
        with writing(lake) as tx:
            tx.append("splits", row)
            shutil.copy(lock, lock.with_name("other"))
            lock.with_name("other").replace(lock)
            _full()

    with pytest.raises(WriteFailed):
        lose_the_lock()
    assert len(_files(lake) - files) == 1


def test_files_are_deleted_only_while_the_lock_is_owned(tmp_path: Path) -> None:
    """The lock is checked between the listing of files and their deletion."""
    file = tmp_path / "file"
    file.touch()

    def lost() -> None:
        raise LakeLocked("lost", path="")

    with pytest.raises(LakeLocked):
        disk_space.delete_new(lambda: {file}, lost)
    assert file.exists()


def test_a_vacuum_deletes_before_it_writes(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a dead writer are gone before the vacuum undoes its commit, which needs room."""
    files = _files(lake)
    spec = STORED_TABLES["price_data"]
    rows = lake.sql("SELECT * FROM price_data").select(delta.polars_schema(spec).names())
    delta.append(lake.path / spec.name, spec, rows, "a writer that died")
    orphans = _files(lake) - files
    for path in orphans:
        os.utime(path, (0, 0))
    restore: Callable[..., int] = delta.restore

    def with_room(*arguments: Any) -> int:
        if _files(lake) != files:
            _full()
        return restore(*arguments)

    monkeypatch.setattr(delta, "restore", with_room)
    report = lake.vacuum(dry_run=False)
    assert {lake.path / path for path, _ in report.files} >= orphans > set()
    assert _files(lake) == files
    assert fl.verify(lake.path, deep=True).clean


LIMITED_EXPORT = LIMITED.replace('lake.load("price_data", sys.argv[3])', "lake.export(sys.argv[3])")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_an_export_that_fails_halfway_leaves_no_files(lake: Lake, tmp_path: Path) -> None:
    """The error is one line with the next step; the file and DuckDB's log beside it are gone."""
    lake.load("price_data", pl.concat([_bars(symbol, days=2000) for symbol in "BCDE"]))
    empty, whole = (
        lake.refresh().export(tmp_path / f"{end}.duckdb", end=end).stat().st_size
        for end in ("1999-12-31", "2025-12-31")
    )
    limit = (empty + whole) // 2  # DuckDB meets it, not the copy of the file that it starts with
    target = tmp_path / "export" / "part.duckdb"
    target.parent.mkdir()
    command = [sys.executable, "-c", LIMITED_EXPORT, str(lake.path), str(limit), str(target)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    expected = f"{target} cannot be written: File too large. Raise the limit of file sizes, then retry."
    assert ran.stdout.startswith(expected)
    assert list(target.parent.iterdir()) == []
