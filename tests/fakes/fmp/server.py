"""Run the fake FMP: the sample server with faults, a limit of calls, latency and a log of requests."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Lock

from factorlab_lake.providers.fmp.sample_server.http_server import SampleServer
from factorlab_lake.providers.fmp.sample_server.responses import ApiRequest
from factorlab_lake.providers.loopback_server import ServerResponse, response_head
from tests.fakes.fmp.dataset import FakeDataset
from tests.fakes.fmp.fault_plan import Faults
from tests.fakes.fmp.request_handler import FakeAnswer, RequestHandler
from tests.fakes.fmp.response_bodies import FakeResponses, fake_endpoints
from tests.fakes.fmp.traffic import LoggedRequest, RateLimit, RequestLog

__all__ = ["FakeFmp"]

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time: closing resets the connection


@dataclass
class FakeFmp(SampleServer):
    """Serve a fake dataset as FMP does while this context is entered.

    ``faults`` plans the failures, ``limit`` the number of calls, ``row_cap`` the rows per symbol in a
    response; ``latency_s`` is added to every response. ``log_file`` gets one JSON line per request. All but
    ``port`` and ``log_file`` may be changed while the server runs.

    >>> import httpx
    >>> from tests.fakes.fmp import synthetic_dataset
    >>> with FakeFmp(synthetic_dataset(["ACME"])) as server:
    ...     response = httpx.get(f"{server.url}/stable/profile?symbol=ACME", headers={"apikey": "demo"})
    >>> response.json()[0]["symbol"], server.requests[0].path
    ('ACME', '/stable/profile')
    """

    dataset: FakeDataset
    faults: Faults = field(default_factory=Faults)
    limit: RateLimit | None = None
    row_cap: int | None = None
    latency_s: float = 0.0
    retry_after_s: float = 1.0
    delay_s: float = 1.0
    log_file: Path | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        super().__post_init__()
        self._log = RequestLog(self.log_file)
        self._built = FakeResponses(self.dataset)
        self._concurrency = _Concurrency()

    @property
    def requests(self) -> list[LoggedRequest]:
        """Return the requests so far."""
        return list(self._log.requests)

    @property
    def fault_counts(self) -> Counter[str]:
        """Return the number of faults sent, by kind."""
        return self._log.faults()

    @property
    def most_at_once(self) -> int:
        """Return the largest number of requests in progress at one time."""
        return self._concurrency.most

    def warm(self, datasets: Collection[str], generation: str = "stable") -> None:
        """Encode all records of some datasets now, so that measurements include the latency alone."""
        self._current().warm(generation, datasets)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request of a connection."""
        with self._concurrency:
            request = ApiRequest.parse(handler.path, handler.headers.get("apikey"), fake_endpoints())
            answer = self._request_handler().answer(request)
            self.sleep(self.latency_s + answer.delay_s)
            self._write_log(handler.command, request, answer)
            _send(handler, answer.response, answer.fault)

    def _request_handler(self) -> RequestHandler:
        return RequestHandler(
            self._current(),
            self.key,
            self.faults,
            self.clock,
            limit=self.limit,
            row_cap=self.row_cap,
            retry_after_s=self.retry_after_s,
            delay_s=self.delay_s,
        )

    def _current(self) -> FakeResponses:
        if self._built.dataset is not self.dataset:
            self._built = FakeResponses(self.dataset)
        return self._built

    def _write_log(self, method: str, request: ApiRequest, answer: FakeAnswer) -> None:
        status = answer.response.status
        line = LoggedRequest(time.time(), method, request.path, request.parameters, status, answer.fault)
        self._log.add(line)


def _send(handler: BaseHTTPRequestHandler, response: ServerResponse, fault: str | None) -> None:
    """Send a response; faults of the connection happen here."""
    head, body = response_head(handler, response), response.body
    if fault == "dropped":
        handler.close_connection = True
        return
    if fault in ("truncated", "dropped_inside"):
        body = body[: len(body) // 2]
    handler.wfile.write(head + body)
    if fault == "truncated":
        handler.close_connection = True
    elif fault == "dropped_inside":
        _reset(handler)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    os.close(handler.connection.detach())


class _Concurrency:
    """Count the threads inside this context, and the most at one time."""

    def __init__(self) -> None:
        self.most = 0
        self._inside = 0
        self._lock = Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
