"""Count the requests to an HTTP server and the bytes that it returns, on their way through a proxy."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from urllib.parse import urlsplit

__all__ = ["Counted", "counting_proxy"]

_REQUEST = re.compile(rb"(?:GET|HEAD|PUT|POST|DELETE) /")  # a client starts each one in a new packet
_PACKET = 1 << 18


@dataclass(slots=True)
class Counted:
    """Hold the numbers so far."""

    requests: int = 0
    bytes_read: int = 0
    guard: Lock = field(default_factory=Lock)

    def sent(self, packet: bytes) -> None:
        """Note a packet to the server."""
        if _REQUEST.match(packet):
            with self.guard:
                self.requests += 1

    def received(self, packet: bytes) -> None:
        """Note a packet from the server."""
        with self.guard:
            self.bytes_read += len(packet)


@contextmanager
def counting_proxy(endpoint: str) -> Iterator[tuple[str, Counted]]:
    """Yield the address of a proxy of a server, and its numbers, until the end of the block."""
    target, counted = urlsplit(endpoint), Counted()
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):  # the socket was closed: the end
            while True:
                client, _ = server.accept()
                remote = socket.create_connection((target.hostname, target.port))
                Thread(target=_pump, args=(client, remote, counted.sent), daemon=True).start()
                Thread(target=_pump, args=(remote, client, counted.received), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}", counted
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def _pump(source: socket.socket, sink: socket.socket, note: Callable[[bytes], None]) -> None:
    with suppress(OSError), source, sink:
        while packet := source.recv(_PACKET):
            note(packet)
            sink.sendall(packet)
