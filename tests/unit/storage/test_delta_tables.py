from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import LakeDamaged
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES, identifiers
from factorlab_lake.storage import delta

_SAMPLED = [
    "income_statements",
    "balance_sheets",
    "cash_flows",
    "price_data",
    "price_revisions",
    "data_fetch_log",
]


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(sorted(rows.columns)).sort(sorted(rows.columns), nulls_last=True)


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("name", _SAMPLED)
def test_a_table_reads_the_same_through_the_delta_library_alone(lake_both: Lake, name: str) -> None:
    """Another program that opens the folder as a Delta table reads the same rows as the lake."""
    rows = lake_both.sql(f"SELECT {identifiers(TABLES[name].names())} FROM {name}")
    opened = DeltaTable(lake_both.path / name)
    assert opened.version() == lake_both.snapshot.tables[name]
    arrow = opened.to_pyarrow_table()
    assert rows.height > 0
    assert set(arrow.column_names) == set(TABLES[name].names())
    frame = pl.DataFrame(pl.from_arrow(arrow))
    assert_frame_equal(_sorted(frame.cast(rows.schema)), _sorted(rows), check_exact=True)


def test_the_folder_describes_itself(lake_both: Lake) -> None:
    """The Delta log of a table has its name, description, partitions and the reason of the last change."""
    opened = DeltaTable(lake_both.path / "price_data")
    assert opened.metadata().name == "price_data"
    assert opened.metadata().description == TABLES["price_data"].doc
    assert opened.metadata().partition_columns == ["year"]
    assert "migrate" in str(opened.history(1)[0])


def test_the_place_of_the_lake_is_in_none_of_its_references(lake_both: Lake) -> None:
    """Logs, snapshots and file lists have relative paths, so a lake can be moved and shared."""
    for log in lake_both.path.rglob("_delta_log/*.json"):
        actions = [json.loads(line) for line in log.read_text().splitlines()]
        paths = [a[kind]["path"] for a in actions for kind in ("add", "remove") if kind in a]
        assert [p for p in paths if p.startswith("/") or ":" in p or not (log.parents[1] / p).exists()] == []
    own = [f.read_text() for f in (lake_both.path / "_lake").rglob("*.json")]
    assert own
    assert not any(str(lake_both.path) in text for text in own)


def test_the_status_counts_what_is_stored(lake_both: Lake) -> None:
    """The status has the numbers of rows that queries return and of bytes on disk."""
    for name, rows, files, size, version in lake_both.status().rows():
        assert rows == lake_both.sql(f"SELECT count(*) AS n FROM {name}").item()
        assert (version is None) == (name not in lake_both.snapshot.tables)
        if version is not None:
            uris = DeltaTable(lake_both.path / name, version=version).file_uris()
            assert files == len(uris)
            assert size == sum(
                (lake_both.path / name / uri.split(f"/{name}/")[1]).stat().st_size for uri in uris
            )


def test_rows_lie_sorted_by_symbol_and_date(lake_2021: Lake) -> None:
    """Bars are sorted by symbol and date within a file, so reading a range is cheap."""
    for file in DeltaTable(lake_2021.path / "price_data").file_uris():
        rows = pl.read_parquet(
            file.removeprefix("file://"), columns=["symbol", "date"], hive_partitioning=False
        )
        assert rows.rows() == sorted(rows.rows())


def _bar(day: int) -> pl.DataFrame:
    row = {"symbol": ["AAA"], "date": [date(2021, 1, day)], "close_price": [10.0]}
    return pl.DataFrame(row).with_columns(split_basis_date="date")


def _append_by_another_process(lake: Lake, day: int) -> None:
    """Load a bar in a process of its own."""
    code = (
        "import sys, polars, factorlab_lake as fl; "
        "fl.open(sys.argv[1]).load('price_data', polars.read_json(sys.argv[2]).with_columns("
        "polars.col('date', 'split_basis_date').str.to_date()))"
    )
    rows = lake.path.parent / "bar.json"
    _bar(day).write_json(rows)
    subprocess.run([sys.executable, "-c", code, str(lake.path), str(rows)], check=True)


def test_a_second_commit_opens_no_delta_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process reads a table's log once, however often it commits; other programs see each version."""
    lake = fl.open(tmp_path / "lake")
    lake.load("price_data", _bar(4))
    with monkeypatch.context() as patched:
        patched.setattr(delta, "DeltaTable", None)
        lake.load("price_data", _bar(5))
    assert lake.status().filter(table="price_data")["rows"].item() == 2
    assert DeltaTable(lake.path / "price_data").version() == lake.snapshot.tables["price_data"]


def test_a_commit_of_another_process_is_read_from_the_log(tmp_path: Path) -> None:
    """A process that commits after another one adds to its rows."""
    lake = fl.open(tmp_path / "lake")
    lake.load("price_data", _bar(4))
    _append_by_another_process(lake, 5)
    lake.load("price_data", _bar(6))
    days = lake.sql("SELECT day(date) AS day FROM price_data ORDER BY date")["day"].to_list()
    assert days == [4, 5, 6]


def test_a_log_that_changed_since_the_last_commit_is_read_again(tmp_path: Path) -> None:
    """A log entry that lost a line after a commit of this process stops the next commit."""
    lake = fl.open(tmp_path / "lake")
    lake.load("price_data", _bar(4))
    entry = lake.path / "price_data" / "_delta_log" / f"{lake.snapshot.tables['price_data']:020d}.json"
    lines = entry.read_text().splitlines(keepends=True)
    entry.write_text("".join(line for line in lines if '"add"' not in line))
    with pytest.raises(LakeDamaged, match="lost the file"):
        lake.load("price_data", _bar(5))
