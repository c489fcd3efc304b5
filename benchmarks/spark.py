"""Measure market caps in Spark (Sail) beside ours: equal rows, on one machine and on one and two workers.

Sail runs in the environment of the engines, which `make engines` installs. Each mode is a process of its
own, which asks each grid once to open the tables and then several times.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from benchmarks.grids import month_ends
from benchmarks.market import market
from benchmarks.options import Options
from benchmarks.process import ran
from benchmarks.results import Row

__all__ = ["ENGINES", "ask", "run"]

_MODES = ("local", "one worker", "two workers")
ENGINES = Path(sys.prefix) / "engines" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"


@dataclass(frozen=True, slots=True)
class _Grid:
    symbols: list[str]
    dates: list[date]

    def __str__(self) -> str:
        return f"{len(self.symbols)} x {len(self.dates)}"


def run(options: Options) -> Iterator[Row]:
    """Ask two grids in each mode, and compare the rows with ours."""
    made = market(options)
    months = month_ends(made.days)
    half = made.symbols[: max(1, len(made.symbols) * 505 // 1000)]
    grids = [_Grid(half, months[-48:]), _Grid(made.symbols, months)]
    with TemporaryDirectory(dir=options.work) as folder:
        ours = [_ours(made.lake, grid, options.size.repeats) for grid in grids]
        calls = [[grid.symbols, [str(day) for day in grid.dates]] for grid in grids]
        for mode in _MODES:
            task = "benchmarks.spark:ask"
            done = ran(
                task, str(made.lake.path), calls, options.size.repeats, folder, environment=_environment(mode)
            )
            for number, (grid, (rows, our_s)) in enumerate(zip(grids, ours, strict=True)):
                answers = _compared(rows, pl.read_parquet(f"{folder}/{number}.parquet"))
                question = f"spark: market caps {grid}"
                yield Row(question, "s", our_s, f"Sail, {mode}", done.answer[number], answers=answers)


def ask(path: str, grids: list[Any], repeats: int, folder: str) -> list[float]:
    """Ask each grid in a Spark session; return the shortest times, and write the rows to files."""
    sys.path.append(str(ENGINES))  # last: what both environments have is the package's own
    from pysail.spark import SparkConnectServer
    from pyspark.sql import SparkSession

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    session = SparkSession.builder.remote(f"sc://127.0.0.1:{server.listening_address[1]}").getOrCreate()
    answers = fl.open(path).on_spark(session)
    times = []
    for number, (symbols, dates) in enumerate(grids):
        taken = []
        for _ in range(1 + repeats):
            started = time.perf_counter()
            rows = answers.market_caps(symbols, dates).toArrow()
            taken.append(time.perf_counter() - started)
        times.append(min(taken[1:]))
        pl.DataFrame(rows).write_parquet(f"{folder}/{number}.parquet")
    session.stop()
    server.stop()
    return times


def _ours(lake: fl.Lake, grid: _Grid, repeats: int) -> tuple[pl.DataFrame, float]:
    """Return our rows and the shortest time; the result cache is cleared before each run."""
    taken = []
    for _ in range(1 + repeats):
        lake.result_cache.clear()
        started = time.perf_counter()
        rows = lake.market_caps(grid.symbols, grid.dates)
        taken.append(time.perf_counter() - started)
    return rows, min(taken[1:])


def _compared(ours: pl.DataFrame, right: pl.DataFrame) -> str:
    rows = right.select(pl.col(name).cast(kind) for name, kind in ours.schema.items())
    assert_frame_equal(rows.sort("symbol", "date"), ours.sort("symbol", "date"), rel_tol=1e-12, abs_tol=0)
    return f"equal: {ours.height:,}"


def _environment(mode: str) -> dict[str, str]:
    if mode == "local":
        return {"SAIL_MODE": "local"}
    workers = "2" if mode == "two workers" else "1"
    return {
        "SAIL_MODE": "local-cluster",
        "SAIL_CLUSTER__WORKER_INITIAL_COUNT": workers,
        "SAIL_CLUSTER__WORKER_MAX_COUNT": workers,
        "SAIL_CLUSTER__WORKER_TASK_SLOTS": "32",
    }
