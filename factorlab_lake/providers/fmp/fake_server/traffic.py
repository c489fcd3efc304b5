"""What the server was asked, and its limit of calls."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock

__all__ = ["Limit", "Log", "Seen"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request and how it was answered; ``at`` in seconds since 1970. The key is never among its facts."""

    at: float
    method: str
    path: str
    parameters: dict[str, str]
    status: int
    fault: str | None


@dataclass(slots=True)
class Log:
    """Requests in the order of their answers, in memory and, where a file is given, as JSON lines in it."""

    file: Path | None = None
    seen: list[Seen] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, seen: Seen) -> None:
        """Note a request; once this returns, it is in the file too."""
        with self._lock:
            self.seen.append(seen)
            if self.file is not None:
                with self.file.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(asdict(seen)) + "\n")

    def faults(self) -> Counter[str]:
        """Return how often each kind of fault was sent."""
        with self._lock:
            return Counter(each.fault for each in self.seen if each.fault)


@dataclass(slots=True)
class Limit:
    """At most ``calls`` in any ``window_s`` seconds; calls that were refused do not count."""

    calls: int
    window_s: float = 60.0
    _times: deque[float] = field(default_factory=deque)
    _lock: Lock = field(default_factory=Lock)

    def admit(self, clock: Callable[[], float]) -> float | None:
        """Return None for a call that may go on, else in how many seconds one may."""
        with self._lock:
            now = clock()
            while self._times and self._times[0] <= now - self.window_s:
                self._times.popleft()
            if len(self._times) >= self.calls:
                return self._times[0] + self.window_s - now
            self._times.append(now)
            return None
