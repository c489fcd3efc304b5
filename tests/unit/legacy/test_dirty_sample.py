"""Test the dirty sample: every fault in it is reported, and every good record is in the lake."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.ingest.legacy_cache.migrate import MigrationReport
from factorlab_lake.lake import Lake
from tests.support import CACHE_2021, CACHE_DIRTY, assert_keys_unique, content, copy_of

_INCOME = "income_statements/AAPL_income_statement_quarterly"
_FAULTS = {
    f"{_INCOME}_limit9_v1.0.json.gz": "empty file",
    f"{_INCOME}_limit10_v1.0.json.gz": "gzip cut short or damaged",
    f"{_INCOME}_limit11_v1.0.json.gz": "HTML or XML instead of JSON",
    f"{_INCOME}_limit12_v1.0.json.gz": "Limit Reach . Please upgrade your plan",
    f"{_INCOME}_limit13_v1.0.json.gz": "not JSON, or cut short",
}
_SKIPPED = {
    "metadata/cache_metadata.json": "bookkeeping of the old cache",
    "metadata/preload_strategy.json": "bookkeeping of the old cache",
    "price_data/AAPL_price_full_history_all_v2.0.json.gz.tmp": "leftover of an interrupted write",
    "price_data/AAPL_price_full_history_all_v2.0.json.lock": "leftover lock",
}
_REJECTS = [
    (f"{_INCOME}_limit15_v1.0.json", 1, "date: missing"),
    (f"{_INCOME}_limit15_v1.0.json", 3, "date: '2020-13-45' is not a date such as 2024-12-31"),
    # A better copy of its statement is stored.
    (
        f"{_INCOME}_limit15_v1.0.json",
        4,
        'unread: "revenue":"n/a" cannot be read or is impossible; another copy is stored',
    ),
]
_CONTENT = ["income_statements", "balance_sheets", "cash_flows", "price_data", "price_revisions"]
# Where a row came from may differ: the dirty cache holds copies of its files under other names.
_SOURCE = ("fetch_id",)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, MigrationReport]:
    """Return a read-only lake of the dirty sample alone, and the report of its migration."""
    lake = fl.open(tmp_path_factory.mktemp("dirty") / "lake")
    return lake, lake.migrate(CACHE_DIRTY)


@pytest.fixture
def lake_dirty(dirty: tuple[Lake, MigrationReport]) -> Lake:
    """Return the read-only lake of the dirty sample."""
    return dirty[0]


def test_every_fault_is_listed_and_nothing_else(dirty: tuple[Lake, MigrationReport]) -> None:
    """Files that cannot be read, files left aside and records put aside are exactly those of the sample."""
    _, report = dirty
    assert {path for path, _ in report.faults} == _FAULTS.keys()
    assert [path for path, reason in report.faults if _FAULTS[path] not in reason] == []
    assert dict(report.skipped) == _SKIPPED
    assert report.rejects == _REJECTS
    assert not report.clean
    assert report.files == sum(1 for f in CACHE_DIRTY.rglob("*") if f.is_file())


def test_a_plan_lists_the_same_faults_and_rejects_and_writes_nothing(
    lake: Lake, dirty: tuple[Lake, MigrationReport]
) -> None:
    """A dry run reads everything, names what cannot be read, and leaves a lake without a table.

    Only a merge finds that a copy with an unreadable value loses to a better one.
    """
    _, done = dirty
    plan = lake.migrate(CACHE_DIRTY, dry_run=True)
    assert (plan.files, plan.records, plan.skipped) == (done.files, done.records, done.skipped)
    assert plan.faults == done.faults
    assert plan.rejects == [reject for reject in done.rejects if not reject[2].startswith("unread: ")]
    assert (plan.rejected, done.rejected) == (2, 3)
    assert (plan.snapshot_before, plan.snapshot_after) == (0, 0)
    assert [p.name for p in lake.path.iterdir()] == ["_lake"]
    assert fl.open(lake.path).history() == []


def test_the_counts_of_the_report_add_up(dirty: tuple[Lake, MigrationReport]) -> None:
    """Each record of the readable files is new, equal to what was there, or rejected."""
    lake, report = dirty
    assert report.rejected == len(_REJECTS)
    assert report.records == sum(report.new.values()) + report.equal + report.rejected
    for name, count in report.new.items():
        assert lake.sql(f"SELECT count(*) AS n FROM {name}").item() == count
    log = lake.fetch_log()
    assert log["records_fetched"].sum() == report.records
    assert log.height == report.files - len(report.skipped)


def test_every_good_record_landed(lake_dirty: Lake, lake_2021: Lake) -> None:
    """Beside its faults the dirty cache holds what the clean one does: the tables are the same."""
    dirty, clean = content(lake_dirty), content(lake_2021)
    for name in _CONTENT:
        left, right = dirty[name].drop(_SOURCE), clean[name].drop(_SOURCE)
        assert left.sort(left.columns).equals(right.sort(right.columns)), name
    assert_keys_unique(lake_dirty)


def test_the_ratios_of_the_dirty_sample_are_of_years(lake_dirty: Lake) -> None:
    """The one file of ratios is named quarterly and holds four fiscal years."""
    rows = lake_dirty.sql(
        "SELECT fiscal_period, fiscal_year, metrics FROM vendor_ratios ORDER BY fiscal_year"
    ).rows()
    assert [row[:2] for row in rows] == [("FY", year) for year in (2017, 2018, 2019, 2020)]
    assert json.loads(rows[-1][2]) == {
        "netProfitMargin": 0.2091361128,
        "operatingProfitMargin": 0.2414731435,
    }


def test_the_rejected_records_are_kept_as_they_came(lake_dirty: Lake) -> None:
    """What was put aside can be looked at later, spoilt value and all."""
    rows = lake_dirty.sql("SELECT record FROM rejected_records ORDER BY position")["record"]
    first, second, third = (json.loads(text) for text in rows)
    assert (first["acceptedDate"], "date" in first) == ("2020-10-29 18:06:25", False)
    assert second["date"] == "2020-13-45"
    assert third["revenue"] == "n/a"


def test_the_log_names_the_files_that_failed(lake_dirty: Lake) -> None:
    """The lake itself remembers which files could not be read, and why."""
    failed = lake_dirty.fetch_log().filter(~pl.col("success"))
    assert {e.removeprefix("cache:") for e in failed["endpoint"]} == _FAULTS.keys()
    assert failed["records_fetched"].sum() == 0
    assert failed["error_message"].null_count() == 0


def test_validation_finds_the_rejected_records_and_no_other(lake_dirty: Lake) -> None:
    """Every good record of the dirty cache is in the lake by value; the bad ones are named."""
    report = lake_dirty.validate(CACHE_DIRTY)
    assert report.records == 6923
    assert (report.equal, report.differs, report.missing, report.rejected) == (6920, 0, 0, 3)
    assert [(f.file, f.position) for f in report.findings] == [
        (path, position) for path, position, _ in _REJECTS
    ]
    assert {f.kind for f in report.findings} == {"rejected"}
    assert {path for path, _ in report.faults} == _FAULTS.keys()
    assert dict(report.skipped) == _SKIPPED


def test_the_clean_cache_adds_nothing_to_the_dirty_one(lake_dirty: Lake, tmp_path: Path) -> None:
    """Migrating the clean cache afterwards finds every record there already."""
    lake = copy_of(lake_dirty, tmp_path / "lake")
    report = lake.migrate(CACHE_2021)
    assert (report.new, report.equal) == ({}, report.records)
    assert lake.validate(CACHE_2021).clean
