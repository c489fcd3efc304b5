"""Limit the calls to a vendor with a sliding window that all threads share, and all processes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from factorlab_lake.providers.shared_limit import SharedLimit

__all__ = ["RateLimiter"]

_SHORTEST_WAIT_S = 0.001  # a wait below the clock's resolution would loop without end


class RateLimiter:
    """Allow at most ``calls`` calls within any ``window_s`` seconds, and none during a pause.

    The server counts a call at an unknown time between its start and its end. So a call occupies its slot
    from its start until ``window_s`` after its end, and the server never counts more, at any latency.
    ``shared`` counts the calls of other processes too.
    """

    def __init__(
        self,
        calls: int,
        window_s: float = 60.0,
        *,
        timer: Callable[[], float],
        sleep: Callable[[float], object],
        shared: SharedLimit | None = None,
    ) -> None:
        self._shared = shared
        self._calls = calls
        self._window_s = window_s
        self._timer = timer
        self._sleep = sleep
        self._ended: deque[float] = deque()
        self._in_progress = 0
        self._paused_until = float("-inf")
        self._changed = threading.Condition()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a slot and occupy it during the block."""
        while (wait_s := self._enter()) > 0:
            self._sleep(wait_s)
        try:
            with self._shared_slot():
                yield
        finally:
            self._leave()

    def pause(self, seconds: float) -> None:
        """Start no call for some seconds; a longer pause in progress stays."""
        with self._changed:
            self._paused_until = max(self._paused_until, self._timer() + seconds)
        if self._shared:
            self._shared.pause(seconds)

    @contextmanager
    def _shared_slot(self) -> Iterator[None]:
        if self._shared is None:
            yield
            return
        while (wait_s := self._shared.enter()) > 0:
            self._sleep(wait_s)
        try:
            yield
        finally:
            self._shared.leave()

    def _enter(self) -> float:
        """Take a slot and return 0, or return the wait before the next attempt."""
        with self._changed:
            while True:
                now = self._timer()
                while self._ended and self._ended[0] + self._window_s <= now:
                    self._ended.popleft()
                if self._paused_until > now:
                    return max(self._paused_until - now, _SHORTEST_WAIT_S)
                if self._in_progress + len(self._ended) < self._calls:
                    self._in_progress += 1
                    return 0.0
                if self._ended:
                    return max(self._ended[0] + self._window_s - now, _SHORTEST_WAIT_S)
                self._changed.wait()  # calls in progress occupy all slots

    def _leave(self) -> None:
        with self._changed:
            self._in_progress -= 1
            self._ended.append(self._timer())
            self._changed.notify_all()
