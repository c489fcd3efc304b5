"""Compare a market with one of ten times the symbols and three times the years.

At the full size: 2.5 and 75 million bars, 0.12 and 3.6 million statements. It runs only when it is named: to
build the large market takes five minutes on an idle machine, and 10 GB on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from benchmarks.comparison import Processes, Question, compared, run_new, used, wall_ms
from benchmarks.daily import append
from benchmarks.market import Market, files_in, market
from benchmarks.options import Options
from benchmarks.peer_process import Cost
from benchmarks.peers import APPENDING, OURS, PEERS, with_index_sides
from benchmarks.questions import large, small
from benchmarks.results import Row
from benchmarks.sources import Sources

__all__ = ["SMALLER", "run"]

SMALLER = "the smaller market"
_BESIDE = ("bare scan", "lake.duckdb")


@dataclass(frozen=True, slots=True)
class _Measured:
    """Hold the costs of one question by peer, the private memory of ours, and the comparisons of answers."""

    costs: dict[str, list[Cost]]
    private_mb: float
    same: dict[str, str]


def run(options: Options) -> Iterator[Row]:
    """Measure both markets in turns; the ratio to the smaller one is the growth of a figure."""
    made, huge = market(options), market(replace(options, size=options.size.grown()))
    before, after = ([*small(m, options), *large(m, options)] for m in (made, huge))
    reused = options.size.name == "smoke"
    with Processes(_sources(made), reused=reused) as first, Processes(_sources(huge), reused=reused) as then:
        for smaller, larger in zip(before, after, strict=True):
            measured = _measured((smaller, first), (larger, then), options)
            yield from _rows(larger.name, measured)
    ours = with_index_sides(APPENDING[:1], options)[:1]
    costs = {m.bars: append(m, options, ours)[OURS] for m in (made, huge)}
    own = _row(f"append a day of {options.size.many_symbols} bars", costs[huge.bars])
    yield from (own, _beside(own, SMALLER, costs[made.bars]))


def _sources(made: Market) -> Sources:
    made.lake.catalog()
    return Sources(str(made.lake.path), files_in(made.lake.path))


def _measured(
    before: tuple[Question, Processes], after: tuple[Question, Processes], options: Options
) -> _Measured:
    question, processes = after
    ours = with_index_sides([PEERS[OURS]], options)
    beside = [PEERS[n] for n in _BESIDE if question.kind in PEERS[n].kinds]
    with ExitStack() as stack:
        running = processes.started([*ours, *beside], question, stack)
        running[SMALLER] = before[1].started(ours[:1], before[0], stack)[OURS]
        run_new(running, options.size.repeats)
        same = compared(question.kind, {name: p for name, p in running.items() if name != SMALLER})
        costs = {name: process.new for name, process in running.items()}
        return _Measured(costs, running[OURS].private_peak_mb(), same)


def _rows(name: str, measured: _Measured) -> Iterator[Row]:
    own = _row(name, measured.costs[OURS])
    yield own
    for peer, costs in measured.costs.items():
        if peer != OURS:
            yield _beside(own, peer, costs, measured.same.get(peer, ""))
    yield Row(f"{own.question}, private memory", "MB", measured.private_mb)


def _row(name: str, costs: list[Cost]) -> Row:
    return Row(f"scale: {name}", "ms", wall_ms(costs), first=costs[0].wall_ms, used=used(costs))


def _beside(own: Row, peer: str, costs: list[Cost], answers: str = "") -> Row:
    return replace(
        own, peer=peer, peer_figure=wall_ms(costs), answers=answers,
        their_first=costs[0].wall_ms, their_used=used(costs),
    )  # fmt: skip
