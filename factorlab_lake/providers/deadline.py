"""Bound the time of a whole HTTP call and the bytes that it reads, however slowly they arrive.

A timeout of httpx applies to each read, so a server that sends a byte a second would hold a call for ever.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

__all__ = ["bound_reads", "call_limits", "check_time"]

_CALL = threading.local()
_TOO_LONG = "the whole response took too long"


@contextmanager
def call_limits(seconds: float, raw_bytes: int) -> Iterator[None]:
    """Limit the calls of this thread to a time from now on, and to a number of bytes on the wire."""
    _CALL.ends_at, _CALL.bytes_left = time.monotonic() + seconds, raw_bytes
    try:
        yield
    finally:
        del _CALL.ends_at, _CALL.bytes_left


def check_time() -> None:
    """Raise :class:`httpx.ReadTimeout` when the time of this thread's call has passed."""
    if _left() <= 0:
        raise httpx.ReadTimeout(_TOO_LONG)


def bound_reads(transport: httpx.HTTPTransport) -> httpx.HTTPTransport:
    """Apply the limits of a call to every read of a transport, also while its headers arrive.

    httpx has no parameter for this; its pool has the object that opens connections.
    """
    pool: Any = transport._pool  # noqa: SLF001
    pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001
    return transport


class _Backend(httpcore.NetworkBackend):
    """Open connections whose reads respect the limits of their call."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect within the time of the call."""
        return _Stream(self._inner.connect_tcp(host, port, _shorter(timeout), local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """Pass reads and writes on, with no more time and bytes than the call has left."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has arrived."""
        try:
            data = self._inner.read(max_bytes, _shorter(timeout))
        except httpcore.ReadTimeout as error:
            if _left() <= 0:
                raise httpcore.ReadTimeout(_TOO_LONG) from error
            raise
        _CALL.bytes_left = getattr(_CALL, "bytes_left", math.inf) - len(data)
        if _CALL.bytes_left < 0:
            raise httpcore.RemoteProtocolError("the response is larger than any that is expected")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all bytes."""
        self._inner.write(buffer, _shorter(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the encrypted stream."""
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _shorter(timeout)))

    def get_extra_info(self, info: str) -> Any:
        """Return a fact about the connection."""
        return self._inner.get_extra_info(info)


def _shorter(timeout: float | None) -> float | None:
    left = _left()
    if left <= 0:
        raise httpcore.ReadTimeout(_TOO_LONG)
    return timeout if left == math.inf else min(left, math.inf if timeout is None else timeout)


def _left() -> float:
    return float(getattr(_CALL, "ends_at", math.inf) - time.monotonic())
