"""One question to many, in turns, each in a process of its own: what each answer took, and if it is right."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from benchmarks.agreement import answers_agree
from benchmarks.answering import Answering, Cost
from benchmarks.peers import Peer
from benchmarks.results import Row, Target, Used
from benchmarks.sources import Sources

__all__ = ["Crew", "Question", "ask", "in_turns", "used", "wall_ms"]

_OURS = "ours"
# One reads what an answer needs, and gives none; the other's is about other symbols.
_NOT_ANSWERING = ("bare scan", "ours, other symbols")
_PATIENCE_MS = 8000.0  # a peer is dropped after this time in total
_SLOW_MS = 20_000.0  # a peer with so slow a first answer answers once


@dataclass(frozen=True, slots=True)
class Question:
    """Hold a method and its arguments, the limit of our time, and the limits of our ratio to some peers."""

    name: str
    kind: str
    arguments: tuple[Any, ...]
    limit: Target | None = None
    ratios: Mapping[str, Target | None] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


class Crew:
    """The processes of the peers: new ones for each question, so that their memory is that of the question.

    With ``kept`` they go on to the next, which saves their starts where figures mean nothing.
    """

    def __init__(self, sources: Sources, *, kept: bool = False) -> None:
        self._sources = sources
        self._kept: dict[str, Answering] | None = {} if kept else None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def called(self, peers: list[Peer], question: Question, stack: ExitStack) -> dict[str, Answering]:
        """Return those who are to answer, the question put to each."""
        kept, called = self._kept, {}
        for peer in peers:
            if kept is None:
                called[peer.name] = stack.enter_context(Answering(peer, self._sources))
            else:
                if peer.name not in kept:
                    kept[peer.name] = self._stack.enter_context(Answering(peer, self._sources))
                called[peer.name] = kept[peer.name]
            called[peer.name].put(question.kind, [*question.arguments])
        return called


def ask(question: Question, crew: Crew, peers: Iterable[Peer], repeats: int) -> Iterator[Row]:
    """Return one row per peer; a peer that cannot run here has the reason in place of an answer."""
    able = [p for p in peers if question.kind in p.kinds and p.name not in question.left_out]
    with ExitStack() as stack:
        answering = crew.called([p for p in able if not p.missing()], question, stack)
        in_turns(answering, repeats)
        same = _compared(question.kind, answering)
        costs = {name: who.costs for name, who in answering.items()}
    yield _ours(question, costs[_OURS])
    for peer in able:
        if peer.name != _OURS:
            yield _row(question, costs, peer, same.get(peer.name, ""))


def _compared(kind: str, answering: dict[str, Answering]) -> dict[str, str]:
    """Return what the comparison of each answer with ours says."""
    ours = answering[_OURS].answer()[0]
    others = {n: who for n, who in answering.items() if n not in (_OURS, *_NOT_ANSWERING)}
    return {name: answers_agree(kind, ours, who.answer()) for name, who in others.items()}


def in_turns(answering: Mapping[str, Answering], repeats: int) -> None:
    """Ask each once, then in turns: a busy moment of the machine falls on all who are compared."""
    for turn in range(1 + repeats):
        for name, who in answering.items():
            taken = sum(c.wall_ms for c in who.costs)
            if name == _OURS or taken < (_SLOW_MS if turn == 1 else _PATIENCE_MS):
                who.ask()


def _ours(question: Question, costs: list[Cost]) -> Row:
    return Row(
        question.name,
        "ms",
        wall_ms(costs),
        target=question.limit,
        details={"ours": _details(costs)},
        first=costs[0].wall_ms,
        used=used(costs),
    )


def _row(question: Question, costs: dict[str, list[Cost]], peer: Peer, same: str) -> Row:
    ours = _ours(question, costs[_OURS])
    missing, limit = peer.missing(), question.ratios.get(peer.name)
    if missing:
        said = f"skipped: {', '.join(missing)} not installed"
        return replace(ours, peer=peer.name, target=limit, answers=said)
    peer_costs = costs[peer.name]
    return replace(
        ours,
        peer=peer.name,
        peer_figure=wall_ms(peer_costs),
        target=limit,
        answers=same,
        details=ours.details | {"theirs": _details(peer_costs)},
        their_first=peer_costs[0].wall_ms,
        their_used=used(peer_costs),
    )


def wall_ms(costs: list[Cost]) -> float:
    """Return the median of the runs after the first; with one run only, that run."""
    return statistics.median(c.wall_ms for c in costs[1:] or costs)


def used(costs: list[Cost]) -> Used:
    """Return the median of their processor time, and the peak of the process."""
    return Used(statistics.median(c.cpu_ms for c in costs[1:] or costs), costs[-1].peak_mb)


def _details(costs: list[Cost]) -> list[dict[str, float]]:
    return [asdict(cost) for cost in costs]
