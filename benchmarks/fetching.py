"""Measure a fetch from a vendor on loopback that answers in 50 ms, with a limit of calls and without one.

The vendor is a process of its own. Five datasets of each company, one call each: profile, splits, bars,
dividends, market caps. The peer makes the same calls with the same library and threads, and stores nothing.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

import factorlab_lake as fl
from benchmarks.options import Options
from benchmarks.process import ran
from benchmarks.results import Row
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.settings import fmp_settings

__all__ = ["bare", "fetch", "run"]

_LATENCY_S = 0.05
_THREADS = 16
_KINDS = ("profiles", "splits", "prices", "dividends", "market_caps")
_PATHS = ("profile", "splits", "historical-price-eod/full", "dividends", "historical-market-capitalization")
_NO_LIMIT = 1_000_000
_TASKS = __name__


def run(options: Options) -> Iterator[Row]:
    """Measure a first fetch at the plan's limit, one without a limit, and the same calls alone."""
    size = options.size
    calls = size.fetched_symbols * len(_KINDS)
    with tempfile.TemporaryDirectory(dir=options.work) as folder, _vendor(options) as url:
        at_limit = ran(
            f"{_TASKS}:fetch", url, f"{folder}/limited", size.fetched_symbols, size.calls_per_minute
        )
        unlimited = ran(f"{_TASKS}:fetch", url, f"{folder}/unlimited", size.fetched_symbols, _NO_LIMIT)
        alone = ran(f"{_TASKS}:bare", url, size.fetched_symbols)
    if not at_limit.answer == unlimited.answer or unlimited.answer["calls"] != calls != alone.answer:
        raise AssertionError(
            f"not the same was fetched: {at_limit.answer}, {unlimited.answer}, {alone.answer}"
        )
    allowed = 60.0 * (math.ceil(calls / size.calls_per_minute) - 1)
    label, landed = f"fetch {size.fetched_symbols} symbols x {len(_KINDS)} datasets", f"{calls:,} calls"
    limited = Row(f"{label}, {size.calls_per_minute} calls a minute", "s", at_limit.call_s, answers=landed)
    yield from (limited, replace(limited, peer="least the limit allows", peer_figure=allowed or None))
    bare_peer = "bare httpx"
    rows = {
        "no limit": (Row(f"{label}, no limit", "s", unlimited.call_s, answers=landed), alone.call_s),
        "CPU": (Row(f"{label}, CPU time", "s", unlimited.cpu_s), alone.cpu_s),
    }
    peak_mb = max(at_limit.peak_mb, unlimited.peak_mb)
    rows["memory"] = Row(f"{label}, peak memory", "MB", peak_mb), alone.peak_mb
    for own, figure in rows.values():
        yield from (own, replace(own, peer=bare_peer, peer_figure=figure))


def fetch(url: str, path: str, symbols: int, calls_per_minute: int) -> dict[str, int]:
    """Fetch into a new lake; return what came, for comparison."""
    settings = fmp_settings(
        api_key="demo", base_url=url, calls_per_minute=calls_per_minute, calls_at_once=_THREADS, bulk_saves=0
    )
    with FmpProvider(settings) as fmp:
        report = fl.open(path).fetch(fmp, _listed(symbols), kinds=_KINDS)
    assert report.clean, report.failures
    return {"calls": report.calls, "records": report.records, **report.new}


def bare(url: str, symbols: int) -> int:
    """Make the same calls, without a limit, and drop what comes; return how many."""
    limits = httpx.Limits(max_connections=_THREADS, max_keepalive_connections=_THREADS)
    with (
        httpx.Client(base_url=url, headers={"apikey": "demo"}, limits=limits, timeout=30) as client,
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        requests = [(path, symbol) for symbol in _listed(symbols) for path in _PATHS]
        answers = pool.map(
            lambda a: client.get(f"/stable/{a[0]}", params={"symbol": a[1]}).status_code, requests
        )
        return sum(status == httpx.codes.OK for status in answers)


def _listed(symbols: int) -> list[str]:
    return [f"M{i:03d}" for i in range(symbols)]


@contextmanager
def _vendor(options: Options) -> Iterator[str]:
    size = options.size
    command = [
        sys.executable, "-m", "tests.fakes.fmp",
        "--symbols", str(size.fetched_symbols),
        "--start", str(size.fetched_from), "--latency-s", str(_LATENCY_S),
        "--warm", "profile", "split", "price", "dividend", "market_cap",
    ]  # fmt: skip
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
