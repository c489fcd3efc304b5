"""Time questions in turns, so that a busy moment of the machine affects every peer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Questions", "Timing", "in_turns"]

Questions: TypeAlias = Mapping[str, Callable[[int], Any]]  # each answers the question of one turn


@dataclass(frozen=True, slots=True)
class Timing:
    """Hold the times of one question in ms, first and later runs, and its last answer."""

    first: float
    later: tuple[float, ...]
    answer: Any

    @property
    def median(self) -> float:
        """Return the median of the later runs."""
        return statistics.median(self.later)

    @property
    def details(self) -> dict[str, Any]:
        """Return the single runs for the JSON."""
        return {"first": self.first, "later": self.later, "fastest": min(self.later)}


def in_turns(questions: Questions, turns: list[int]) -> dict[str, Timing]:
    """Answer the question of each turn, each of the peers once per turn."""
    times: dict[str, list[float]] = {name: [] for name in questions}
    answers: dict[str, Any] = {}
    for turn in turns:
        for name, answer in questions.items():
            started = time.perf_counter()
            answers[name] = answer(turn)
            times[name].append((time.perf_counter() - started) * 1000)
    return {n: Timing(t[0], tuple(t[1:]), answers[n]) for n, t in times.items()}
