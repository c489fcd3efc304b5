"""On a server with TimescaleDB, named by ``FACTORLAB_TEST_TIMESCALE_DSN``; no wheel brings one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from factorlab_lake.store import Lake
from tests.support import LATER, Entry, arrive, bar
from tests.sync.comparing import assert_equal, by_hand
from tests.sync.postgres_server import Server

_DSN = os.environ.get("FACTORLAB_TEST_TIMESCALE_DSN", "")
pytestmark = pytest.mark.skipif(
    not _DSN, reason="FACTORLAB_TEST_TIMESCALE_DSN names no server with TimescaleDB"
)


@pytest.fixture
def timescale() -> Iterator[str]:
    """The address of an empty database that has the extension."""
    with Server(_DSN).database() as url:
        by_hand(url, "CREATE EXTENSION IF NOT EXISTS timescaledb")
        yield url


def test_bars_are_a_hypertable_of_years_and_take_deltas_when_compressed(
    small: Lake, timescale: str, tmp_path: Path
) -> None:
    """Yearly chunks, compressed where the licence allows, into which corrections still go."""
    assert small.sync(timescale, verify_deep=True).clean
    chunks = by_hand(timescale, "SELECT count(*) FROM show_chunks('price_data')")
    assert chunks == [(2,)]
    if by_hand(timescale, "SHOW timescaledb.license") != [("apache",)]:
        by_hand(timescale, "SELECT compress_chunk(c) FROM show_chunks('price_data') c")
    arrive(small, tmp_path, Entry("AAA", "price", [bar("2018-01-03", 7.0)], cached_at=LATER))
    assert small.sync(timescale, verify_deep=True).clean
    assert_equal(small, timescale)


def test_an_edit_by_hand_is_found_in_a_hypertable_too(small: Lake, timescale: str) -> None:
    """The trigger is there on every chunk."""
    small.sync(timescale)
    by_hand(timescale, "UPDATE price_data SET close_price = 1 WHERE symbol = 'AAA'")
    assert not small.sync(timescale).clean
    assert small.sync(timescale, repair=True).clean
    assert_equal(small, timescale)
