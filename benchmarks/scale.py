"""The same questions to a market and to one with ten times the symbols and three times the years.

At the full size: 2.5 and 75 million bars, 0.12 and 3.6 million statements. Not part of a run of all: the
large market takes five minutes to land, an hour beside other work, and 10 GB on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.agreement import answers_agree
from benchmarks.answering import Cost
from benchmarks.asking import Crew, Question, in_turns, used, wall_ms
from benchmarks.daily import append
from benchmarks.files import files_in
from benchmarks.market import Market, market
from benchmarks.options import Options
from benchmarks.peers import APPENDING, PEERS
from benchmarks.questions import large, small
from benchmarks.results import Row
from benchmarks.sources import Sources

__all__ = ["run"]

_SAME = ("market caps 16 x 12",)  # what must not grow with the lake
_BEFORE = "before"
_BESIDE = ("bare scan", "lake.duckdb")


def run(options: Options) -> Iterator[Row]:
    """Ask both markets in turns; the ratio to the smaller one is how a figure grows."""
    made, huge = market(options), market(replace(options, size=options.size.grown()))
    questions = zip([*small(made, options), *large(made)], [*small(huge, options), *large(huge)], strict=True)
    kept, bars = options.size.name == "smoke", (made.bars, huge.bars)
    with Crew(_held(made), kept=kept) as before, Crew(_held(huge), kept=kept) as after:
        for first, then in questions:
            by_source, same = _measured((first, before), (then, after), options)
            yield from _rows(then.name, bars, by_source=by_source, same=same, options=options)
    costs = {m.bars: append(m, options, APPENDING[:1])["ours"] for m in (made, huge)}
    question = f"append a day of {options.size.asked_symbols:,} bars"
    by_source = {"ours": costs[huge.bars], _BEFORE: costs[made.bars]}
    yield from _rows(question, bars, by_source=by_source, same="", options=options)


def _held(made: Market) -> Sources:
    made.lake.catalog()
    return Sources(str(made.lake.path), files_in(made.lake.path))


def _measured(
    before: tuple[Question, Crew], after: tuple[Question, Crew], options: Options
) -> tuple[dict[str, list[Cost]], str]:
    """Return what the answers cost, and whether the single file's is ours."""
    ours, (question, crew) = PEERS["ours"], after
    beside = [PEERS[n] for n in _BESIDE if question.kind in PEERS[n].kinds]
    with ExitStack() as stack:
        by_source = crew.called([ours, *beside], question, stack)
        by_source[_BEFORE] = before[1].called([ours], before[0], stack)["ours"]
        in_turns(by_source, options.size.repeats)
        file = by_source["lake.duckdb"].answer()
        same = answers_agree(question.kind, by_source["ours"].answer()[0], file)
        return {name: who.costs for name, who in by_source.items()}, same


def _rows(
    name: str, bars: tuple[int, int], *, by_source: dict[str, list[Cost]], same: str, options: Options
) -> Iterator[Row]:
    ours = by_source["ours"]
    ours_row = Row(
        f"{name}, of {bars[1]:,} bars", "ms", wall_ms(ours), first=ours[0].wall_ms, used=used(ours)
    )
    for peer in sorted(by_source.keys() - {"ours"}, key=[_BEFORE, *_BESIDE].index):
        costs = by_source[peer]
        yield replace(
            ours_row,
            peer=f"the same of {bars[0]:,}" if peer == _BEFORE else peer,
            peer_figure=wall_ms(costs),
            target=options.target(2, "ratio") if peer == _BEFORE and name in _SAME else None,
            answers=same if peer == "lake.duckdb" else "",
            their_first=costs[0].wall_ms,
            their_used=used(costs),
        )
