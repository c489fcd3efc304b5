"""Provide lakes to sync; the fixtures of all tests provide the server and its databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.lake import Lake
from factorlab_lake.server_lake import ServerLake, open_server_lake
from tests.support import CACHE_2019, CACHE_DIRTY, SPLITS, Entry, bar, copy_of, income
from tests.unit.ingest.scripted_provider import ScriptedProvider
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.query.sample_company import sample_company
from tests.unit.sync.postgres_server import Server


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of the real samples with rows in every table; tests must not change it."""
    lake = fl.open(tmp_path_factory.mktemp("rich") / "lake")
    lake.migrate(CACHE_2019)
    lake.migrate(CACHE_DIRTY)
    lake.load("splits", SPLITS)
    lake.load("dividends", {"symbol": ["BRK.B"], "date": ["2020-01-02"], "dividend": [0.25]})
    lake.load("company_profiles", {"symbol": ["0700.HK"], "company_name": ["騰訊 – “Tencent”"]})
    lake.load("symbol_history", {"symbol": ["CON"], "company_id": ["1"], "valid_from": ["2018-01-02"]})
    lake.load("universes", {"universe": ["large"], "symbol": ["CON"], "valid_from": ["2018-01-02"]})
    lake.load("fx_rates", {"base": ["EUR"], "quote": ["USD"], "date": ["2020-01-02"], "rate": [1.1193]})
    counted = {"symbol": ["CON"], "as_of_date": ["2020-01-02"], "shares": [1e9], "source": ["cover_page"]}
    lake.load("shares_outstanding", counted | {"split_basis_date": ["2020-01-02"]})
    caps = [{"symbol": "BRK.B", "date": "2020-01-02", "marketCap": 5.5e11}]
    lake.fetch(ScriptedProvider({("market_cap", "BRK.B", None): caps}), "BRK.B", kinds="market_caps")
    return lake


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of two symbols with bars in two years and a statement; ``small`` is a copy to change."""
    place = tmp_path_factory.mktemp("few")
    for symbol in ("AAA", "BBB"):
        days = [f"{year}-01-{day:02}" for year in (2018, 2019) for day in (2, 3, 4)]
        Entry(symbol, "price", [bar(day, 100.0 + n) for n, day in enumerate(days)]).write(place / "cache")
        Entry(symbol, "income", [income("2018-12-31", "Q4", symbol=symbol)]).write(place / "cache")
    lake = fl.open(place / "lake")
    lake.migrate(place / "cache")
    return lake


@pytest.fixture
def small(few: Lake, tmp_path: Path) -> Lake:
    """Return a copy of the small lake that a test may change."""
    return copy_of(few, tmp_path / "small")


@pytest.fixture(scope="module")
def company_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of a company with all data and a company without a price."""
    made = LakeBuilder()
    sample_company(made, "WHOLE")
    sample_company(made, "PRICELESS", price=None)
    return made.build(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def company_url(company_lake: Lake, postgres: Server) -> Iterator[str]:
    """Yield the address of a server that has the lake."""
    with postgres.database() as url:
        company_lake.sync(url)
        yield url


@pytest.fixture
def company_server(company_url: str) -> Iterator[ServerLake]:
    """Yield the lake on the server."""
    with open_server_lake(company_url, availability=CLOSE) as shared:
        yield shared
