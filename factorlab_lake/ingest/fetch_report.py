"""Report the plan, the progress and the result of a fetch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from factorlab_lake.errors import EmptyAnswer, NotInPlan
from factorlab_lake.ingest.changes_of_held import SYMBOL_CHANGE
from factorlab_lake.providers.protocol import FetchResult

__all__ = ["NOTHING_OF_THIS_KIND", "FetchProgress", "FetchReport"]

# The reason of an empty answer about a known symbol, such as a company without dividends.
NOTHING_OF_THIS_KIND = "the provider has no data of this kind"


class FetchProgress(Protocol):
    """Define the callback that reports progress."""

    def __call__(self, *, calls_done: int, calls_total: int, records: int, failures: int, step: str) -> None:
        """Report progress. Calls are planned calls; retries and further pages are not counted.

        ``step`` is fetching, or merging and then committing for each batch.
        """


@dataclass(slots=True)
class FetchReport:
    """Report what a fetch planned and did. Counts are of records unless named otherwise.

    ``calls_planned`` counts the provider's calls if nothing fails and each response is complete.
    ``planned_s`` is their time in seconds by the provider's limit; ``calls`` counts the calls made.
    ``new`` has the rows added per table. ``failures`` lists (symbol, dataset, error, message). ``short``
    lists incomplete answers and ``empty`` answers without records, each as (symbol, dataset, reason).
    ``split_detected`` lists the symbols whose new bars hint at a split since the last fetch. ``stopped``
    gives the reason when the run ended early.
    """

    symbols: int = 0
    requests: int = 0
    calls_planned: int = 0
    planned_s: float = 0.0
    calls: int = 0
    records: int = 0
    rejected: int = 0
    new: dict[str, int] = field(default_factory=dict)
    split_detected: list[str] = field(default_factory=list)
    empty: list[tuple[str, str, str]] = field(default_factory=list)
    short: list[tuple[str, str, str]] = field(default_factory=list)
    failures: list[tuple[str, str, str, str]] = field(default_factory=list)
    stopped: str = ""
    snapshot_before: int = 0
    snapshot_after: int = 0
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Return whether every request succeeded."""
        return not self.failures and not self.stopped

    def note(self, answer: FetchResult) -> None:
        """Add one result to the counts and lists."""
        self.calls += answer.api_calls
        self.records += answer.count
        name = (answer.symbol, answer.dataset)
        if isinstance(answer.fault, EmptyAnswer) and answer.error is None:
            self.empty.append((*name, NOTHING_OF_THIS_KIND))
        elif answer.dataset == SYMBOL_CHANGE and isinstance(answer.fault, NotInPlan) and answer.error:
            self.short.append((*name, answer.error))
        elif answer.error is not None:
            kind = type(answer.fault).__name__ if answer.fault else "LakeError"
            self.failures.append((*name, kind, answer.error))
        elif answer.short:
            self.short.append((*name, answer.short))

    def accept_empty(self, known: Collection[str]) -> None:
        """Move empty results of known symbols from ``failures`` to ``empty``.

        An empty result is a failure only if the provider has no data at all for the symbol.
        """
        accepted = [f for f in self.failures if f[2] == EmptyAnswer.__name__ and f[0] in known]
        self.empty += [(symbol, dataset, NOTHING_OF_THIS_KIND) for symbol, dataset, *_ in accepted]
        self.failures = [f for f in self.failures if f not in accepted]
