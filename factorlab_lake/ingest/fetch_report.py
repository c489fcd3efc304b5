"""Report the plan, the progress and the result of a fetch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from factorlab_lake.errors import EmptyAnswer, NotInPlan, counted
from factorlab_lake.ingest.changes_of_held import SYMBOL_CHANGE
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.run_report import RunReport, duration, row_counts, shortened

__all__ = ["NOTHING_OF_THIS_KIND", "FetchProgress", "FetchReport", "nothing_fetched"]

_MAX_NAMES = 8
# The reason of an empty answer about a known symbol, such as a company without dividends.
NOTHING_OF_THIS_KIND = "the provider has no data of this kind"


class FetchProgress(Protocol):
    """Define the callback that reports progress."""

    def __call__(self, *, calls_done: int, calls_total: int, records: int, failures: int, step: str) -> None:
        """Report progress. Calls are planned calls; retries and further pages are not counted.

        ``step`` is fetching, or merging and then committing for each batch.
        """


@dataclass(slots=True, repr=False)
class FetchReport(RunReport):
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
    dry_run: bool = False

    @property
    def clean(self) -> bool:
        """Return whether every request succeeded."""
        return not self.failures and not self.stopped

    def lines(self) -> list[str]:
        """Return the counts, then the empty, short and failed requests; of a dry run, what it would call."""
        return list(self._planned() if self.dry_run else self._done())

    def _planned(self) -> Iterator[str]:
        """Yield the number of calls that a fetch would make, and their duration."""
        yield f"due       {self._requests()}"
        yield f"calls     at least {self.calls_planned:,}, {duration(self.planned_s)} by the provider's limit"
        yield "written   nothing: this was a dry run"

    def _done(self) -> Iterator[str]:
        """Yield the counts of a fetch, then its empty, short and failed requests."""
        reasons = "; the table rejected_records has the reasons" if self.rejected else ""
        yield f"sent      {self._requests()}, {counted(self.calls, 'call')}"
        yield (
            f"received  {counted(self.records, 'record')} in {duration(self.seconds)}, "
            f"{self.rejected:,} rejected{reasons}"
        )
        yield f"new       {row_counts(self.new)}"
        yield f"snapshot  {self.snapshot_before} → {self.snapshot_after}"
        if self.split_detected:
            yield f"split?    {', '.join(self.split_detected)}: bars differ from stored bars as after a split"
        yield from _by_reason("empty", self.empty)
        yield from _by_reason("short", self.short)
        yield from _by_reason("failed", [(symbol, dataset, why) for symbol, dataset, _, why in self.failures])
        if self.stopped:
            yield f"stopped   {self.stopped}"

    def _requests(self) -> str:
        return f"{counted(self.requests, 'request')} for {counted(self.symbols, 'symbol')}"

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


def nothing_fetched(report: FetchReport) -> str:
    """Return why a fetch received nothing, in one line with the first reason."""
    reasons = list(dict.fromkeys(_without_request(why, symbol) for symbol, _, _, why in report.failures))
    if report.stopped:
        return f"Nothing was fetched: {reasons[0]}"
    symbols = _names(list(dict.fromkeys(symbol for symbol, *_ in report.failures)))
    count = f"{len(report.failures):,} of {counted(report.requests, 'request')} failed"
    more = f" --json lists {counted(len(reasons) - 1, 'more reason')}." if reasons[1:] else ""
    return f"Nothing was fetched for {symbols}; {count}: {reasons[0]}{more}"


def _by_reason(kind: str, entries: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Yield one line per reason, with the (symbol, dataset) pairs that share it.

    A symbol that the provider does not know fails in eight requests with one reason.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for symbol, dataset, why in entries:
        groups.setdefault(_without_request(why, symbol), []).append((symbol, dataset))
    yield from shortened(f"{kind:<10}{_requests(pairs)}: {why}" for why, pairs in groups.items())


def _requests(pairs: Sequence[tuple[str, str]]) -> str:
    symbols = list(dict.fromkeys(symbol for symbol, _ in pairs))
    datasets = ", ".join(dict.fromkeys(dataset for _, dataset in pairs))
    return f"{_names(symbols)}{' ' if len(symbols) == 1 else ': '}{datasets}"


def _names(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - _MAX_NAMES:,} more" if len(symbols) > _MAX_NAMES else ""
    return f"{', '.join(symbols[:_MAX_NAMES])}{more}"


def _without_request(why: str, symbol: str) -> str:
    """Drop the request before a reason.

    >>> _without_request("quarterly income of 'AAPL': FMP cannot be reached.", "AAPL")
    'FMP cannot be reached.'
    """
    return why.partition(f" of {symbol!r}: ")[2] or why
