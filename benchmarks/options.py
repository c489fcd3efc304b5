"""Describe a benchmark run: its size, its folders and its data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

from benchmarks.results import Target

__all__ = ["FULL", "SAMPLE", "SIZES", "Options", "Size"]

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample" / "taken_2021-03-31"


@dataclass(frozen=True, slots=True)
class Size:
    """How much data the benchmarks make and how often they repeat a question."""

    name: str
    cache_symbols: int
    cache_days: int
    market_symbols: int
    market_years: int
    asked_symbols: int
    grid_symbols: tuple[int, int]
    old_way_symbols: int
    fetched_symbols: int
    fetched_from: date
    calls_per_minute: int
    processes: int
    starts: int
    repeats: int

    def grown(self) -> Size:
        """Return the size whose market has ten times the symbols and three times the years."""
        return replace(self, market_symbols=10 * self.market_symbols, market_years=3 * self.market_years)


FULL = Size(
    "full",
    cache_symbols=505,
    cache_days=1259,
    market_symbols=1000,
    market_years=10,
    asked_symbols=1000,
    grid_symbols=(16, 100),
    old_way_symbols=16,
    fetched_symbols=500,
    fetched_from=date(2016, 1, 1),
    calls_per_minute=750,
    processes=3,
    starts=7,
    repeats=5,
)
_SMALL = Size(
    "small",
    cache_symbols=50,
    cache_days=1259,
    market_symbols=100,
    market_years=10,
    asked_symbols=100,
    grid_symbols=(16, 50),
    old_way_symbols=4,
    fetched_symbols=100,
    fetched_from=date(2019, 1, 1),
    calls_per_minute=750,
    processes=1,
    starts=3,
    repeats=3,
)
# Figures at this size mean nothing: it shows that the benchmarks run.
_SMOKE = Size(
    "smoke",
    cache_symbols=3,
    cache_days=40,
    market_symbols=12,
    market_years=2,
    asked_symbols=12,
    grid_symbols=(2, 5),
    old_way_symbols=2,
    fetched_symbols=6,
    fetched_from=date(2021, 1, 1),
    calls_per_minute=750,
    processes=1,
    starts=1,
    repeats=1,
)
SIZES = {s.name: s for s in (FULL, _SMALL, _SMOKE)}


@dataclass(frozen=True, slots=True)
class Options:
    """``work`` keeps generated data from run to run; ``prices`` is a Parquet file of bars to use instead."""

    size: Size
    work: Path
    prices: Path | None = None
    fresh: bool = False

    def target(
        self, limit: float, of: Literal["ours", "ratio"] = "ours", *, at_least: bool = False
    ) -> Target | None:
        """Return a target; the targets are for the full size, so there is none at another."""
        return Target(limit, of, at_least) if self.size == FULL else None
