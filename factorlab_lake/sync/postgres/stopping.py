"""Ending a question on the server when whoever asked it waits no more.

Which question that is follows from the context it is asked in, so that nothing between has to hand it on.
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

__all__ = ["asked", "begin"]

_CANCEL_TIMEOUT_S = 5.0


@dataclass(slots=True)
class _Asked:
    target: str
    con: psycopg.Connection[Any] | None = None
    stopped: bool = False
    lock: Lock = field(default_factory=Lock)

    def start(self, con: psycopg.Connection[Any]) -> None:
        with self.lock:
            if self.stopped:
                raise TargetFailed(
                    f"A question to {self.target} was stopped before it began: nobody awaits it any more.",
                    target=self.target,
                )
            self.con = con

    def end(self) -> None:
        with self.lock:  # while the server is told to stop, the connection is given to nobody else
            self.con = None

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            if self.con is not None:
                with suppress(psycopg.Error):  # it ended by itself, or its time limit will end it
                    self.con.cancel_safe(timeout=_CANCEL_TIMEOUT_S)


_CURRENT: ContextVar[_Asked | None] = ContextVar("_CURRENT", default=None)


def begin(target: str) -> Callable[[], None]:
    """Return what ends, from any thread, the questions that are asked in this context from now on."""
    current = _Asked(target)
    _CURRENT.set(current)
    return current.stop


@contextmanager
def asked(con: psycopg.Connection[Any]) -> Iterator[None]:
    """Ask on a connection; refused where the question was stopped already."""
    current = _CURRENT.get()
    if current is None:
        yield
        return
    current.start(con)
    try:
        yield
    finally:
        current.end()
