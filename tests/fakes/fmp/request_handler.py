"""Decide the response to a request: check the key and the limit, draw a fault, then read the dataset."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from factorlab_lake.providers.fmp.sample_server.responses import ApiRequest, ServedEndpoint
from factorlab_lake.providers.loopback_server import ServerResponse
from tests.fakes.fmp.error_responses import ERRORS, csv_response
from tests.fakes.fmp.fault_plan import FaultRule, Faults
from tests.fakes.fmp.response_bodies import FakeResponses, RowFault, is_bulk
from tests.fakes.fmp.traffic import RateLimit

__all__ = ["FakeAnswer", "RequestHandler"]


@dataclass(frozen=True, slots=True)
class FakeAnswer:
    """Hold a response, the kind of its fault, and the delay before it is sent."""

    response: ServerResponse
    fault: str | None = None
    delay_s: float = 0.0


@dataclass(slots=True)
class RequestHandler:
    """Decide the responses of a server. Its parts may be replaced while the server runs."""

    responses: FakeResponses
    key: str = field(repr=False)
    faults: Faults
    clock: Callable[[], float]
    limit: RateLimit | None = None
    row_cap: int | None = None
    retry_after_s: float = 1.0
    delay_s: float = 1.0

    def answer(self, request: ApiRequest) -> FakeAnswer:
        """Return the answer to a request."""
        if request.key != self.key:
            return FakeAnswer(ERRORS["401"])
        wait_s = self.limit.admit(self.clock) if self.limit else None
        if wait_s is not None:
            refused = replace(ERRORS["429"], headers={"Retry-After": str(int(wait_s) + 1)})
            return FakeAnswer(refused, "limit")
        if request.endpoint is None:
            return FakeAnswer(ERRORS["404"])
        query = urlencode(sorted(request.parameters.items()))
        rule = self.faults.draw(request.path, request.symbols, query)
        if rule is None:
            return FakeAnswer(self._response(request, request.endpoint, RowFault(self.row_cap)))
        return self._faulty(request, request.endpoint, rule)

    def _faulty(self, request: ApiRequest, endpoint: ServedEndpoint, rule: FaultRule) -> FakeAnswer:
        if rule.kind in ERRORS:
            wait = {"Retry-After": f"{self.retry_after_s:g}"} if rule.kind == "429_retry_after" else {}
            return FakeAnswer(replace(ERRORS[rule.kind], headers=wait), rule.kind)
        cap = rule.rows if rule.kind == "row_cap" else self.row_cap
        response = self._response(request, endpoint, RowFault(cap, duplicates=rule.kind == "duplicates"))
        if rule.kind == "cut_json":
            response = replace(response, body=_cut(response))
        if rule.kind == "bom_csv" and not is_bulk(endpoint):
            response = csv_response(_as_csv(response.body))
        return FakeAnswer(response, rule.kind, self.delay_s if rule.kind == "slow" else 0.0)

    def _response(self, request: ApiRequest, endpoint: ServedEndpoint, fault: RowFault) -> ServerResponse:
        if not (is_bulk(endpoint) or request.symbols or endpoint.form == "all"):
            return ERRORS["400"]
        body = self.responses.body(request, endpoint, fault)
        return csv_response(body) if is_bulk(endpoint) else ServerResponse(200, body)


def _cut(response: ServerResponse) -> bytes:
    """Return half of a body. Cut CSV inside a cell: after a whole row, no client could detect the cut."""
    half = len(response.body) // 2
    end = response.body.rfind(b',"', 0, half) + 2 if "csv" in response.content_type else half
    return response.body[:end]


def _as_csv(body: bytes) -> bytes:
    """Return the rows of a JSON body as CSV with a byte order mark, as if the endpoint changed its format."""
    data = json.loads(body)
    rows = data if isinstance(data, list) else data.get("historical", [])
    text = io.StringIO()
    names = list(rows[0]) if rows else ["symbol"]
    writer = csv.DictWriter(text, names, quoting=csv.QUOTE_ALL, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")
