from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.schema import table
from factorlab_lake.storage import transaction
from factorlab_lake.storage.transaction import MAX_FILES_PER_PARTITION
from tests.support import SPLITS, assert_same_content, content, copy_of, table_rows, writing


def _bars(*rows: tuple[str, str, float]) -> pl.DataFrame:
    return table_rows(
        "price_data",
        [
            {"symbol": s, "date": date.fromisoformat(d), "close_price": c, "year": int(d[:4])}
            for s, d, c in rows
        ],
    )


def _splits(*symbols: str) -> pl.DataFrame:
    return table_rows("splits", [{"symbol": s, "date": date(2020, 1, 1), "numerator": 2.0} for s in symbols])


def _closes(lake: Lake) -> list[tuple[object, ...]]:
    return lake.sql("SELECT symbol, date::VARCHAR, close_price FROM price_data ORDER BY ALL").rows()


def test_an_append_leaves_existing_rows(lake: Lake) -> None:
    """An append adds its rows and changes no others."""
    with writing(lake) as tx:
        tx.append("price_data", _bars(("A", "2020-01-02", 1.0), ("A", "2021-01-04", 2.0)))
    with writing(lake) as tx:
        tx.append("price_data", _bars(("B", "2020-01-02", 3.0)))
    expected = [("A", "2020-01-02", 1.0), ("A", "2021-01-04", 2.0), ("B", "2020-01-02", 3.0)]
    assert _closes(lake.refresh()) == expected


def test_an_append_of_many_partitions_is_written_in_parts(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is a version of the table; readers see all of them or none, and no row twice."""
    monkeypatch.setattr(transaction, "COLUMNS_WRITTEN_AT_A_TIME", 2 * len(table("price_data").columns))
    rows = [("A", f"{year}-01-04", float(year)) for year in range(2018, 2023)]
    with writing(lake) as tx:
        tx.append("price_data", _bars(*rows))
    assert _closes(lake.refresh()) == rows
    assert lake.snapshot.tables["price_data"] == 3
    with pytest.raises(KeyboardInterrupt):
        _append_and_stop(lake, _bars(*(("B", day, close) for _, day, close in rows)))
    assert _closes(fl.open(lake.path)) == rows


def _append_and_stop(lake: Lake, bars: pl.DataFrame) -> None:
    with writing(lake) as tx:
        tx.append("price_data", bars)
        raise KeyboardInterrupt


def test_replacing_one_partition_leaves_the_others_untouched(lake: Lake) -> None:
    """Replace changes only the files of the given year."""
    with writing(lake) as tx:
        tx.append(
            "price_data", _bars(("A", "2019-01-02", 1.0), ("A", "2020-01-02", 2.0), ("B", "2020-01-02", 3.0))
        )
    others = {f: f.stat().st_mtime_ns for f in (lake.path / "price_data" / "year=2019").iterdir()}
    with writing(lake) as tx:
        tx.replace("price_data", _bars(("A", "2020-01-02", 9.0)), [2020])
    assert _closes(lake.refresh()) == [("A", "2019-01-02", 1.0), ("A", "2020-01-02", 9.0)]
    assert {f: f.stat().st_mtime_ns for f in (lake.path / "price_data" / "year=2019").iterdir()} == others


def test_replacing_an_unpartitioned_table_replaces_all_its_rows(lake: Lake) -> None:
    """A table without partitions is replaced as a whole."""
    with writing(lake) as tx:
        tx.append("splits", _splits("A", "B"))
    with writing(lake) as tx:
        tx.replace("splits", _splits("C"), [])
    assert lake.refresh().sql("SELECT symbol FROM splits").rows() == [("C",)]


def test_a_transaction_sees_its_own_changes_and_readers_do_not(lake: Lake) -> None:
    """Reads in the transaction include its changes; a lake opened meanwhile shows the old content."""
    with writing(lake) as tx:
        tx.append("splits", _splits("A"))
        assert tx.read("splits")["symbol"].to_list() == ["A"]
        assert fl.open(lake.path).sql("SELECT * FROM splits").is_empty()
    assert fl.open(lake.path).sql("SELECT symbol FROM splits").rows() == [("A",)]


def test_a_read_in_a_transaction_returns_only_the_given_symbols_and_partitions(lake: Lake) -> None:
    """A read limited to symbols and partitions returns exactly their rows."""
    with writing(lake) as tx:
        tx.append(
            "price_data", _bars(("A", "2019-01-02", 1.0), ("B", "2019-01-02", 2.0), ("A", "2020-01-02", 3.0))
        )
        rows = tx.read("price_data", symbols=pl.Series(["A", "Z"]), partitions=[2019, 1999])
        assert rows.select("symbol", "close_price", "year").rows() == [("A", 1.0, 2019)]


def test_a_transaction_that_raises_changes_nothing_in_any_table(lake_both: Lake, tmp_path: Path) -> None:
    """An exception undoes appends, replacements and a new table, for later readers and writers."""
    lake = copy_of(lake_both, tmp_path / "lake")
    before, snapshot = content(lake), lake.snapshot

    def fail_midway() -> None:
        with writing(lake) as tx:
            tx.append("splits", _splits("NEW"))
            tx.append("price_data", _bars(("AAPL", "2030-01-02", 1.0)))
            tx.replace("income_statements", tx.read("income_statements").clear(), [2019, 2020])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_midway()
    assert fl.open(lake.path).snapshot == snapshot
    assert_same_content(content(fl.open(lake.path)), before)
    with writing(lake) as tx:
        tx.append("splits", _splits("LAST"))
    after = content(lake.refresh())
    added = set(after.pop("splits")["symbol"]) - set(before.pop("splits")["symbol"])
    assert added == {"LAST"}
    assert_same_content(after, before)


def test_an_empty_transaction_takes_no_snapshot(lake: Lake) -> None:
    """A transaction that writes nothing commits no snapshot."""
    with writing(lake) as tx:
        tx.append("splits", _splits())
    assert fl.open(lake.path).history() == []


def test_a_failed_transaction_leaves_no_trace_in_the_history(lake: Lake) -> None:
    """Loading existing rows commits no snapshot, even right after a failed transaction."""

    def fail() -> None:
        with writing(lake) as tx:
            tx.append("splits", _splits("A"))
            tx.append("dividends", table_rows("dividends", [{"symbol": "A", "date": date(2020, 1, 1)}]))
            raise KeyboardInterrupt

    lake.load("splits", SPLITS)
    with pytest.raises(KeyboardInterrupt):
        fail()
    lake.load("splits", SPLITS)
    assert [s.id for s in lake.history()] == [1]


def test_a_failed_transaction_is_undone_in_the_delta_tables_too(lake: Lake) -> None:
    """A program that reads the Delta tables directly does not see undone rows."""

    def fail() -> None:
        with writing(lake) as tx:
            tx.append("splits", _splits("A"))
            tx.append("price_data", _bars(("A", "2020-01-02", 1.0)))
            raise KeyboardInterrupt

    lake.load("splits", SPLITS)
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert DeltaTable(lake.path / "splits").to_pyarrow_table().num_rows == 4
    assert DeltaTable(lake.path / "price_data").to_pyarrow_table().num_rows == 0


def test_many_appends_leave_few_files_and_all_rows(lake: Lake) -> None:
    """A partition with more than eight files is rewritten as one sorted file with every row."""
    rows = [
        (f"S{i % 5}", f"2020-01-{i % 28 + 1:02}", float(i)) for i in range(MAX_FILES_PER_PARTITION * 2 + 2)
    ]
    for row in rows:
        with writing(lake) as tx:
            tx.append("price_data", _bars(row))
            tx.append("splits", _splits(row[0]))
    status = dict(lake.refresh().status().select("table", "files").rows())
    assert 1 <= status["price_data"] <= MAX_FILES_PER_PARTITION
    assert 1 <= status["splits"] <= MAX_FILES_PER_PARTITION
    assert _closes(lake) == sorted(rows)
    assert lake.sql("SELECT count(*) AS n FROM splits").item() == len(rows)


def test_compaction_leaves_partitions_with_few_files_alone(lake: Lake) -> None:
    """A year without new rows is not rewritten when another year has many files."""
    with writing(lake) as tx:
        tx.append("price_data", _bars(("A", "2019-01-02", 1.0)))
    [old] = (lake.path / "price_data" / "year=2019").iterdir()
    for i in range(MAX_FILES_PER_PARTITION + 1):
        with writing(lake) as tx:
            tx.append("price_data", _bars(("A", f"2020-01-{i + 1:02}", 2.0)))
    assert list((lake.path / "price_data" / "year=2019").iterdir()) == [old]
    assert lake.refresh().sql("SELECT count(*) AS n FROM price_data").item() == MAX_FILES_PER_PARTITION + 2


def test_a_reader_keeps_its_snapshot_through_later_writes_and_compaction(lake: Lake) -> None:
    """An open lake returns the rows of its snapshot until refresh, whatever others write meanwhile."""
    with writing(lake) as tx:
        tx.append("price_data", _bars(("A", "2020-01-01", 0.5)))
    reader, fresh_reader = fl.open(lake.path), fl.open(lake.path)
    first = _closes(reader)
    for i in range(MAX_FILES_PER_PARTITION + 1):
        with writing(lake) as tx:
            tx.append("price_data", _bars(("A", f"2020-01-{i + 2:02}", 2.0)))
    assert _closes(reader) == first
    assert _closes(fresh_reader) == first  # its first query
    assert len(_closes(reader.refresh())) == MAX_FILES_PER_PARTITION + 2


def test_each_snapshot_can_be_rolled_back_to(lake: Lake) -> None:
    """A rollback to any id, in any order, restores its content; the history only grows."""
    for symbol in ("A", "B", "C"):
        with writing(lake) as tx:
            tx.append("price_data", _bars((symbol, "2020-01-02", 1.0)))
    for to, symbols in ((1, ["A"]), (3, ["A", "B", "C"]), (0, []), (2, ["A", "B"])):
        lake.rollback(to)
        assert lake.sql("SELECT symbol FROM price_data ORDER BY symbol")["symbol"].to_list() == symbols
    assert [s.id for s in lake.history()] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("table", ["price_data", "splits"])
def test_rolling_back_to_the_empty_lake_twice_is_no_error(lake: Lake, table: str) -> None:
    """A rollback can empty an empty table again, partitioned or not."""
    with writing(lake) as tx:
        tx.append(table, _bars(("A", "2020-01-02", 1.0)) if table == "price_data" else _splits("A"))
    lake.rollback(0)
    lake.rollback(0)
    assert lake.sql(f"SELECT * FROM {table}").is_empty()


def test_a_rollback_can_be_rolled_back(lake: Lake) -> None:
    """A rollback is itself a run that can be rolled back."""
    lake.load("splits", SPLITS)
    before = content(lake)
    lake.rollback()
    assert lake.sql("SELECT * FROM splits").is_empty()
    lake.rollback()
    assert_same_content(content(lake), before)
