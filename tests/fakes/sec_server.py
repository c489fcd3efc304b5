"""Run the fake SEC: the sample server with SEC's limit of calls, its block, and faults."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from factorlab_lake.providers.loopback_server import ServerResponse
from factorlab_lake.providers.sec import SecProvider
from factorlab_lake.providers.sec.documents import HttpDocuments
from factorlab_lake.providers.sec.endpoints import TICKERS_PATH
from factorlab_lake.providers.sec.sample_server import SecSampleServer, html_page, tickers_of
from factorlab_lake.providers.sec.settings import sec_settings

AGENT = "Fake Tester tester@example.com"
_LIMIT_PAGE = html_page(429, "Request Rate Threshold Exceeded", "Please wait ten minutes.")
FAULTS: dict[str, ServerResponse] = {
    "limit_429": _LIMIT_PAGE,
    "limit_403": html_page(403, "Request Rate Threshold Exceeded", "Please wait ten minutes."),
    "limit_named": ServerResponse(429, _LIMIT_PAGE.body, "text/html", {"Retry-After": "30"}),
    "html_200": html_page(200, "Request Rate Threshold Exceeded", "Please wait ten minutes."),
    "html_404": html_page(404, "Not found", "This is another server."),
    "503": html_page(503, "Service unavailable", "Maintenance."),
}


@dataclass
class FakeSec(SecSampleServer):
    """Serve documents as SEC does, with faults, while this context is entered.

    ``faults`` has by path the faults of its next calls, in order: a key of ``FAULTS``, or ``truncated``.
    More than ``calls_per_second`` calls in a second block all callers for ``block_s``. ``calls`` lists the
    time and path of each call, ``statuses`` counts the statuses.
    """

    faults: dict[str, list[str]] = field(default_factory=dict)
    calls_per_second: int | None = None
    block_s: float = 0.2
    calls: list[tuple[float, str]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[float] = deque()
        self._blocked_until = 0.0

    @property
    def paths(self) -> list[str]:
        """Return the paths of all calls."""
        return [path for _, path in self.calls]

    def response(self, path: str, user_agent: str) -> ServerResponse:
        """Return the response for a path, or a fault."""
        with self._lock:
            now = time.monotonic()
            self.calls.append((now, path))
            planned = self.faults.get(path)
            fault = planned.pop(0) if planned else None
            response = _LIMIT_PAGE if self._is_blocked(now) else self._sent(path, user_agent, fault)
            self.statuses[response.status] += 1
            return response

    def _sent(self, path: str, user_agent: str, fault: str | None) -> ServerResponse:
        if fault == "truncated":
            body = self.documents[path]
            return ServerResponse(200, body[: len(body) // 2])
        return FAULTS[fault] if fault else super().response(path, user_agent)

    def _is_blocked(self, now: float) -> bool:
        if self.calls_per_second is None:
            return False
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        self._recent.append(now)
        if len(self._recent) > self.calls_per_second:
            self._blocked_until = now + self.block_s
        return now < self._blocked_until


def with_tickers(documents: Mapping[str, bytes], **more: str) -> dict[str, bytes]:
    """Return documents with SEC's list of their symbols, and with further symbols of a CIK."""
    listed = json.loads(tickers_of({p: b for p, b in documents.items() if "-submissions-" not in p}))
    rows: list[Any] = [*listed.values()]
    rows += [{"cik_str": int(cik), "ticker": symbol, "title": symbol} for symbol, cik in more.items()]
    return {**documents, TICKERS_PATH: json.dumps({str(n): row for n, row in enumerate(rows)}).encode()}


@contextmanager
def serving(documents: Mapping[str, bytes], **options: Any) -> Iterator[FakeSec]:
    """Start a server of some documents with the list of their symbols."""
    with FakeSec(with_tickers(documents), **options) as server:
        yield server


def provider(server: FakeSec, **settings: Any) -> SecProvider:
    """Return a provider whose calls go to a server, with few waits."""
    values = {"user_agent": AGENT, "base_url": server.url, "files_url": server.url, "retry_wait_s": 0}
    return SecProvider(HttpDocuments(sec_settings(**values | settings)))
