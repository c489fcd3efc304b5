"""Test that a lake in a bucket answers, changes and is maintained as one in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput, LakeDamaged, NotFound, TargetFailed
from factorlab_lake.lake import Lake
from factorlab_lake.storage.delta import open_table
from factorlab_lake.storage.lake_paths import folder_path
from tests.contracts.pair import assert_same_rows
from tests.contracts.questions import QUESTIONS
from tests.support import SPLITS, assert_same_content, content

_MORE = {"symbol": ["X"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]}


def test_every_question_has_the_answer_of_the_folder(lake_2021: Lake, address: str) -> None:
    """A backup in a bucket returns the answers of the folder for all functions, vintages and odd symbols."""
    lake_2021.backup(address)
    opened = fl.open(address, create=False)
    assert opened._reader.index is not None
    for name, question in QUESTIONS.items():
        left, right = question(lake_2021), question(opened)
        assert left.columns == right.columns, name
        assert_same_rows(left, right)
    by_sql = "SELECT * FROM market_caps(['AAPL', 'O''X', 'NOBODY'], [DATE '2020-12-31'])"
    assert opened.sql(by_sql).equals(lake_2021.sql(by_sql))
    with pytest.raises(InvalidInput, match="backup"):
        opened.load("splits", _MORE)


def test_a_lake_goes_to_a_bucket_and_back(lake: Lake, address: str, tmp_path: Path) -> None:
    """A lake restored to a bucket can be changed there, and its backup in a folder has every row."""
    lake.load("splits", SPLITS)
    there = fl.restore(lake.path, address)
    there.load("splits", _MORE)
    there.pin("more")
    there.backup(tmp_path / "backup")
    back = fl.restore(tmp_path / "backup", tmp_path / "back")
    assert_same_content(content(back), content(there))
    assert [s.pins for s in back.history()] == [(), ("more",)]
    assert back.verify(deep=True).clean
    assert fl.restore(address, tmp_path / "directly").snapshot == there.snapshot


def test_a_lake_in_a_bucket_is_maintained(address: str, tmp_path: Path) -> None:
    """Verify, compact, vacuum, diff, configure, roll back and export work there."""
    lake = fl.open(address, create=True)
    lake.load("splits", SPLITS)
    for day in range(1, 4):
        lake.load("splits", {**_MORE, "date": [f"2020-02-0{day}"]})
    before = content(lake)
    assert lake.diff(1).filter(table="splits")["added"].sum() == 3
    assert lake.compact().files_after < lake.status()["files"].sum() + 9
    assert_same_content(content(lake), before)
    assert lake.vacuum(retention_days=0, dry_run=False).files
    assert lake.verify(deep=True).findings == []
    assert lake.configure(availability=2).availability == 2
    assert_same_content(content(fl.open(address)), before)
    assert lake.export(tmp_path / "export.duckdb").exists()


def test_a_lost_object_is_reported_and_restored(address: str) -> None:
    """Verify names a data file that was deleted in the bucket, and repair restores it from a backup there."""
    lake = fl.open(address, create=True)
    lake.load("splits", SPLITS)
    lake.backup(f"{address}-backup")
    min(folder_path(address).joinpath("splits").rglob("*.parquet")).unlink()
    [finding] = fl.verify(address).findings[:1]
    assert finding.file.startswith("splits/")
    with pytest.raises(LakeDamaged):
        fl.open(address).sql("SELECT * FROM splits")
    assert lake.repair(backup=f"{address}-backup").clean
    assert fl.open(address).sql("SELECT count(*) AS n FROM splits")["n"].item() == 4


def test_what_cannot_be_in_a_bucket_says_so(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error for a missing lake, an unreachable server or lake.duckdb is clear and has a next step."""
    with pytest.raises(NotFound, match="No lake at s3://"):
        fl.open(address, create=False)
    lake = fl.open(address, create=True)
    with pytest.raises(InvalidInput, match=r"lake\.export"):
        lake.catalog()
    with pytest.raises(InvalidInput, match="inside the lake"):
        fl.open(f"{address}/inside", create=True)
    with pytest.raises(InvalidInput, match="s3://bucket/lake"):
        fl.open("s3://bucket", create=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-of-the-tests")
    with pytest.raises(TargetFailed, match="cannot be reached") as failed:
        fl.open(address, create=False)
    with pytest.raises(TargetFailed, match="cannot be reached") as unreadable:
        open_table(folder_path(address) / "splits")
    assert "s3cret" not in f"{failed.value} {unreadable.value}"
    assert "repair" not in str(unreadable.value)


def test_the_sql_of_a_sandbox_reads_only_the_lake(address: str) -> None:
    """In a sandbox, SQL reads the tables and no other object of the bucket."""
    lake = fl.open(address, create=True)
    lake.load("splits", SPLITS)
    sandboxed = fl.open(address, sandbox=True)
    assert sandboxed.sql("SELECT count(*) AS n FROM splits")["n"].item() == 4
    with pytest.raises(InvalidInput):
        sandboxed.sql(f"SELECT * FROM read_text('{address}/_lake/lake.json')")


def test_a_damaged_copy_of_a_tile_is_read_again(lake_2021: Lake, address: str, tile_cache: Path) -> None:
    """A local copy of a tile with other bytes is replaced at its first use in a process."""
    from factorlab_lake.index import tile_cache as copies

    lake_2021.backup(address)
    expected = lake_2021.market_caps(["AAPL"], ["2020-12-31"])
    assert fl.open(address).market_caps(["AAPL"], ["2020-12-31"]).equals(expected)
    tiles = list((tile_cache / "tiles").iterdir())
    for tile in tiles:
        tile.write_bytes(bytes(len(tile.read_bytes())))
    copies._CHECKED.clear()
    opened = fl.open(address)
    assert opened._reader.index is not None
    assert opened.market_caps(["AAPL"], ["2020-12-31"]).equals(expected)
