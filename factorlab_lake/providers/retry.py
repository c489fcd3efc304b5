"""Call a vendor until a request succeeds or fails finally: apply the rate limit, retries and waits."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from factorlab_lake.errors import FetchFailed, LimitReached
from factorlab_lake.providers.http_client import HttpReply, HttpRequest
from factorlab_lake.providers.rate_limit import RateLimiter

__all__ = ["CallTrace", "RetryPolicy", "RetryingClient", "VendorClient"]

_T = TypeVar("_T")
_LONGEST_BACKOFF_S = 30.0
# A limit is counted over some time, so a pause without Retry-After is longer than the back-off of an error.
_LIMIT_PAUSE = 10.0


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


class VendorClient(Protocol):
    """Define what is different between vendors: how to send a request and how to recognise an error."""

    def check_ready(self, label: str) -> None:
        """Raise :class:`FetchFailed` when no call can succeed, for example without a key."""

    def get(self, http_request: HttpRequest, label: str) -> HttpReply:
        """Send a request once."""

    def error_of(self, reply: HttpReply, label: str, now: datetime) -> FetchFailed | None:
        """Return the typed error of a response, or None."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Set how often a call is repeated, and the waits between the attempts, in seconds.

    ``retry_wait_s`` is doubled each time. ``longest_wait_s`` is the longest wait that a server may request.
    ``limit_tries`` is the most attempts that a rate limit may end, which then ends the run; None means
    ``tries``.
    """

    tries: int
    retry_wait_s: float
    longest_wait_s: float
    limit_tries: int | None = None


class RetryingClient:
    """Call the server with retries; the threads that use it share the rate limit and its pauses."""

    def __init__(
        self,
        client: VendorClient,
        limit: RateLimiter,
        policy: RetryPolicy,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._limit = limit
        self._clock = clock
        self._policy = policy
        self._backoff = wait_random_exponential(policy.retry_wait_s, max=_LONGEST_BACKOFF_S)
        self._sleep = sleep
        self._served = 0
        self._count = threading.Lock()

    def call(self, http_request: HttpRequest, read: Callable[[bytes], _T], trace: CallTrace) -> _T:
        """Return the result of ``read`` on the response body; a body that it cannot read is requested again.

        Raises :class:`FetchFailed`: a final error at once, a temporary one after the last attempt.
        """
        self._client.check_ready(trace.label)
        served = self._served
        limit_tries = self._policy.limit_tries or self._policy.tries
        limited: list[LimitReached] = []

        def is_temporary(error: BaseException) -> bool:
            if isinstance(error, LimitReached):
                limited.append(error)
            return self._is_temporary(error) and len(limited) < limit_tries

        retrying = Retrying(
            stop=stop_after_attempt(self._policy.tries),
            wait=self._wait_s,
            retry=retry_if_exception(is_temporary),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            value: _T = retrying(self._attempt, http_request, read, trace)
        except LimitReached as error:
            # No thread got a response meanwhile: the daily limit is reached, and further calls would fail.
            blocked = self._policy.limit_tries is not None
            if blocked or served == self._served or not self._is_temporary(error):
                error.fatal = error.facts["fatal"] = True
            raise
        return value

    def _attempt(self, http_request: HttpRequest, read: Callable[[bytes], _T], trace: CallTrace) -> _T:
        with self._limit.slot():
            trace.calls += 1
            reply = self._client.get(http_request, trace.label)
        trace.status = reply.status
        error = self._client.error_of(reply, trace.label, self._clock())
        if error:
            raise error
        value = read(reply.body)
        trace.digest.update(reply.body)
        trace.first_at = trace.first_at or self._clock()
        with self._count:
            self._served += 1
        return value

    def _is_temporary(self, error: BaseException) -> bool:
        if not isinstance(error, FetchFailed) or not error.retryable:
            return False
        longest_wait_s = self._policy.longest_wait_s
        return not isinstance(error, LimitReached) or (_server_wait_s(error) or 0.0) <= longest_wait_s

    def _wait_s(self, state: RetryCallState) -> float:
        """Return the wait before the next attempt; a reached limit pauses all threads instead."""
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, LimitReached):
            return self._backoff(state)
        wait_s = _server_wait_s(error)
        doubled_s = self._policy.retry_wait_s * _LIMIT_PAUSE * 2 ** (state.attempt_number - 1)
        self._limit.pause(wait_s if wait_s is not None else min(doubled_s, self._policy.longest_wait_s))
        return 0.0


def _server_wait_s(error: LimitReached) -> float | None:
    """Return the wait that the server requested, or None without one."""
    wait_s = error.facts.get("retry_after_s")
    return None if wait_s is None else float(wait_s)
