from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import AlreadyExists, InvalidInput, LakeDamaged, LakeLocked, NotFound
from factorlab_lake.lake import Lake
from factorlab_lake.storage import layout as layouts
from factorlab_lake.storage.lock import copy_lock
from tests.support import SPLITS, assert_same_content, content, copy_of, writing

_MORE = {"symbol": ["X"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]}


@pytest.fixture
def loaded(lake: Lake) -> Lake:
    """Return a lake of two snapshots with the first one pinned."""
    lake.load("splits", SPLITS)
    lake.pin("first")
    lake.load("splits", _MORE)
    return lake


def test_a_backup_is_a_lake_with_its_history(lake_both: Lake, tmp_path: Path) -> None:
    """A backup of real data returns the same rows, at all snapshots, and verifies clean."""
    report = lake_both.backup(tmp_path / "backup")
    copy = fl.open(tmp_path / "backup", create=False)
    assert_same_content(content(copy), content(lake_both))
    assert_same_content(content(copy.at(1)), content(lake_both.at(1)))
    assert copy.verify(deep=True).clean
    assert report.files_copied == copy.verify().files
    assert copy.snapshot == lake_both.snapshot


def test_a_further_backup_copies_only_what_is_new(loaded: Lake, tmp_path: Path) -> None:
    """A second backup does not copy or touch existing files."""
    first = loaded.backup(tmp_path / "backup")
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "backup" / "splits").rglob("*.parquet")}
    assert loaded.backup(tmp_path / "backup").files_copied == 0
    loaded.load("dividends", {"symbol": ["X"], "date": ["2020-01-02"], "dividend": [1.0]})
    second = loaded.backup(tmp_path / "backup")
    assert (second.files_there, second.snapshot) == (first.files_copied, 3)
    assert second.files_copied > 0
    assert {p: p.stat().st_mtime_ns for p in times} == times
    assert_same_content(content(fl.open(tmp_path / "backup")), content(loaded))


def test_a_further_backup_mends_what_the_disk_spoilt_in_it(loaded: Lake, tmp_path: Path) -> None:
    """A file of the right size with other bytes counts as damaged and is copied again."""
    first = loaded.backup(tmp_path / "backup")
    file = min((tmp_path / "backup" / "splits").rglob("*.parquet"))
    sound = file.read_bytes()
    file.write_bytes(bytes([*sound[:100], sound[100] ^ 1, *sound[101:]]))
    again = loaded.backup(tmp_path / "backup")
    assert (again.files_copied, again.files_mended) == (1, 1)
    assert again.files_there == first.files_copied - 1
    assert file.read_bytes() == sound
    assert fl.verify(tmp_path / "backup", deep=True).clean


def test_a_backup_that_lost_its_newest_snapshot_is_not_taken_for_an_older_one(
    loaded: Lake, tmp_path: Path
) -> None:
    """A backup detects the loss of its newest snapshot, and the next run restores it."""
    loaded.backup(tmp_path / "backup")
    newest = tmp_path / "backup" / "_lake" / "snapshots" / f"{loaded.snapshot.id:012d}.json"
    newest.unlink()
    with pytest.raises(LakeDamaged, match=newest.name):
        fl.restore(tmp_path / "backup", tmp_path / "restored")
    loaded.backup(tmp_path / "backup")
    assert fl.open(tmp_path / "backup", create=False).snapshot == loaded.snapshot


def test_a_backup_taken_while_a_writer_is_at_work_is_of_the_snapshot_before(
    loaded: Lake, tmp_path: Path
) -> None:
    """Uncommitted rows are not in the backup, neither through the lake nor through its Delta tables."""
    with writing(loaded) as tx:
        tx.append("splits", tx.read("splits").head(1))
        assert fl.open(loaded.path).backup(tmp_path / "backup").snapshot == 2
    copy = fl.open(tmp_path / "backup", create=False)
    assert copy.sql("SELECT count(*) AS n FROM splits").item() == 5
    assert copy.verify(deep=True).clean


def test_a_backup_is_only_read(loaded: Lake, tmp_path: Path) -> None:
    """A change of a backup raises, and the error names the restore command."""
    loaded.backup(tmp_path / "backup")
    copy = fl.open(tmp_path / "backup", create=False)
    for change in (lambda: copy.load("splits", _MORE), lambda: copy.pin("x"), copy.compact, copy.repair):
        with pytest.raises(InvalidInput, match="restore"):
            change()
    assert copy.sql("SELECT count(*) AS n FROM splits").item() == 5


def test_a_restored_lake_goes_on(loaded: Lake, tmp_path: Path) -> None:
    """A restored lake has the content, the history and the pins; it is writable at its own path."""
    loaded.backup(tmp_path / "backup")
    restored = fl.restore(tmp_path / "backup", tmp_path / "restored")
    assert restored.path == tmp_path / "restored"
    assert_same_content(content(restored), content(loaded))
    assert restored.at("first").sql("SELECT count(*) AS n FROM splits").item() == 4
    restored.load("dividends", {"symbol": ["X"], "date": ["2020-01-02"], "dividend": [1.0]})
    restored.rollback(1)
    assert restored.sql("SELECT count(*) AS n FROM splits").item() == 4
    assert restored.verify(deep=True).clean
    assert restored.catalog() == tmp_path / "restored" / "lake.duckdb"


def test_a_backup_outlives_a_vacuum(loaded: Lake, tmp_path: Path) -> None:
    """A backup retains snapshots that its source vacuums later, and marks those vacuumed before."""
    loaded.compact()
    loaded.backup(tmp_path / "before")
    loaded.unpin("first")
    loaded.vacuum(retention_days=0, dry_run=False)
    for name, count in (("before", 3), ("after", 1)):
        loaded.backup(tmp_path / name)
        copy = fl.open(tmp_path / name, create=False)
        assert sum(not s.vacuumed for s in copy.history()) == count
        assert copy.verify(deep=True).clean
    assert fl.open(tmp_path / "before").at(1).sql("SELECT count(*) AS n FROM splits").item() == 4


def test_a_backup_never_spreads_over_something_else(loaded: Lake, tmp_path: Path) -> None:
    """A backup refuses folders with other files, other lakes and the lake itself, and changes none."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text").write_text("years of work")
    other = fl.open(tmp_path / "other")
    other.backup(tmp_path / "of_other")
    for place in (tmp_path / "thesis", other.path, tmp_path / "of_other"):
        with pytest.raises(AlreadyExists):
            loaded.backup(place)
    for place in (loaded.path, loaded.path / "backup", loaded.path.parent):
        with pytest.raises(InvalidInput, match="or is inside it"):
            loaded.backup(place)
    assert [p.name for p in (tmp_path / "thesis").iterdir()] == ["text"]


def test_a_backup_of_another_history_is_not_overwritten(loaded: Lake, tmp_path: Path) -> None:
    """Two diverged copies of a lake cannot share a backup: one history would be lost."""
    twin = copy_of(loaded, tmp_path / "twin")
    loaded.load("splits", _MORE | {"symbol": ["Y"]})
    loaded.backup(tmp_path / "backup")
    for _ in range(2):
        with pytest.raises(AlreadyExists, match="another history"):
            twin.backup(tmp_path / "backup")
        twin.load("splits", _MORE | {"symbol": ["Z"]})
    assert_same_content(content(fl.open(tmp_path / "backup")), content(loaded))


def test_two_backups_to_one_place_do_not_mix(loaded: Lake, tmp_path: Path) -> None:
    """A second backup to the same folder raises while the first one runs."""
    loaded.backup(tmp_path / "backup")
    with copy_lock(layouts.find(tmp_path / "backup")), pytest.raises(LakeLocked, match="copying"):
        loaded.backup(tmp_path / "backup")


def test_a_lake_is_restored_from_a_backup_alone(loaded: Lake, tmp_path: Path) -> None:
    """Restore raises for a source that is not a lake and for a target that is not empty."""
    with pytest.raises(NotFound, match="No lake"):
        fl.restore(tmp_path / "nowhere", tmp_path / "restored")
    loaded.backup(tmp_path / "backup")
    with pytest.raises(AlreadyExists):
        fl.restore(tmp_path / "backup", loaded.path)
    with pytest.raises(AlreadyExists):
        fl.restore(loaded.path, tmp_path / "backup")


def test_a_backup_that_was_copied_elsewhere_opens_there(loaded: Lake, tmp_path: Path) -> None:
    """A moved backup still works: it contains no absolute path."""
    loaded.backup(tmp_path / "backup")
    moved = Path(shutil.copytree(tmp_path / "backup", tmp_path / "else where" / "b"))
    shutil.rmtree(tmp_path / "backup")
    assert_same_content(content(fl.open(moved, create=False)), content(loaded))
    assert fl.verify(moved, deep=True).clean
