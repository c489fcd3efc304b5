"""Describe a benchmark run: its size, its folders and its data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["FULL", "INDEX_OFF", "SAMPLE", "SIZES", "Index", "Options", "Size"]

Index: TypeAlias = Literal["on", "off", "both"]

INDEX_OFF = {"FACTORLAB_READ_INDEX": "0"}  # the environment of a process that answers without the read index

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample" / "taken_2021-03-31"


@dataclass(frozen=True, slots=True)
class Size:
    """Set how much data the benchmarks generate and how often they repeat a question."""

    name: str
    cache_symbols: int
    cache_days: int
    market_symbols: int
    market_years: int
    many_symbols: int
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
    many_symbols=1000,
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
    many_symbols=100,
    grid_symbols=(16, 25),
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
    many_symbols=12,
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
    """Describe a run.

    ``work`` caches the generated data between runs. ``prices`` is a Parquet file of bars to use instead of
    generated ones. ``index`` says whether ours answers with the read index, without it, or both in turns.
    ``only`` is a part of the names of the questions to measure, for a quick look.
    """

    size: Size
    work: Path
    prices: Path | None = None
    fresh: bool = False
    index: Index = "both"
    only: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables of our own processes."""
        return INDEX_OFF if self.index == "off" else {}

    @property
    def turns(self) -> int:
        """Return the number of runs of a question: a first one and its repeats, each with other arguments."""
        return 1 + self.size.repeats
