"""Listen on loopback and answer HTTP/1.1 requests, in a thread of the caller's process.

The sample servers of the vendors, and the fake vendors of the tests, are servers of this kind.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Self

from factorlab_lake.errors import InvalidInput

__all__ = ["LoopbackServer", "ServerResponse", "response_head", "serve"]

_POLL_S = 0.5  # an endless wait would not notice Ctrl-C on Windows
_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class ServerResponse:
    """Hold the status, body, type and further headers of a response."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)


class LoopbackServer:
    """Answer requests while this context is entered; a vendor's server defines :meth:`handle`.

    ``port`` 0 means any free port; it has the real number once the server listens.
    """

    port: int = 0
    _server: _Server | None = None

    def __enter__(self) -> Self:
        """Start to listen."""
        self._server = _Server(self.port, self.handle)
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.02,), name="sample-server", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and close the open connections."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        """Return the address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request of a connection."""
        raise NotImplementedError


def serve(server: LoopbackServer, announce: Callable[[str], None]) -> None:
    """Start a server, pass its URL to ``announce`` once it listens, and return after SIGINT or SIGTERM."""
    stop = Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        with server:
            announce(server.url)
            while not stop.wait(_POLL_S):
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def response_head(handler: BaseHTTPRequestHandler, response: ServerResponse) -> bytes:
    """Return the status line and headers of a response.

    The caller writes head and body together: two small writes would wait for each other's acknowledgement.
    """
    phrase = handler.responses.get(response.status, ("", ""))[0]
    lines = [
        f"HTTP/1.1 {response.status} {phrase}",
        f"Date: {handler.date_time_string()}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class _Server(ThreadingHTTPServer):
    """Track the open connections, so that the end of the server can close them."""

    request_queue_size = 128
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, handle: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.handle = handle
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise InvalidInput(
                f"Cannot listen on port {port} ({error}); pass another, or 0 for any free port.", port=port
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
            except OSError:  # the client closed it first
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing for a client that disconnects: tests kill their clients."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self.server.handle(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """Write no log line: it would contain the key."""
