"""Call FMP until a request succeeds or fails finally: apply the rate limit, retries and waits."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from factorlab_lake.errors import FetchFailed, KeyRefused, LimitReached
from factorlab_lake.providers.fmp.client import Client, HttpReply
from factorlab_lake.providers.fmp.endpoints import EndpointRequest
from factorlab_lake.providers.fmp.rate_limit import RateLimiter
from factorlab_lake.providers.fmp.response_errors import error_of, retry_after_s
from factorlab_lake.providers.fmp.settings import FmpSettings

__all__ = ["CallTrace", "RetryingClient"]

_T = TypeVar("_T")
_LONGEST_BACKOFF_S = 30.0
# FMP counts its limit over a minute, so a pause without Retry-After is longer than the back-off of an error.
_LIMIT_PAUSE = 10.0
_MESSAGE_CHARS = 2000
_ERROR_WITHIN = 100


@dataclass(slots=True)
class CallTrace:
    """Collect the facts of one request's calls: their number, the last status, and a hash of all bodies."""

    label: str
    calls: int = 0
    status: int | None = None
    first_at: datetime | None = None
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def payload_sha256(self) -> str | None:
        """Return the hash of the response bodies in their order, or None without a valid response."""
        return None if self.first_at is None else self.digest.hexdigest()


class RetryingClient:
    """Call the server with retries; the threads that use it share the rate limit and its pauses."""

    def __init__(
        self,
        client: Client,
        limit: RateLimiter,
        settings: FmpSettings,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._limit = limit
        self._clock = clock
        self._longest_wait_s = settings.longest_wait_s
        self._backoff = wait_random_exponential(settings.retry_wait_s, max=_LONGEST_BACKOFF_S)
        self._limit_pause_s = settings.retry_wait_s * _LIMIT_PAUSE
        self._tries = settings.tries
        self._sleep = sleep
        self._served = 0
        self._count = threading.Lock()

    def call(self, http_request: EndpointRequest, read: Callable[[bytes], _T], trace: CallTrace) -> _T:
        """Return the result of ``read`` on the response body; a body that it cannot read is requested again.

        Raises :class:`FetchFailed`: a final error at once, a temporary one after the last attempt.
        """
        if not self._client.has_key:
            raise KeyRefused(
                f"{trace.label}: FMP needs a key. Set FMP_API_KEY, in the environment or in .env.",
                http_status=None,
            )
        served = self._served
        retrying = Retrying(
            stop=stop_after_attempt(self._tries),
            wait=self._wait_s,
            retry=retry_if_exception(self._is_temporary),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            value: _T = retrying(self._attempt, http_request, read, trace)
        except LimitReached as error:
            # No thread got a response meanwhile: the daily limit is reached, and further calls would fail.
            if served == self._served or not self._is_temporary(error):
                error.fatal = error.facts["fatal"] = True
            raise
        return value

    def _attempt(self, http_request: EndpointRequest, read: Callable[[bytes], _T], trace: CallTrace) -> _T:
        with self._limit.slot():
            trace.calls += 1
            reply = self._client.get(http_request, trace.label)
        trace.status = reply.status
        error = self._error(reply, trace)
        if error:
            raise error
        value = read(reply.body)
        trace.digest.update(reply.body)
        trace.first_at = trace.first_at or self._clock()
        with self._count:
            self._served += 1
        return value

    def _error(self, reply: HttpReply, trace: CallTrace) -> FetchFailed | None:
        # FMP also sends errors with status 200; only the start of a body is searched, as bodies are large.
        failed = reply.status != HTTPStatus.OK or b'"Error Message"' in reply.body[:_ERROR_WITHIN]
        message = reply.body[:_MESSAGE_CHARS].decode(errors="replace") if failed else ""
        wait_s = retry_after_s(reply.retry_after, self._clock())
        return error_of(trace.label, reply.status, self._client.redact(message), wait_s)

    def _is_temporary(self, error: BaseException) -> bool:
        if not isinstance(error, FetchFailed) or not error.retryable:
            return False
        return not isinstance(error, LimitReached) or (server_wait_s(error) or 0.0) <= self._longest_wait_s

    def _wait_s(self, state: RetryCallState) -> float:
        """Return the wait before the next attempt; a 429 response pauses all threads instead."""
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, LimitReached):
            return self._backoff(state)
        wait_s = server_wait_s(error)
        doubled_s = self._limit_pause_s * 2 ** (state.attempt_number - 1)
        self._limit.pause(wait_s if wait_s is not None else min(doubled_s, self._longest_wait_s))
        return 0.0


def server_wait_s(error: LimitReached) -> float | None:
    """Return the wait that the server requested, or None without one."""
    wait_s = error.facts.get("retry_after_s")
    return None if wait_s is None else float(wait_s)
