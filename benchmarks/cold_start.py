"""Measure a fresh process: the import of the package, and the time to the first market caps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from statistics import median

import factorlab_lake as fl
from benchmarks.options import SAMPLE, Options
from benchmarks.process import wall_s
from benchmarks.results import Row
from benchmarks.timing import Timing, in_turns

__all__ = ["run"]

_FLOOR = "import duckdb, polars"  # what any answer as a polars frame from DuckDB has to load
_FIRST_CAPS = """
import sys
import factorlab_lake as fl
caps = fl.open(sys.argv[1]).market_caps(["AAPL", "GOOGL"], start="2020-04-01", end="2021-03-31", freq="ME")
assert caps["market_cap"].count() == 24, caps
"""


def run(options: Options) -> Iterator[Row]:
    """Start processes in turns; the first of each, which may have to compile, does not count."""
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        fl.open(folder).migrate(SAMPLE)
        timings = in_turns(
            {
                "bare": lambda: wall_s("pass"),
                "import": lambda: wall_s("import factorlab_lake"),
                "floor": lambda: wall_s(_FLOOR),
                "caps": lambda: wall_s(_FIRST_CAPS, folder),
            },
            options.size.starts,
        )
    yield from _rows(timings, options)


def _rows(timings: dict[str, Timing], options: Options) -> Iterator[Row]:
    details = {name: t.details for name, t in timings.items()}
    of = {n: list(t.later) for n, t in timings.items()}
    ways: list[tuple[str, Callable[[list[float]], float]]] = [("fastest", min), ("median", median)]
    for way, pick in ways:
        bare = pick(of["bare"])
        label = f"{way} of {options.size.starts}"
        yield Row(
            f"import factorlab_lake, {label}", "ms", max(pick(of["import"]) - bare, 0),
            _FLOOR, pick(of["floor"]) - bare, options.target(60), details=details,
        )  # fmt: skip
        yield Row(
            f"process to first market caps, {label}", "s", pick(of["caps"]) / 1000,
            _FLOOR, pick(of["floor"]) / 1000, options.target(0.5), "24 given",
        )  # fmt: skip
