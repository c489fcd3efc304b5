"""What every answer starts with and ends as, whichever way it is got."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from factorlab_lake.errors import FetchFailed, NotServed, nearest
from factorlab_lake.providers.fmp.endpoints import Endpoint, EndpointRequest
from factorlab_lake.providers.fmp.retry import CallTrace, RetryingClient
from factorlab_lake.providers.protocol import FetchResult, Request

__all__ = ["ResultBuilder", "fail"]


@dataclass(frozen=True, slots=True)
class ResultBuilder:
    """The endpoints, the caller and the clocks that the ways to an answer share."""

    endpoints: Mapping[str, Endpoint]
    caller: RetryingClient
    clock: Callable[[], datetime]
    timer: Callable[[], float]

    def today(self) -> date:
        """Return the day of the clock, in UTC."""
        return self.clock().date()

    def endpoint(self, request: Request) -> Endpoint:
        """Return where a request goes; :class:`NotServed` for what cannot be asked."""
        if request.dataset not in self.endpoints:
            raise NotServed(
                f"{_asked(request)}: FMP has no such dataset in this generation of its API."
                f"{nearest(request.dataset, self.endpoints)} Known are {', '.join(self.endpoints)}."
            )
        if not request.symbol.strip(". ") or not request.symbol.isprintable():
            raise NotServed(f"{_asked(request)}: {request.symbol!r} is no symbol; give one such as AAPL.")
        endpoint = self.endpoints[request.dataset]
        if endpoint.periods and request.period is None:
            raise NotServed(f"{_asked(request)}: the period is missing; ask for quarterly or annual.")
        return endpoint

    def open(self, request: Request) -> tuple[FetchResult, CallTrace]:
        """Return an answer that is still to be filled, and the trail of the calls for it."""
        answer = FetchResult(
            fetch_id="",
            dataset=request.dataset,
            symbol=request.symbol,
            fetched_at=self.clock(),
            provider="fmp",
            endpoint="",
            parameters="{}",
            records=None,
            period=request.period,
            duration_ms=self.timer(),
        )
        return answer, CallTrace(_asked(request))

    def close(self, answer: FetchResult, question: EndpointRequest | None, trail: CallTrace) -> FetchResult:
        """Complete an answer with what the calls for it left behind."""
        if question:
            answer.endpoint, answer.parameters = f"/{question.path}", question.text()
        answer.fetched_at = trail.first_at or self.clock()
        answer.http_status = trail.status
        answer.payload_sha256 = trail.payload_sha256
        answer.api_calls = trail.calls
        answer.duration_ms = (self.timer() - answer.duration_ms) * 1000
        answer.fetch_id = _fetch_id(answer)
        return answer


def fail(answer: FetchResult, fault: FetchFailed) -> None:
    """Note a fault as an answer's outcome, without the frames it came through: they hold requests."""
    fault.__context__ = fault.__cause__ = None
    answer.fault, answer.error, answer.records = fault.with_traceback(None), str(fault), None
    answer.broken.clear()


def _asked(request: Request) -> str:
    return f"{' '.join(filter(None, (request.period, request.dataset)))} of {request.symbol!r}"


def _fetch_id(answer: FetchResult) -> str:
    """Return the digest of what was asked, when, and what came: one fetch is one row of the log."""
    facts = (
        answer.provider,
        answer.endpoint,
        answer.parameters,
        answer.dataset,
        answer.symbol,
        answer.period,
        answer.payload_sha256,
        answer.fetched_at.isoformat(),
    )
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
