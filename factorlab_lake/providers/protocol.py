"""What a provider of data is: what it offers, what it is asked, how it answers.

A provider is found by its name through the entry points ``factorlab_lake.providers``; another vendor is a
package of its own that registers one there. What every provider must do is a test suite that can be run
against any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from factorlab_lake.providers.result import FetchResult

__all__ = ["Call", "Offer", "Period", "Provider", "Request"]

Period = Literal["quarterly", "annual"]


@dataclass(frozen=True, slots=True)
class Offer:
    """A dataset that a provider has.

    ``periods`` are those that are asked for one by one; ``ranged`` says that ``start`` and ``end`` of a
    request are honoured, else every answer is all there is, or the newest part of it.
    """

    periods: tuple[Period, ...] = ()
    ranged: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One question: a dataset of a symbol, of one period, of records dated from ``start`` to ``end``.

    Without ``start``, as far back as the provider goes; without ``end``, to the newest.
    """

    dataset: str
    symbol: str
    period: Period | None = None
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Requests that are answered together, and how many calls of the provider's that takes at least."""

    requests: tuple[Request, ...]
    calls: int = 1


class Provider(Protocol):
    """A vendor of data. One object is used by several threads at once."""

    @property
    def name(self) -> str:
        """What the lake's tables call it in ``source_provider``."""

    @property
    def datasets(self) -> Mapping[str, Offer]:
        """What it offers, by the lake's names of datasets (``factorlab_lake.schema.DATASETS``)."""

    @property
    def calls_per_minute(self) -> float:
        """How many calls it makes at most in a minute, all threads together."""

    @property
    def calls_at_once(self) -> int:
        """How many threads it wants to be called by at most."""

    def plan(self, requests: Sequence[Request]) -> list[Call]:
        """Put requests together into calls, so that few are needed. Every request is in one call, once.

        Makes no call itself.
        """

    def answer(self, call: Call) -> list[FetchResult]:
        """Make a call and return one answer for each of its requests, in their order.

        A request that fails is an answer with its ``fault``, typed, and its ``error``, the same as text: it
        never raises for that, and no secret is in either. Waits as the limit of calls and the provider ask,
        and tries again what may succeed later, so a fault that comes back is for good, for this run.
        """

    def close(self) -> None:
        """Give back connections. The provider is not used afterwards; calls that still wait end at once."""
