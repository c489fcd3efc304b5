"""How many calls go out in a minute: a sliding window that all threads share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["RateLimiter"]

_SHORTEST_WAIT_S = 0.001  # a wait below the clock's resolution would turn in a circle


class RateLimiter:
    """At most ``calls`` calls within any ``window_s`` seconds, and none during a pause.

    The server counts a call somewhere between its start and its end. A place is therefore taken from the
    start of a call until ``window_s`` after its end: whatever the latency, the server never counts more.
    """

    def __init__(
        self,
        calls: int,
        window_s: float = 60.0,
        *,
        timer: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> None:
        self._calls = calls
        self._window_s = window_s
        self._timer = timer
        self._sleep = sleep
        self._ended: deque[float] = deque()
        self._under_way = 0
        self._paused_until = float("-inf")
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Wait for a place, and hold it during the block."""
        while (wait_s := self._enter()) > 0:
            self._sleep(wait_s)
        try:
            yield
        finally:
            self._leave()

    def pause(self, seconds: float) -> None:
        """Let no call start for so long; a longer pause that holds already stays."""
        with self._changed:
            self._paused_until = max(self._paused_until, self._timer() + seconds)

    def _enter(self) -> float:
        """Take a place and return 0, or return how long to wait before asking again."""
        with self._changed:
            while True:
                now = self._timer()
                while self._ended and self._ended[0] + self._window_s <= now:
                    self._ended.popleft()
                if self._paused_until > now:
                    return max(self._paused_until - now, _SHORTEST_WAIT_S)
                if self._under_way + len(self._ended) < self._calls:
                    self._under_way += 1
                    return 0.0
                if self._ended:
                    return max(self._ended[0] + self._window_s - now, _SHORTEST_WAIT_S)
                self._changed.wait()  # all places are taken by calls under way

    def _leave(self) -> None:
        with self._changed:
            self._under_way -= 1
            self._ended.append(self._timer())
            self._changed.notify_all()
