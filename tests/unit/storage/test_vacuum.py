from __future__ import annotations

import os
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, LakeDamaged, NotFound
from factorlab_lake.lake import Lake
from factorlab_lake.storage import delta
from tests.support import SPLITS, assert_same_content, content, table_rows, writing


@pytest.fixture
def rewritten(lake: Lake) -> Lake:
    """Return a lake of four snapshots, each of which replaced the only file of the one before."""
    for symbol in ("A", "B", "C", "D"):
        row = {"symbol": symbol, "date": date(2020, 1, 2), "year": 2020}
        with writing(lake) as tx:
            tx.replace("price_data", table_rows("price_data", [row]), [2020])
    return lake.refresh()


def _data_files(lake: Lake) -> int:
    return len(list((lake.path / "price_data").rglob("year=*/*.parquet")))


def _symbols(lake: Lake) -> list[str]:
    return lake.sql("SELECT symbol FROM price_data")["symbol"].to_list()


def test_a_dry_run_lists_the_files_and_deletes_none(rewritten: Lake) -> None:
    """By default nothing is deleted: the report lists the files, their bytes and the snapshots."""
    report = rewritten.vacuum(retention_days=0)
    assert (report.dry_run, report.snapshots, report.kept) == (True, [1, 2, 3], [4])
    data = [(file, size) for file, size in report.files if file.endswith(".parquet")]
    assert len(data) == 3
    assert all((rewritten.path / file).stat().st_size == size for file, size in data)
    assert report.size_bytes == sum(size for _, size in report.files)
    assert _data_files(rewritten) == 4
    assert [_symbols(rewritten.at(i)) for i in (1, 2, 3)] == [["A"], ["B"], ["C"]]


def test_a_vacuum_deletes_the_files_of_the_dry_run(rewritten: Lake) -> None:
    """A vacuum deletes the listed files; the newest snapshot stays, and `at` raises for the others."""
    planned = rewritten.vacuum(retention_days=0)
    before = content(rewritten)
    report = rewritten.vacuum(retention_days=0, dry_run=False)
    assert (report.files, report.size_bytes) == (planned.files, planned.size_bytes)
    assert _data_files(rewritten) == 1
    assert [s.vacuumed for s in rewritten.history()] == [True, True, True, False]
    for when in (1, 3, rewritten.history()[2].time):
        with pytest.raises(NotFound, match=r"was vacuumed: its files are deleted"):
            rewritten.at(when)
    with pytest.raises(NotFound, match="was vacuumed"):
        rewritten.rollback(2)
    reopened = fl.open(rewritten.path)
    assert_same_content(content(reopened), before)
    assert reopened.verify(deep=True).clean
    assert reopened.vacuum(retention_days=0).files == []


def test_the_retention_keeps_what_was_the_newest_within_it(rewritten: Lake) -> None:
    """The retention includes the older snapshot that was still the newest one at its start."""
    taken = [s.time for s in rewritten.history()]
    begin = taken[1] + (taken[2] - taken[1]) / 2
    now = begin + timedelta(days=30)
    assert rewritten.vacuum(now=now).kept == [2, 3, 4]
    rewritten.vacuum(now=now, dry_run=False)
    assert _symbols(rewritten.at(begin)) == ["B"]
    assert rewritten.vacuum(now=datetime.now(UTC)).snapshots == []
    assert rewritten.vacuum(now=now + timedelta(days=30)).kept == [4]


def test_a_pin_keeps_its_snapshot(rewritten: Lake) -> None:
    """Vacuum retains a pinned snapshot of any age, and deletes it after unpin."""
    rewritten.at(2).pin("paper")
    rewritten.vacuum(retention_days=0, dry_run=False)
    assert _symbols(rewritten.at("paper")) == ["B"]
    rewritten.unpin("paper")
    rewritten.vacuum(retention_days=0, dry_run=False)
    assert _data_files(rewritten) == 1
    with pytest.raises(NotFound, match="was vacuumed"):
        rewritten.at(2)


def test_an_open_reader_of_a_kept_snapshot_goes_on(rewritten: Lake) -> None:
    """A reader of a pinned snapshot continues after a vacuum; a reader of a vacuumed one gets NotFound."""
    rewritten.at(2).pin("paper")
    kept, lost, newest = rewritten.at(2), rewritten.at(3), fl.open(rewritten.path)
    assert [_symbols(reader) for reader in (kept, lost, newest)] == [["B"], ["C"], ["D"]]
    rewritten.vacuum(retention_days=0, dry_run=False)
    assert [_symbols(reader) for reader in (kept, newest)] == [["B"], ["D"]]
    with pytest.raises(NotFound, match="Snapshot 3 was vacuumed"):
        lost.sql("SELECT symbol, date FROM price_data")


def test_a_vacuum_deletes_the_files_of_dead_writers(rewritten: Lake) -> None:
    """Vacuum deletes unlisted data files and temporary files, but not recent ones: they may be in use."""
    folder = rewritten.path / "price_data" / "year=2020"
    data, young = (folder / f"part-00000-{name}.zstd.parquet" for name in ("left", "young"))
    for file in (data, young):
        file.write_bytes(b"half")
    old, fresh = (rewritten.path / "_lake" / "files" / f".price_data-9.json.{c * 32}" for c in "ab")
    for file in (old, fresh):
        file.write_text("[")
    for file in (old, data):
        os.utime(file, (0, 0))
    names = [file for file, _ in rewritten.vacuum().files]
    assert names == [str(f.relative_to(rewritten.path)) for f in sorted((data, old))]
    rewritten.vacuum(dry_run=False)
    assert [f.exists() for f in (data, old, fresh, young)] == [False, False, True, True]
    assert rewritten.verify().clean


def _small_files(lake: Lake) -> dict[str, int]:
    log = lake.path / "price_data" / "_delta_log"
    return {
        "checksums": len(list((lake.path / "_lake" / "checksums").glob("price_data-*.json"))),
        "lists": len(list((lake.path / "_lake" / "files").glob("price_data-*.json"))),
        "log": len(list(log.glob("*.json"))),
        "checkpoints": len(list(log.glob("*.checkpoint.parquet"))),
    }


def _grow(lake: Lake, *symbols: str) -> None:
    for symbol in symbols:
        row = {"symbol": symbol, "date": date(2020, 1, 2), "year": 2020}
        with writing(lake) as tx:
            tx.replace("price_data", table_rows("price_data", [row]), [2020])
    lake.refresh()


def _checkpoint(lake: Lake) -> None:
    """Write the checkpoint that the Delta library writes every hundred versions."""
    delta.open_table(lake.path / "price_data").create_checkpoint()


def test_a_vacuum_deletes_the_metadata_of_its_files(rewritten: Lake) -> None:
    """Vacuum also deletes lists of deleted files, log entries before the checkpoint, and their checksums."""
    _checkpoint(rewritten)
    _grow(rewritten, "E", "F")
    before = content(rewritten)
    rewritten.vacuum(retention_days=0, dry_run=False)
    assert _small_files(rewritten) == {"checksums": 3, "lists": 1, "log": 3, "checkpoints": 1}
    reopened = fl.open(rewritten.path)
    assert_same_content(content(reopened), before)
    assert (reopened.verify(deep=True).findings, reopened.verify().without_checksum) == ([], 0)
    _grow(reopened, "G")
    assert _symbols(reopened) == ["G"]
    assert _symbols(reopened.at(6)) == ["F"]
    assert reopened.verify(deep=True).clean


def test_a_vacuum_leaves_the_log_that_a_pinned_snapshot_is_read_by(rewritten: Lake) -> None:
    """The entries of a pinned snapshot stay even if a later checkpoint suffices for the newest one."""
    rewritten.at(2).pin("paper")
    _checkpoint(rewritten)
    _grow(rewritten, "E")
    rewritten.vacuum(retention_days=0, dry_run=False)
    assert _small_files(rewritten)["log"] == 6
    for version in (2, 5):  # lists are derived from the log
        (rewritten.path / "_lake" / "files" / f"price_data-{version}.json").unlink(missing_ok=True)
    assert [_symbols(fl.open(rewritten.path).at(i)) for i in (2, 5)] == [["B"], ["E"]]
    assert fl.verify(rewritten.path, deep=True).clean


def test_a_backup_has_the_log_it_needs_after_a_vacuum(rewritten: Lake, tmp_path: Path) -> None:
    """A backup with older snapshots retains their log entries, even with a gap before the newer ones."""
    rewritten.backup(tmp_path / "backup")
    _grow(rewritten, "E")
    _checkpoint(rewritten)
    _grow(rewritten, "F")
    rewritten.vacuum(retention_days=0, dry_run=False)
    rewritten.backup(tmp_path / "backup")
    shutil.rmtree(tmp_path / "backup" / "_lake" / "files")
    (tmp_path / "backup" / "_lake" / "files").mkdir()
    assert fl.verify(tmp_path / "backup", deep=True).findings == []
    copy = fl.open(tmp_path / "backup", create=False)
    assert [_symbols(copy.at(i)) for i in (1, 4, 6)] == [["A"], ["D"], ["F"]]


def test_a_damaged_checkpoint_is_named_and_comes_back(rewritten: Lake, tmp_path: Path) -> None:
    """A checkpoint is verified, backed up and repaired like the log entries."""
    _checkpoint(rewritten)
    _grow(rewritten, "E")
    rewritten.vacuum(retention_days=0, dry_run=False)
    rewritten.backup(tmp_path / "backup")
    [file] = (rewritten.path / "price_data" / "_delta_log").glob("*.checkpoint.parquet")
    sound = file.read_bytes()
    file.write_bytes(sound[:-20])
    assert next(rewritten.path / f.file for f in fl.verify(rewritten.path).findings) == file
    with pytest.raises(LakeDamaged, match=file.name):
        _grow(rewritten, "F")
    assert fl.repair(rewritten.path, backup=tmp_path / "backup").clean
    assert file.read_bytes() == sound
    _grow(rewritten, "F")
    assert _symbols(rewritten) == ["F"]


@pytest.mark.parametrize("days", [-1, float("nan")])
def test_a_retention_that_is_no_time_is_refused(rewritten: Lake, days: float) -> None:
    """A negative or undefined retention raises and deletes nothing."""
    with pytest.raises(InvalidInput, match="number of days"):
        rewritten.vacuum(retention_days=days, dry_run=False)
    assert _data_files(rewritten) == 4


def test_writing_goes_on_after_a_vacuum(rewritten: Lake) -> None:
    """After a vacuum the next change builds on the newest snapshot and can be rolled back."""
    rewritten.vacuum(retention_days=0, dry_run=False)
    with writing(rewritten) as tx:
        row = {"symbol": "E", "date": date(2021, 1, 4), "year": 2021}
        tx.append("price_data", table_rows("price_data", [row]))
    assert sorted(_symbols(rewritten.refresh())) == ["D", "E"]
    rewritten.rollback()
    assert _symbols(rewritten) == ["D"]


@pytest.mark.parametrize("days", [1_000_000, 1e308])
def test_a_retention_before_all_history_retains_everything(lake: Lake, days: float) -> None:
    """A number of days that no calendar has deletes nothing."""
    lake.load("splits", SPLITS)
    assert lake.vacuum(retention_days=days).files == []
