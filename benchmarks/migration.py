"""Measure how a cache of daily bars migrates into a lake, validates, and migrates again."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.bars import bars, symbols, trading_days
from benchmarks.old_cache import write_prices
from benchmarks.options import Options
from benchmarks.process import Ran, ran
from benchmarks.results import Row

__all__ = ["cache_and_count", "run"]

_TASKS = "benchmarks.migration_tasks"
_PEERS = {"floor": "gunzip and parse alone", "pandas": "pandas to Parquet"}  # by task
_OF = {"migrate": ("floor", "pandas"), "validate": ("floor",), "again": ("floor",)}  # the peers of each task
_FIRST = date(2013, 2, 8)
_FETCHED_AT = datetime(2018, 2, 8, 21, tzinfo=UTC)
_LATE_PART = 15  # one symbol in so many was listed during the five years
_FORMAT = 1  # raise it when the content changes


def run(options: Options) -> Iterator[Row]:
    """Measure ``migrate``, ``validate`` and a second ``migrate``, each in processes of their own."""
    cache, count = cache_and_count(options)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        ours = _ours(cache, Path(folder), options)
        peers = {name: _best(name, options.size.processes, cache, folder) for name in _PEERS}
    _check(count, ours, peers)
    yield from _speed(count, ours, peers)
    yield from _use(ours, peers)


def _speed(count: int, ours: dict[str, Ran], peers: dict[str, Ran]) -> Iterator[Row]:
    equal = f"equal: {count:,}"
    for name in ("migrate", "validate"):
        own = Row(f"{name}, whole process", "bars/s", count / ours[name].process_s, answers=equal)
        yield own
        for peer in _OF[name]:
            yield replace(own, peer=_PEERS[peer], peer_figure=count / peers[peer].process_s)
    call = Row("migrate, the call alone", "bars/s", count / ours["migrate"].call_s, answers=equal)
    yield from (call, replace(call, peer=_PEERS["floor"], peer_figure=count / peers["floor"].call_s))
    again = Row("migrate again, nothing new", "s", ours["again"].process_s)
    yield from (again, replace(again, peer=_PEERS["floor"], peer_figure=peers["floor"].process_s))


def _use(ours: dict[str, Ran], peers: dict[str, Ran]) -> Iterator[Row]:
    """Return CPU time, which a busy machine changes least, and peak memory."""
    for task, name in (("migrate", "migrate"), ("validate", "validate"), ("again", "migrate again")):
        cpu = Row(f"{name}, CPU time", "s", ours[task].cpu_s)
        memory = Row(f"{name}, peak memory", "MB", ours[task].peak_mb)
        yield from (cpu, memory)
        for peer in _OF[task]:
            yield replace(cpu, peer=_PEERS[peer], peer_figure=peers[peer].cpu_s)
            yield replace(memory, peer=_PEERS[peer], peer_figure=peers[peer].peak_mb)


def _ours(cache: Path, folder: Path, options: Options) -> dict[str, Ran]:
    """Return the fastest run of each task; every migration writes into a lake of its own."""
    lakes = [folder / f"lake{i}" for i in range(options.size.processes)]
    run_task = partial(ran, environment=options.environment)
    return {
        "migrate": _fastest([run_task(f"{_TASKS}:migrate", cache, lake) for lake in lakes]),
        "validate": _fastest([run_task(f"{_TASKS}:validate", cache, lakes[0]) for _ in lakes]),
        "again": _fastest([run_task(f"{_TASKS}:migrate", cache, lakes[0]) for _ in lakes]),
    }


def _best(name: str, processes: int, cache: Path, folder: str) -> Ran:
    return _fastest([ran(f"{_TASKS}:{name}", cache, f"{folder}/{name}{i}") for i in range(processes)])


def _fastest(runs: list[Ran]) -> Ran:
    """Return the fastest run, with the least CPU time and the highest memory of all of them."""
    best = min(runs, key=lambda r: r.process_s)
    return replace(best, cpu_s=min(r.cpu_s for r in runs), peak_mb=max(r.peak_mb for r in runs))


def _check(count: int, ours: dict[str, Ran], peers: dict[str, Ran]) -> None:
    """Raise where a task did not do the whole work."""
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
    """Return the cache's folder and its number of bars; the first run writes it."""
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
