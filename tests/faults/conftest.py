"""Provide a lake and a cache that supersedes its rows, for tests that kill a migration."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.support import EARLIER, FETCHED, Entry, bar, income


def _write_cache(root: Path, at: datetime, rebased: int) -> Path:
    """Write a cache of two symbols, with bars in two years and a statement, on a split basis."""
    for symbol in ("AAA", "BBB"):
        days = [f"{year}-01-{day:02}" for year in (2018, 2019) for day in (2, 3, 4)]
        bars = [bar(day, 100.0 / rebased, volume=1000 * rebased) for day in days]
        shares = 1_000_000 * rebased
        statement = income("2018-12-31", "Q4", symbol=symbol, weightedAverageShsOut=shares)
        Entry(symbol, "price", bars, cached_at=at).write(root)
        Entry(symbol, "income", [statement], cached_at=at).write(root)
    return root


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache that supersedes every row of the lake ``old``."""
    return _write_cache(tmp_path_factory.mktemp("newer"), FETCHED, 4)


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of one migration; a test must not change it."""
    place = tmp_path_factory.mktemp("old")
    lake = fl.open(place / "lake")
    lake.migrate(_write_cache(place / "cache", EARLIER, 1))
    return lake
