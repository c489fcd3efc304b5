from __future__ import annotations

import os
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.query import statistics
from factorlab_lake.settings.models import settings
from tests.unit.quality.planted_faults import bars, plant

_FILE = "_lake/query_statistics.jsonl"


@pytest.fixture
def counted(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Create a lake of one symbol with query statistics switched on."""
    plant(lake, {"price_data": bars("SECRETIVE")})
    monkeypatch.setenv("FACTORLAB_QUERY_STATISTICS", "true")
    settings.cache_clear()
    return fl.open(lake.path)


@pytest.fixture(autouse=True)
def _fresh_settings() -> None:
    settings.cache_clear()


def test_queries_are_counted_by_their_tables(counted: Lake) -> None:
    """Queries, rows and time are counted by the tables and functions that a query names."""
    counted.prices("SECRETIVE")
    counted.prices("SECRETIVE", "2020-01-06", "2020-01-07")
    counted.sql("SELECT count(*) AS n FROM splits JOIN price_data USING (symbol)")
    by_tables = {row["asked"]: row for row in counted.query_statistics().iter_rows(named=True)}
    assert {tables: (row["questions"], row["rows"]) for tables, row in by_tables.items()} == {
        "company_profiles, price_data": (2, 62),  # the currency of a bar is in the profile
        "price_data, splits": (1, 1),
    }
    assert all(0 < row["median_ms"] <= row["longest_ms"] <= row["total_ms"] for row in by_tables.values())


def test_a_failed_query_is_counted_as_failed(counted: Lake) -> None:
    """A failure is counted, and the error is still raised."""
    with pytest.raises(InvalidInput):
        counted.sql("SELECT no_such_column FROM splits")
    [row] = counted.query_statistics().rows(named=True)
    assert (row["asked"], row["questions"], row["failed"], row["rows"]) == ("splits", 1, 1, 0)


def test_no_value_is_stored(counted: Lake) -> None:
    """The file contains no symbol, date, literal or user-defined name."""
    counted.prices("SECRETIVE", "2020-01-06", "2020-01-07")
    counted.sql(
        "SELECT 'splits of SECRETIVE' AS my_own_name, 424242 FROM dividends WHERE symbol = $s", s="SECRETIVE"
    )
    text = (counted.path / _FILE).read_text()
    assert text.count("\n") == 2
    for value in ("SECRETIVE", "2020-01-0", "424242", "my_own_name", "splits"):
        assert value not in text


def test_nothing_is_stored_without_the_setting(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting, or with it off, there is no file, and the statistics are empty."""
    lake.sql("FROM splits")
    monkeypatch.setenv("FACTORLAB_QUERY_STATISTICS", "false")
    fl.open(lake.path).sql("FROM splits")
    assert not (lake.path / _FILE).exists()
    assert lake.query_statistics().is_empty()
    assert "median_ms" in lake.query_statistics().columns


def test_a_truncated_line_is_skipped(counted: Lake) -> None:
    """A line that a full disk truncated does not damage other lines."""
    counted.sql("FROM splits")
    with (counted.path / _FILE).open("a") as file:
        file.write('{"at": "2026-')
    assert counted.query_statistics()["questions"].to_list() == [1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_lake_answers_without_statistics(counted: Lake) -> None:
    """A lake that cannot be written still answers queries."""
    folder = Path(counted.path / "_lake")
    folder.chmod(0o500)
    try:
        assert counted.prices("SECRETIVE").height == 60
    finally:
        folder.chmod(0o700)


def test_the_files_stay_small_and_keep_the_newest_queries(
    counted: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full file replaces the older one, so the newest entries are always there."""
    monkeypatch.setattr(statistics, "_FILE_BYTES", 1000)
    for _ in range(20):
        counted.sql("SELECT 1 FROM splits")
        counted.sql("SELECT 1 FROM dividends")
        sizes = [path.stat().st_size for path in counted.path.glob("_lake/query_statistics*")]
        assert len(sizes) <= 2
        assert max(sizes) < 1200
        assert counted.query_statistics()["questions"].sum() == statistics.recorded(counted._layout).height
    noted = statistics.recorded(counted._layout)
    assert 5 < noted.height < 40
    assert noted["asked"].to_list()[-2:] == [["splits"], ["dividends"]]


def test_an_answer_does_not_depend_on_the_statistics(counted: Lake) -> None:
    """If the statistics cannot be written, for example on a full disk, queries still return their answer."""
    (counted.path / _FILE).mkdir()
    assert counted.prices("SECRETIVE").height == 60
