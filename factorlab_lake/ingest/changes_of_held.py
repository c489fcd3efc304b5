"""Request changes of symbols: for the requested symbols, and for the others that the lake holds.

A user who follows a rename requests only the new symbol, and the old one has to end too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import polars as pl

from factorlab_lake.providers.protocol import Call, FetchResult, Provider, Request, SymbolUse
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.file_rows import read_files
from factorlab_lake.storage.layout import Layout

__all__ = ["SYMBOL_CHANGE", "relevant", "request_count", "with_held", "with_uses"]

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


def with_uses(layout: Layout, requests: Iterable[Request]) -> list[Request]:
    """Return the requests with the companies that ``symbol_history`` names for their symbols."""
    listed = list(requests)
    symbols = sorted({r.symbol for r in listed})
    files = data_files.files_of(layout, snapshots.latest(layout), "symbol_history")
    if not files or not symbols:
        return listed
    columns = ["symbol", "company_id", "valid_from", "valid_to"]
    rows = read_files(layout, "symbol_history", files, pl.Series(symbols), columns=columns)
    uses: dict[str, list[SymbolUse]] = {}
    for symbol, *use in rows.drop_nulls("company_id").sort("symbol", "valid_from").rows():
        uses.setdefault(symbol, []).append(SymbolUse(*use))
    return [replace(r, uses=tuple(uses[r.symbol])) if r.symbol in uses else r for r in listed]


def relevant(answers: list[FetchResult], requested: Collection[str]) -> list[FetchResult]:
    """Return the results to store: of held symbols, only those that were changed.

    All results of a failed list have one cause, so the first one tells it.
    """
    if not answers or answers[0].dataset != SYMBOL_CHANGE:
        return answers
    if all(a.error for a in answers):
        return answers[:1]
    return [a for a in answers if a.count or a.symbol in requested]
