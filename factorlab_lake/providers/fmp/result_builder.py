"""Start and finish the result of a request, for single requests and bulk files alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from factorlab_lake.errors import FetchFailed, NotServed, nearest
from factorlab_lake.providers.fmp.endpoints import Endpoint
from factorlab_lake.providers.http_client import HttpRequest
from factorlab_lake.providers.protocol import FetchResult, Request
from factorlab_lake.providers.retry import CallTrace, RetryingClient

__all__ = ["ResultBuilder", "fail"]


@dataclass(frozen=True, slots=True)
class ResultBuilder:
    """Share the endpoints, the client and the clocks between single requests and bulk files."""

    endpoints: Mapping[str, Endpoint]
    client: RetryingClient
    clock: Callable[[], datetime]
    timer: Callable[[], float]

    def today(self) -> date:
        """Return the day of the clock in UTC."""
        return self.clock().date()

    def endpoint(self, request: Request) -> Endpoint:
        """Return the endpoint of a request; raises :class:`NotServed` when FMP has none."""
        if request.dataset not in self.endpoints:
            raise NotServed(
                f"{request.label}: FMP has no such dataset in this generation of its API."
                f"{nearest(request.dataset, self.endpoints)} Known are {', '.join(self.endpoints)}."
            )
        if not request.symbol.strip(". ") or not request.symbol.isprintable():
            raise NotServed(f"{request.label}: {request.symbol!r} is no symbol; pass one such as AAPL.")
        endpoint = self.endpoints[request.dataset]
        if endpoint.periods and request.period is None:
            raise NotServed(f"{request.label}: the period is missing; pass quarterly or annual.")
        return endpoint

    def start(self, request: Request) -> tuple[FetchResult, CallTrace]:
        """Return an empty result and the trace of its calls."""
        result = FetchResult(
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
        return result, CallTrace(request.label)

    def finish(self, result: FetchResult, http_request: HttpRequest | None, trace: CallTrace) -> FetchResult:
        """Complete a result with the facts of its calls."""
        if http_request:
            result.endpoint, result.parameters = f"/{http_request.path}", http_request.text()
        result.fetched_at = trace.first_at or self.clock()
        result.http_status = trace.status
        result.payload_sha256 = trace.payload_sha256
        result.api_calls = trace.calls
        result.duration_ms = (self.timer() - result.duration_ms) * 1000
        result.fetch_id = result.identify()
        return result


def fail(result: FetchResult, error: FetchFailed) -> None:
    """Store an error as the outcome of a result, without its traceback: the frames contain requests."""
    error.__context__ = error.__cause__ = None
    result.fault, result.error, result.records = error.with_traceback(None), str(error), None
    result.broken.clear()
