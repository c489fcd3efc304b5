"""Test that maintenance finds, repairs and deletes files of the read index."""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

import factorlab_lake as fl
from factorlab_lake.index import manifest as manifests
from factorlab_lake.index.manifest import unneeded_files
from factorlab_lake.lake import Lake
from factorlab_lake.storage import snapshots
from tests.unit.index.worlds import assert_equal
from tests.unit.query.lake_builder import LakeBuilder

DAY = date(2021, 2, 19)


def _lake(place: Path) -> Lake:
    cases = LakeBuilder()
    cases.shares("AAA", "2020-09-30", 1000)
    cases.traded("AAA", {"2021-02-18": 12.5})
    return cases.build(place)


def _load_bar(lake: Lake, close: float) -> None:
    values = {"symbol": ["AAA"], "date": [DAY], "close_price": [close], "split_basis_date": [DAY]}
    lake.load("price_data", pl.DataFrame(values))


def test_verify_reports_damage_and_repair_rebuilds_the_index(tmp_path: Path) -> None:
    """A truncated tile and an unreadable manifest are reported; after a repair the index answers again."""
    lake = _lake(tmp_path)
    folder = manifests.index_folder(lake._layout)
    assert lake.verify().clean
    path = max(folder.glob("*[0-9a-f]"), key=lambda p: p.stat().st_size)
    path.write_bytes(path.read_bytes()[:-1])
    assert [f.kind for f in fl.verify(lake.path).findings] == ["index"]
    assert fl.repair(lake.path).clean
    manifests.manifest_path(lake._layout, lake.snapshot.id).write_text("{}")
    [finding] = fl.verify(lake.path).findings
    assert finding.file.endswith(f"{lake.snapshot.id:012d}.json")
    assert fl.repair(lake.path).clean
    assert fl.verify(lake.path).clean
    assert_equal(lake.path, ["AAA"], [DAY])


def test_vacuum_deletes_tiles_that_no_retained_snapshot_needs(tmp_path: Path) -> None:
    """After a vacuum only the newest snapshot's manifest and its tiles are left, and they answer."""
    lake = _lake(tmp_path)
    _load_bar(lake, 13.0)
    _load_bar(lake, 14.0)
    folder = manifests.index_folder(lake._layout)
    for path in folder.iterdir():
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    kept = snapshots.retained(lake._layout)
    assert list(unneeded_files(lake._layout, kept)) == []
    before = len(list(folder.iterdir()))
    report = lake.vacuum(retention_days=0, dry_run=False, now=datetime.now(UTC) + timedelta(days=1))
    assert any(path.startswith("_lake/index/") for path, _ in report.files)
    manifest = manifests.read(lake._layout, lake.snapshot)
    assert manifest is not None
    assert len(list(folder.iterdir())) < before
    assert_equal(lake.path, ["AAA"], [DAY])


def test_a_changed_setting_rebuilds_the_index(tmp_path: Path) -> None:
    """The index follows the lake's own availability rule."""
    lake = _lake(tmp_path)
    before = manifests.read(lake._layout, lake.snapshot)
    lake.configure(availability="same_day")
    assert before is not None
    assert manifests.read(lake._layout, lake.snapshot) is not None
    assert_equal(lake.path, ["AAA"], [date(2020, 10, 30), DAY])


def test_an_interrupted_build_leaves_no_manifest(tmp_path: Path) -> None:
    """Without a manifest SQL answers, and the next change writes the index."""
    lake = _lake(tmp_path)
    manifests.manifest_path(lake._layout, lake.snapshot.id).unlink()
    assert fl.open(lake.path).market_caps("AAA", DAY)["market_cap"].to_list() == [12500.0]
    _load_bar(lake, 13.0)
    assert_equal(lake.path, ["AAA"], [DAY])
