"""Plan the faults of the fake FMP: by rules for some requests, and by seeded chance for others."""

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

# Temporary faults: a retry may succeed. Chance draws only these.
PASSING: tuple[Kind, ...] = (
    "429_retry_after", "429", "500", "502_html", "503", "truncated", "cut_json", "slow", "dropped",
    "dropped_inside", "html_200", "error_200", "duplicates", "bom_csv",
)  # fmt: skip
FOR_GOOD: tuple[Kind, ...] = ("401", "402", "403_exclusive", "403_legacy", "row_cap")
KINDS: tuple[Kind, ...] = PASSING + FOR_GOOD


@dataclass(frozen=True, slots=True)
class FaultRule:
    """Define a fault of the requests whose path contains ``path`` and that name ``symbol``.

    The first ``skip`` of them succeed. After ``times`` faults all succeed again; None means never. ``rows``
    is the limit of rows of the kind ``row_cap``.
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
        """Return whether the rule covers a request."""
        return self.path in path and (self.symbol is None or self.symbol in symbols)


@dataclass(slots=True)
class Faults:
    """Draw faults by rules first, then by chance: a fraction ``rate`` of responses is one of ``kinds``.

    Chance depends on ``seed``, on the request and on the number of equal requests before it. It does not
    depend on the order of threads. After ``most_in_a_row`` faults in a row a request succeeds.

    >>> plan = Faults(rules=[FaultRule("429", symbol="AAPL", times=1)])
    >>> [plan.draw("/stable/profile", ("AAPL",), "symbol=AAPL") is not None for _ in range(2)]
    [True, False]
    """

    rules: list[FaultRule] = field(default_factory=list)
    rate: float = 0.0
    seed: int = 1
    kinds: tuple[Kind, ...] = PASSING
    most_in_a_row: int = 3
    _counts: Counter[object] = field(default_factory=Counter, repr=False)
    _in_a_row: Counter[str] = field(default_factory=Counter, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        _check_kinds(self.kinds)

    def draw(self, path: str, symbols: tuple[str, ...], query: str) -> FaultRule | None:
        """Return the fault of this response, or None."""
        with self._lock:
            for rule in self.rules:
                if rule.matches(path, symbols) and self._is_due(rule):
                    return rule
            return self._by_chance(f"{path}?{query}")

    def _is_due(self, rule: FaultRule) -> bool:
        self._counts[id(rule)] += 1
        seen = self._counts[id(rule)] - rule.skip
        return seen > 0 and (rule.times is None or seen <= rule.times)

    def _by_chance(self, request: str) -> FaultRule | None:
        self._counts[request] += 1
        numbers = random.Random(f"{self.seed} {self._counts[request]} {request}")
        if self._in_a_row[request] >= self.most_in_a_row or numbers.random() >= self.rate:
            self._in_a_row[request] = 0
            return None
        self._in_a_row[request] += 1
        return FaultRule(numbers.choice(self.kinds))


def _check_kinds(kinds: list[Kind] | tuple[Kind, ...]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise InvalidInput(f"Unknown fault {kind!r}; the kinds are {', '.join(KINDS)}.", kind=kind)
