from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.legacy_cache.reader import CacheFile, scan
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.schema.derived_tables import DERIVED_TABLES
from tests.support import (
    CACHE_2019,
    CACHE_2021,
    CACHE_DIRTY,
    ROOT,
    Entry,
    assert_derived_rows_are_current,
    assert_keys_unique,
    assert_same_content,
    bar,
    content,
    copy_of,
    entries_of,
    income,
    slow_after,
)

_Trace = dict[Path, tuple[int, int, bytes]]


class _CutOff(BaseException):
    """Simulate Ctrl-C at a given moment."""


def _trace(folder: Path) -> _Trace:
    """Note everything of a folder: names, contents, and when files and folders were last changed."""
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in (folder, *folder.rglob("*"))
    }


def _migrated(lake: Lake) -> dict[str, pl.DataFrame]:
    """Return a lake's content without what was loaded into it by hand, and check what is derived from all."""
    assert_derived_rows_are_current(lake)
    tables = {name: rows for name, rows in content(lake).items() if name not in DERIVED_TABLES}
    log = tables["data_fetch_log"].filter(pl.col("provider") == "fmp")
    return tables | {"splits": tables["splits"].clear(), "data_fetch_log": log}


def _cut_off_after(lake: Lake, cache: Path, files: int) -> None:
    """Migrate by symbol and interrupt the run once so many files are done."""

    def progress(*, files_done: int, files_total: int, records: int, step: str = "") -> None:
        if files_done == files:
            raise _CutOff

    with pytest.raises(_CutOff):
        lake.migrate(cache, by_symbol=True, progress=progress)


def test_the_old_cache_is_only_read(lake: Lake, tmp_path: Path) -> None:
    """Planning, migrating, validating and rolling back leave every byte, time and mode of the cache."""
    copied = shutil.copytree(CACHE_DIRTY, tmp_path / "old")
    for path in (*copied.rglob("*"), copied):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = _trace(copied)
    try:
        lake.migrate(copied, dry_run=True)
        lake.migrate(copied)
        lake.validate(copied)
        lake.rollback()
        assert _trace(copied) == before
    finally:
        for path in (copied, *copied.rglob("*")):
            path.chmod(0o755)


@pytest.mark.first_cases(1)
@pytest.mark.parametrize("cache", [CACHE_2021, CACHE_DIRTY], ids=lambda c: c.name)
def test_migrating_again_changes_nothing(lake: Lake, cache: Path) -> None:
    """A second run reads no file again, adds no row and takes no snapshot, and still lists the faults."""
    first = lake.migrate(cache)
    assert first.records == sum(first.new.values()) + first.equal + first.rejected
    assert first.records == {CACHE_2021: 6865, CACHE_DIRTY: 6923}[cache]
    rows = {"income_statements": 108, "balance_sheets": 102, "cash_flows": 72, "price_data": 6415}
    assert rows.items() <= first.new.items()
    before = content(lake)
    second = lake.migrate(cache)
    assert_same_content(content(lake), before)
    assert [s.id for s in lake.history()] == [1]
    assert second.files_migrated_before == first.files - len(first.skipped)
    assert (second.records, second.new, second.equal, second.rejected) == (0, {}, 0, 0)
    assert (second.faults, second.rejects, second.skipped) == (first.faults, first.rejects, first.skipped)
    assert (second.snapshot_before, second.snapshot_after) == (1, 1)


def test_a_copy_of_the_cache_at_another_place_is_the_same_cache(lake_2021: Lake, tmp_path: Path) -> None:
    """Migrated files are identified by content and relative path, not by the cache's folder."""
    lake = copy_of(lake_2021, tmp_path / "lake")
    report = lake.migrate(shutil.copytree(CACHE_2021, tmp_path / "moved"))
    assert (report.records, report.snapshot_after) == (0, lake_2021.snapshot.id)


def test_every_record_of_the_samples_is_in_the_lake(lake_both: Lake) -> None:
    """Counted by means of its own: each symbol, period and day of the caches has its row, and no more."""
    bars, statements = set(), set()
    for cache in (CACHE_2019, CACHE_2021):
        for path, envelope in entries_of(cache):
            symbol = path.split("/")[1].split("_")[0]
            for record in envelope["data"]:
                if path.startswith("price"):
                    bars.add((symbol, record["date"]))
                else:
                    statements.add((path.split("/")[0], symbol, record["date"], record["period"]))
    held = lake_both.sql("SELECT symbol, date::VARCHAR FROM price_data").rows()
    assert len(held) == len(bars)
    assert set(held) == bars
    for table in ("income_statements", "balance_sheets", "cash_flows"):
        rows = lake_both.sql(
            f"SELECT symbol, fiscal_date::VARCHAR, fiscal_period FROM {table} WHERE version = 1"
        )
        assert {(table, *row) for row in rows.rows()} == {s for s in statements if s[0] == table}
        assert rows.height == len(set(rows.rows()))


@pytest.mark.parametrize("files", slow_after(1, [20, 9]), ids=lambda n: f"{n} files")
def test_a_migration_that_was_cut_off_is_completed_by_the_next(
    lake: Lake, lake_2021: Lake, files: int
) -> None:
    """By symbol, committed symbols stay; the next run does the rest, to the end of an undisturbed run."""
    _cut_off_after(lake, CACHE_2021, files)
    part = fl.open(lake.path)
    committed = part.sql("SELECT DISTINCT symbol FROM price_data ORDER BY 1")["symbol"].to_list()
    assert committed == ["AAPL", "GOOG"][: (files - 1) // 11]
    report = part.migrate(CACHE_2021)
    assert report.files_migrated_before == 11 * len(committed)
    assert report.clean
    assert_same_content(_migrated(part), _migrated(lake_2021))


def test_a_migration_without_batches_commits_all_or_nothing(lake: Lake) -> None:
    """One batch that is cut off shows nothing of itself."""

    def progress(*, files_done: int, files_total: int, records: int, step: str = "") -> None:
        if files_done == files_total:
            raise _CutOff

    with pytest.raises(_CutOff):
        lake.migrate(CACHE_2021, progress=progress)
    assert all(rows.is_empty() for rows in content(fl.open(lake.path)).values())


def test_committing_by_symbol_gives_the_same_lake(lake: Lake, lake_2021: Lake) -> None:
    """Batches are a matter of safety: the content is the same, and they are one run to roll back."""
    lake.migrate(CACHE_2021, by_symbol=True)
    history = lake.history()
    assert [s.reason for s in history] == ["migrate AAPL", "migrate GOOG", "migrate GOOGL"]
    assert len({s.operation for s in history}) == 1
    assert_same_content(_migrated(lake), _migrated(lake_2021))
    assert lake.rollback().id == 4
    assert all(rows.is_empty() for rows in content(lake).values())


def test_progress_reports_every_file_and_the_commit(lake: Lake, cache: Path) -> None:
    """The counts rise by one to the total and the records to their number; then the batch is committed."""
    for i in range(4):
        Entry(f"S{i}", "price", [bar("2020-01-02"), bar("2020-01-03")]).write(cache)
    reports: list[dict[str, Any]] = []

    def progress(**state: Any) -> None:
        reports.append(state | {"snapshot": lake.refresh().snapshot.id})

    lake.migrate(cache, progress=progress)
    assert [t["files_done"] for t in reports] == [1, 2, 3, 4, 4, 4]
    assert {t["files_total"] for t in reports} == {4}
    assert [t["records"] for t in reports] == [2, 4, 6, 8, 8, 8]
    assert [t["step"] for t in reports] == ["reading"] * 4 + ["merging", "committing"]
    assert {t["snapshot"] for t in reports} == {0}  # readers see the batch after its last step


def test_some_symbols_alone_can_be_migrated(lake: Lake, cache: Path) -> None:
    """Only the named symbols are read; the others can follow later, to the same end."""
    for symbol in ("AAPL", "BRK-B", "GOOG"):
        Entry(symbol, "price", [bar("2020-01-02")]).write(cache)
    report = lake.migrate(cache, symbols=["goog", "BRK/B"])
    assert report.files == 2
    assert lake.sql("SELECT symbol FROM price_data ORDER BY 1").rows() == [("BRK-B",), ("GOOG",)]
    assert lake.validate(cache, symbols=["GOOG"]).clean
    assert lake.validate(cache).missing == 1
    assert lake.migrate(cache).files_migrated_before == 2
    assert lake.validate(cache).clean


@pytest.mark.parametrize("symbols", [["MSFT"], []], ids=str)
def test_symbols_that_the_cache_does_not_hold_are_an_error(lake: Lake, symbols: list[str]) -> None:
    """A mistyped symbol does not look like a migration that found nothing to do."""
    with pytest.raises(InvalidInput, match="no cache files"):
        lake.migrate(CACHE_2021, symbols=symbols)


def test_a_file_that_changed_since_is_read_again(lake: Lake, cache: Path) -> None:
    """A cache that lives on brings its new content; what it said before stays as a revision."""
    Entry("AAPL", "price", [bar("2020-01-02", 300.0)]).write(cache)
    lake.migrate(cache)
    Entry("AAPL", "price", [bar("2020-01-02", 301.0), bar("2020-01-03", 302.0)], cached_at=1620000000).write(
        cache
    )
    report = lake.migrate(cache)
    assert (report.records, report.files_migrated_before) == (2, 0)
    assert lake.sql("SELECT close_price FROM price_data ORDER BY date")["close_price"].to_list() == [
        301.0,
        302.0,
    ]
    assert lake.sql("SELECT close_price FROM price_revisions").rows() == [(300.0,)]


def test_a_file_that_vanishes_during_the_run_costs_itself_only(
    lake: Lake, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache in use loses and replaces files: a deleted one is reported, and the rest is migrated."""
    names = [Entry(symbol, "income", [income(symbol=symbol)]).write(cache) for symbol in ("A", "B", "C")]

    def list_and_lose(*arguments: Any) -> list[CacheFile]:
        files = scan(*arguments)
        (cache / names[1]).unlink()
        return files

    monkeypatch.setattr("factorlab_lake.ingest.legacy_cache.migrate.scan", list_and_lose)
    report = lake.migrate(cache)
    assert [path for path, _ in report.faults] == [names[1]]
    assert lake.sql("SELECT symbol FROM income_statements ORDER BY 1").rows() == [("A",), ("C",)]


def test_a_dead_link_in_the_cache_is_no_crash(lake: Lake, cache: Path) -> None:
    """A link that leads nowhere does not stop the run."""
    Entry("AAPL", "income", [income()]).write(cache)
    (cache / "income_statements" / "MSFT_income_statement_quarterly_limit20_v1.0.json.gz").symlink_to(
        "nowhere"
    )
    lake.migrate(cache)
    assert lake.sql("SELECT count(*) AS n FROM income_statements").item() == 1


def test_rolling_back_a_migration_and_doing_it_again(
    lake_2019: Lake, lake_both: Lake, tmp_path: Path
) -> None:
    """A rollback brings back the content before the run; the run afterwards gives the new one again."""
    lake = copy_of(lake_2019, tmp_path / "lake")
    before = content(lake)
    lake.migrate(CACHE_2021)
    after, migrated = content(lake), lake.snapshot.id
    assert lake.rollback() == lake.snapshot
    assert_same_content(content(lake), before)
    assert lake.migrate(CACHE_2021).files_migrated_before == 0
    assert_same_content(content(lake), after)
    assert_same_content(_migrated(lake), _migrated(lake_both))
    assert_keys_unique(lake)
    assert [s.id for s in lake.history()] == [1, 2, 3, 4, 5]
    assert_same_content(content(lake.at(migrated)), after)


def test_a_migration_adds_to_a_lake_that_holds_more(lake: Lake, cache: Path) -> None:
    """Rows loaded by hand and rows migrated live side by side, and neither takes the other away."""
    lake.load(
        "price_data",
        {
            "symbol": ["MSFT"],
            "date": ["2020-01-02"],
            "close_price": [160.62],
            "split_basis_date": ["2020-01-02"],
        },
    )
    Entry("AAPL", "price", [bar("2020-01-02", 75.0)]).write(cache)
    lake.migrate(cache)
    assert lake.sql("SELECT symbol, close_price FROM price_data ORDER BY 1").rows() == [
        ("AAPL", 75.0),
        ("MSFT", 160.62),
    ]


def test_a_lake_that_cannot_keep_file_lists_can_still_be_read(lake_2019: Lake, tmp_path: Path) -> None:
    """A reader of a folder it may not write to answers all the same."""
    lake = copy_of(lake_2019, tmp_path / "lake")
    shutil.rmtree(lake.path / "_lake" / "files")
    (lake.path / "_lake" / "files").mkdir(mode=0o555)
    tables = content(fl.open(lake.path, create=False))
    assert tables.keys() == TABLES.keys()
    assert_same_content(tables, content(lake_2019))
    assert os.access(lake.path, os.R_OK)


def test_an_inferred_split_is_no_record_of_the_cache(tmp_path: Path) -> None:
    """The second cache has 66 re-based bars and 20 new ones; the split that they show is a row of ours."""
    lake = fl.open(tmp_path / "lake")
    folders = sorted(
        p for p in (ROOT / "tests/field_cases/inputs/12_split_told_upside_down").iterdir() if p.is_dir()
    )
    reports = [lake.migrate(folder) for folder in folders]
    assert (reports[1].records, reports[1].new, reports[1].equal) == (
        86,
        {"price_data": 20, "price_revisions": 66, "splits": 1},
        0,
    )
