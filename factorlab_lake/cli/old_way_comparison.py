"""The same market caps from one query and from files read per date: the times, and whether they agree."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import factorlab_lake as fl

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Race", "race"]


@dataclass(frozen=True, slots=True)
class Race:
    """What a race came to: ``agree`` tells whether all answers are the same to 1e-9."""

    answers: int
    first_run_s: float
    warm_run_s: float
    old_way_s: float
    agree: bool

    def lines(self) -> Iterator[str]:
        """Say how the times compare."""
        yield f"files read per date   {self.old_way_s:.3f} s"
        yield f"one query, first run  {self._beside(self.first_run_s)}; this opens the lake too"
        yield f"one query, warm run   {self._beside(self.warm_run_s)}"
        yield f"the {self.answers} answers of both {'agree to 1e-9' if self.agree else 'DISAGREE'}"

    def _beside(self, seconds: float) -> str:
        return f"{seconds:.3f} s, {self.old_way_s / seconds:.1f} times as fast"


def race(lake_path: Path, cache: Path, symbols: Sequence[str], **dates: Any) -> tuple[pl.DataFrame, Race]:
    """Return the market caps of the lake, and how the old way on a cache compares."""
    times = [time.perf_counter()]
    from factorlab_lake.legacy.old_way import market_caps as old_way_market_caps

    lake = fl.open(lake_path, create=False)
    caps = lake.market_caps(symbols, **dates)
    times.append(time.perf_counter())
    lake.result_cache.clear()  # computed again, not from memory
    lake.market_caps(symbols, **dates)
    times.append(time.perf_counter())
    old = old_way_market_caps(cache, symbols, caps["date"].to_list())
    times.append(time.perf_counter())
    new = caps.select("symbol", "date", "market_cap").rows()
    agree = len(old) == len(new) and all(map(_equal, old, new))
    first_run, warm_run, old_way = (b - a for a, b in pairwise(times))
    return caps, Race(len(new), first_run, warm_run, old_way, agree)


def _equal(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    if old[:2] != new[:2] or None in (old[2], new[2]):
        return old == new
    return math.isclose(old[2], new[2], rel_tol=1e-9)
