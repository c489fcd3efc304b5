"""Answer one request: a dataset of a symbol, with as many pages as it takes."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from factorlab_lake.errors import EmptyAnswer, FetchFailed, NotInPlan
from factorlab_lake.providers.fmp.endpoints import Endpoint
from factorlab_lake.providers.fmp.paging import FREE_ROWS, Fetch, page_back, short_rows
from factorlab_lake.providers.fmp.parse import read_records
from factorlab_lake.providers.fmp.result_builder import ResultBuilder, fail
from factorlab_lake.providers.http_client import HttpRequest
from factorlab_lake.providers.protocol import FetchResult, Request
from factorlab_lake.providers.records import Shapes
from factorlab_lake.providers.retry import CallTrace

__all__ = ["SymbolRequests"]


class SymbolRequests:
    """Answer requests one at a time; several threads use it at once."""

    def __init__(self, builder: ResultBuilder) -> None:
        self._builder = builder
        self._shapes: Shapes = {}
        self._few_rows = False  # true after the plan refused more than a few rows

    def answer(self, request: Request) -> FetchResult:
        """Return the result of a request; after a failure it has a ``fault``."""
        result, trace = self._builder.start(request)
        http_request = None
        try:
            endpoint = self._builder.endpoint(request)
            http_request = endpoint.http_request(request, self._builder.today())
            self._fill(result, request, http_request, trace)
        except FetchFailed as error:
            fail(result, error)
        return self._builder.finish(result, http_request, trace)

    def _fill(
        self, result: FetchResult, request: Request, http_request: HttpRequest, trace: CallTrace
    ) -> None:
        endpoint = self._builder.endpoint(request)

        def fetch(page: HttpRequest) -> pl.DataFrame:
            return self._fetch(page, endpoint, result, trace)

        if endpoint.ranged:
            records, result.short = page_back(fetch(http_request), http_request, endpoint, fetch)
        elif endpoint.limit:
            records, result.short = self._newest(http_request, endpoint, request, fetch)
        else:
            records = fetch(http_request)
        if records.is_empty() and not result.broken:
            _check_empty(endpoint, request, trace)
        if "_position" not in records.columns:  # the positions of several pages would repeat
            places = enumerate(result.broken, records.height)
            result.broken = [(i, reason, text) for i, (_, reason, text) in places]
        result.records = records

    def _newest(
        self, http_request: HttpRequest, endpoint: Endpoint, request: Request, fetch: Fetch
    ) -> tuple[pl.DataFrame, str | None]:
        """Fetch the newest rows, and all rows when the newest did not reach the start."""
        limit = int(http_request.parameters["limit"])
        records = self._within_plan(http_request, fetch)
        if limit <= records.height and limit < endpoint.limit and short_rows(records, limit, request.start):
            limit = endpoint.limit
            records = fetch(_with_limit(http_request, limit))
        return records, short_rows(records, limit, request.start)

    def _within_plan(self, http_request: HttpRequest, fetch: Fetch) -> pl.DataFrame:
        """Fetch with a limit that the plan accepts: plans may refuse a larger one."""
        if not self._few_rows:
            try:
                return fetch(http_request)
            except NotInPlan as error:
                if error.facts.get("parameter") != "limit":
                    raise
            self._few_rows = True
        return fetch(_with_limit(http_request, min(FREE_ROWS, int(http_request.parameters["limit"]))))

    def _fetch(
        self, http_request: HttpRequest, endpoint: Endpoint, result: FetchResult, trace: CallTrace
    ) -> pl.DataFrame:
        before = result.broken

        def read(body: bytes) -> pl.DataFrame:
            result.broken = []  # drop those of a failed attempt
            return read_records(body, endpoint, result, self._shapes)

        records = self._builder.client.call(http_request, read, trace)
        result.broken = before + result.broken
        return records


def _with_limit(http_request: HttpRequest, rows: int) -> HttpRequest:
    return replace(http_request, parameters=http_request.parameters | {"limit": str(rows)})


def _check_empty(endpoint: Endpoint, request: Request, trace: CallTrace) -> None:
    """Raise for a response without records where some must exist: FMP returns none for unknown symbols."""
    valid = endpoint.may_be_empty == "always" or (endpoint.may_be_empty == "with_start" and request.start)
    if not valid:
        raise EmptyAnswer(
            f"{trace.label}: FMP has no records. Check the symbol; FMP may spell it otherwise.",
            http_status=trace.status,
        )
