"""Cancel the queries of a caller that stops waiting.

The context in which a query starts identifies it, so no function in between passes it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Condition, Timer

from factorlab_lake.errors import QueryCancelled

__all__ = ["cancellable", "cancellation_raised", "start", "stopped_after"]

_AGAIN_S = 0.1  # a database can miss a request that comes between two statements of one query


class _Task:
    """Hold what stops the query that runs now for a task."""

    def __init__(self) -> None:
        self.cancelled = False
        self._stop: Callable[[], object] | None = None
        self._changed = Condition()

    def begin(self, stop: Callable[[], object]) -> None:
        with self._changed:
            if self.cancelled:
                raise QueryCancelled("The query was cancelled before it began: its caller stopped waiting.")
            self._stop = stop

    def end(self) -> None:
        with self._changed:  # a request in progress must not reach the next query of the connection
            self._stop = None
            self._changed.notify_all()

    def cancel(self) -> None:
        with self._changed:
            self.cancelled = True
            while self._stop is not None:
                self._stop()
                self._changed.wait(_AGAIN_S)


_TASK: ContextVar[_Task | None] = ContextVar("_TASK", default=None)


def start() -> Callable[[], None]:
    """Return a function that cancels, from any thread, all queries that this context starts from now on.

    It returns when the running query has ended.
    """
    task = _Task()
    _TASK.set(task)
    return task.cancel


@contextmanager
def cancellable(stop: Callable[[], object]) -> Iterator[None]:
    """Call ``stop`` from another thread if the caller of this query stops waiting, until the query ends.

    Raises :class:`~factorlab_lake.errors.QueryCancelled` if that is so already.
    """
    task = _TASK.get()
    if task is None:
        yield
        return
    task.begin(stop)
    try:
        yield
    finally:
        task.end()


@contextmanager
def stopped_after(seconds: float, stop: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Call ``stop`` from another thread after a time, until the block ends.

    Yields a function that returns whether the time has passed.
    """
    task = _Task()
    task.begin(stop)
    timer = Timer(seconds, task.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield lambda: task.cancelled
    finally:
        timer.cancel()
        task.end()


@contextmanager
def cancellation_raised() -> Iterator[None]:
    """Raise ``QueryCancelled`` for the interrupt of a query whose caller stopped waiting."""
    try:
        yield
    except KeyboardInterrupt:
        task = _TASK.get()
        if task is None or not task.cancelled:
            raise
        raise QueryCancelled("The query was cancelled: its caller stopped waiting.") from None
