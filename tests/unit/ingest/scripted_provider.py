"""Provide a provider that answers from a dictionary, to test a fetch without HTTP."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from factorlab_lake.errors import EmptyAnswer, FetchFailed
from factorlab_lake.providers.protocol import Call, FetchResult, Offer, Request
from factorlab_lake.providers.records import frame_of

OFFERS = {
    **dict.fromkeys(("income", "balance_sheet", "cash_flow", "ratios"), Offer(("quarterly", "annual"))),
    **dict.fromkeys(("price", "price_unadjusted", "market_cap"), Offer(ranged=True)),
    **dict.fromkeys(("split", "dividend", "profile"), Offer()),
}
Records = dict[tuple[str, str, str | None], list[dict[str, Any]]]


@dataclass
class ScriptedProvider:
    """Serve ``records`` by (dataset, symbol, period), or the errors of ``faults``; log the requests."""

    records: Records
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    faults: Callable[[Request], FetchFailed | None] = lambda _: None
    name: str = "fmp"
    calls_per_minute: float = 750.0
    calls_at_once: int = 8
    datasets: dict[str, Offer] = field(default_factory=lambda: dict(OFFERS))
    requests: list[Request] = field(default_factory=list)
    closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, requests: Sequence[Request]) -> list[Call]:
        """Return one call per request."""
        return [Call((r,)) for r in requests]

    def answer(self, call: Call) -> list[FetchResult]:
        """Answer from the dictionary; a missing key is an empty answer."""
        return [self._answer(r) for r in call.requests]

    def close(self) -> None:
        """Record that the provider is closed."""
        self.closed = True

    def _answer(self, request: Request) -> FetchResult:
        with self._lock:
            self.requests.append(request)
            serial = len(self.requests)
        records = self.records.get((request.dataset, request.symbol, request.period), [])
        records = [r for r in records if _inside(r, request)]
        fault = self.faults(request)
        if fault is None and not records and request.dataset not in ("split", "dividend"):
            fault = EmptyAnswer(f"nothing for {request.symbol}")
        body = json.dumps(records).encode()
        answer = FetchResult(
            fetch_id=hashlib.sha256(body + str((self.name, serial, request)).encode()).hexdigest()[:32],
            dataset=request.dataset,
            symbol=request.symbol,
            fetched_at=self.now,
            provider=self.name,
            endpoint=f"scripted/{request.dataset}",
            parameters="{}",
            records=None,
            period=request.period,
            error=None if fault is None else str(fault),
            fault=fault,
            payload_sha256=hashlib.sha256(body).hexdigest(),
            http_status=200,
            api_calls=1,
        )
        if fault is None:
            answer.records = frame_of(records, answer)
        return answer


def _inside(record: dict[str, Any], request: Request) -> bool:
    if not OFFERS[request.dataset].ranged:
        return True
    day = date.fromisoformat(record["date"])
    return (request.start or date.min) <= day <= (request.end or date.max)
