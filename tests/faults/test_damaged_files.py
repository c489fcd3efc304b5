"""Test a damaged, truncated or missing file of a lake: one error names it, and no rows are lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import LakeDamaged
from factorlab_lake.lake import Lake
from tests.lake_changes import add_bars
from tests.support import SPLITS, assert_same_content, content, copy_of, table_rows, writing


@dataclass(frozen=True)
class SoundLake:
    """Represent a sound lake, its backup and its content; a test must not change them."""

    lake: Lake
    backup: Path
    content: dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def sound_lake(tmp_path_factory: pytest.TempPathFactory) -> SoundLake:
    """Return a lake of splits and three bars in three files, with its backup."""
    place = tmp_path_factory.mktemp("sound")
    lake = fl.open(place / "lake")
    lake.load("splits", SPLITS)
    add_bars(lake, "A", "B", "C")
    lake.backup(place / "backup")
    return SoundLake(lake, place / "backup", content(lake))


def _bar_file(root: Path) -> Path:
    return min((root / "price_data").rglob("*.parquet"))


def _flip(place: float) -> Callable[[Path], Path]:
    def damage(root: Path) -> Path:
        file = _bar_file(root)
        body = bytearray(file.read_bytes())
        body[int(len(body) * place)] ^= 0x55
        file.write_bytes(body)
        return file

    return damage


def _lose(root: Path) -> Path:
    file = _bar_file(root)
    file.unlink()
    return file


def _entry(root: Path, version: int) -> Path:
    return root / "price_data" / "_delta_log" / f"{version:020d}.json"


def _cut(place: Callable[[Path], Path], size: int | None) -> Callable[[Path], Path]:
    """Return a function that truncates a file to some bytes, or after its first line."""

    def damage(root: Path) -> Path:
        file = place(root)
        body = file.read_bytes()
        file.write_bytes(body.splitlines(keepends=True)[0] if size is None else body[:size])
        return file

    return damage


def _lose_entry(version: int) -> Callable[[Path], Path]:
    def damage(root: Path) -> Path:
        _entry(root, version).unlink()
        return _entry(root, version)

    return damage


def _snapshot(snapshot: int) -> Callable[[Path], Path]:
    return lambda root: root / "_lake" / "snapshots" / f"{snapshot:012d}.json"


_DAMAGE = {
    **{f"a byte flipped at {place:.0%}": _flip(place) for place in (0.0, 0.5, 0.999)},
    "a lost data file": _lose,
    "an empty log entry": _cut(lambda root: _entry(root, 2), 0),
    "a log entry cut within a line": _cut(lambda root: _entry(root, 2), 30),
    "a log entry cut between two lines": _cut(lambda root: _entry(root, 2), None),
    "a lost log entry": _lose_entry(2),
    "the newest log entry lost": _lose_entry(3),
    "an earlier snapshot cut short": _cut(_snapshot(2), 20),
    "an earlier snapshot empty": _cut(_snapshot(2), 0),
}


@pytest.mark.first_cases(3)
@pytest.mark.parametrize("damage", _DAMAGE.values(), ids=_DAMAGE)
def test_the_damaged_file_is_reported_and_restored(
    sound_lake: SoundLake, tmp_path: Path, damage: Callable[[Path], Path]
) -> None:
    """`verify` names the file; `repair` alone loses nothing; with a backup it restores the file."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    file = damage(lake.path)
    place = file.relative_to(lake.path).as_posix()
    assert [f.file for f in fl.verify(lake.path).findings] == [place]
    alone = fl.repair(lake.path)
    assert (alone.repaired, [f.file for f in alone.findings]) == ([], [place])
    report = fl.repair(lake.path, backup=sound_lake.backup)
    assert report.clean
    assert report.repaired[0] == (place, f"restored from {sound_lake.backup}")
    assert fl.verify(lake.path, deep=True).clean
    assert_same_content(content(fl.open(lake.path, create=False)), sound_lake.content)
    assert file.read_bytes() == (sound_lake.lake.path / place).read_bytes()


def _lose_snapshot(root: Path) -> Path:
    file = _snapshot(4)(root)
    file.unlink()
    return file


_OF_THE_NEWEST = {
    "lost": _lose_snapshot,
    "cut short": _cut(_snapshot(4), 20),
    "empty": _cut(_snapshot(4), 0),
}


@pytest.mark.parametrize("damage", _OF_THE_NEWEST.values(), ids=_OF_THE_NEWEST)
def test_a_lost_newest_snapshot_is_detected_and_restored_without_a_backup(
    sound_lake: SoundLake, tmp_path: Path, damage: Callable[[Path], Path]
) -> None:
    """Readers and writers raise instead of using the snapshot before; repair has a copy."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    sound = _snapshot(4)(lake.path).read_bytes()
    file = damage(lake.path)
    for act in (lambda: fl.open(lake.path, create=False), lambda: add_bars(lake, "D")):
        with pytest.raises(LakeDamaged, match=r"factorlab-lake repair") as caught:
            act()
        assert caught.value.facts == {"path": str(file)}
    place = file.relative_to(lake.path).as_posix()
    assert [(f.file, f.kind) for f in fl.verify(lake.path).findings] == [(place, "snapshot")]
    report = fl.repair(lake.path)
    assert (report.clean, report.repaired[0]) == (True, (place, "written from newest.json"))
    assert file.read_bytes() == sound
    assert_same_content(content(fl.open(lake.path, create=False)), sound_lake.content)


def test_a_newest_snapshot_whose_tables_are_gone_too_needs_the_backup(
    sound_lake: SoundLake, tmp_path: Path
) -> None:
    """Repair does not restore a snapshot from its copy when the table versions are lost."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    lost = {_lose_snapshot(lake.path), _lose_entry(3)(lake.path)}
    assert not fl.repair(lake.path).clean
    assert not any(file.exists() for file in lost)
    assert fl.repair(lake.path, backup=sound_lake.backup).clean
    assert_same_content(content(fl.open(lake.path, create=False)), sound_lake.content)


def test_a_damaged_copy_of_the_newest_snapshot_stops_no_reader_and_is_rewritten(
    sound_lake: SoundLake, tmp_path: Path
) -> None:
    """Verify reports a damaged copy and repair rewrites it; an older copy of a dead writer is valid."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    copy = lake.path / "_lake" / "newest.json"
    copy.write_text("{")
    assert fl.open(lake.path, create=False).snapshot == sound_lake.lake.snapshot
    assert [(f.file, f.kind) for f in fl.verify(lake.path).findings] == [("_lake/newest.json", "newest")]
    assert fl.repair(lake.path).clean
    assert copy.read_bytes() == _snapshot(4)(lake.path).read_bytes()
    copy.write_bytes(_snapshot(3)(lake.path).read_bytes())
    assert fl.verify(lake.path).clean
    add_bars(lake, "D")
    assert copy.read_bytes() == _snapshot(5)(lake.path).read_bytes()


def test_a_list_and_the_log_it_is_derived_from_come_back_together(
    sound_lake: SoundLake, tmp_path: Path
) -> None:
    """Repair restores a log first and then derives the file list from it."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    _lose_entry(2)(lake.path)
    (lake.path / "_lake" / "files" / "price_data-3.json").write_text("[")
    assert not fl.repair(lake.path).clean
    assert fl.repair(lake.path, backup=sound_lake.backup).clean
    assert fl.verify(lake.path, deep=True).clean


@pytest.mark.parametrize("damage", [_lose, _flip(0.5)], ids=["lost", "flipped"])
def test_a_query_names_the_data_file_that_cannot_be_read(
    sound_lake: SoundLake, tmp_path: Path, damage: Callable[[Path], Path]
) -> None:
    """The error names the file and the repair command."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    file = damage(lake.path)
    with pytest.raises(LakeDamaged, match="repair --from BACKUP") as caught:
        lake.sql("SELECT * FROM price_data")
    assert caught.value.facts == {"path": str(file)}
    with pytest.raises(LakeDamaged, match="repair --from BACKUP") as caught, writing(lake) as tx:
        tx.read("price_data")
    assert caught.value.facts == {"path": str(file)}


@pytest.mark.parametrize("place", [0.02, 0.2, 0.4, 0.6, 0.8, 0.98])
def test_values_of_a_damaged_file_are_never_written_to_a_new_one(
    sound_lake: SoundLake, tmp_path: Path, place: float
) -> None:
    """Compaction and corrections raise even if the damaged file decodes without an error."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    file = _flip(place)(lake.path)
    row = table_rows("price_data", [{"symbol": "A", "date": date(2020, 1, 3), "year": 2020}])
    with pytest.raises(LakeDamaged, match="repair --from BACKUP") as caught:
        lake.compact()
    assert caught.value.facts == {"path": str(file)}
    with pytest.raises(LakeDamaged, match="repair --from BACKUP") as caught, writing(lake) as tx:
        tx.replace("price_data", row, [2020])
    assert caught.value.facts == {"path": str(file)}
    assert fl.open(lake.path, create=False).snapshot == sound_lake.lake.snapshot


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("name", [n for n in _DAMAGE if "log entry" in n])
def test_a_damaged_log_stops_a_writer_before_anything_is_lost(
    sound_lake: SoundLake, tmp_path: Path, name: str
) -> None:
    """A writer refuses a damaged log and names the entry; readers still see every row."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    file = _DAMAGE[name](lake.path)
    with pytest.raises(LakeDamaged, match="repair --from BACKUP") as caught:
        add_bars(lake, "D")
    assert caught.value.facts == {"path": str(file)}
    assert_same_content(content(fl.open(lake.path, create=False)), sound_lake.content)
    fl.repair(lake.path, backup=sound_lake.backup)
    add_bars(lake, "D")
    symbols = lake.sql("SELECT symbol FROM price_data ORDER BY symbol")["symbol"].to_list()
    assert symbols == ["A", "B", "C", "D"]
    assert fl.verify(lake.path, deep=True).clean


def test_repair_deletes_a_truncated_entry_that_was_never_committed(
    sound_lake: SoundLake, tmp_path: Path
) -> None:
    """Repair deletes an entry that a power cut truncated and that no snapshot names, without a backup."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    _entry(lake.path, 4).write_text('{"commitInfo":{"time')
    with pytest.raises(LakeDamaged, match=_entry(lake.path, 4).name):
        add_bars(lake, "D")
    assert next(file for file, _ in fl.repair(lake.path).repaired) == f"price_data/_delta_log/{4:020d}.json"
    assert_same_content(content(fl.open(lake.path, create=False)), sound_lake.content)
    add_bars(lake, "D")
    assert fl.verify(lake.path, deep=True).clean


def test_a_damaged_lake_never_damages_its_backup(sound_lake: SoundLake, tmp_path: Path) -> None:
    """A backup of a damaged lake raises with the file, and an older backup stays unchanged."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    file = _flip(0.5)(lake.path)
    with pytest.raises(LakeDamaged, match="checksum") as caught:
        lake.backup(tmp_path / "new")
    assert caught.value.facts == {"path": str(file)}
    _cut(lambda root: _entry(root, 2), None)(lake.path)
    with pytest.raises(LakeDamaged, match=r"differs from .* in the backup"):
        lake.backup(sound_lake.backup)
    assert fl.verify(sound_lake.backup, deep=True).clean


def test_a_wrong_file_list_is_derived_again(sound_lake: SoundLake, tmp_path: Path) -> None:
    """Verify reports a valid file list that differs from the log, and repair rewrites it."""
    lake = copy_of(sound_lake.lake, tmp_path / "lake")
    listed = lake.path / "_lake" / "files" / "price_data-3.json"
    sound = listed.read_bytes()
    listed.write_bytes(sound.replace(b'"A"', b'"X"'))
    [finding] = fl.verify(lake.path).findings
    assert (finding.file, finding.kind) == ("_lake/files/price_data-3.json", "list")
    assert fl.repair(lake.path).clean
    assert listed.read_bytes() == sound
