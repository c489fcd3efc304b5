"""Answer the questions of Factor Lab's plan in a process of their own: by the lake, and by reading files."""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.process import peak_mb

if TYPE_CHECKING:
    from factorlab_lake.lake import Lake

__all__ = ["by_files", "daily", "imported", "once", "ours"]

_REPEATED = 9
_STATEMENTS = ("income_statements", "balance_sheets")


def ours(path: str, kind: str, arguments: list[Any], sessions: int) -> dict[str, Any]:
    """Answer in a new process, then in new sessions, each without kept answers, and then a repeated question.

    Returns the times in ms, the peak of the memory after the first answer, the rows and what was imported.
    """
    import factorlab_lake as fl  # the time of the import belongs to the process

    limits: list[int] = []  # all lakes of a process share the cache

    def answered() -> tuple[float, int]:
        started = time.perf_counter()
        lake = fl.open(path, create=False)
        limits.append(lake.result_cache.limit_bytes)
        lake.result_cache.limit_bytes = 0
        rows = getattr(lake, kind)(*arguments).height
        return (time.perf_counter() - started) * 1000, rows

    first_ms, rows = answered()
    peak, modules = peak_mb(), sorted(sys.modules)
    session_ms = [answered()[0] for _ in range(sessions)]
    again = fl.open(path, create=False)
    again.result_cache.limit_bytes = limits[0]
    return {
        "first_ms": first_ms,
        "session_ms": session_ms,
        "warm_ms": median(_repeated(again, kind, arguments)),
        "peak_mb": peak,
        "rows": rows,
        "modules": modules,
    }


def _repeated(lake: Lake, kind: str, arguments: list[Any]) -> Iterator[float]:
    """Yield the times in ms of a question that the lake has answered before."""
    getattr(lake, kind)(*arguments)
    for _ in range(_REPEATED):
        started = time.perf_counter()
        getattr(lake, kind)(*arguments)
        yield (time.perf_counter() - started) * 1000


def once(path: str, kind: str, arguments: list[Any]) -> int:
    """Answer once; return the number of rows."""
    import factorlab_lake as fl

    rows: int = getattr(fl.open(path, create=False), kind)(*arguments).height
    return rows


def daily(path: str, symbols: list[str], days: list[str]) -> dict[str, list[float]]:
    """Commit a bar of each symbol on each of some days, and compute the ratios of the symbols after each.

    Returns the processor times in ms. The first commit and its ratios only warm up.
    """
    import polars as pl

    import factorlab_lake as fl

    lake = fl.open(path, create=False)
    times: dict[str, list[float]] = {"commit_ms": [], "ratios_ms": []}

    def timed(name: str, call: Callable[[], object]) -> None:
        started = time.process_time()
        call()
        times[name].append((time.process_time() - started) * 1000)

    for day in days:
        bars = pl.DataFrame({"symbol": symbols}).with_columns(
            date=pl.lit(date.fromisoformat(day)), close_price=pl.lit(1.0)
        )
        timed("commit_ms", partial(lake.load, "price_data", bars, split_basis="own-day"))
        query = "SELECT * FROM ratios($symbols::VARCHAR[], NULL, NULL)"
        timed("ratios_ms", partial(lake.sql, query, symbols=symbols))
    return {name: of_name[1:] or of_name for name, of_name in times.items()}


def imported(modules: list[str]) -> int:
    """Import modules alone; return their number."""
    for name in modules:
        with suppress(Exception):  # a part that only its package can import
            import_module(name)
    return len(modules)


def by_files(cache: str, kind: str, arguments: list[Any]) -> float:
    """Answer by reading the files of a cache, as Factor Lab did; return the time in ms."""
    from benchmarks.peers.old_way import Answers
    from benchmarks.sources import Sources

    symbols, *dates = arguments
    started = time.perf_counter()
    if kind == "statements":
        _statements(Path(cache), symbols, *dates)
    else:
        answers = Answers(Sources("", cache=cache))
        getattr(answers, kind)(symbols, [date.fromisoformat(day) for day in dates[0]])
    return (time.perf_counter() - started) * 1000


def _statements(cache: Path, symbols: list[str], first: str, last: str) -> list[dict[str, Any]]:
    files = [path for folder in _STATEMENTS for s in symbols for path in (cache / folder).glob(f"{s}_*")]
    records = [r for f in files for r in json.loads(gzip.decompress(f.read_bytes()))["data"]]
    return [r for r in records if first <= r["date"] <= last]
