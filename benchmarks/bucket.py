"""Measure a lake in a bucket beside the same lake in its folder: opening, market caps, memory, what is read.

SeaweedFS runs on this machine, from the environment that `make emulators` installs. Each measurement is a
process of its own, whose imports are done before. The result cache is off, and each turn has other symbols
and dates, so nothing is kept between questions but the open lake. A cold process has no copy of the read
index yet; one more counts its requests and bytes through a proxy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from benchmarks.counting_proxy import Counted, counting_proxy
from benchmarks.grids import month_ends, moved, spread
from benchmarks.market import Market, market
from benchmarks.options import INDEX_OFF, Options
from benchmarks.process import Ran, ran
from benchmarks.results import Row, Used
from tests.bucket_servers import BUCKET, seaweedfs, variables

__all__ = ["ask", "copy", "run"]

_SYMBOLS = 505
_ADDRESS = f"s3://{BUCKET}/lake"
_DATES = 12
_FOLDER = "the folder"


@dataclass(frozen=True, slots=True)
class _Bench:
    """Hold the questions, and where the processes put their answers and copies of the index."""

    options: Options
    questions: list[tuple[list[str], list[str]]]
    work: Path
    endpoint: str

    def measurement(self, place: str, name: str, *, endpoint: str = "", index: bool = True) -> Ran:
        """Ask all questions in a process that has no copies of tiles yet."""
        environment = variables(endpoint or self.endpoint) | {
            "FACTORLAB_CACHE_FOLDER": str(self.work / f"cache-{name}"),
            "FACTORLAB_RESULT_CACHE_MB": "0",
        }
        environment |= {} if index else INDEX_OFF
        answers = str(self.work / f"{name}.parquet")
        return ran("benchmarks.bucket:ask", place, self.questions, answers, environment=environment)


def run(options: Options) -> Iterator[Row]:
    """Copy the lake to a bucket, then ask both for the same market caps."""
    size = replace(options.size, market_symbols=min(_SYMBOLS, options.size.market_symbols))
    made = market(replace(options, size=size))
    path = str(made.lake.path)
    with (
        TemporaryDirectory(dir=options.work) as folder,
        TemporaryDirectory(dir=options.work) as objects,
        seaweedfs(Path(objects)) as endpoint,
    ):
        bench = _Bench(options, _questions(made, options), Path(folder), endpoint)
        copied = ran("benchmarks.bucket:copy", path, _ADDRESS, environment=variables(endpoint))
        yield Row("bucket: a lake restored to it", "s", copied.call_s, used=_used(copied))
        for index in (True, False):
            yield from _measured(bench, path, index=index)


def ask(place: str, questions: list[Any], answers: str) -> dict[str, Any]:
    """Open a lake and ask the questions; return the times in ms, and write the last answer to a file."""
    started = time.perf_counter()
    lake = fl.open(place, create=False)
    times = [1000 * (time.perf_counter() - started)]
    for symbols, dates in questions:
        started = time.perf_counter()
        rows = lake.market_caps(symbols, dates)
        times.append(1000 * (time.perf_counter() - started))
    rows.write_parquet(answers)
    return {"open_ms": times[0], "first_ms": times[1], "later_ms": times[2:]}


def copy(path: str, address: str) -> None:
    """Restore a lake to another place."""
    fl.restore(path, address)


def _measured(bench: _Bench, path: str, *, index: bool) -> Iterator[Row]:
    """Yield the lines of the lake with its read index, or without it: then SQL reads ranges of data files."""
    kind = "" if index else ", index off"
    bucket_runs, folder_runs = (
        [
            bench.measurement(place, f"{where}{kind}{n}", index=index)
            for n in range(bench.options.size.repeats)
        ]
        for place, where in ((_ADDRESS, "bucket"), (path, "folder"))
    )
    symbols, dates = bench.questions[0]
    caps = f"market caps {len(symbols)} x {len(dates)}"
    opened, first, warm = zip(_medians(bucket_runs), _medians(folder_runs), strict=True)
    first_caps = f"bucket: open and first {caps}, cold{kind}"
    for name, (ours, right) in {f"bucket: open, cold{kind}": opened, first_caps: first}.items():
        yield Row(name, "ms", ours)
        yield Row(name, "ms", ours, _FOLDER, right)
    own = Row(
        f"bucket: {caps}{kind}", "ms", warm[0], used=_used(bucket_runs[-1]),
        details={"runs_ms": _later(bucket_runs)},
    )  # fmt: skip
    yield own
    compared = _compared(bench.work, kind)
    yield replace(own, peer=_FOLDER, peer_figure=warm[1], answers=compared, their_used=_used(folder_runs[-1]))
    with counting_proxy(bench.endpoint) as (endpoint, counted):
        bench.measurement(_ADDRESS, f"counted{kind}", endpoint=endpoint, index=index)
    yield from _read(counted, kind, len(bench.questions))


def _read(counted: Counted, kind: str, questions: int) -> Iterator[Row]:
    what = f"an open and {questions} questions{kind}"
    yield Row(f"bucket: requests of {what}", "requests", counted.requests)
    yield Row(f"bucket: bytes read by {what}", "MB", counted.bytes_read / 1e6)


def _questions(made: Market, options: Options) -> list[tuple[list[str], list[str]]]:
    """Return a question for each turn, about other symbols and dates."""
    months: list[date] = month_ends(made.days)[-_DATES:]
    count = min(options.size.grid_symbols[0], len(made.symbols))
    return [
        (spread(made.symbols, count, turn, options.turns), [str(day) for day in moved(months, turn)])
        for turn in range(options.turns)
    ]


def _compared(work: Path, kind: str) -> str:
    left, right = (pl.read_parquet(work / f"{where}{kind}0.parquet") for where in ("bucket", "folder"))
    assert_frame_equal(left, right)
    return f"equal: {left.height:,}"


def _medians(runs: list[Ran]) -> tuple[float, float, float]:
    """Return the medians of an open, of an open with the first question, and of the later questions."""
    opened = [done.answer["open_ms"] for done in runs]
    first = [done.answer["open_ms"] + done.answer["first_ms"] for done in runs]
    return median(opened), median(first), median(_later(runs))


def _later(runs: list[Ran]) -> list[float]:
    return [ms for done in runs for ms in done.answer["later_ms"]]


def _used(done: Ran) -> Used:
    return Used(1000 * done.cpu_s, done.peak_mb)
