"""The fake vendor for as long as a process lives: until Ctrl-C, or until it is asked to end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import Event

from factorlab_lake.providers.fmp.fake_server.http_server import FakeFmp

__all__ = ["serve"]

_LOOK_S = 0.5  # a wait without an end would not notice Ctrl-C on Windows


def serve(server: FakeFmp, announce: Callable[[str], None]) -> None:
    """Start a server, announce its URL once it listens, and return after SIGINT or SIGTERM."""
    stop = Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with server:
            announce(server.url)
            while not stop.wait(_LOOK_S):
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
