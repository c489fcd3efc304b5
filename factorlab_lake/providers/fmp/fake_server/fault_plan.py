"""What can go wrong at the vendor, as a plan: for some questions always, for others by seeded chance."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from factorlab_lake.errors import InvalidInput

__all__ = ["FOR_GOOD", "KINDS", "PASSING", "FaultRule", "Faults", "Kind"]

Kind = Literal[
    "429_retry_after", "429", "500", "502_html", "503", "truncated", "cut_json", "slow", "dropped",
    "dropped_inside", "html_200", "error_200", "duplicates", "bom_csv",
    "401", "402", "403_exclusive", "403_legacy", "row_cap",
]  # fmt: skip

# What the next answer to the same question may not show; chance deals only in these.
PASSING: tuple[Kind, ...] = (
    "429_retry_after", "429", "500", "502_html", "503", "truncated", "cut_json", "slow", "dropped",
    "dropped_inside", "html_200", "error_200", "duplicates", "bom_csv",
)  # fmt: skip
FOR_GOOD: tuple[Kind, ...] = ("401", "402", "403_exclusive", "403_legacy", "row_cap")
KINDS: tuple[Kind, ...] = PASSING + FOR_GOOD


@dataclass(frozen=True, slots=True)
class FaultRule:
    """A fault of certain questions: those whose path holds ``path`` and that ask for ``symbol``.

    The first ``skip`` of them are answered well, and after ``times`` faults all are again (None: never).
    ``rows`` is the most that a ``row_cap`` lets through.
    """

    kind: Kind
    path: str = ""
    symbol: str | None = None
    times: int | None = None
    skip: int = 0
    rows: int = 5

    def __post_init__(self) -> None:
        _check_kinds([self.kind])

    def matches(self, path: str, symbols: tuple[str, ...]) -> bool:
        """Return whether a question is one of those that it is about."""
        return self.path in path and (self.symbol is None or self.symbol in symbols)


@dataclass(slots=True)
class Faults:
    """Rules first, then chance: a share ``rate`` of the answers is a fault of one of ``kinds``.

    Chance depends on ``seed``, on the question and on how often it was asked before, not on the order in
    which threads come; ``most_in_a_row`` faults are dealt to a question before it is answered well.

    >>> plan = Faults(rules=[FaultRule("429", symbol="AAPL", times=1)])
    >>> [plan.draw("/stable/profile", ("AAPL",), "symbol=AAPL") is not None for _ in range(2)]
    [True, False]
    """

    rules: list[FaultRule] = field(default_factory=list)
    rate: float = 0.0
    seed: int = 1
    kinds: tuple[Kind, ...] = PASSING
    most_in_a_row: int = 3
    _asked: Counter[object] = field(default_factory=Counter, repr=False)
    _in_a_row: Counter[str] = field(default_factory=Counter, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        _check_kinds(self.kinds)

    def draw(self, path: str, symbols: tuple[str, ...], question: str) -> FaultRule | None:
        """Return the fault that this answer shall be, or None."""
        with self._lock:
            for rule in self.rules:
                if rule.matches(path, symbols) and self._due(rule):
                    return rule
            return self._by_chance(f"{path}?{question}")

    def _due(self, rule: FaultRule) -> bool:
        self._asked[id(rule)] += 1
        seen = self._asked[id(rule)] - rule.skip
        return seen > 0 and (rule.times is None or seen <= rule.times)

    def _by_chance(self, question: str) -> FaultRule | None:
        self._asked[question] += 1
        dice = random.Random(f"{self.seed} {self._asked[question]} {question}")  # noqa: S311 - reproducible on purpose
        if self._in_a_row[question] >= self.most_in_a_row or dice.random() >= self.rate:
            self._in_a_row[question] = 0
            return None
        self._in_a_row[question] += 1
        return FaultRule(dice.choice(self.kinds))


def _check_kinds(kinds: list[Kind] | tuple[Kind, ...]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise InvalidInput(f"No fault is called {kind!r}; there are {', '.join(KINDS)}.", kind=kind)
