"""Create FMP providers with a simulated clock and scripted responses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.providers.protocol import Call, FetchResult, Request

KEY = "k3yThatNobodyMaySee"
NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)
ERRORS = Path(__file__).parents[1] / "data" / "fmp_errors"

Handler = Callable[[httpx.Request], httpx.Response]


@dataclass
class Time:
    """Simulate time that passes only while a caller sleeps.

    A fetch decides by the real time what is due. A test of two fetches gives a ``start`` near it.
    """

    seconds: float = 1000.0
    start: datetime = NOW
    slept: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def timer(self) -> float:
        """Return the seconds that have passed."""
        return self.seconds

    def clock(self) -> datetime:
        """Return the time of day."""
        return self.start + timedelta(seconds=self.seconds - 1000)

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        with self.lock:
            self.slept.append(seconds)
            self.seconds += seconds


def provider(handler: Handler, time: Time | None = None, **settings: Any) -> FmpProvider:
    """Return a provider whose calls go to a function."""
    time = time or Time()
    return FmpProvider(
        fmp_settings(**{"api_key": KEY, **settings}),
        transport=httpx.MockTransport(handler),
        clock=time.clock,
        timer=time.timer,
        sleep=time.sleep,
    )


def ask(fmp: FmpProvider, *requests: Request) -> FetchResult:
    """Return the one result of a call."""
    (answer,) = fmp.answer(Call(requests))
    return answer


class Script:
    """Respond with the replies in order, then with the last one, and record the calls."""

    def __init__(self, *replies: httpx.Response | Exception) -> None:
        self.replies = list(replies)
        self.calls: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer the next call."""
        self.calls.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


def json_response(data: Any, status: int = 200, **headers: str) -> httpx.Response:
    """Return a JSON response."""
    return httpx.Response(
        status, content=json.dumps(data).encode(), headers={"content-type": "application/json", **headers}
    )


def recorded(name: str, status: int) -> httpx.Response:
    """Return a recorded error of FMP."""
    body = (ERRORS / name).read_bytes()
    return httpx.Response(status, content=body, headers={"content-type": "application/json"})
