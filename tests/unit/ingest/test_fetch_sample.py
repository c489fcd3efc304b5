"""Compare the sample fetched from a server with the same sample migrated from the old cache."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.ingest.legacy_cache.reader import read, scan
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.sample_server import SampleDataset, SampleServer
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.providers.records import fields
from factorlab_lake.schema import DATASETS, table
from tests.support import CACHE_2019, CACHE_2021, EARLIER, FETCHED, SPLITS

SYMBOLS = ["AAPL", "GOOGL", "GOOG"]
KINDS = ["statements", "prices", "splits"]


def sample_dataset(cache: Path) -> SampleDataset:
    """Return the records of an old cache."""
    splits = pl.read_csv(SPLITS).to_dicts()
    return SampleDataset.from_cache((read(f) for f in scan(cache) if not f.skip), splits)


def fetch(lake: fl.Lake, cache: Path, generation: str) -> None:
    """Fetch a cache's content from a server, on the day of the cache."""
    at = EARLIER if cache == CACHE_2019 else FETCHED
    with SampleServer(sample_dataset(cache)) as server:
        settings = fmp_settings(api_key="demo", base_url=server.url, api_generation=generation)
        with FmpProvider(settings, clock=lambda: at) as fmp:
            listed = [s for s in SYMBOLS if server.dataset.records("price", s)]
            assert lake.fetch(fmp, listed, kinds=KINDS, policy=fl.FetchPolicy(everything=True)).clean


def columns_of(dataset: str, generation: str) -> list[str]:
    """Return the columns that an API generation fills, without provenance."""
    spec = table(DATASETS[dataset])
    mapped = set(fields(dataset, generation).values())
    return [c.name for c in spec.columns if c.role in ("key", "derived") or c.name in mapped]


@pytest.mark.first_cases(1)
@pytest.mark.parametrize("generation", ["v3", "stable"])
@pytest.mark.parametrize(
    "caches",
    [
        pytest.param([CACHE_2021], marks=pytest.mark.slow, id="one"),
        pytest.param([CACHE_2019, CACHE_2021], id="both"),
    ],
)
def test_fetching_gives_what_migrating_gives(tmp_path: Path, generation: str, caches: list[Path]) -> None:
    """Rows, versions, bases and availability are equal in every table."""
    migrated, fetched = fl.open(tmp_path / "migrated"), fl.open(tmp_path / "fetched")
    migrated.load("splits", SPLITS)
    for cache in caches:
        migrated.migrate(cache)
        fetch(fetched, cache, generation)
    for dataset in ("income", "balance_sheet", "cash_flow", "price"):
        columns = ", ".join(columns_of(dataset, generation))
        query = f"SELECT {columns} FROM {DATASETS[dataset]} ORDER BY ALL"
        assert_frame_equal(fetched.sql(query), migrated.sql(query), check_exact=True)
        assert fetched.sql(query).height > 100 or dataset == "cash_flow"
    revised = (
        "SELECT symbol, date, close_price, split_basis_date, change_kind FROM price_revisions ORDER BY ALL"
    )
    assert_frame_equal(fetched.sql(revised), migrated.sql(revised), check_exact=True)
    days = pl.date_range(pl.date(2019, 1, 31), pl.date(2021, 3, 31), "1mo", eager=True)
    caps = [lake.market_caps(SYMBOLS, days.to_list()) for lake in (fetched, migrated)]
    assert_frame_equal(*caps, check_exact=True)
