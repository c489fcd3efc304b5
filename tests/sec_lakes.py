"""Make lakes of Apple as SEC's documents give it: alone, and after a vendor's cache."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.ingest.legacy_cache.reader import read, scan
from factorlab_lake.lake import Lake
from factorlab_lake.providers.sec import SecProvider
from tests.fakes.sec_documents import SecDocuments, apple_on
from tests.sec_rows import FETCHED
from tests.support import CACHE_2021, made_once, writing

__all__ = ["apple_with_bars", "fetch_apple", "fetched_apple", "vendor_and_sec"]


def fetch_apple(lake: Lake, until: date | None = None) -> None:
    """Fetch Apple from SEC: what there is at the end, or what there was on the evening of a day."""
    documents = SecDocuments(None if until is None else apple_on(until))
    evening = FETCHED if until is None else datetime(until.year, until.month, until.day, 23, tzinfo=UTC)
    policy = fl.FetchPolicy(polling_days=0, restatement_days=0, refresh_days=0)
    provider = SecProvider(documents, clock=lambda: evening)
    report = lake.fetch(provider, "AAPL", kinds=["statements", "shares", "profiles"], policy=policy)
    assert not report.failures


def fetched_apple(factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with Apple from SEC. Tests do not change it."""
    place = made_once(factory, "apple_fetched_from_sec", lambda place: fetch_apple(fl.open(place)))
    return fl.open(place, create=False)


def vendor_and_sec(factory: pytest.TempPathFactory, vendor: Lake) -> Lake:
    """Return a copy of a vendor's lake with Apple from SEC. Tests do not change it."""

    def make(place: Path) -> None:
        fetch_apple(fl.open(shutil.copytree(vendor.path, place), create=False))

    return fl.open(made_once(factory, "apple_of_two_providers", make), create=False)


def apple_with_bars(factory: pytest.TempPathFactory) -> Lake:
    """Return a copy of :func:`fetched_apple` with the bars of a cache and no list of splits."""

    def make(place: Path) -> None:
        lake = fl.open(shutil.copytree(fetched_apple(factory).path, place), create=False)
        files = [each for each in scan(CACHE_2021) if "AAPL_price" in str(each)]
        with writing(lake) as tx:
            merge_batch(tx, [read(file) for file in files])

    return fl.open(made_once(factory, "apple_from_sec_with_bars", make), create=False)
