"""Answer requests for many symbols from few bulk files."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from factorlab_lake.errors import FetchFailed, LegacyEndpoint, NotInPlan, NotServed
from factorlab_lake.providers.fmp.bulk_files import (
    BulkRecords,
    bulk_frame,
    bulk_requests,
    file_count,
    read_bulk,
)
from factorlab_lake.providers.fmp.result_builder import ResultBuilder, fail
from factorlab_lake.providers.fmp.symbol_requests import SymbolRequests
from factorlab_lake.providers.http_client import HttpRequest
from factorlab_lake.providers.protocol import FetchResult, Request
from factorlab_lake.providers.retry import CallTrace

__all__ = ["Bulk", "bulk_key"]

_THREADS = 8  # for single requests of symbols that a file lacks


def bulk_key(request: Request) -> tuple[object, ...]:
    """Return the key that requests must share so that the same files can answer them."""
    return request.dataset, request.period, request.start is None


class Bulk:
    """Answer requests with one bulk key from files of all companies, as long as the plan includes them."""

    def __init__(self, builder: ResultBuilder, singles: SymbolRequests, saves: int) -> None:
        self._builder = builder
        self._singles = singles
        self._saves = saves
        self._refused: set[str] = set()

    def files(self, requests: Sequence[Request]) -> int:
        """Return the number of files that replace these requests, or 0 when single calls are better."""
        endpoint = self._builder.endpoints.get(requests[0].dataset)
        if endpoint is None or not self._saves or endpoint.dataset in self._refused:
            return 0
        if endpoint.periods and requests[0].period is None:
            return 0
        files = file_count(endpoint, _widest(requests), self._builder.today())
        return files if files * self._saves <= len(requests) else 0

    def answers(self, requests: Sequence[Request]) -> list[FetchResult]:
        """Return one result per request; a symbol that no file has gets a request of its own.

        The first result counts the calls for the files.
        """
        started = [self._builder.start(request) for request in requests]
        trace = CallTrace(f"bulk files of {requests[0].dataset}")
        try:
            records, http_request = self._read(requests, trace)
        except FetchFailed as error:
            if isinstance(error, NotInPlan | NotServed | LegacyEndpoint):
                self._refused.add(requests[0].dataset)
            elif error.fatal:
                return [self._failed(result, error, trace) for result, _ in started]
            records, http_request = {}, None
        absent = [request for request in requests if request.symbol not in records]
        with ThreadPoolExecutor(_THREADS) as pool:
            singles = dict(zip(absent, pool.map(self._singles.answer, absent), strict=True))
        results = [
            singles[r] if r in singles else self._filled(result, records[r.symbol], http_request, trace)
            for r, (result, _) in zip(requests, started, strict=True)
        ]
        return _count_once(results, trace)

    def _read(self, requests: Sequence[Request], trace: CallTrace) -> tuple[BulkRecords, HttpRequest]:
        endpoint = self._builder.endpoint(requests[0])
        symbols = frozenset(request.symbol for request in requests)
        records: BulkRecords = {}
        parameters: list[dict[str, str]] = []

        def read(body: bytes) -> tuple[BulkRecords, int]:
            return read_bulk(body, symbols, trace.label)

        for http_request in bulk_requests(endpoint, _widest(requests), self._builder.today()):
            parameters.append(http_request.parameters)
            in_file, count = self._builder.client.call(http_request, read, trace)
            if count == 0 and endpoint.bulk_by == "part":
                break
            for symbol, rows in in_file.items():
                records.setdefault(symbol, []).extend(rows)
        return records, HttpRequest(endpoint.bulk_path, _merged(parameters))

    def _filled(
        self,
        result: FetchResult,
        rows: list[dict[str, str | None]],
        http_request: HttpRequest | None,
        trace: CallTrace,
    ) -> FetchResult:
        result.records = bulk_frame(rows, result.dataset)
        return self._builder.finish(result, http_request, replace(trace, calls=0))

    def _failed(self, result: FetchResult, error: FetchFailed, trace: CallTrace) -> FetchResult:
        fail(result, error)
        return self._builder.finish(result, None, replace(trace, calls=0))


def _widest(requests: Sequence[Request]) -> Request:
    """Return a request whose range includes those of all."""
    starts = [r.start for r in requests if r.start]
    return replace(requests[0], start=min(starts, default=None))


def _merged(parameters: list[dict[str, str]]) -> dict[str, str]:
    """Return the parameters of several files as one: the distinct values of each, in order."""
    return {name: ",".join(dict.fromkeys(each[name] for each in parameters)) for name in parameters[0]}


def _count_once(results: list[FetchResult], trace: CallTrace) -> list[FetchResult]:
    """Count the calls and the time of the files in the first result only."""
    results[0].api_calls += trace.calls
    for result in results[1:]:
        if not result.api_calls:
            result.duration_ms = 0.0
    return results
