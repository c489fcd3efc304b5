"""Provide Financial Modeling Prep's datasets through the provider protocol."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

import httpx

from factorlab_lake.errors import Unavailable
from factorlab_lake.providers.fmp.bulk import Bulk, bulk_key
from factorlab_lake.providers.fmp.client import FmpClient
from factorlab_lake.providers.fmp.endpoints import endpoints
from factorlab_lake.providers.fmp.result_builder import ResultBuilder
from factorlab_lake.providers.fmp.settings import FmpSettings, fmp_settings
from factorlab_lake.providers.fmp.symbol_changes import SymbolChanges
from factorlab_lake.providers.fmp.symbol_requests import SymbolRequests
from factorlab_lake.providers.protocol import Call, FetchResult, Offer, Request
from factorlab_lake.providers.rate_limit import RateLimiter
from factorlab_lake.providers.retry import RetryingClient, RetryPolicy
from factorlab_lake.providers.shared_limit import SharedLimit

__all__ = ["FmpProvider"]

_MINUTE_S = 60.0


def _now() -> datetime:
    return datetime.now(UTC)


class FmpProvider:
    """Fetch from Financial Modeling Prep over HTTP. Several threads use it and share its rate limit.

    The default ``settings`` come from the environment (``FMP_API_KEY`` and others). ``transport`` replaces
    httpx's own. ``clock`` returns aware times, ``timer`` monotonic seconds, and ``sleep`` waits.

    The rate limit holds over all processes of a user on one machine that use the same key; with a
    ``transport`` of the caller it applies to this object alone.

    >>> with FmpProvider(fmp_settings(api_key="secret")) as fmp:
    ...     fmp
    FmpProvider('https://financialmodelingprep.com', 'stable', 750 calls a minute)
    """

    name = "fmp"

    def __init__(
        self,
        settings: FmpSettings | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], datetime] = _now,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._settings = settings = settings or fmp_settings()
        self._closed = threading.Event()
        self._endpoints = endpoints(settings.api_generation)
        self._client = FmpClient(settings, transport)
        wait = self._closable(sleep or self._closed.wait)
        shared = None if transport else _shared_limit(settings, timer)
        limit = RateLimiter(settings.calls_per_minute, timer=timer, sleep=wait, shared=shared)
        policy = RetryPolicy(settings.tries, settings.retry_wait_s, settings.longest_wait_s)
        client = RetryingClient(self._client, limit, policy, clock=clock, sleep=wait)
        builder = ResultBuilder(self._endpoints, client, clock=clock, timer=timer)
        self._singles = SymbolRequests(builder)
        self._changes = SymbolChanges(builder)
        self._bulk = Bulk(builder, self._singles, settings.bulk_saves)

    def __repr__(self) -> str:
        """Show the settings without the key."""
        used = self._settings
        return (
            f"FmpProvider({used.base_url!r}, {used.api_generation!r}, {used.calls_per_minute} calls a minute)"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def datasets(self) -> Mapping[str, Offer]:
        """Return the offers by the lake's names of datasets."""
        return {dataset: endpoint.offer for dataset, endpoint in self._endpoints.items()}

    @property
    def calls_per_minute(self) -> float:
        """Return the largest number of API calls in a minute, all threads together."""
        return float(self._settings.calls_per_minute)

    @property
    def calls_at_once(self) -> int:
        """Return the largest number of threads that should call the provider."""
        return self._settings.calls_at_once

    def plan(self, requests: Sequence[Request]) -> list[Call]:
        """Combine requests that bulk files or one list can answer; each other request is a call of its own.

        A file contains all companies, so it must replace at least ``FMP_BULK_SAVES`` calls. The list of
        changed symbols is always one call: FMP has no request for a single symbol.
        """
        lists = [r for r in requests if self._lists_all(r)]
        singles = [r for r in requests if not self._lists_all(r)]
        return ([Call(tuple(lists))] if lists else []) + self._plan_singles(singles)

    def _plan_singles(self, requests: Sequence[Request]) -> list[Call]:
        groups: dict[object, list[Request]] = {}
        for request in requests:
            groups.setdefault(bulk_key(request), []).append(request)
        files = {key: n for key, group in groups.items() if (n := self._bulk.files(group))}
        combined = [Call(tuple(groups[key]), n) for key, n in files.items()]
        return combined + [Call((request,)) for request in requests if bulk_key(request) not in files]

    def answer(self, call: Call) -> list[FetchResult]:
        """Make a call and return one result per request; a failed one has a ``fault``."""
        if self._lists_all(call.requests[0]):
            return self._changes.answers(call.requests)
        if len({bulk_key(request) for request in call.requests}) == 1 and self._bulk.files(call.requests):
            return self._bulk.answers(call.requests)
        return [self._singles.answer(request) for request in call.requests]

    def _lists_all(self, request: Request) -> bool:
        endpoint = self._endpoints.get(request.dataset)
        return endpoint is not None and endpoint.lists_all

    def close(self) -> None:
        """Close the connections; waiting calls of other threads fail at once."""
        self._closed.set()
        self._client.close()

    def _closable(self, sleep: Callable[[float], object]) -> Callable[[float], None]:
        def wait(seconds: float) -> None:
            sleep(seconds)
            if self._closed.is_set():
                raise Unavailable("FMP: the provider was closed. Open a new one.", retryable=False)

        return wait


def _shared_limit(settings: FmpSettings, timer: Callable[[], float]) -> SharedLimit:
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return SharedLimit(
        ("fmp", settings.base_url, key),
        settings.calls_per_minute,
        _MINUTE_S,
        longest_call_s=settings.longest_call_s,
        timer=timer,
    )
