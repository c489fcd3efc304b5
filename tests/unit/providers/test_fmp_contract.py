from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import polars as pl
import pytest

from factorlab_lake.errors import EmptyAnswer, FetchFailed, NotServed
from factorlab_lake.providers.fmp import FmpProvider
from factorlab_lake.providers.fmp.settings import fmp_settings
from factorlab_lake.providers.protocol import Call, FetchResult, Offer, Request
from tests.contracts.providers import ProviderContract, Subject
from tests.fakes.fmp import FakeFmp, synthetic_dataset
from tests.fakes.scripted_fmp import KEY

_DATASET = synthetic_dataset(["ACME", "BOLT"])
_DAYS = (date(2019, 1, 1), date(2021, 3, 31))


@dataclass
class Memory:
    """Provide bars of two companies, and their splits, from memory: the smallest possible provider."""

    name: str = "memory"
    calls_per_minute: float = 60_000.0
    calls_at_once: int = 4
    datasets: Mapping[str, Offer] = field(
        default_factory=lambda: {"price": Offer(ranged=True), "split": Offer()}
    )
    calls: int = 0

    def plan(self, requests: Sequence[Request]) -> list[Call]:
        """Combine requests for one symbol."""
        groups: dict[str, list[Request]] = {}
        for request in requests:
            groups.setdefault(request.symbol, []).append(request)
        return [Call(tuple(group)) for group in groups.values()]

    def answer(self, call: Call) -> list[FetchResult]:
        """Answer from memory."""
        return [self._one(request) for request in call.requests]

    def close(self) -> None:
        """Do nothing: there is no connection to close."""

    def _one(self, request: Request) -> FetchResult:
        now = datetime.now(UTC)
        self.calls += 1
        answer = FetchResult(
            fetch_id=f"{self.calls}",
            dataset=request.dataset,
            symbol=request.symbol,
            fetched_at=now,
            provider=self.name,
            endpoint=f"memory/{request.dataset}",
            parameters=json.dumps({"symbol": request.symbol}),
            records=None,
            period=request.period,
            api_calls=1,
        )
        fault: FetchFailed | None = None
        if request.dataset not in self.datasets:
            fault = NotServed("memory has bars and splits")
        elif request.symbol not in ("ACME", "BOLT"):
            fault = EmptyAnswer("memory knows ACME and BOLT")
        else:
            answer.records = _bars(request)
            answer.payload_sha256 = hashlib.sha256(repr(answer.records).encode()).hexdigest()
        answer.fault, answer.error = fault, str(fault) if fault else None
        return answer


def _bars(request: Request) -> pl.DataFrame:
    days = pl.date_range(*_DAYS, interval="1d", eager=True)
    days = days.filter(days.is_between(request.start or _DAYS[0], request.end or _DAYS[1]))
    return pl.DataFrame({"date": days.cast(pl.String), "close": [1.0] * len(days)})


class TestMemory(ProviderContract):
    """The suite requires nothing that only FMP has."""

    @pytest.fixture
    def subject(self) -> Subject:
        """Return the provider that answers from memory."""
        return Subject(Memory(), ["ACME", "BOLT"], "NOPE", _DAYS)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeFmp]:
    """Yield the fake FMP over HTTP."""
    with FakeFmp(_DATASET, key=KEY) as fake:
        yield fake


class _OverHttp(ProviderContract):
    generation = ""

    @pytest.fixture
    def subject(self, server: FakeFmp) -> Iterator[Subject]:
        settings = fmp_settings(
            api_key=KEY, base_url=server.url, api_generation=self.generation, calls_per_minute=100_000
        )
        with FmpProvider(settings) as fmp:
            yield Subject(fmp, ["ACME", "BOLT"], "NOPE", _DAYS, [KEY])


class TestStable(_OverHttp):
    generation = "stable"


class TestV3(_OverHttp):
    generation = "v3"
