"""Measure one question to ours and each peer in turns, each in its own process, and compare the answers."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from benchmarks.agreement import answers_agree
from benchmarks.peer_process import Cost, PeerProcess
from benchmarks.peers import OURS, Peer
from benchmarks.results import Mode, Row, Used
from benchmarks.sources import Sources

__all__ = [
    "Processes",
    "Question",
    "compared",
    "measure",
    "run_again",
    "run_new",
    "skipped",
    "used",
    "wall_ms",
]

_WITHOUT_ANSWER = ("bare scan",)  # reads what an answer needs and returns none
_PATIENCE_MS = 8000.0  # a peer stops after this time in total
_SLOW_MS = 20_000.0  # a peer with so slow a first answer answers once


@dataclass(frozen=True, slots=True)
class Question:
    """Name a method and its arguments in each turn; ``left_out`` names the peers that do not take part."""

    name: str
    kind: str
    arguments: tuple[tuple[Any, ...], ...]
    left_out: tuple[str, ...] = ()


class Processes:
    """Start the processes of the peers, new ones for each question: peak memory then belongs to it.

    With ``reused`` they go on to the next question, which saves their starts where figures mean nothing.
    """

    def __init__(self, sources: Sources, *, reused: bool = False) -> None:
        self._sources = sources
        self._reused: dict[str, PeerProcess] | None = {} if reused else None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def started(self, peers: Iterable[Peer], question: Question, stack: ExitStack) -> dict[str, PeerProcess]:
        """Return the process of each peer, with the question set."""
        running = {peer.name: self._process(peer, stack) for peer in peers}
        for process in running.values():
            process.set_question(question.kind, [*question.arguments])
        return running

    def _process(self, peer: Peer, stack: ExitStack) -> PeerProcess:
        if self._reused is None:
            return stack.enter_context(PeerProcess(peer, self._sources))
        if peer.name not in self._reused:
            self._reused[peer.name] = self._stack.enter_context(PeerProcess(peer, self._sources))
        return self._reused[peer.name]


def measure(question: Question, processes: Processes, peers: Iterable[Peer], repeats: int) -> Iterator[Row]:
    """Return a row per peer and mode; a peer that is not installed has the reason in place of an answer."""
    able = [p for p in peers if question.kind in p.kinds and p.name not in question.left_out]
    with ExitStack() as stack:
        running = processes.started([p for p in able if not p.missing()], question, stack)
        run_new(running, repeats)
        same = compared(question.kind, running)
        run_again(running, repeats)
        yield from _rows(question.name, running, same)
    ours = _row(question.name, running[OURS].new, mode="new")
    yield from (skipped(ours, p) for p in able if p.missing())


def run_new(running: Mapping[str, PeerProcess], repeats: int) -> None:
    """Answer in turns, each turn another question: a busy moment of the machine affects all peers."""
    for turn in range(1 + repeats):
        for name, process in running.items():
            taken = sum(c.wall_ms for c in process.new)
            if name == OURS or taken < (_SLOW_MS if turn == 1 else _PATIENCE_MS):
                process.answer_new()


def run_again(running: Mapping[str, PeerProcess], repeats: int) -> None:
    """Repeat the last question in turns; a peer whose single answers take too long is left out."""
    quick = {n: p for n, p in running.items() if n == OURS or wall_ms(p.new) < _PATIENCE_MS}
    for _ in range(repeats):
        for process in quick.values():
            if sum(c.wall_ms for c in process.again) < _PATIENCE_MS:
                process.answer_again()


def skipped(ours: Row, peer: Peer) -> Row:
    """Return the row of a peer that is not installed."""
    return replace(ours, peer=peer.name, answers=f"skipped: {', '.join(peer.missing())} not installed")


def compared(kind: str, running: Mapping[str, PeerProcess]) -> dict[str, str]:
    """Compare the last answer of each peer with ours in the same turn."""
    ours, last = running[OURS], len(running[OURS].new) - 1
    by_turn = {last: ours.answered()[0]}
    same: dict[str, str] = {}
    for name, process in running.items():
        if name in (OURS, *_WITHOUT_ANSWER):
            continue
        turn = len(process.new) - 1
        if turn not in by_turn:
            by_turn[turn] = ours.answered(turn)[0]
        same[name] = answers_agree(kind, by_turn[turn], process.answered())
    return same


def wall_ms(costs: list[Cost]) -> float:
    """Return the median of the runs after the first; with one run only, that run."""
    return statistics.median(c.wall_ms for c in costs[1:] or costs)


def used(costs: list[Cost]) -> Used:
    """Return the median CPU time of the runs after the first, and the peak memory of the process."""
    return Used(statistics.median(c.cpu_ms for c in costs[1:] or costs), costs[-1].peak_mb)


def _rows(question: str, running: Mapping[str, PeerProcess], same: dict[str, str]) -> Iterator[Row]:
    ours = running[OURS]
    yield _row(question, ours.new, mode="new")
    yield _row(question, ours.again, mode="again")
    for name, process in running.items():
        if name != OURS:
            answers = same.get(name, "")
            yield _row(question, ours.new, peer=name, peer_costs=process.new, mode="new", answers=answers)
            if process.again:
                yield _row(question, ours.again, peer=name, peer_costs=process.again, mode="again")


def _row(
    question: str,
    costs: list[Cost],
    *,
    mode: Mode,
    peer: str = "",
    peer_costs: list[Cost] | None = None,
    answers: str = "",
) -> Row:
    details = {"ours": [asdict(cost) for cost in costs]}
    if peer_costs is None:
        return Row(
            question, "ms", wall_ms(costs), answers=answers, details=details,
            first=costs[0].wall_ms, used=used(costs), mode=mode,
        )  # fmt: skip
    return Row(
        question, "ms", wall_ms(costs), peer, wall_ms(peer_costs), answers,
        details | {"theirs": [asdict(cost) for cost in peer_costs]},
        first=costs[0].wall_ms, used=used(costs),
        their_first=peer_costs[0].wall_ms, their_used=used(peer_costs), mode=mode,
    )  # fmt: skip
