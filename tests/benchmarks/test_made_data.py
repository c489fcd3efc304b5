"""Test the data that the benchmarks make, and the comparison of answers."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from benchmarks.agreement import agreement
from benchmarks.bars import bars, symbols, trading_days
from benchmarks.migration import cache_and_count
from benchmarks.old_cache import write_prices
from benchmarks.options import SIZES, Options
from benchmarks.seeded import uniform


def test_made_data_are_kept(tmp_path: Path) -> None:
    """A run reuses the cache to migrate; ``fresh`` writes it again."""
    once, count = cache_and_count(Options(SIZES["smoke"], tmp_path))
    stray = once / "stray"
    stray.touch()
    assert cache_and_count(Options(SIZES["smoke"], tmp_path)) == (once, count)
    assert stray.exists()
    assert cache_and_count(Options(SIZES["smoke"], tmp_path, fresh=True)) == (once, count)
    assert not stray.exists()


def test_bars_of_a_file_take_the_place_of_made_ones(tmp_path: Path) -> None:
    """A Parquet file of bars becomes a cache with one file per symbol."""
    rows = bars(symbols(2), trading_days(date(2021, 3, 1), count=5), seed=1)
    rows.write_parquet(tmp_path / "bars.parquet")
    cache, count = cache_and_count(Options(SIZES["smoke"], tmp_path, prices=tmp_path / "bars.parquet"))
    assert count == rows.height
    assert len(list(cache.rglob("*.json.gz"))) == 2


@pytest.mark.parametrize(
    ("peer", "fault"),
    [
        ([1.0, 2.0000001], "1 values of market_cap differ"),
        ([1.0, None], "1 values of market_cap differ"),
        ([1.0], "the peer's 1"),
    ],
)
def test_other_answers_stop_the_run(peer: list[float | None], fault: str) -> None:
    """Another value, a missing value or a missing row of a peer stops the run."""
    ours = _caps([1.0, 2.0])
    assert agreement(ours, _caps([1.0, 2.0 + 1e-13]), ["market_cap"]) == "equal: 2"
    with pytest.raises(RuntimeError, match=fault):
        agreement(ours, _caps(peer), ["market_cap"])


def test_two_empty_answers_are_no_agreement() -> None:
    """Two results without any value prove nothing and stop the run."""
    with pytest.raises(RuntimeError, match="No row has a value of market_cap"):
        agreement(_caps([None]), _caps([None]), ["market_cap"])


def test_seeded_numbers_are_those_of_the_published_generator() -> None:
    """SplitMix64, computed here with Python's integers, gives the same numbers."""
    mask, state, expected = 2**64 - 1, 7 * 0x5851F42D, []
    for i in range(1, 4):
        z = (i * 0x9E3779B97F4A7C15 + state) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        expected.append(((z ^ (z >> 31)) >> 11) / 2**53)
    assert uniform(3, 7).to_list() == expected


def test_price_cache_is_as_the_vendor_wrote_it(tmp_path: Path) -> None:
    """A bar has thirteen fields and its date in words. The newest is first; whole numbers stay whole."""
    days = trading_days(date(2021, 3, 1), last=date(2021, 3, 31))
    rows = bars(symbols(2), days, seed=1).with_columns(close=pl.lit(45.0))
    write_prices(tmp_path, rows, datetime(2021, 4, 1, tzinfo=UTC))
    body = gzip.decompress(
        (tmp_path / "price_data" / "S0001_price_full_history_all_v2.0.json.gz").read_bytes()
    )
    envelope = json.loads(body)
    assert envelope["_cache_key"] == "S0001_price_full_history_all_v2.0"
    first = envelope["data"][0]
    assert (first["date"], first["label"]) == ("2021-03-31", "March 31, 21")
    assert list(first) == [
        "date", "open", "high", "low", "close", "adjClose", "volume", "unadjustedVolume",
        "change", "changePercent", "vwap", "label", "changeOverTime",
    ]  # fmt: skip
    assert b'"close":45,' in body
    assert [r["date"] for r in envelope["data"]] == sorted((d.isoformat() for d in days), reverse=True)


def _caps(values: list[float | None]) -> pl.DataFrame:
    dates = [date(2024, 1, 1 + i) for i in range(len(values))]
    return pl.DataFrame(
        {"symbol": ["S"] * len(values), "date": dates, "market_cap": values},
        schema_overrides={"market_cap": pl.Float64},
    )
