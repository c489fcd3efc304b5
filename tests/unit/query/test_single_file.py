"""Test that the single file shows the newest snapshot, whichever program wrote it before."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from tests.support import EARLIER, FETCHED, Entry, bar, copy_of, income, migrate


def _shown(lake: Lake) -> list[tuple[str, str]]:
    """Return the views of the lake's tables and of its snapshot, and the rows of derived tables it copied."""
    with duckdb.connect(str(lake.path / "lake.duckdb"), read_only=True) as con:
        views = con.execute("SELECT view_name, sql FROM duckdb_views()").fetchall()
        copies = con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        rows = [(name, str(con.execute(f"FROM {name} ORDER BY ALL").fetchall())) for (name,) in copies]
    result = sorted([(name, sql) for name, sql in views if name in {*TABLES, "lake_snapshot"}] + rows)
    assert [name for name, _ in result] == sorted([*TABLES, "lake_snapshot"])
    return result


def _from_scratch(lake: Lake) -> list[tuple[str, str]]:
    (lake.path / "lake.duckdb").unlink()
    lake.catalog()
    return _shown(lake)


def test_a_file_that_is_brought_up_to_date_equals_a_new_one(lake: Lake, tmp_path: Path) -> None:
    """Test that each change leaves the same views as writing the file from scratch, also a rollback."""
    changes = [
        Entry("AAPL", "price", [bar("2019-01-02", 157.0)], cached_at=EARLIER),
        Entry("AAPL", "price", [bar("2020-01-02", 300.0)], cached_at=FETCHED),
        Entry("AAPL", "income", [income()], cached_at=FETCHED),
    ]
    for change in changes:
        migrate(lake, tmp_path, change)
        result = _shown(lake)
        assert result == _from_scratch(lake)
    lake.rollback()
    assert _shown(lake) == _from_scratch(lake)


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(
    "damage",
    [
        "CREATE OR REPLACE VIEW lake_snapshot AS SELECT 1 AS id, $path AS path, 'x' AS functions_digest",
        "DROP VIEW lake_snapshot",
        "CREATE OR REPLACE VIEW lake_snapshot AS SELECT 99::BIGINT AS id, path, functions_digest FROM kept",
    ],
    ids=["of another program", "of no origin", "of a snapshot that is gone"],
)
def test_a_file_with_another_origin_is_replaced(lake: Lake, tmp_path: Path, damage: str) -> None:
    """Test that this program replaces all views, also those of tables that did not change."""
    migrate(lake, tmp_path, Entry("AAPL", "price", [bar("2019-01-02", 157.0)], cached_at=EARLIER))
    with duckdb.connect(str(lake.path / "lake.duckdb")) as con:
        con.execute("CREATE TABLE kept AS SELECT path, functions_digest FROM lake_snapshot")
        con.execute(damage.replace("$path", f"'{lake.path}'"))
        con.execute("CREATE OR REPLACE VIEW splits AS SELECT 'not this' AS symbol")
    migrate(lake, tmp_path, Entry("AAPL", "price", [bar("2019-01-03", 158.0)], cached_at=EARLIER))
    result = _shown(lake)
    assert not any("not this" in sql for _, sql in result)
    assert result == _from_scratch(lake)


def test_a_lake_that_was_moved_has_its_new_place_in_every_view(lake_2021: Lake, tmp_path: Path) -> None:
    """Test that `catalog` writes the new path into every view, although no table changed."""
    moved = copy_of(lake_2021, tmp_path / "moved")
    moved.catalog()
    assert not any(str(lake_2021.path) in sql for _, sql in _shown(moved))
    assert fl.open(moved.path).market_caps("AAPL", "2021-01-29")["market_cap"].item() is not None


def _files_read(lake: Lake, call: str) -> set[str]:
    """Return the partitions whose files a function of the single file opens."""
    with duckdb.connect(str(lake.path / "lake.duckdb"), read_only=True) as con:
        [(_, plan)] = con.execute(f"EXPLAIN (ANALYZE, FORMAT json) FROM {call}").fetchall()
    return set(re.findall(r"(\w+/(?:bucket|year)=\d+)/", plan))


def test_a_function_opens_only_the_files_of_the_symbols_and_years(lake_2021: Lake) -> None:
    """Test that files of other symbols and years stay closed: opening them took most of a short question."""
    arguments = "(['AAPL'], [DATE '2020-12-31'])"
    bucket = "fundamentals_history/bucket=0"
    assert _files_read(lake_2021, "fundamentals_history") > {bucket}
    assert _files_read(lake_2021, f"ttm{arguments}") == {bucket}
    read = _files_read(lake_2021, f"factors{arguments}")
    assert {name for name in read if name.startswith("price_data")} == {"price_data/year=2020"}
    assert bucket in read
