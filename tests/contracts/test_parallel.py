"""Test parallel running of cache and lake when the lake is on a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import LakeError
from factorlab_lake.lake import Lake
from factorlab_lake.legacy import DataProvider
from factorlab_lake.legacy.parallel.counters import Alert
from factorlab_lake.legacy.parallel.settings import parallel_settings
from tests.support import CACHE_2021
from tests.unit.sync.comparing import by_hand
from tests.unit.sync.postgres_server import PASSWORD, Server

SYMBOLS = ["GOOGL", "AAPL"]
DAYS = ["2020-12-31", "2021-03-31"]
JANUARY = {"start_date": "2021-01-04", "end_date": "2021-01-29", "calculation_frequency": "M"}
QUESTIONS: dict[str, dict[str, Any]] = {
    "get_fundamental_factors": JANUARY,
    "get_prices": {"start_date": "2021-03-01"},
    "batch_fetch_statements": {"limit": 2},
    "get_financial_statements": {"start_date": "2020-06-01", "as_of": "2021-03-01"},
    "get_financial_ratios": {"start_date": "2020-06-01"},
    "calculate_market_caps_batch": {"dates": DAYS},
}
Provider = Callable[..., DataProvider]


@dataclass(frozen=True)
class Synced:
    """Represent a lake of the cache, and the server to which it was synced."""

    lake: Lake
    url: str


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Synced]:
    """Yield a lake and its server; tests must not change them."""
    lake = fl.open(tmp_path_factory.mktemp("parallel") / "lake")
    lake.migrate(CACHE_2021, symbols=SYMBOLS)
    with postgres.database() as url:
        lake.sync(url)
        yield Synced(lake, url)


def _provider(url: str, alerts: list[Alert] | None = None, **settings: Any) -> DataProvider:
    """Return a provider that has the server's address from its settings."""
    configured = parallel_settings(**{"lake": url, "cache_dir": CACHE_2021} | settings)
    return DataProvider(configured, alert=None if alerts is None else alerts.append, frames="polars")


def _assert_same(left: Any, right: Any) -> None:
    if isinstance(left, pl.DataFrame):
        of_the_run = ("fetch_id", "recorded_at", "created_at", "updated_at", "metrics")
        left, right = (frame.drop(of_the_run, strict=False) for frame in (left, right))
        assert_frame_equal(left, right, rel_tol=1e-12)
    elif isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, rtol=1e-12)
    elif isinstance(left, dict):
        assert list(left) == list(right)
        for name in left:
            _assert_same(left[name], right[name])
    else:
        assert left == right


@pytest.fixture(scope="module")
def on_server(synced: Synced) -> Iterator[DataProvider]:
    """Yield a provider that compares each result of the server with the old cache."""
    with _provider(synced.url, migration_mode=True) as provider:
        yield provider


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_is_answered_as_by_the_lake_in_a_folder(
    synced: Synced, on_server: DataProvider, question: str
) -> None:
    """The results are those of the lake in a folder, and nothing differs from the cache."""
    before = on_server.counts
    answer = getattr(on_server, question)(SYMBOLS, **QUESTIONS[question])
    with _provider("", lake=str(synced.lake.path)) as in_a_folder:
        _assert_same(answer, getattr(in_a_folder, question)(SYMBOLS, **QUESTIONS[question]))
    now = on_server.counts
    assert (now.from_lake - before.from_lake, now.from_cache) == (2, 0)
    assert (now.compared - before.compared, now.differing - before.differing) == (1, 0)
    assert now.not_compared == 0


def test_symbols_are_split_between_server_and_cache(synced: Synced) -> None:
    """The cache serves symbols that are configured for it, and symbols that the server lacks."""
    alerts: list[Alert] = []
    with _provider(synced.url, alerts, cache_symbols="AAPL") as provider:
        caps = provider.calculate_market_caps_batch(["AAPL", "GOOG", "GOOGL"], DAYS)
        assert caps.filter(pl.col("market_cap").is_null())["symbol"].unique().to_list() == ["GOOG"]
        assert caps["close_price"].null_count() == 0  # the cache has only bars of GOOG
        counts = provider.counts
    assert (counts.from_lake, counts.from_cache, counts.not_in_lake) == (1, 2, 1)
    assert [(a.kind, a.symbols) for a in alerts] == [("not_in_lake", ("GOOG",))]


def test_an_unreachable_server_falls_back_and_hides_the_password(postgres: Server, synced: Synced) -> None:
    """The cache returns the result, and the alert names the server without its password."""
    alerts: list[Alert] = []
    nowhere = f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/nothing"
    with _provider(nowhere, alerts) as provider:
        caps = provider.calculate_market_caps_batch(SYMBOLS, DAYS)
        assert_frame_equal(caps, synced.lake.market_caps(SYMBOLS, DAYS))
        assert (provider.counts.lake_failed, provider.counts.from_cache) == (2, 2)
        shown = f"{alerts} {provider!r} {provider.settings!r}"
    assert [a.kind for a in alerts] == ["lake_failed"]
    assert PASSWORD not in shown


def test_closing_a_provider_closes_its_connections(synced: Synced) -> None:
    """A closed provider has no connections; its next call opens new ones."""
    provider = _provider(synced.url)
    lake = provider._opened()
    provider.close()
    with pytest.raises(LakeError):
        lake.sql("SELECT 1 AS one")
    assert provider.get_prices("AAPL", "2021-03-31").shape == (1, 1)
    provider.close()


def test_a_value_changed_on_the_server_is_found_by_the_comparison(postgres: Server, tmp_path: Path) -> None:
    """The comparison with the cache finds a row that another program changed on the server."""
    lake = fl.open(tmp_path / "lake")
    lake.migrate(CACHE_2021, symbols=["AAPL"])
    alerts: list[Alert] = []
    with postgres.database() as url:
        lake.sync(url)
        by_hand(url, "UPDATE price_data SET close_price = 999 WHERE date = '2021-03-31' RETURNING 1")
        with _provider(url, alerts, migration_mode=True) as provider:
            assert provider.get_prices("AAPL", "2021-03-31")["AAPL"].tolist() == [999.0]
            assert provider.counts.differing == 1
    assert "1 of 1 rows differ" in alerts[0].message
