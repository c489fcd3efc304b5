"""The fake vendor itself: a real HTTP/1.1 server on loopback, in a thread of its own."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self

from factorlab_lake.errors import InvalidInput
from factorlab_lake.providers.fmp.fake_server.dataset import FakeDataset
from factorlab_lake.providers.fmp.fake_server.fault_plan import Faults
from factorlab_lake.providers.fmp.fake_server.pages import Pages
from factorlab_lake.providers.fmp.fake_server.request_handler import Answer, ApiRequest, RequestHandler
from factorlab_lake.providers.fmp.fake_server.sending import send
from factorlab_lake.providers.fmp.fake_server.traffic import Limit, Log, Seen

__all__ = ["FakeFmp"]


@dataclass
class FakeFmp:
    """A server that answers as FMP does, from ``world``, while it is entered as a context.

    ``faults`` says what goes wrong, ``limit`` how many calls are admitted, ``row_cap`` how many rows of a
    symbol an answer has at most; ``latency_s`` is added to every answer. With ``log_file`` the requests are
    also written there, a JSON line each. All but ``port`` and ``log_file`` may be changed while it runs.

    >>> import httpx
    >>> from factorlab_lake.providers.fmp.fake_server import synthetic_dataset
    >>> with FakeFmp(synthetic_dataset(["ACME"])) as server:
    ...     found = httpx.get(f"{server.url}/stable/profile?symbol=ACME", headers={"apikey": "demo"})
    >>> found.json()[0]["symbol"], server.requests[0].path
    ('ACME', '/stable/profile')
    """

    world: FakeDataset
    key: str = field(default="demo", repr=False)
    port: int = 0
    faults: Faults = field(default_factory=Faults)
    limit: Limit | None = None
    row_cap: int | None = None
    latency_s: float = 0.0
    retry_after_s: float = 1.0
    delay_s: float = 1.0
    log_file: Path | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._log = Log(self.log_file)
        self._pages = Pages(self.world)
        self._busy = _Busy()
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        """Start to listen."""
        self._server = _Server(self)
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.02,), name="fake-fmp", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and close the connections that are open."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        """Where it listens; set it as ``FMP_BASE_URL``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Seen]:
        """What it was asked so far."""
        return list(self._log.seen)

    @property
    def fault_counts(self) -> Counter[str]:
        """How often each kind of fault was sent."""
        return self._log.faults()

    @property
    def most_at_once(self) -> int:
        """The most requests that were being answered at one time."""
        return self._busy.most

    def warm(self, datasets: Collection[str], generation: str = "stable") -> None:
        """Encode all answers about some datasets now, so that measurements wait for the latency alone."""
        self._current().warm(generation, datasets)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request of a connection."""
        with self._busy:
            question = ApiRequest.of(handler.path, handler.headers.get("apikey"))
            answer = self._desk().answer(question)
            self.sleep(self.latency_s + answer.delay_s)
            self._note(handler.command, question, answer)
            send(handler, answer.reply, answer.fault)

    def _desk(self) -> RequestHandler:
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

    def _current(self) -> Pages:
        if self._pages.world is not self.world:
            self._pages = Pages(self.world)
        return self._pages

    def _note(self, method: str, question: ApiRequest, answer: Answer) -> None:
        status = answer.reply.status
        self._log.add(Seen(time.time(), method, question.path, question.parameters, status, answer.fault))


class _Server(ThreadingHTTPServer):
    """Knows the fake it belongs to and its open connections."""

    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def __init__(self, fake: FakeFmp) -> None:
        self.fake = fake
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        try:
            super().__init__(("127.0.0.1", fake.port), _Handler)
        except (OSError, OverflowError) as fault:
            raise InvalidInput(
                f"Cannot listen on port {fake.port} ({fault}); give another, or 0 for any that is free.",
                port=fake.port,
            ) from None

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Stop listening, and end connections that clients keep alive."""
        super().server_close()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client was faster
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: they are killed in tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self.server.fake.handle(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """Write nothing to stderr: lines there would hold the key."""


class _Busy:
    """Counts who is inside."""

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
