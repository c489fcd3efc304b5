"""Answer requests for a symbol's changes from FMP's one list of all changed symbols.

A record of the list tells that a company left one symbol for another on a day. The results tell for each
requested symbol in which intervals a company used it; changes of other symbols are not returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from factorlab_lake.errors import BadAnswer, FetchFailed
from factorlab_lake.providers.fmp.result_builder import ResultBuilder, fail
from factorlab_lake.providers.http_client import HttpRequest
from factorlab_lake.providers.protocol import FetchResult, Request
from factorlab_lake.providers.records import decode, frame_of
from factorlab_lake.providers.response_bounds import check_json
from factorlab_lake.providers.retry import CallTrace
from factorlab_lake.schema.rules import BEGINNING_OF_TIME

__all__ = ["SymbolChanges"]

_FIELDS = {name: name for name in ("symbol", "valid_from", "valid_to", "kind")}


@dataclass(frozen=True, slots=True)
class _Change:
    """Hold one change as seen from a symbol: ``other`` is the symbol before, or after it was left."""

    day: date
    is_taken: bool
    other: str
    record: dict[str, Any]


class SymbolChanges:
    """Answer requests together: one call returns the changes of all symbols."""

    def __init__(self, builder: ResultBuilder) -> None:
        self._builder = builder

    def answers(self, requests: Sequence[Request]) -> list[FetchResult]:
        """Return one result per request; the first one counts the call."""
        trace = CallTrace(f"symbol_change of {requests[0].symbol!r}")
        http_request, error = None, None
        changes: dict[str, list[dict[str, Any]]] = {}
        short = None
        try:
            endpoint = self._builder.endpoint(replace(requests[0], symbol="A"))
            http_request = endpoint.http_request(requests[0], self._builder.today())
            records = self._builder.client.call(http_request, _read, trace)
            changes = _by_symbol(records, {r.symbol.upper() for r in requests})
            if len(records) >= endpoint.limit:
                short = f"FMP may have more than the newest {endpoint.limit} changes of symbols"
        except FetchFailed as failure:
            error = failure
        results = [self._result(r, changes.get(r.symbol.upper(), []), error) for r in requests]
        for place, result in enumerate(results):
            result.short = short if result.error is None and place == 0 else None
            counted = trace if place == 0 else replace(trace, calls=0)
            self._finish(result, http_request, counted)
        return results

    def _result(
        self, request: Request, records: list[dict[str, Any]], error: FetchFailed | None
    ) -> FetchResult:
        result, _ = self._builder.start(request)
        result.fields = _FIELDS
        try:
            self._builder.endpoint(request)  # refuses what is no symbol
        except FetchFailed as refused:
            error = error or refused
        if error is None:
            rows = _intervals(request.symbol.upper(), records, result)
            result.records = frame_of(rows, result).drop("_position")
        else:
            fail(result, error)
        return result

    def _finish(self, result: FetchResult, http_request: HttpRequest | None, trace: CallTrace) -> None:
        self._builder.finish(result, http_request, trace)
        if not trace.calls:
            result.duration_ms = 0.0


def _read(body: bytes) -> list[Any]:
    try:
        check_json(body)
        data = decode(body)
        if not isinstance(data, list):
            raise ValueError(f"{type(data).__name__} instead of a list of records")  # noqa: TRY004, TRY301
    except ValueError as reason:
        error = BadAnswer(
            f"symbol_change: FMP's response has an unexpected form: {reason}. Run the same command again.",
            http_status=None,
        )
    else:
        return data
    raise error


def _by_symbol(records: Iterable[Any], symbols: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the records that name a requested symbol, old or new, by symbol."""
    changes: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if isinstance(record, dict):
            for symbol in {_name(record, "oldSymbol"), _name(record, "newSymbol")} & symbols:
                changes.setdefault(symbol, []).append(record)
    return changes


def _name(record: dict[str, Any], field: str) -> str:
    return str(record.get(field) or "").strip().upper()


def _intervals(symbol: str, records: Iterable[dict[str, Any]], result: FetchResult) -> list[dict[str, Any]]:
    """Return the intervals in which a company used a symbol; ``result.broken`` gets records without a day.

    A change that the list has twice counts once, on its first day. A symbol that is left twice, to different
    symbols, had another company in between.
    """
    rows: list[dict[str, Any]] = []
    start: date | None = BEGINNING_OF_TIME
    left: _Change | None = None
    since: list[dict[str, Any]] = []
    for change in sorted(_changes(symbol, records, result), key=lambda c: (c.day, c.is_taken)):
        if change.is_taken and start in (None, BEGINNING_OF_TIME):
            start, since = change.day, [change.record]
        elif not change.is_taken:
            if start is None and left is not None and left.other != change.other:
                start, since = left.day, []
            if start is not None and start < change.day:
                rows.append(_interval(symbol, start, change.day, [*since, change.record]))
                start, since, left = None, [], change
    if start not in (None, BEGINNING_OF_TIME):
        rows.append(_interval(symbol, start, None, since))
    return rows


def _changes(symbol: str, records: Iterable[dict[str, Any]], result: FetchResult) -> Iterator[_Change]:
    for place, record in enumerate(records):
        old, new = _name(record, "oldSymbol"), _name(record, "newSymbol")
        try:
            day = date.fromisoformat(str(record.get("date") or "")[:10])
        except ValueError:
            reason = f"date: {str(record.get('date'))[:60]!r} is not a day as 2024-12-31"
            result.broken.append((place, reason, str(record)[:200]))
            continue
        if old and new and old != new:
            is_taken = new == symbol
            yield _Change(day, is_taken, old if is_taken else new, record)


def _interval(
    symbol: str, start: date | None, end: date | None, changes: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "valid_from": str(start),
        "valid_to": None if end is None else str(end),
        "kind": "rename",
        "changes": changes,
    }
