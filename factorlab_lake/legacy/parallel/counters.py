"""What parallel running has seen: counters that any number of threads may add to, and alerts."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

__all__ = ["Alert", "Counts", "Tally"]

_MOST_NAMES = 5  # of symbols in a line of the log


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person may want to know of.

    ``kind``: ``lake_failed`` (it raised, and the cache answered), ``not_in_lake`` (the cache answered for
    symbols that the lake does not hold), ``differs`` (two answers are not the same) or ``not_compared``
    (the other side could not be asked). ``question``: the method that was called.
    """

    kind: str
    question: str
    symbols: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        more = len(self.symbols) - _MOST_NAMES
        names = ", ".join(self.symbols[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        return f"{self.kind} in {self.question} about {names}: {self.message}"


@dataclass(frozen=True, slots=True)
class Counts:
    """How often what has happened; a question about three symbols counts once, and as three answers.

    ``from_lake``, ``from_cache``: answers by who gave them; of the latter ``not_in_lake`` for want of data
    and ``lake_failed`` after an error. ``compared``, ``differing``, ``not_compared``: comparisons made, of
    these unequal, and those that failed. ``alerts_failed``: calls of the alert hook that raised.
    """

    questions: int = 0
    from_lake: int = 0
    from_cache: int = 0
    not_in_lake: int = 0
    lake_failed: int = 0
    compared: int = 0
    differing: int = 0
    not_compared: int = 0
    alerts_failed: int = 0


class Tally:
    """Counters of one provider."""

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, **counts: int) -> None:
        """Add to some counters, together."""
        with self._one:
            self._counts.update(counts)

    def now(self) -> Counts:
        """Return all counters as they are at one moment."""
        with self._one:
            return Counts(**self._counts)
