"""Test that a sync which is cut off after any number of bytes loses nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from factorlab_lake.errors import LakeDamaged, TargetFailed
from factorlab_lake.lake import Lake
from factorlab_lake.schema import table
from factorlab_lake.storage import layout as layouts
from factorlab_lake.sync import digests, engine
from factorlab_lake.sync.digests import LakeSide
from factorlab_lake.sync.postgres.target import open_target
from factorlab_lake.sync.protocol import Batch
from tests.support import ROOT, copy_of, slow_after
from tests.unit.sync.comparing import assert_equal, by_hand, consistent
from tests.unit.sync.postgres_server import Server
from tests.unit.sync.proxy import way_to

_SYNC = """
import sys, factorlab_lake as fl
from factorlab_lake.sync import digests, engine
digests._ROWS_AT_A_TIME, engine._LARGE_ROWS = 100, 1
fl.open(sys.argv[1]).sync(sys.argv[2])
"""
_SHARES = [
    random.Random(20_210_331).random() for _ in range(6)
]  # share of the bytes that a complete sync sends


@pytest.fixture(scope="module")
def whole(lake_2021: Lake, postgres: Server) -> int:
    """Return the number of bytes that a first sync sends."""
    with postgres.database() as url, way_to(url) as way:
        lake_2021.sync(way.url)
        return way.sent


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send tables in several parts, and treat every table as large."""
    monkeypatch.setattr(digests, "_ROWS_AT_A_TIME", 100)
    monkeypatch.setattr(engine, "_LARGE_ROWS", 1)


@pytest.mark.first_cases(1)
@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("share", slow_after(2, _SHARES))
def test_a_connection_lost_during_copy_is_survived(
    lake_2021: Lake, database: str, whole: int, share: float, tmp_path: Path
) -> None:
    """The sync raises one error, every batch is complete or absent, and the next sync completes the work."""
    lake = copy_of(lake_2021, tmp_path / "lake")
    with way_to(database) as way:
        way.most = whole * share
        with pytest.raises(TargetFailed, match="sync again to continue"):
            lake.sync(way.url)
    assert consistent(database)
    assert lake.sync(database, verify_deep=True).clean
    assert_equal(lake, database)


@pytest.mark.parametrize("share", slow_after(1, _SHARES[:3]))
def test_a_sync_killed_after_any_number_of_bytes_leaves_complete_batches(
    lake_2021: Lake, database: str, whole: int, share: float, tmp_path: Path
) -> None:
    """A process that dies during a COPY leaves none of its rows."""
    lake = copy_of(lake_2021, tmp_path / "lake")
    with way_to(database) as way:
        client = subprocess.Popen([sys.executable, "-c", _SYNC, str(lake.path), way.url], cwd=ROOT)
        way.at_end, way.most = client.kill, whole * share
        assert client.wait(timeout=120) == -signal.SIGKILL
    assert consistent(database)
    assert lake.sync(database, verify_deep=True).clean
    assert_equal(lake, database)


def test_an_error_of_the_lake_during_copy_is_raised_unchanged(small: Lake, database: str) -> None:
    """The error is the lake's, not the server's, and no row of the COPY stays."""
    side = LakeSide(layouts.find(small.path), small.snapshot)
    spec = table("price_data")

    def parts() -> Iterator[pl.DataFrame]:
        for files in side.batches(spec).values():
            for file in files:
                yield from side.rows(spec, file)
        raise LakeDamaged("a file is cut short", path="somewhere")

    with open_target(database) as target:
        target.prepare("a lake", lambda _spec, _columns: [])
        with pytest.raises(LakeDamaged, match="cut short"), target.batch(Batch(spec, "2018")) as tx:
            tx.copy(parts())
    assert by_hand(database, "SELECT count(*) FROM price_data") == [(0,)]
