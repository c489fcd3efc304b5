"""The same questions to a market and to one with ten times the symbols and three times the years.

At the full size: 2.5 and 75 million bars, 0.12 and 3.6 million statements. Not part of a run of all: the
large market takes a quarter of an hour to land, and 10 GB on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.agreement import answers_agree
from benchmarks.answering import Answering
from benchmarks.asking import Question, in_turns, used, wall_ms
from benchmarks.files import files_in
from benchmarks.market import Market, market
from benchmarks.options import FULL, Options
from benchmarks.peers import PEERS
from benchmarks.questions import large, small
from benchmarks.results import Row, Target
from benchmarks.sources import Sources

__all__ = ["run"]

_FEW = ("market caps 16 x 12",)  # what must not grow with the lake
_GROWTH = Target(2, "ratio")
_BESIDE = ("bare scan", "lake.duckdb")


def run(options: Options) -> Iterator[Row]:
    """Ask both markets in turns; the ratio to the smaller one is how a figure grows."""
    grown = replace(options, size=options.size.grown())
    made, huge = market(options), market(grown)
    held, hugely = _held(made), _held(huge)
    label = f"{made.bars:,} bars"
    asked = zip([*small(made, options), *large(made)], [*small(huge, options), *large(huge)], strict=True)
    for question, same in asked:
        yield from _grown((question, held, label), (same, hugely, f"{huge.bars:,} bars"), options)


def _held(made: Market) -> Sources:
    made.lake.catalog()
    return Sources(str(made.lake.path), files_in(made.lake.path))


def _grown(
    before: tuple[Question, Sources, str], after: tuple[Question, Sources, str], options: Options
) -> Iterator[Row]:
    question, sources, label = after
    beside = [PEERS[n] for n in _BESIDE if question.kind in PEERS[n].kinds]
    with ExitStack() as stack:
        told = {p.name: stack.enter_context(Answering(p, sources)) for p in (PEERS["ours"], *beside)}
        told["before"] = stack.enter_context(Answering(PEERS["ours"], before[1]))
        for name, who in told.items():
            asked = before[0] if name == "before" else question
            who.put(asked.kind, [*asked.arguments])
        in_turns(told, options.size.repeats)
        file = told["lake.duckdb"].answer()
        same = {"lake.duckdb": answers_agree(question.kind, told["ours"].answer()[0], file)}
    names = {"before": f"the same of {before[2]}"}
    ours = told["ours"].costs
    for name in ("before", *(p.name for p in beside)):
        theirs = told[name].costs
        yield Row(
            f"{question.name}, of {label}",
            "ms",
            wall_ms(ours),
            names.get(name, name),
            wall_ms(theirs),
            _GROWTH if name == "before" and question.name in _FEW and options.size == FULL else None,
            same.get(name, ""),
            first=ours[0].wall_ms,
            used=used(ours),
            their_first=theirs[0].wall_ms,
            their_used=used(theirs),
        )
