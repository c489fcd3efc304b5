from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.lake import Lake
from factorlab_lake.schema import table
from factorlab_lake.storage import data_files, delta
from tests.lake_changes import change_sealed
from tests.support import SPLITS, copy_of, table_rows, writing


def _bars(*keys: tuple[str, str]) -> pl.DataFrame:
    return table_rows(
        "price_data",
        [
            {"symbol": s, "date": date.fromisoformat(d), "close_price": 1.0, "year": int(d[:4])}
            for s, d in keys
        ],
    )


def _put(lake: Lake, rows: pl.DataFrame) -> None:
    with writing(lake) as tx:
        tx.append("price_data", rows)
    lake.refresh()


def test_a_lake_of_real_data_verifies_clean(lake_both: Lake) -> None:
    """Every file of both migrations has a checksum, and a deep check reports nothing."""
    report = lake_both.verify(deep=True)
    assert (report.findings, report.without_checksum, report.clean) == ([], 0, True)
    assert report.rows >= sum(lake_both.status()["rows"])
    assert report.snapshots == 2


def test_an_empty_lake_is_sound(lake: Lake) -> None:
    """An empty lake verifies clean."""
    report = lake.verify(deep=True)
    assert (report.clean, report.files, report.snapshots) == (True, 0, 0)


def test_verification_writes_nothing(lake: Lake) -> None:
    """A check changes no file of the folder."""
    lake.load("splits", SPLITS)
    before = {p: p.stat().st_mtime_ns for p in lake.path.rglob("*")}
    assert lake.verify(deep=True).clean
    assert {p: p.stat().st_mtime_ns for p in lake.path.rglob("*")} == before


def test_a_lake_from_before_there_were_checksums_is_read_and_checked(lake: Lake) -> None:
    """Files without checksums are counted; their sizes and rows are checked, and new files get checksums."""
    lake.load("splits", SPLITS)
    shutil.rmtree(lake.path / "_lake" / "checksums")
    report = lake.verify()
    # Splits, the log, and the derived tables of splits, events, lists and companies have a file each.
    assert (report.clean, report.without_checksum) == (True, 6)
    _put(lake, _bars(("A", "2020-01-02")))
    assert lake.verify().without_checksum == 6
    file = next((lake.path / "splits").glob("*.parquet"))
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:-1])
    [finding] = lake.verify().findings
    assert finding.message == f"has {size - 1} bytes instead of {size}"


def _twice(lake: Lake) -> None:
    _put(lake, _bars(("A", "2020-01-02")))
    _put(lake, _bars(("A", "2020-01-02")))


def _wrong_year(lake: Lake) -> None:
    _put(lake, _bars(("A", "2020-01-02")).with_columns(year=pl.lit(2019, pl.Int32)))


@pytest.mark.parametrize(
    ("plant", "message"),
    [(_twice, "has a key more than once"), (_wrong_year, "has rows of other years than 2019")],
)
def test_invalid_rows_are_reported(lake: Lake, plant: Callable[[Lake], None], message: str) -> None:
    """Verify reports a repeated key, and a bar in another year's partition, with the file."""
    plant(lake)
    [finding] = lake.verify().findings
    assert message in finding.message
    assert (lake.path / finding.file).suffix == ".parquet"
    assert finding.kind == "content"


def test_ranges_that_exclude_rows_are_reported(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify reports ranges that exclude rows of their file: queries would skip such rows."""
    _put(lake, _bars(("A", "2020-01-02"), ("B", "2020-03-02")))
    kept = lake.path / "_lake" / "files" / f"price_data-{lake.snapshot.tables['price_data']}.json"
    [row] = json.loads(kept.read_text())["files"]
    change_sealed(kept, files=[[*row[:4], ["B", "B"], ["2020-01-02", "2020-02-01"]]])
    narrowed = data_files.read_list(lake._layout, "price_data", lake.snapshot.tables["price_data"])
    monkeypatch.setattr(data_files, "list_files", lambda *_: narrowed)
    messages = [f.message for f in lake.verify().findings]
    assert messages == [
        "has symbol A, below the listed minimum B",
        "has date 2020-03-02, above the listed maximum 2020-02-01",
    ]


def test_columns_of_another_type_are_reported(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify reports a column of another type than in the schema, with the file."""
    _put(lake, _bars(("A", "2020-01-02")))
    real = delta.polars_schema
    changed = pl.Schema(real(table("price_data")) | {"close_price": pl.String()})
    monkeypatch.setattr(delta, "polars_schema", lambda spec: changed)
    [finding] = [f for f in lake.verify().findings if "close_price" in f.message]
    assert finding.message.startswith("has close_price as Float64 instead of String")


def test_repair_rewrites_the_single_file(lake: Lake) -> None:
    """Repair rewrites a `lake.duckdb` that cannot be opened, and changes no sound file."""
    lake.load("splits", SPLITS)
    assert lake.repair().repaired == []
    (lake.path / "lake.duckdb").write_bytes(b"no database")
    assert lake.repair().repaired == [("lake.duckdb", "rewritten")]
    assert lake.repair().repaired == []


def test_repair_refuses_the_backup_of_another_lake(lake: Lake, tmp_path: Path) -> None:
    """Repair raises for the backup of another lake."""
    with pytest.raises(InvalidInput, match="another lake"):
        lake.repair(backup=fl.open(tmp_path / "other").path)
    with pytest.raises(NotFound, match="No lake"):
        lake.repair(backup=tmp_path / "nowhere")


def test_a_backup_that_is_damaged_too_repairs_nothing(lake: Lake, tmp_path: Path) -> None:
    """Repair does not restore a file whose copy is damaged too; the finding stays."""
    _put(lake, _bars(("A", "2020-01-02")))
    lake.backup(tmp_path / "backup")
    place = next((lake.path / "price_data").rglob("*.parquet")).relative_to(lake.path)
    (lake.path / place).unlink()
    copied = tmp_path / "backup" / place
    body = bytearray(copied.read_bytes())
    body[200] ^= 1
    copied.write_bytes(body)
    report = lake.repair(backup=tmp_path / "backup")
    assert (report.repaired, [f.file for f in report.findings]) == ([], [place.as_posix()])
    assert not (lake.path / place).exists()


def test_a_rollback_retains_the_checksums_of_restored_files(lake_both: Lake, tmp_path: Path) -> None:
    """Files that a rollback restores are compared with their first checksums."""
    lake = copy_of(lake_both, tmp_path / "lake")
    lake.rollback(1)
    report = lake.verify()
    assert (report.clean, report.without_checksum) == (True, 0)
