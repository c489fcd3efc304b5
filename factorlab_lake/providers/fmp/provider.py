"""Financial Modeling Prep as a provider: what it offers, which calls that takes, and the answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

import httpx

from factorlab_lake.errors import Unavailable
from factorlab_lake.providers.fmp.bulk import Bulk, kind
from factorlab_lake.providers.fmp.client import Client
from factorlab_lake.providers.fmp.endpoints import endpoints
from factorlab_lake.providers.fmp.rate_limit import RateLimiter
from factorlab_lake.providers.fmp.result_builder import ResultBuilder
from factorlab_lake.providers.fmp.retry import RetryingClient
from factorlab_lake.providers.fmp.settings import FmpSettings, fmp_settings
from factorlab_lake.providers.fmp.symbol_requests import SymbolRequests
from factorlab_lake.providers.protocol import Call, FetchResult, Offer, Request

__all__ = ["FmpProvider"]


def _now() -> datetime:
    return datetime.now(UTC)


class FmpProvider:
    """Financial Modeling Prep, over HTTP. Used by several threads at once, which share one limit of calls.

    ``settings`` come from the environment (``FMP_API_KEY`` and others) when none are given; ``transport``
    is what httpx sends requests through. ``clock`` gives aware times, ``timer`` seconds that only grow, and
    ``sleep`` waits. The limit holds for this object; two processes with one key share the plan's limit and
    know nothing of each other.

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
        self._client = Client(settings, transport)
        wait = self._closable(sleep or self._closed.wait)
        limit = RateLimiter(settings.calls_per_minute, timer=timer, sleep=wait)
        caller = RetryingClient(self._client, limit, settings, clock=clock, sleep=wait)
        desk = ResultBuilder(self._endpoints, caller, clock=clock, timer=timer)
        self._singles = SymbolRequests(desk)
        self._bulk = Bulk(desk, self._singles, settings.bulk_saves)

    def __repr__(self) -> str:
        """Show what is asked, never with which key."""
        own = self._settings
        return f"FmpProvider({own.base_url!r}, {own.api_generation!r}, {own.calls_per_minute} calls a minute)"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def datasets(self) -> Mapping[str, Offer]:
        """What it offers, by the lake's names of datasets."""
        return {dataset: endpoint.offer for dataset, endpoint in self._endpoints.items()}

    @property
    def calls_per_minute(self) -> float:
        """How many calls it makes at most in a minute, all threads together."""
        return float(self._settings.calls_per_minute)

    @property
    def calls_at_once(self) -> int:
        """How many threads it wants to be called by at most."""
        return self._settings.calls_at_once

    def plan(self, requests: Sequence[Request]) -> list[Call]:
        """Put requests together where bulk files stand for many of them; the others are calls of their own.

        A file holds every company there is, so it is asked for only in the place of at least
        ``FMP_BULK_SAVES`` calls.
        """
        alike: dict[object, list[Request]] = {}
        for request in requests:
            alike.setdefault(kind(request), []).append(request)
        files = {k: n for k, group in alike.items() if (n := self._bulk.files(group))}
        together = [Call(tuple(alike[k]), n) for k, n in files.items()]
        return together + [Call((request,)) for request in requests if kind(request) not in files]

    def answer(self, call: Call) -> list[FetchResult]:
        """Make a call and return one answer for each of its requests; what fails has its ``fault``."""
        if len({kind(request) for request in call.requests}) == 1 and self._bulk.files(call.requests):
            return self._bulk.answers(call.requests)
        return [self._singles.answer(request) for request in call.requests]

    def close(self) -> None:
        """Give back connections; calls of other threads that wait for their turn fail at once."""
        self._closed.set()
        self._client.close()

    def _closable(self, sleep: Callable[[float], object]) -> Callable[[float], None]:
        def wait(seconds: float) -> None:
            sleep(seconds)
            if self._closed.is_set():
                raise Unavailable("FMP: the provider was closed. Open a new one.", retryable=False)

        return wait
