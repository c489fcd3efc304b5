"""Measure ``Lake.load`` of ten years of bars of a thousand symbols, from a frame and from a file.

Ours is the whole of ``Lake.load``: it checks, hashes and merges the rows, commits once and writes all that
follows from them, such as ``lake.duckdb``. The peers write the rows as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks.bars import bars, symbols, trading_days
from benchmarks.options import Options
from benchmarks.process import Ran, ran
from benchmarks.results import Row

__all__ = ["run"]

_TASKS = "benchmarks.load_tasks"
_LAST_YEAR = 2023
_FORMAT = 1  # raise it when the content changes
_PEERS = {"polars write_parquet": "write_parquet", "deltalake write": "write_delta"}
_SOURCES = {"a frame": "frame", "a Parquet file": "file"}


def run(options: Options) -> Iterator[Row]:
    """Measure each source and each peer in processes of their own."""
    file, count = _bars(options)
    with TemporaryDirectory(dir=options.work) as folder:
        peers = {name: _best(task, options, file, folder) for name, task in _PEERS.items()}
        ours = {name: _best(task, options, file, folder) for name, task in _SOURCES.items()}
    for name, task in (peers | ours).items():
        if task.answer["rows"] != count:
            raise RuntimeError(f"{name} wrote {task.answer['rows']} of {count} bars.")
    for source, task in ours.items():
        yield from _rows(f"load from {source}", task, peers, count)


def _rows(question: str, ours: Ran, peers: dict[str, Ran], count: int) -> Iterator[Row]:
    equal = f"equal: {count:,}"
    frame_mb = ours.answer["frame_mb"]
    rate = Row(question, "bars/s", count / ours.answer["call_s"], answers=equal)
    cpu = Row(f"{question}, CPU time", "s", ours.answer["cpu_s"])
    memory = Row(f"{question}, peak memory", "MB", ours.peak_mb)
    yield from (rate, cpu, memory)
    if frame_mb:
        yield Row(f"{question}, peak memory beyond the frame", "MB", ours.peak_mb - frame_mb)
    for peer, other in peers.items():
        yield replace(rate, peer=peer, peer_figure=count / other.answer["call_s"])
        yield replace(cpu, peer=peer, peer_figure=other.answer["cpu_s"])
        yield replace(memory, peer=peer, peer_figure=other.peak_mb)


def _bars(options: Options) -> tuple[Path, int]:
    """Return a file of bars in a vendor's form and their number; the first run writes it."""
    size = options.size
    first = date(_LAST_YEAR + 1 - size.market_years, 1, 2)
    days = trading_days(first, last=date(_LAST_YEAR, 12, 31))
    file = options.work / f"bars-{_FORMAT}-{size.market_symbols}x{size.market_years}.parquet"
    if options.fresh or not file.exists():
        rows = bars(symbols(size.market_symbols), days, seed=1)
        rows = rows.rename({name: f"{name}_price" for name in ("open", "high", "low", "close")})
        rows.with_columns(pl.col("volume").cast(pl.Float64), split_basis_date="date").write_parquet(file)
    return file, size.market_symbols * len(days)


def _best(task: str, options: Options, file: Path, folder: str) -> Ran:
    """Return the fastest run, with the least CPU time and the highest memory of all of them."""
    runs = [
        ran(f"{_TASKS}:{task}", file, f"{folder}/{task}{number}", environment=options.environment)
        for number in range(options.size.processes)
    ]
    best = min(runs, key=lambda run: float(run.answer["call_s"]))
    best.answer["cpu_s"] = min(run.answer["cpu_s"] for run in runs)
    return replace(best, peak_mb=max(run.peak_mb for run in runs))
