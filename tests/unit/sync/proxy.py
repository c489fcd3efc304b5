"""Forward connections to a server and cut them after a number of bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

__all__ = ["Way", "way_to"]

_PIECE = 1 << 12


@dataclass(slots=True)
class Way:
    """Forwards bytes until ``most`` went to the server; then calls ``at_end`` and forwards no more."""

    url: str
    server: tuple[str, int]
    most: float = float("inf")
    at_end: Callable[[], object] = lambda: None
    sent: int = 0
    ended: bool = False
    _open: list[socket.socket] = field(default_factory=list)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, listening: socket.socket) -> None:
        """Accept connections until the listening socket is closed."""
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = socket.create_connection(self.server)
                self._open += [client, server]
                for source, to in ((client, server), (server, client)):
                    threading.Thread(target=self._pass, args=(source, to, source is client)).start()

    def close(self) -> None:
        """Close every connection."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pass(self, source: socket.socket, to: socket.socket, counts: bool) -> None:  # noqa: FBT001
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if counts and self._is_last(len(piece)):
                    self.at_end()
                    self.close()
                    return
                to.sendall(piece)
            to.shutdown(socket.SHUT_WR)

    def _is_last(self, size: int) -> bool:
        with self._counting:
            self.sent += size
            self.ended = self.ended or self.sent >= self.most
            return self.ended


@contextmanager
def way_to(url: str) -> Iterator[Way]:
    """Yield a proxy to the server of an address, and the address of the proxy."""
    there = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert there.port is not None
        here = url.replace(f"@{there.hostname}:{there.port}/", f"@127.0.0.1:{port}/")
        way = Way(here, (there.hostname or "", there.port))
        threading.Thread(target=way.accept, args=(listening,)).start()
        try:
            yield way
        finally:
            way.close()
            listening.shutdown(socket.SHUT_RDWR)
