"""Test a lake beside an old program that still fetches: alerts, ages and the mode freshest."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.ingest.legacy_cache import reader
from factorlab_lake.ingest.legacy_cache.reader import CacheFile
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import DataProvider
from factorlab_lake.legacy.parallel import cache_watch
from factorlab_lake.legacy.parallel.counters import Alert
from factorlab_lake.legacy.parallel.settings import parallel_settings
from factorlab_lake.providers.protocol import FetchResult
from tests.support import FETCHED, LATER, Entry, bar, income

_OLD, _NEW = [bar("2021-03-30", 10.0)], [bar("2021-03-30", 10.0), bar("2021-06-30", 11.0)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time in seconds that the checks see; a test moves it."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def migrated(lake: Lake, cache: Path) -> Path:
    """Return a cache of two symbols that the lake has read."""
    for symbol in ("AAA", "BBB"):
        Entry(symbol, "price", _OLD).write(cache)
    lake.migrate(cache)
    return cache


def _provider(lake: Lake, cache: Path, alerts: list[Alert], **settings: Any) -> DataProvider:
    return DataProvider(parallel_settings(cache_dir=cache, **settings), lake=lake, alert=alerts.append)


def test_a_cache_that_moves_on_is_reported_once_a_check_and_counted_each_time(
    lake: Lake, migrated: Path, clock: list[float]
) -> None:
    """The lake answers as before, with an alert at each check and a count at each answer."""
    alerts: list[Alert] = []
    provider = _provider(lake, migrated, alerts)
    assert provider.get_prices(["AAA", "BBB"]).iloc[-1].tolist() == [10.0, 10.0]
    Entry("AAA", "price", _NEW, cached_at=LATER).write(migrated)
    clock[0] = 59.0
    provider.get_prices(["AAA", "BBB"])
    assert (alerts, provider.counts.behind_cache) == ([], 0)
    clock[0] = 60.0
    for _ in range(3):
        assert provider.get_prices(["AAA", "BBB"]).iloc[-1].tolist() == [10.0, 10.0]
    [alert] = alerts
    assert (alert.kind, alert.symbols) == ("behind_cache", ("AAA",))
    assert "the lake answers" in alert.message
    assert (provider.counts.behind_cache, provider.counts.from_lake) == (3, 10)
    clock[0] = 120.0
    provider.get_prices(["AAA"])
    assert len(alerts) == 2
    lake.migrate(migrated)
    assert provider.get_prices(["AAA"])["AAA"].tolist() == [10.0, 11.0]
    assert (len(alerts), provider.counts.behind_cache) == (2, 4)


def test_the_freshest_source_answers_and_is_named(lake: Lake, migrated: Path) -> None:
    """The cache answers for the symbol of which it has the later fetch, and the lake for the other."""
    alerts: list[Alert] = []
    with _provider(lake, migrated, alerts, freshest=True, check_cache_s=0) as provider:
        Entry("AAA", "price", _NEW, cached_at=LATER).write(migrated)
        prices = provider.get_prices(["AAA", "BBB"])
        assert prices["AAA"].dropna().tolist() == [10.0, 11.0]
        assert prices["BBB"].dropna().tolist() == [10.0]
        answer = provider.last_answer
        assert answer.select("symbol", "source", "fetched_at", "is_behind").rows() == [
            ("AAA", "cache", LATER, False),
            ("BBB", "lake", FETCHED, False),
        ]
        assert "the cache answers" in alerts[0].message
        assert (provider.counts.from_cache, provider.counts.behind_cache) == (1, 1)


def test_an_answer_tells_its_age(lake: Lake, migrated: Path) -> None:
    """It is the time since the fetch of the data that the method needs, beside the cache's last fetch."""
    provider = _provider(lake, migrated, [], check_cache_s=0)
    assert provider.last_answer.is_empty()
    Entry("AAA", "price", _NEW, cached_at=LATER).write(migrated)
    provider.get_prices(["AAA", "NONE"])
    first, unknown = provider.last_answer.to_dicts()
    assert timedelta(0) <= datetime.now(UTC) - FETCHED - first["age"] < timedelta(minutes=5)
    assert (first["cache_fetched_at"], first["is_behind"]) == (LATER, True)
    assert (unknown["fetched_at"], unknown["age"], unknown["is_behind"]) == (None, None, False)


def test_a_file_that_brings_nothing_later_is_no_alert(lake: Lake, migrated: Path) -> None:
    """Files of an older fetch, of data that the method does not need, and broken ones do not count."""
    alerts: list[Alert] = []
    provider = _provider(lake, migrated, alerts, check_cache_s=0)
    Entry("AAA", "price", _OLD, cached_at=FETCHED - timedelta(days=1)).write(migrated)
    Entry("AAA", "income", [income(symbol="AAA")], cached_at=LATER).write(migrated)
    Entry("BBB", "price", []).write(migrated, body=b"not JSON")
    provider.get_prices(["AAA", "BBB"])
    assert (alerts, provider.counts.behind_cache) == ([], 0)
    provider.get_financial_statements(["AAA"])
    assert [a.kind for a in alerts] == ["not_in_lake"]


def test_a_check_reads_each_file_once(lake: Lake, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only files that changed since the last check are read, whatever the number of questions."""
    read: list[str] = []

    def counted(file: CacheFile) -> FetchResult:
        read.append(file.path)
        return reader.read(file)

    monkeypatch.setattr(cache_watch, "read", counted)
    provider = _provider(lake, migrated, [], check_cache_s=0)
    for _ in range(3):
        provider.get_prices(["AAA", "BBB"])
    assert len(read) == 2
    Entry("AAA", "price", _NEW, cached_at=LATER).write(migrated)
    provider.get_prices(["AAA", "BBB"])
    assert len(read) == 3


def test_checks_can_be_switched_off(lake: Lake, migrated: Path) -> None:
    """Without checks there is no alert, and the lake answers."""
    alerts: list[Alert] = []
    provider = _provider(lake, migrated, alerts, check_cache_s="off", freshest=True)
    Entry("AAA", "price", _NEW, cached_at=LATER).write(migrated)
    assert provider.get_prices(["AAA"])["AAA"].tolist() == [10.0]
    assert alerts == []
    assert provider.last_answer["fetched_at"].to_list() == [None]


def test_the_cache_does_not_answer_without_what_the_lake_has(lake: Lake, migrated: Path) -> None:
    """Without the lake's splits or older bars an answer of the cache would be newer and wrong."""
    alerts: list[Alert] = []
    split = {"symbol": ["AAA"], "date": ["2021-06-30"], "numerator": [4], "denominator": [1]}
    with _provider(lake, migrated, alerts, freshest=True, check_cache_s=0) as provider:
        Entry("BBB", "price", [bar("2021-06-30", 11.0)], cached_at=LATER).write(migrated)
        assert provider.get_prices(["BBB"])["BBB"].tolist() == [10.0]  # the cache has no bar of March
        Entry("AAA", "price", _NEW, cached_at=LATER).write(migrated)
        assert provider.get_prices(["AAA"])["AAA"].tolist() == [10.0, 11.0]
        lake.load("splits", split)
        provider.get_prices(["AAA"])
        assert provider.last_answer.select("source", "is_behind").row(0) == ("lake", True)
    assert "the lake answers" in alerts[-1].message


def test_the_cache_answers_by_the_rule_of_the_lake(lake: Lake, cache: Path) -> None:
    """Also where the lake is given by its path: another rule would use filings too early."""
    Entry("AAA", "income", [income(symbol="AAA")]).write(cache)
    lake.migrate(cache)
    lake.configure(availability=60)
    settings = parallel_settings(cache_dir=cache, use_database=False)
    days = [
        DataProvider(settings, lake=place, frames="polars")
        .get_financial_statements("AAA")["available_date"]
        .item()
        for place in (lake.path, lake.refresh())
    ]
    assert days == [lake.statements("AAA")["available_date"].item()] * 2


def test_the_age_is_there_in_an_outage(cache: Path, tmp_path: Path) -> None:
    """Without a lake the cache gives the answer, and its age is that of the file."""
    Entry("AAA", "price", _NEW, cached_at=LATER).write(cache)
    provider = DataProvider(parallel_settings(cache_dir=cache), lake=tmp_path / "none")
    assert provider.get_prices(["aaa"]).iloc[:, 0].tolist() == [10.0, 11.0]
    answer = provider.last_answer.select("source", "fetched_at", "cache_fetched_at", "is_behind")
    assert answer.row(0) == ("cache", LATER, LATER, False)
