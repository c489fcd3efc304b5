"""Count the events of parallel running, from any number of threads, and describe its alerts."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

__all__ = ["Alert", "Counts", "EventCounter"]

_MAX_NAMES = 5  # symbols in one line of the log


@dataclass(frozen=True, slots=True)
class Alert:
    """Describe an event that may need attention.

    ``kind``: ``lake_failed`` (the lake raised, and the cache answered), ``not_in_lake`` (the cache answered
    for symbols that the lake lacks), ``behind_cache`` (the cache has later fetches of the symbols than the
    lake), ``differs`` (the two answers differ) or ``not_compared`` (the other
    source failed). ``question``: the method called.
    """

    kind: str
    question: str
    symbols: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        more = len(self.symbols) - _MAX_NAMES
        names = ", ".join(self.symbols[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
        return f"{self.kind} in {self.question} about {names}: {self.message}"


@dataclass(frozen=True, slots=True)
class Counts:
    """Count calls and their answers; a call for three symbols is one question and three answers.

    ``from_lake``, ``from_cache``: answers by source. Of the latter, ``not_in_lake`` counts missing data and
    ``lake_failed`` errors. ``behind_cache``: answers for whose symbol the cache had a later fetch than the
    lake; in the mode ``freshest`` they are the cache's. ``compared``: comparisons made; ``differing``: those
    with differences; ``not_compared``: those that failed. ``alerts_failed``: calls of the alert hook that
    raised.
    """

    questions: int = 0
    from_lake: int = 0
    from_cache: int = 0
    not_in_lake: int = 0
    lake_failed: int = 0
    behind_cache: int = 0
    compared: int = 0
    differing: int = 0
    not_compared: int = 0
    alerts_failed: int = 0


class EventCounter:
    """Count the events of one provider; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, **counts: int) -> None:
        """Add to some counts in one step."""
        with self._lock:
            self._counts.update(counts)

    def now(self) -> Counts:
        """Return all counts at one moment."""
        with self._lock:
            return Counts(**self._counts)
