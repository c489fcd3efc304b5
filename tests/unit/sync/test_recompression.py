"""Test verification beside a program that rewrites bars by TRUNCATE, as TimescaleDB recompresses a chunk."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import psycopg
import pytest

from factorlab_lake.lake import Lake
from factorlab_lake.schema import table
from factorlab_lake.schema.spec import identifiers
from factorlab_lake.sync.postgres import hypertables
from factorlab_lake.sync.postgres.batch import PostgresBatch
from factorlab_lake.sync.protocol import ROW_HASH
from tests.unit.sync.comparing import by_hand

_STORED = identifiers([*table("price_data").names(), ROW_HASH])
# Triggers are off, because recompression fires none.
_REWRITE = f"""
SET LOCAL session_replication_role = replica;
CREATE TEMP TABLE moved ON COMMIT DROP AS SELECT {_STORED} FROM price_data;
TRUNCATE price_data;
INSERT INTO price_data ({_STORED}) TABLE moved
"""
_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'price_data'::regclass"


@pytest.mark.parametrize("deep", [False, True])
def test_a_verification_sees_all_rows_that_are_rewritten_at_the_same_time(
    small: Lake, database: str, monkeypatch: pytest.MonkeyPatch, *, deep: bool
) -> None:
    """It waits for the other program before it takes its snapshot; with an older one, no row is visible."""
    small.sync(database)
    monkeypatch.setattr(hypertables, "hypertables", lambda _: frozenset({"price_data"}))
    with ThreadPoolExecutor(1) as thread:
        with psycopg.connect(database) as other:
            other.execute(_REWRITE)
            verifying = thread.submit(small.sync, database, verify_deep=deep)
            end = time.monotonic() + 60
            while by_hand(database, _WAITING) == [(0,)] and time.monotonic() < end:
                time.sleep(0.02)
        assert verifying.result(timeout=60).clean


def test_rows_are_not_rewritten_while_a_batch_is_compared(
    small: Lake, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch has the lock from its first statement on, so its keys are complete when they are read."""
    small.sync(database)
    monkeypatch.setattr(hypertables, "hypertables", lambda _: frozenset({"price_data"}))
    by_hand(database, "UPDATE price_data SET close_price = 1 WHERE symbol = 'AAA'")
    read, refused = PostgresBatch.keys, []

    def beside_another(batch: PostgresBatch, *, from_values: bool = False) -> pl.DataFrame:
        with psycopg.connect(database, options="-c lock_timeout=100ms") as other:
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(_REWRITE)
            refused.append(batch.batch.name)
        return read(batch, from_values=from_values)

    monkeypatch.setattr(PostgresBatch, "keys", beside_another)
    assert small.sync(database, repair=True).clean
    assert refused == ["2018", "2019"]
