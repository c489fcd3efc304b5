"""Many symbols' answers out of few bulk files."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from factorlab_lake.errors import FetchFailed, LegacyEndpoint, NotInPlan, NotServed
from factorlab_lake.providers.fmp.bulk_files import Rows, bulk_calls, bulk_questions, frame, read_bulk
from factorlab_lake.providers.fmp.endpoints import EndpointRequest
from factorlab_lake.providers.fmp.result_builder import ResultBuilder, fail
from factorlab_lake.providers.fmp.retry import CallTrace
from factorlab_lake.providers.fmp.symbol_requests import SymbolRequests
from factorlab_lake.providers.protocol import FetchResult, Request

__all__ = ["Bulk", "kind"]

_THREADS = 8  # ask one by one for what a file should have given


def kind(request: Request) -> tuple[object, ...]:
    """Return what requests must share to be answered by the same files."""
    return request.dataset, request.period, request.start is None


class Bulk:
    """Answers requests of one kind by files that hold all companies, while the plan covers them."""

    def __init__(self, desk: ResultBuilder, singles: SymbolRequests, saves: int) -> None:
        self._desk = desk
        self._singles = singles
        self._saves = saves
        self._refused: set[str] = set()

    def files(self, requests: Sequence[Request]) -> int:
        """Return how many files to ask for in the place of these requests; 0 to ask one by one."""
        endpoint = self._desk.endpoints.get(requests[0].dataset)
        if endpoint is None or not self._saves or endpoint.dataset in self._refused:
            return 0
        if endpoint.periods and requests[0].period is None:
            return 0
        files = bulk_calls(endpoint, _widest(requests), self._desk.today())
        return files if files * self._saves <= len(requests) else 0

    def answers(self, requests: Sequence[Request]) -> list[FetchResult]:
        """Return one answer for each request; who is in no file is asked for by name.

        The calls for the files are counted with the first answer.
        """
        opened = [self._desk.open(request) for request in requests]
        trail = CallTrace(f"bulk files of {requests[0].dataset}")
        try:
            rows, question = self._read(requests, trail)
        except FetchFailed as fault:
            if isinstance(fault, NotInPlan | NotServed | LegacyEndpoint):
                self._refused.add(requests[0].dataset)
            elif fault.fatal:
                return [self._failed(answer, fault, trail) for answer, _ in opened]
            rows, question = {}, None
        absent = [request for request in requests if request.symbol not in rows]
        with ThreadPoolExecutor(_THREADS) as pool:
            singly = dict(zip(absent, pool.map(self._singles.answer, absent), strict=True))
        answers = [
            singly[r] if r in singly else self._filled(answer, rows[r.symbol], question, trail)
            for r, (answer, _) in zip(requests, opened, strict=True)
        ]
        return _counted(answers, trail)

    def _read(self, requests: Sequence[Request], trail: CallTrace) -> tuple[Rows, EndpointRequest]:
        endpoint = self._desk.endpoint(requests[0])
        wanted = frozenset(request.symbol for request in requests)
        found: Rows = {}
        asked: list[dict[str, str]] = []
        for question in bulk_questions(endpoint, _widest(requests), self._desk.today()):
            asked.append(question.parameters)
            rows, count = self._desk.caller.ask(question, lambda b: read_bulk(b, wanted, trail.asked), trail)
            if count == 0 and endpoint.bulk_by == "part":
                break
            for symbol, records in rows.items():
                found.setdefault(symbol, []).extend(records)
        return found, EndpointRequest(endpoint.bulk_path, _merged(asked))

    def _filled(
        self,
        answer: FetchResult,
        rows: list[dict[str, str | None]],
        question: EndpointRequest | None,
        trail: CallTrace,
    ) -> FetchResult:
        answer.records = frame(rows, answer.dataset)
        return self._desk.close(answer, question, replace(trail, calls=0))

    def _failed(self, answer: FetchResult, fault: FetchFailed, trail: CallTrace) -> FetchResult:
        fail(answer, fault)
        return self._desk.close(answer, None, replace(trail, calls=0))


def _widest(requests: Sequence[Request]) -> Request:
    """Return a request whose range holds those of all."""
    starts = [r.start for r in requests if r.start]
    return replace(requests[0], start=min(starts, default=None))


def _merged(asked: list[dict[str, str]]) -> dict[str, str]:
    """Return the parameters of several files as one: the values of each, in order, without repetition."""
    return {name: ",".join(dict.fromkeys(a[name] for a in asked)) for name in asked[0]}


def _counted(answers: list[FetchResult], trail: CallTrace) -> list[FetchResult]:
    answers[0].api_calls += trail.calls
    for answer in answers[1:]:
        if not answer.api_calls:
            answer.duration_ms = 0.0  # the time of the files is the first one's too
    return answers
