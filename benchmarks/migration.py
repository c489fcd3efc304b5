"""Measure how a cache of daily bars migrates into a lake, validates, and migrates again."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from benchmarks.bars import bars, symbols, trading_days
from benchmarks.old_cache import write_prices
from benchmarks.options import Options
from benchmarks.process import Ran, ran
from benchmarks.results import Row, Target

__all__ = ["cache_and_count", "run"]

_TASKS = "benchmarks.migration_tasks"
_FIRST = date(2013, 2, 8)
_FETCHED_AT = datetime(2018, 2, 8, 21, tzinfo=UTC)
_LATE_PART = 15  # one symbol in so many was listed during the five years
_FORMAT = 1  # to be raised when what is written here changes


def run(options: Options) -> Iterator[Row]:
    """Measure ``migrate``, ``validate`` and a second ``migrate``, each in processes of their own."""
    cache, count = cache_and_count(options)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        ours = _ours(cache, Path(folder), options.size.processes)
        peers = {name: _best(name, options.size.processes, cache, folder) for name in ("floor", "pandas")}
    _check(count, ours, peers)
    yield from _speed(count, ours, peers, options.target(200_000, at_least=True))
    yield from _cpu(ours, peers)
    yield from _memory(ours, peers, options.target(600))


def _speed(count: int, ours: dict[str, Ran], peers: dict[str, Ran], limit: Target | None) -> Iterator[Row]:
    rate = "bars/s"
    landed, floor, pandas = ours["migrate"], peers["floor"], peers["pandas"]
    equal = f"equal: {count:,}"
    yield Row(
        f"migrate {count:,} bars, whole process", rate, count / landed.process_s,
        "gunzip and parse alone", count / floor.process_s, limit, equal,
    )  # fmt: skip
    yield Row("migrate, the call alone", rate, count / landed.call_s,
              "gunzip and parse alone", count / floor.call_s, None, equal)  # fmt: skip
    yield Row("migrate, whole process", rate, count / landed.process_s,
              "pandas to Parquet", count / pandas.process_s, None, equal)  # fmt: skip
    yield Row("validate, whole process", rate, count / ours["validate"].process_s,
              "gunzip and parse alone", count / floor.process_s, None, equal)  # fmt: skip
    yield Row("migrate again, nothing new", "s", ours["again"].process_s,
              "gunzip and parse alone", floor.process_s)  # fmt: skip


def _cpu(ours: dict[str, Ran], peers: dict[str, Ran]) -> Iterator[Row]:
    """Time on all cores: what a busy machine changes least."""
    for name, peer in (("gunzip and parse alone", "floor"), ("pandas to Parquet", "pandas")):
        yield Row("migrate, CPU time", "s", ours["migrate"].cpu_s, name, peers[peer].cpu_s)
    yield Row(
        "validate, CPU time", "s", ours["validate"].cpu_s, "gunzip and parse alone", peers["floor"].cpu_s
    )


def _memory(ours: dict[str, Ran], peers: dict[str, Ran], limit: Target | None) -> Iterator[Row]:
    for task, name in (("migrate", "migrate"), ("validate", "validate"), ("again", "migrate again")):
        yield Row(f"{name}, peak memory", "MB", ours[task].peak_mb,
                  "gunzip and parse alone", peers["floor"].peak_mb, limit)  # fmt: skip
    yield Row(
        "migrate, peak memory", "MB", ours["migrate"].peak_mb, "pandas to Parquet", peers["pandas"].peak_mb
    )


def _ours(cache: Path, folder: Path, processes: int) -> dict[str, Ran]:
    """Return the fastest run of each; every migration goes into a lake of its own."""
    lakes = [folder / f"lake{i}" for i in range(processes)]
    return {
        "migrate": _fastest([ran(f"{_TASKS}:migrate", cache, lake) for lake in lakes]),
        "validate": _fastest([ran(f"{_TASKS}:validate", cache, lakes[0]) for _ in lakes]),
        "again": _fastest([ran(f"{_TASKS}:migrate", cache, lakes[0]) for _ in lakes]),
    }


def _best(name: str, processes: int, cache: Path, folder: str) -> Ran:
    return _fastest([ran(f"{_TASKS}:{name}", cache, f"{folder}/{name}{i}") for i in range(processes)])


def _fastest(runs: list[Ran]) -> Ran:
    """Return the fastest run, with the least CPU time and the highest memory of all of them."""
    best = min(runs, key=lambda r: r.process_s)
    return replace(best, cpu_s=min(r.cpu_s for r in runs), peak_mb=max(r.peak_mb for r in runs))


def _check(count: int, ours: dict[str, Ran], peers: dict[str, Ran]) -> None:
    """Stop when anyone did not do the whole of the work."""
    expected = {
        "migrate": {"records": count, "landed": count, "clean": True},
        "validate": {"records": count, "equal": count, "clean": True},
        "again": {"records": 0, "landed": count, "clean": True},
    }
    answers = {name: r.answer for name, r in ours.items()}
    if answers != expected:
        raise RuntimeError(f"Expected {expected}, got {answers}.")
    for name, peer in peers.items():
        if peer.answer != count:
            raise RuntimeError(f"{name} counted {peer.answer} bars, expected {count}.")


def cache_and_count(options: Options) -> tuple[Path, int]:
    """Return the cache's folder and its bars, made on the first run and kept."""
    size = options.size
    name = f"cache-{_FORMAT}-{size.cache_symbols}x{size.cache_days}"
    if options.prices:
        name = f"cache-{_FORMAT}-{hashlib.sha256(options.prices.read_bytes()).hexdigest()[:12]}"
    folder, counted = options.work / name, options.work / f"{name}.count"
    if options.fresh or not counted.exists():
        shutil.rmtree(folder, ignore_errors=True)
        rows = _bars(options)
        write_prices(folder, rows, _FETCHED_AT)
        counted.write_text(str(rows.height), encoding="ascii")
    return folder, int(counted.read_text(encoding="ascii"))


def _bars(options: Options) -> pl.DataFrame:
    if options.prices:
        return pl.read_parquet(options.prices)
    size = options.size
    days = trading_days(_FIRST, count=size.cache_days)
    return bars(symbols(size.cache_symbols), days, seed=1, late=size.cache_symbols // _LATE_PART)
