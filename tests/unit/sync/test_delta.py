from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.storage.transaction import Transaction
from factorlab_lake.sync.sync_report import SyncReport
from tests.support import LATER, Entry, arrive, bar, copy_of, income, writing
from tests.unit.sync.comparing import assert_equal, by_hand

_HISTORIES = ("fundamentals_history", "quarter_history", "share_count_history")


def _sent(report: SyncReport) -> dict[str, tuple[int, int]]:
    """Return the rows sent and deleted by table, without those of the fetch log."""
    assert report.clean, report.findings
    counts = {t.table: (t.sent, t.removed) for t in report.tables if t.sent or t.removed}
    counts.pop("data_fetch_log", None)
    return counts


def _rewrite(lake: Lake, table: str, partition: int, change: pl.Expr | None = None) -> None:
    """Replace a partition by its own rows, changed or not, as a compaction does."""
    with writing(lake) as tx:
        rows: pl.DataFrame = tx.read(table, partitions=[partition])
        tx.replace(table, rows if change is None else rows.with_columns(change), [partition])
    lake.refresh()


def test_only_new_bars_are_sent(small: Lake, database: str, tmp_path: Path) -> None:
    """After a fetch of a history whose last day is new, the sync sends that day."""
    small.sync(database)
    days = [bar(f"2019-01-{day:02}", 101.0 + day) for day in (2, 3, 4, 7)]
    arrive(small, tmp_path, Entry("AAA", "price", days, cached_at=LATER))
    assert _sent(small.sync(database))["price_data"][0] <= 4
    assert_equal(small, database)


def test_a_restatement_is_sent_as_one_more_version(small: Lake, database: str, tmp_path: Path) -> None:
    """The sync sends the new version and the symbol's derived rows, by vintage; the earlier version stays."""
    small.sync(database)
    restated = income("2018-12-31", "Q4", symbol="AAA", revenue=1.0, acceptedDate="2021-05-01 10:00:00")
    arrive(small, tmp_path, Entry("AAA", "income", [restated], cached_at=LATER))
    assert _sent(small.sync(database)) == {"income_statements": (1, 0), **dict.fromkeys(_HISTORIES, (4, 0))}
    assert_equal(small, database)


def test_a_rollback_is_applied_to_the_target(small: Lake, database: str, tmp_path: Path) -> None:
    """Rows that the lake no longer has are deleted, corrected rows get their old values, others stay."""
    small.sync(database)
    newer = [bar("2019-01-04", 55.0), bar("2019-01-07", 56.0)]
    restated = income("2018-12-31", "Q4", symbol="AAA", revenue=1.0, acceptedDate="2021-05-01 10:00:00")
    small_before = small.snapshot.id
    arrive(
        small,
        tmp_path,
        Entry("AAA", "price", newer, cached_at=LATER),
        Entry("AAA", "income", [restated], cached_at=LATER),
    )
    assert _sent(small.sync(database))["price_data"] == (2, 0)
    assert_equal(small, database)
    small.rollback(small_before)
    sent = _sent(small.sync(database, verify_deep=True))
    expected = {"price_data": (1, 1), "income_statements": (0, 1), "price_revisions": (0, 1)}
    assert sent == expected | dict.fromkeys(_HISTORIES, (1, 3))
    assert_equal(small, database)


def test_rewritten_files_send_nothing(small: Lake, database: str) -> None:
    """A compaction writes new files with the same rows: the ledger changes, and no row is sent."""
    small.sync(database)
    _rewrite(small, "price_data", 2018)
    _rewrite(small, "income_statements", 2020)
    assert small.sync(database, verify_deep=True).sent == 0


@pytest.mark.parametrize("vacuumed", [False, True], ids=["old files there", "old files gone"])
def test_a_correction_in_a_rewritten_year_sends_its_row(
    small: Lake, database: str, *, vacuumed: bool
) -> None:
    """One changed bar of six is one row sent, whether the lake's files or the target show the difference."""
    small.sync(database)
    old = sorted((small.path / "price_data").rglob("*.parquet"))
    _rewrite(
        small,
        "price_data",
        2018,
        pl.when(_is("AAA", 3)).then(7.0).otherwise("close_price").alias("close_price"),
    )
    if vacuumed:
        for file in old:
            if "year=2018" in str(file):
                file.unlink()
        shutil.rmtree(small.path / "_lake" / "digests")
    assert _sent(small.sync(database)) == {"price_data": (1, 0)}
    assert_equal(small, database)


def test_a_row_that_moves_to_another_year_exists_once(small: Lake, database: str) -> None:
    """The fiscal year is not part of the key: a relabelled row moves from one batch to another."""
    small.sync(database)
    with writing(small) as tx:
        _relabel(tx, 2019)
    small.refresh()
    assert small.sync(database, verify_deep=True).clean
    assert_equal(small, database)
    with writing(small) as tx:
        _relabel(tx, 2021)
    small.refresh()
    assert small.sync(database, verify_deep=True).clean
    assert_equal(small, database)


def _relabel(tx: Transaction, year: int) -> None:
    rows = tx.read("income_statements")
    assert rows.height == 2
    before = rows["fiscal_year"][0]
    tx.replace("income_statements", rows.clear(), [before])
    tx.append("income_statements", rows.with_columns(fiscal_year=pl.lit(year, pl.Int32)))


def _is(symbol: str, day: int) -> pl.Expr:
    return (pl.col("symbol") == symbol) & (pl.col("date").dt.day() == day)


def test_a_lake_that_is_older_than_its_target_is_refused(small: Lake, database: str, tmp_path: Path) -> None:
    """An old copy of the lake changes a newer target only with `repair`."""
    backup = copy_of(small, tmp_path / "backup")
    arrive(small, tmp_path, Entry("AAA", "price", [bar("2019-01-07", 1.0)], cached_at=LATER))
    small.sync(database)
    with pytest.raises(InvalidInput, match="restored from a backup"):
        backup.sync(database)
    assert backup.sync(database, repair=True).clean
    assert_equal(backup, database)


def test_a_repair_from_a_copy_that_went_on_by_itself_sends_its_differences(
    small: Lake, database: str, tmp_path: Path
) -> None:
    """Snapshots of one number differ by their digests; a repair makes the target equal to this copy."""
    backup = copy_of(small, tmp_path / "backup")
    arrive(small, tmp_path, Entry("AAA", "price", [bar("2019-01-07", 1.0)], cached_at=LATER))
    small.sync(database)
    (tmp_path / "b").mkdir()
    arrive(backup, tmp_path / "b", Entry("BBB", "price", [bar("2019-01-08", 2.0)], cached_at=LATER))
    assert backup.snapshot.id == small.snapshot.id
    with pytest.raises(InvalidInput, match="another copy"):
        backup.sync(database)
    assert backup.sync(database, verify_deep=True, repair=True).clean
    assert_equal(backup, database)


def test_a_lake_pinned_to_a_snapshot_is_not_synced(small: Lake, database: str) -> None:
    """A target follows the newest snapshot; an older one would undo later changes."""
    with pytest.raises(InvalidInput, match="pinned to snapshot 1"):
        small.at(1).sync(database)


def test_every_batch_has_a_ledger_line(small: Lake, database: str) -> None:
    """The ledger has one line per change: table, batch, snapshot, rows and digest."""
    small.sync(database)
    _rewrite(small, "price_data", 2018, pl.col("close_price") + 1)
    small.sync(database)
    lines = by_hand(
        database,
        "SELECT batch, snapshot, row_count, rows_sent FROM factorlab_lake_ledger "
        "WHERE table_name = 'price_data' ORDER BY batch, snapshot",
    )
    assert lines == [("2018", 1, 6, 6), ("2018", 2, 6, 6), ("2019", 1, 6, 6)]
