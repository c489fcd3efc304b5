"""Test a server with TimescaleDB, where daily bars are a hypertable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from factorlab_lake.lake import Lake
from factorlab_lake.sync import engine
from tests.contracts.pair import both, method_call
from tests.support import LATER, Entry, arrive, bar
from tests.unit.sync.comparing import assert_equal, by_hand
from tests.unit.sync.timescale_server import timescale_database


@pytest.fixture
def timescale() -> Iterator[str]:
    """Yield the address of an empty database that has the extension."""
    with timescale_database() as url:
        yield url


def test_bars_are_a_hypertable_of_years_and_accept_deltas_when_compressed(
    small: Lake, timescale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks are yearly, and compressed if the licence allows it; corrections work, and the key stays."""
    monkeypatch.setattr(engine, "_LARGE_ROWS", 1)
    assert small.sync(timescale, verify_deep=True).clean
    chunks = by_hand(timescale, "SELECT count(*) FROM show_chunks('price_data')")
    assert chunks == [(2,)]
    assert by_hand(timescale, "SELECT conname::text FROM pg_constraint WHERE conname = 'price_data_pkey'")
    if by_hand(timescale, "SHOW timescaledb.license") != [("apache",)]:
        by_hand(timescale, "SELECT compress_chunk(c) FROM show_chunks('price_data') c")
    arrive(small, tmp_path, Entry("AAA", "price", [bar("2018-01-03", 7.0)], cached_at=LATER))
    assert small.sync(timescale, verify_deep=True).clean
    assert_equal(small, timescale)


@pytest.mark.slow
def test_a_dropped_column_comes_back_in_compressed_chunks(
    small: Lake, timescale: str, tmp_path: Path
) -> None:
    """TimescaleDB can add a column to compressed chunks, and upserts send its values."""
    bars = [{**bar("2018-01-03", 100.0), "vwap": 3.5}]
    arrive(small, tmp_path, Entry("AAA", "price", bars, cached_at=LATER))
    assert small.sync(timescale).clean
    by_hand(timescale, "SELECT compress_chunk(c, true) FROM show_chunks('price_data') c")
    by_hand(timescale, "ALTER TABLE price_data DROP COLUMN vwap CASCADE")
    report = small.sync(timescale)
    assert (report.clean, report.sent) == (True, 1)
    assert small.sync(timescale, verify_deep=True).clean
    assert_equal(small, timescale)


@pytest.mark.slow
def test_a_change_by_another_program_is_found_in_a_hypertable(small: Lake, timescale: str) -> None:
    """Every chunk has the trigger."""
    small.sync(timescale)
    by_hand(timescale, "UPDATE price_data SET close_price = 1 WHERE symbol = 'AAA'")
    assert not small.sync(timescale).clean
    assert small.sync(timescale, repair=True).clean
    assert_equal(small, timescale)


@pytest.mark.slow
def test_queries_return_the_rows_of_the_lake(lake_2021: Lake, timescale: str) -> None:
    """Market caps around a split, sums and factors from a hypertable are the same rows."""
    dates = ["2019-12-31", "2020-08-28", "2020-08-31", "2021-03-31"]
    with both(lake_2021, timescale) as pair:
        for method in ("market_caps", "ttm", "factors"):
            assert pair.ask(method_call(method, ["AAPL", "GOOGL", "NONE"], dates)).height == 12
        assert pair.ask(method_call("prices", "AAPL", "2020-01-01", "2020-12-31", adjusted=True)).height > 200
