"""Request changes of symbols: for the requested symbols, and for the others that the lake holds.

A user who follows a rename requests only the new symbol, and the old one has to end too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from factorlab_lake.providers.protocol import Call, FetchResult, Provider, Request
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.transaction import read_files

__all__ = ["SYMBOL_CHANGE", "relevant", "request_count", "with_held"]

SYMBOL_CHANGE = "symbol_change"


def with_held(layout: Layout, provider: Provider, requests: Sequence[Request]) -> list[Call]:
    """Return the calls for some requests, and for the changes of all held symbols if they cost no call.

    They cost none where the provider has one list of all changes and any symbol's changes are requested.
    """
    calls = provider.plan(requests)
    requested = {r.symbol for r in requests if r.dataset == SYMBOL_CHANGE}
    if not requested:
        return calls
    more = provider.plan([*requests, *_of_held(layout, requested)])
    return more if sum(c.calls for c in more) == sum(c.calls for c in calls) else calls


def request_count(requests: Sequence[Request]) -> int:
    """Return the number of requests; those for changes of symbols count once, as they fail together."""
    changes = sum(r.dataset == SYMBOL_CHANGE for r in requests)
    return len(requests) - changes + min(changes, 1)


def _of_held(layout: Layout, requested: Collection[str]) -> list[Request]:
    files = data_files.files_of(layout, snapshots.latest(layout), "company_history")
    held = read_files(layout, "company_history", files, columns=["symbol"])["symbol"].unique().sort()
    return [Request(SYMBOL_CHANGE, s) for s in held if s not in requested]


def relevant(answers: list[FetchResult], requested: Collection[str]) -> list[FetchResult]:
    """Return the results to store: of held symbols, only those that were changed.

    All results of a failed list have one cause, so the first one tells it.
    """
    if not answers or answers[0].dataset != SYMBOL_CHANGE:
        return answers
    if all(a.error for a in answers):
        return answers[:1]
    return [a for a in answers if a.count or a.symbol in requested]
