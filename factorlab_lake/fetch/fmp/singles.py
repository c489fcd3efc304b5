"""One dataset of one symbol, asked for by name."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from factorlab_lake.errors import EmptyAnswer, FetchFailed
from factorlab_lake.fetch.answers import Fetched
from factorlab_lake.fetch.fmp.calls import Trail
from factorlab_lake.fetch.fmp.desk import Desk, fail
from factorlab_lake.fetch.fmp.endpoints import Endpoint, Question
from factorlab_lake.fetch.fmp.paging import page_back, short_rows
from factorlab_lake.fetch.fmp.payload import read_records
from factorlab_lake.fetch.provider import Request
from factorlab_lake.fetch.records import Shapes

__all__ = ["Singles"]


class Singles:
    """Answers requests one at a time; used by several threads at once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._shapes: Shapes = {}

    def answer(self, request: Request) -> Fetched:
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

    def _fill(self, answer: Fetched, request: Request, question: Question, trail: Trail) -> None:
        endpoint = self._desk.endpoint(request)

        def ask(asked: Question) -> pl.DataFrame:
            return self._ask(asked, endpoint, answer, trail)

        records = ask(question)
        if records.is_empty() and not answer.broken:
            _check_empty(endpoint, request, trail)
        elif endpoint.ranged:
            records, answer.short = page_back(records, question, endpoint, ask)
        elif endpoint.limit:
            asked = int(question.parameters["limit"])
            if (
                asked < endpoint.limit
                and short_rows(records, asked, request.start)
                and records.height >= asked
            ):
                more = question.parameters | {"limit": str(endpoint.limit)}
                records, asked = ask(replace(question, parameters=more)), endpoint.limit
            answer.short = short_rows(records, asked, request.start)
        answer.records = records

    def _ask(self, question: Question, endpoint: Endpoint, answer: Fetched, trail: Trail) -> pl.DataFrame:
        before = len(answer.broken)

        def read(body: bytes) -> pl.DataFrame:
            del answer.broken[before:]  # of an attempt that failed
            return read_records(body, endpoint, answer, self._shapes)

        return self._desk.caller.ask(question, read, trail)


def _check_empty(endpoint: Endpoint, request: Request, trail: Trail) -> None:
    """An answer without records is a fault where there must be some: FMP says so of unknown symbols."""
    fine = endpoint.may_be_empty == "always" or (endpoint.may_be_empty == "with_start" and request.start)
    if not fine:
        raise EmptyAnswer(
            f"{trail.asked}: FMP has nothing. Check the symbol; it may be unknown there, or spelt otherwise.",
            http_status=trail.status,
        )
