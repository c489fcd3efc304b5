"""One dataset of one symbol, asked for by name."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from factorlab_lake.errors import EmptyAnswer, FetchFailed, NotInPlan
from factorlab_lake.providers.fmp.endpoints import Endpoint, EndpointRequest
from factorlab_lake.providers.fmp.paging import FREE_ROWS, Ask, page_back, short_rows
from factorlab_lake.providers.fmp.parse import read_records
from factorlab_lake.providers.fmp.result_builder import ResultBuilder, fail
from factorlab_lake.providers.fmp.retry import CallTrace
from factorlab_lake.providers.protocol import FetchResult, Request
from factorlab_lake.providers.records import Shapes

__all__ = ["SymbolRequests"]


class SymbolRequests:
    """Answers requests one at a time; used by several threads at once."""

    def __init__(self, desk: ResultBuilder) -> None:
        self._desk = desk
        self._shapes: Shapes = {}
        self._few = False  # the plan refused to give more than a few rows

    def answer(self, request: Request) -> FetchResult:
        """Return the answer to a request, with its ``fault`` when there is none."""
        answer, trail = self._desk.open(request)
        question = None
        try:
            endpoint = self._desk.endpoint(request)
            question = endpoint.question(request, self._desk.today())
            self._fill(answer, request, question, trail)
        except FetchFailed as fault:
            fail(answer, fault)
        return self._desk.close(answer, question, trail)

    def _fill(
        self, answer: FetchResult, request: Request, question: EndpointRequest, trail: CallTrace
    ) -> None:
        endpoint = self._desk.endpoint(request)

        def ask(asked: EndpointRequest) -> pl.DataFrame:
            return self._ask(asked, endpoint, answer, trail)

        if endpoint.ranged:
            records, answer.short = page_back(ask(question), question, endpoint, ask)
        elif endpoint.limit:
            records, answer.short = self._newest(question, endpoint, request, ask)
        else:
            records = ask(question)
        if records.is_empty() and not answer.broken:
            _check_empty(endpoint, request, trail)
        if "_position" not in records.columns:  # of several answers, each counting from 0
            places = enumerate(answer.broken, records.height)
            answer.broken = [(i, reason, text) for i, (_, reason, text) in places]
        answer.records = records

    def _newest(
        self, question: EndpointRequest, endpoint: Endpoint, request: Request, ask: Ask
    ) -> tuple[pl.DataFrame, str | None]:
        """Ask for the newest rows; for all of them when fewer did not reach the start after all."""
        wanted = int(question.parameters["limit"])
        records = self._within_plan(question, ask)
        if (
            wanted <= records.height
            and wanted < endpoint.limit
            and short_rows(records, wanted, request.start)
        ):
            wanted = endpoint.limit
            records = ask(_limited(question, wanted))
        return records, short_rows(records, wanted, request.start)

    def _within_plan(self, question: EndpointRequest, ask: Ask) -> pl.DataFrame:
        """Ask for as many rows as the plan gives, where it refuses to be asked for more."""
        if not self._few:
            try:
                return ask(question)
            except NotInPlan as fault:
                if fault.facts.get("parameter") != "limit":
                    raise
            self._few = True
        return ask(_limited(question, min(FREE_ROWS, int(question.parameters["limit"]))))

    def _ask(
        self, question: EndpointRequest, endpoint: Endpoint, answer: FetchResult, trail: CallTrace
    ) -> pl.DataFrame:
        before = answer.broken

        def read(body: bytes) -> pl.DataFrame:
            answer.broken = []  # without those of a try that failed
            return read_records(body, endpoint, answer, self._shapes)

        records = self._desk.caller.ask(question, read, trail)
        answer.broken = before + answer.broken
        return records


def _limited(question: EndpointRequest, rows: int) -> EndpointRequest:
    return replace(question, parameters=question.parameters | {"limit": str(rows)})


def _check_empty(endpoint: Endpoint, request: Request, trail: CallTrace) -> None:
    """An answer without records is a fault where there must be some: FMP says so of unknown symbols."""
    fine = endpoint.may_be_empty == "always" or (endpoint.may_be_empty == "with_start" and request.start)
    if not fine:
        raise EmptyAnswer(
            f"{trail.asked}: FMP has nothing. Check the symbol; it may be unknown there, or spelt otherwise.",
            http_status=trail.status,
        )
