"""Measure a fresh process: the import of the package, and the time to the first market caps."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median

import factorlab_lake as fl
from benchmarks.options import INDEX_OFF, SAMPLE, Options
from benchmarks.peers import INDEX_OFF_NAME
from benchmarks.process import start_cost
from benchmarks.results import Row

__all__ = ["run"]

_FLOOR = "import duckdb, polars"  # what any answer as a polars frame from DuckDB has to load
_IMPORT = "import factorlab_lake"
_FIRST_CAPS = """
import sys
import factorlab_lake as fl
caps = fl.open(sys.argv[1]).market_caps(["AAPL", "GOOGL"], start="2020-04-01", end="2021-03-31", freq="ME")
assert caps["market_cap"].count() == 24, caps
"""


@dataclass(frozen=True, slots=True)
class _Starts:
    """Hold the wall and CPU times of the processes of one kind, in seconds."""

    wall_s: list[float]
    cpu_s: list[float]


def run(options: Options) -> Iterator[Row]:
    """Start processes in turns; the first of each, which may have to compile, does not count."""
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        fl.open(folder).migrate(SAMPLE)
        codes = {
            "bare": ("pass", {}),
            "import": (_IMPORT, options.environment),
            "floor": (_FLOOR, {}),
            "caps": (_FIRST_CAPS, options.environment),
        }
        if options.index == "both":
            codes["index off"] = (_FIRST_CAPS, INDEX_OFF)
        yield from _rows(_starts(codes, folder, options.size.starts))


def _starts(codes: dict[str, tuple[str, dict[str, str]]], folder: str, starts: int) -> dict[str, _Starts]:
    by_name = {name: _Starts([], []) for name in codes}
    for turn in range(1 + starts):
        for name, (code, environment) in codes.items():
            wall_s, cpu_s = start_cost(code, folder, environment=environment)
            if turn:
                by_name[name].wall_s.append(wall_s)
                by_name[name].cpu_s.append(cpu_s)
    return by_name


def _rows(starts: dict[str, _Starts]) -> Iterator[Row]:
    details = {name: {"wall_s": s.wall_s, "cpu_s": s.cpu_s} for name, s in starts.items()}
    for way, pick in (("fastest", min), ("median", median)):
        wall_ms = {name: 1000 * pick(s.wall_s) for name, s in starts.items()}
        cpu_ms = {name: 1000 * pick(s.cpu_s) for name, s in starts.items()}
        floor_ms, import_ms = (wall_ms[name] - wall_ms["bare"] for name in ("floor", "import"))
        own = Row(f"{_IMPORT}, {way}", "ms", max(import_ms, 0.01), details=details)
        yield from (own, replace(own, peer=_FLOOR, peer_figure=floor_ms))
        for of, figures in (("", wall_ms), (", CPU time", cpu_ms)):
            own = Row(f"process to first 24 market caps{of}, {way}", "ms", figures["caps"])
            yield from (own, replace(own, peer=_FLOOR, peer_figure=figures["floor"]))
            if "index off" in figures:
                yield replace(own, peer=INDEX_OFF_NAME, peer_figure=figures["index off"])
