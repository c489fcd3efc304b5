"""One question to FMP until it is answered or refused for good: the limit, the tries, the waits."""

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
from factorlab_lake.providers.fmp.response_errors import fault_of, retry_after_s
from factorlab_lake.providers.fmp.settings import FmpSettings

__all__ = ["CallTrace", "RetryingClient"]

_T = TypeVar("_T")
_LONGEST_BACKOFF_S = 30.0
# A limit counts over a minute, so a pause without a hint starts longer than that after a mere fault.
_LIMIT_PAUSE = 10.0
_SAID_CHARS = 2000
_ERROR_WITHIN = 100


@dataclass(slots=True)
class CallTrace:
    """What answering one request took: its calls, the last status, the digest of all bytes that were read."""

    asked: str
    calls: int = 0
    status: int | None = None
    first_at: datetime | None = None
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def payload_sha256(self) -> str | None:
        """The digest of the answers' bytes, in the order they came; None when nothing was read."""
        return None if self.first_at is None else self.digest.hexdigest()


class RetryingClient:
    """Puts questions to the server; used by several threads at once, which share the limit and its pauses."""

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

    def ask(self, question: EndpointRequest, read: Callable[[bytes], _T], trail: CallTrace) -> _T:
        """Return what ``read`` makes of the answer; a body it cannot read is asked for again.

        Raises :class:`FetchFailed`: at once what will not pass, else after the last try.
        """
        if not self._client.has_key:
            raise KeyRefused(
                f"{trail.asked}: FMP needs a key. Set FMP_API_KEY, in the environment or in .env.",
                http_status=None,
            )
        served = self._served
        retrying = Retrying(
            stop=stop_after_attempt(self._tries),
            wait=self._wait_s,
            retry=retry_if_exception(self._may_pass),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            value: _T = retrying(self._attempt, question, read, trail)
        except LimitReached as fault:
            # Nobody was served all the while: the day's limit is reached, and no other call will be served.
            if served == self._served or not self._may_pass(fault):
                fault.fatal = fault.facts["fatal"] = True
            raise
        return value

    def _attempt(self, question: EndpointRequest, read: Callable[[bytes], _T], trail: CallTrace) -> _T:
        with self._limit.place():
            trail.calls += 1
            reply = self._client.get(question, trail.asked)
        trail.status = reply.status
        fault = self._fault(reply, trail)
        if fault:
            raise fault
        value = read(reply.body)
        trail.digest.update(reply.body)
        trail.first_at = trail.first_at or self._clock()
        with self._count:
            self._served += 1
        return value

    def _fault(self, reply: HttpReply, trail: CallTrace) -> FetchFailed | None:
        # An error may also come under 200; whole payloads are not searched for one.
        told = reply.status != HTTPStatus.OK or b'"Error Message"' in reply.body[:_ERROR_WITHIN]
        said = reply.body[:_SAID_CHARS].decode(errors="replace") if told else ""
        wait_s = retry_after_s(reply.retry_after, self._clock())
        return fault_of(trail.asked, reply.status, self._client.redact(said), wait_s)

    def _may_pass(self, fault: BaseException) -> bool:
        if not isinstance(fault, FetchFailed) or not fault.retryable:
            return False
        return not isinstance(fault, LimitReached) or (asked_wait_s(fault) or 0.0) <= self._longest_wait_s

    def _wait_s(self, state: RetryCallState) -> float:
        """Return how long to wait before the next try; after a 429 all threads pause, not this one alone."""
        fault = state.outcome.exception() if state.outcome else None
        if not isinstance(fault, LimitReached):
            return self._backoff(state)
        told_s = asked_wait_s(fault)
        doubled_s = self._limit_pause_s * 2 ** (state.attempt_number - 1)
        self._limit.pause(told_s if told_s is not None else min(doubled_s, self._longest_wait_s))
        return 0.0


def asked_wait_s(fault: LimitReached) -> float | None:
    """Return how long the server asked to wait, or None when it did not say."""
    wait_s = fault.facts.get("retry_after_s")
    return None if wait_s is None else float(wait_s)
