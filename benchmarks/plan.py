"""Measure the operations that Factor Lab planned, each asked for the first time and again.

A first time is a new session of an open lake in a process that has answered before; nothing is kept between
its questions. A new process also imports the package and opens the lake. Beside both stands the old way,
which reads the files of a symbol again for each date. A process that imports polars and numpy and does
nothing is the bound of every new process. At the end stands what stored ratios would cost a commit of bars.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

import factorlab_lake as fl
from benchmarks.bars import symbols
from benchmarks.old_way import LAST_YEAR, months, weeks, write_cache
from benchmarks.options import Options
from benchmarks.peers import OLD_WAY
from benchmarks.process import Ran, ran
from benchmarks.results import Row, Used
from factorlab_lake.schema import literal

__all__ = ["run"]

_TASKS = "benchmarks.plan_tasks"
_YEARS = 5
_LAST = date(LAST_YEAR, 12, 31)
_OLD_SYMBOLS = 16  # the old way takes minutes for more
_BOUND = ("polars", "numpy")


@dataclass(frozen=True, slots=True)
class _Operation:
    """Name a method and its arguments, and say whether the old way answers it in a time worth waiting for."""

    name: str
    kind: str
    arguments: list[Any]
    has_old_way: bool = False


class _Runs:
    """Hold the processes of one operation: ours, as many with one answer alone, and the old way's."""

    def __init__(self, operation: _Operation, cache: Path, lake: Path, options: Options) -> None:
        arguments, environment = operation.arguments, options.environment
        turns, sessions = range(options.size.processes), options.size.repeats
        task = f"{_TASKS}:ours"
        self.ours = [
            ran(task, str(lake), operation.kind, arguments, sessions, environment=environment) for _ in turns
        ]
        self.alone = [
            ran(f"{_TASKS}:once", str(lake), operation.kind, arguments, environment=environment)
            for _ in turns
        ]
        self.old = (
            ran(f"{_TASKS}:by_files", str(cache), operation.kind, arguments)
            if operation.has_old_way
            else None
        )

    def figure(self, name: str) -> float:
        """Return the median of a figure over our processes."""
        return float(median(run.answer[name] for run in self.ours))

    @cached_property
    def imports(self) -> Ran:
        """Return a process that imports what our answer imported, and answers nothing."""
        return _imported(self.ours[0].answer["modules"])


def run(options: Options) -> Iterator[Row]:
    """Measure each operation over a generated cache of the old way, and the lake that it was migrated to."""
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        cache, lake = Path(folder, "cache"), Path(folder, "lake")
        tickers = symbols(options.size.grid_symbols[1])
        write_cache(cache, tickers, options.size.market_years)
        fl.open(lake).migrate(cache)
        bound = [_imported(_BOUND) for _ in range(options.size.starts)]
        for operation in _operations(tickers, options):
            if options.only in operation.name:
                print(f"  {operation.name}", file=sys.stderr, flush=True)
                yield from _rows(operation, _Runs(operation, cache, lake, options), bound)
        name = f"plan: commit a day of bars of {len(tickers)} symbols"
        if options.only in name:
            yield _daily(name, lake, tickers, options)


def _imported(modules: Sequence[str]) -> Ran:
    return ran(f"{_TASKS}:imported", modules)


def _daily(name: str, lake: Path, tickers: list[str], options: Options) -> Row:
    """Compare the processor time of a commit of bars with that of the ratios of the same symbols by SQL."""
    days = [date(LAST_YEAR + 1, 1, 1 + n) for n in range(options.size.repeats)]
    answer = ran(f"{_TASKS}:daily", str(lake), tickers, days).answer
    commit, ratios = median(answer["commit_ms"]), median(answer["ratios_ms"])
    return Row(f"{name}, CPU time", "ms", commit, "their ratios", ratios, details=answer)


def _operations(tickers: list[str], options: Options) -> Iterator[_Operation]:
    some, many = options.size.grid_symbols
    year, years = (date(LAST_YEAR - count, 12, 31) for count in (1, _YEARS))
    by_month = months(LAST_YEAR)
    of_years = [day for n in range(_YEARS) for day in months(LAST_YEAR - n)]
    for count, first, dates in ((1, year, by_month), (some, year, by_month), (many, years, of_years)):
        yield from _ranges(tickers[:count], first, ("statements", "ratios"))
        yield from _grids(tickers[:count], dates, ("market_caps", "factors"))
    yield from _ranges(tickers[:some], year, ("prices", "quarters"))
    yield _sql(tickers[:some], year)
    yield from _grids(tickers[:some], weeks(LAST_YEAR), ("market_caps", "factors"))
    yield from _grids(tickers, by_month, ("market_caps",))


def _grids(names: list[str], dates: list[date], kinds: tuple[str, ...]) -> Iterator[_Operation]:
    for kind in kinds:
        name = f"plan: {kind.replace('_', ' ')} {len(names)} x {len(dates)}"
        yield _Operation(name, kind, [names, sorted(dates)], len(names) <= _OLD_SYMBOLS)


def _ranges(names: list[str], first: date, kinds: tuple[str, ...]) -> Iterator[_Operation]:
    for kind in kinds:
        old = kind == "statements" and len(names) <= _OLD_SYMBOLS
        yield _Operation(f"plan: {kind} of {_size(names, first)}", kind, [names, first, _LAST], old)


def _sql(names: list[str], first: date) -> _Operation:
    """Return the plan's query of statements, whose figures are in JSON."""
    query = (
        "SELECT symbol, fiscal_date, CAST(metrics ->> 'revenue' AS DOUBLE PRECISION) AS revenue "
        f"FROM financial_statements WHERE symbol IN ({', '.join(map(literal, names))}) "
        f"AND fiscal_date BETWEEN '{first}' AND '{_LAST}' AND statement_type = 'income' ORDER BY 1, 2"
    )
    return _Operation(f"plan: SQL over statements of {_size(names, first)}", "sql", [query])


def _size(names: list[str], first: date) -> str:
    years = _LAST.year - first.year
    return f"{len(names)} symbol{'s' * (len(names) > 1)}, {years} year{'s' * (years > 1)}"


def _rows(operation: _Operation, runs: _Runs, bound: list[Ran]) -> Iterator[Row]:
    session_ms = median(ms for run in runs.ours for ms in run.answer["session_ms"])
    details = {"ours": [{k: v for k, v in run.answer.items() if k != "modules"} for run in runs.ours]}
    cost = Used(1000 * median(run.cpu_s for run in runs.alone), runs.figure("peak_mb"))
    new = Row(
        operation.name,
        "ms",
        session_ms,
        answers=f"{runs.figure('rows'):,.0f} rows",
        details=details,
        first=runs.figure("first_ms"),
        used=cost,
    )
    again = replace(new, ours=runs.figure("warm_ms"), mode="again")
    process = _process(f"{operation.name}, new process", runs.alone, bound)
    beyond = max(runs.figure("peak_mb") - runs.imports.peak_mb, 0.01)
    memory = Row(f"{operation.name}, memory beyond imports", "MB", beyond)
    yield from (new, again, replace(process, peer="", peer_figure=None, their_used=None), memory)
    yield process
    yield replace(
        process,
        peer="its imports alone",
        peer_figure=1000 * runs.imports.process_s,
        their_used=_used([runs.imports]),
    )
    yield replace(memory, peer="its imports alone", peer_figure=runs.imports.peak_mb)
    if runs.old is not None:
        by_files = replace(
            new, peer=OLD_WAY.name, peer_figure=runs.old.answer, answers="", first=None, used=None
        )
        yield from (by_files, replace(by_files, ours=again.ours, mode="again"))
        old_ms = 1000 * runs.old.process_s
        yield replace(process, peer=OLD_WAY.name, peer_figure=old_ms, their_used=_used([runs.old]))
        yield replace(memory, peer=OLD_WAY.name, peer_figure=runs.old.peak_mb)


def _process(name: str, runs: list[Ran], bound: list[Ran]) -> Row:
    """Return the time and the cost of whole processes beside those that import polars and numpy alone."""
    ours_ms, bound_ms = (1000 * median(run.process_s for run in each) for each in (runs, bound))
    return Row(
        name,
        "ms",
        ours_ms,
        peer="polars and numpy alone",
        peer_figure=bound_ms,
        used=_used(runs),
        their_used=_used(bound),
    )


def _used(runs: list[Ran]) -> Used:
    return Used(1000 * median(run.cpu_s for run in runs), median(run.peak_mb for run in runs))
