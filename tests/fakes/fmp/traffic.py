"""Log the requests of the fake FMP and limit its calls."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock

__all__ = ["LoggedRequest", "RateLimit", "RequestLog"]


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """Hold one request and its result; ``at`` is in seconds since 1970. The key is never part of it."""

    at: float
    method: str
    path: str
    parameters: dict[str, str]
    status: int
    fault: str | None


@dataclass(slots=True)
class RequestLog:
    """Store requests in the order of their responses: in memory, and with ``file`` as JSON lines too."""

    file: Path | None = None
    requests: list[LoggedRequest] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, request: LoggedRequest) -> None:
        """Log a request; once this returns, it is in the file too."""
        with self._lock:
            self.requests.append(request)
            if self.file is not None:
                with self.file.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(asdict(request)) + "\n")

    def faults(self) -> Counter[str]:
        """Return the number of faults sent, by kind."""
        with self._lock:
            return Counter(request.fault for request in self.requests if request.fault)


@dataclass(slots=True)
class RateLimit:
    """Allow at most ``calls`` in any ``window_s`` seconds; refused calls do not count."""

    calls: int
    window_s: float = 60.0
    _times: deque[float] = field(default_factory=deque)
    _lock: Lock = field(default_factory=Lock)

    def admit(self, clock: Callable[[], float]) -> float | None:
        """Return None when a call may proceed, else the number of seconds until one may."""
        with self._lock:
            now = clock()
            while self._times and self._times[0] <= now - self.window_s:
                self._times.popleft()
            if len(self._times) >= self.calls:
                return self._times[0] + self.window_s - now
            self._times.append(now)
            return None
