"""Fetch from a vendor whose responses are faulty in one of five cases."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.ingest.fetch_report import FetchReport
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.providers.records import fields
from factorlab_lake.schema import DATASETS, table
from tests.fakes.fmp import (
    PASSING,
    FakeDataset,
    FakeFmp,
    FaultRule,
    Faults,
    synthetic_dataset,
)
from tests.support import THOROUGH

TODAY = datetime(2021, 3, 31, 23, tzinfo=UTC)
START = date(2020, 10, 1)
LANDING = ("income", "balance_sheet", "cash_flow", "price", "split", "dividend", "profile")


def fetch(server: FakeFmp, path: Path, generation: str) -> tuple[fl.Lake, FetchReport]:
    """Fetch all data of the server into a new lake, with short waits between retries."""
    lake = fl.open(path)
    settings = fmp_settings(
        api_key="demo",
        base_url=server.url,
        api_generation=generation,
        calls_per_minute=1_000_000,
        calls_at_once=16,
        tries=8,
        retry_wait_s=0.002,
        bulk_saves=0,
    )
    with FmpProvider(settings, clock=lambda: TODAY) as fmp:
        return lake, lake.fetch(fmp, server.dataset.symbols)


def assert_holds(lake: fl.Lake, dataset: FakeDataset, generation: str) -> None:
    """The lake holds every record of the dataset in all its numbers, once, and nothing else."""
    for name in LANDING:
        spec = table(DATASETS[name])
        sent = set(fields(name, generation).values())
        numbers = [c.name for c in spec.columns if c.name in sent and c.kind == "number"]
        key = [k for k in spec.key if k != "version"]
        records = [r for s in dataset.symbols for r in dataset.records(name, s)]
        schema = dict.fromkeys(key, pl.String) | dict.fromkeys(numbers, pl.Float64)
        expected = pl.DataFrame(records, schema=schema, strict=False)
        if "event" in key:  # the provider does not number the events of a day, and the dataset has one
            expected = expected.with_columns(event=pl.lit("1"))
        expected = expected.sort(key)
        held = lake.sql(f"SELECT {', '.join(schema)} FROM {spec.name}")
        held = held.with_columns(pl.col(k).cast(pl.String) for k in key).sort(key)
        assert_frame_equal(held, expected, check_exact=True)


@pytest.mark.parametrize(
    ("generation", "symbols"),
    [("stable", 200 if THOROUGH else 50), pytest.param("v3", 20, marks=pytest.mark.slow)],
)
def test_symbols_are_complete_at_twenty_per_cent_faults(
    tmp_path: Path, generation: str, symbols: int
) -> None:
    """Under every kind of transient fault no record is lost, changed or repeated."""
    dataset = synthetic_dataset(symbols, start=START)
    faults = Faults(rate=0.2, seed=11)
    with FakeFmp(dataset, faults=faults, retry_after_s=0.0, delay_s=0.01) as server:
        lake, report = fetch(server, tmp_path / "lake", generation)
        faults_served, count = server.fault_counts, len(server.requests)
    assert (report.failures, report.stopped, report.rejected) == ([], "", 0)
    assert set(faults_served) == set(PASSING)
    assert faults_served.total() > 0.15 * count
    assert report.calls == count
    assert_holds(lake, dataset, generation)


def test_permanent_faults_are_listed_and_nothing_else_is_lost(tmp_path: Path) -> None:
    """The report lists a symbol and an endpoint outside the plan and a row cap; the rest is committed."""
    dataset = synthetic_dataset(8, start=START)
    symbols = dataset.symbols
    rules = [
        FaultRule("402", symbol=symbols[3]),
        FaultRule("403_exclusive", path="dividends", symbol=symbols[4]),
        FaultRule("row_cap", path="price", symbol=symbols[5], rows=30),
    ]
    with FakeFmp(dataset, faults=Faults(rules)) as server:
        lake, report = fetch(server, tmp_path / "lake", "stable")
    failed = {(symbol, dataset, kind) for symbol, dataset, kind, _ in report.failures}
    assert failed == {(symbols[4], "dividend", "NotInPlan"), *((symbols[3], d, "NotInPlan") for d in LANDING)}
    bars = dict(lake.sql("SELECT symbol, count(*) FROM price_data GROUP BY ALL").rows())
    assert bars[symbols[5]] == bars[symbols[6]]
    assert set(bars) == set(symbols) - {symbols[3]}
    assert not report.clean
