"""Cancel a query on the server when its caller stops waiting.

The context in which a query starts identifies it, so no function in between passes it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import psycopg

from factorlab_lake.errors import TargetFailed

__all__ = ["cancellable", "start"]

_CANCEL_TIMEOUT_S = 5.0


@dataclass(slots=True)
class _Query:
    target: str
    con: psycopg.Connection[Any] | None = None
    cancelled: bool = False
    lock: Lock = field(default_factory=Lock)

    def begin(self, con: psycopg.Connection[Any]) -> None:
        with self.lock:
            if self.cancelled:
                raise TargetFailed(
                    f"A query to {self.target} was cancelled before it began: its caller stopped waiting.",
                    target=self.target,
                )
            self.con = con

    def end(self) -> None:
        with self.lock:  # a cancel in progress must not reach the next query on this connection
            self.con = None

    def cancel(self) -> None:
        with self.lock:
            self.cancelled = True
            if self.con is not None:
                with suppress(psycopg.Error):  # the query has ended, or its time limit will end it
                    self.con.cancel_safe(timeout=_CANCEL_TIMEOUT_S)


_CURRENT: ContextVar[_Query | None] = ContextVar("_CURRENT", default=None)


def start(target: str) -> Callable[[], None]:
    """Return a function that cancels, from any thread, the queries that this context starts from now on."""
    current = _Query(target)
    _CURRENT.set(current)
    return current.cancel


@contextmanager
def cancellable(con: psycopg.Connection[Any]) -> Iterator[None]:
    """Register the connection of a query; raise :class:`TargetFailed` if it was cancelled already."""
    current = _CURRENT.get()
    if current is None:
        yield
        return
    current.begin(con)
    try:
        yield
    finally:
        current.end()
