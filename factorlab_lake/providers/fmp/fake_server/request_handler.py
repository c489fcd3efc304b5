"""Where a request becomes an answer: key, limit, faults, then the world."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from factorlab_lake.providers.fmp.fake_server import encoding
from factorlab_lake.providers.fmp.fake_server.encoding import WireEndpoint
from factorlab_lake.providers.fmp.fake_server.fault_plan import FaultRule, Faults
from factorlab_lake.providers.fmp.fake_server.pages import Pages, Shape
from factorlab_lake.providers.fmp.fake_server.replies import ERRORS, FakeReply, csv_reply, json_reply
from factorlab_lake.providers.fmp.fake_server.traffic import Limit

__all__ = ["Answer", "ApiRequest", "RequestHandler"]

_KEY = "apikey"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request taken apart: ``endpoint`` is None for a path that is not served."""

    path: str
    parameters: dict[str, str]
    key: str = field(repr=False)
    endpoint: WireEndpoint | None
    symbols: tuple[str, ...]

    @classmethod
    def of(cls, target: str, header_key: str | None) -> ApiRequest:
        """Return what was asked by a request target and the header ``apikey``."""
        parts = urlsplit(target)
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
        key = next((v for k, v in asked.items() if k.lower() == _KEY), header_key or "")
        parameters = {k: v for k, v in asked.items() if k.lower() != _KEY}
        endpoint, symbols = _endpoint(parts.path, parameters)
        return cls(parts.path, parameters, key, endpoint, symbols)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent, the fault in it, and how long it waits."""

    reply: FakeReply
    fault: str | None = None
    delay_s: float = 0.0


@dataclass(slots=True)
class RequestHandler:
    """Everything that decides about an answer. Its parts may be replaced while the server runs."""

    pages: Pages
    key: str = field(repr=False)
    faults: Faults
    clock: Callable[[], float]
    limit: Limit | None = None
    row_cap: int | None = None
    retry_after_s: float = 1.0
    delay_s: float = 1.0
    _lock: Lock = field(default_factory=Lock)

    def answer(self, question: ApiRequest) -> Answer:
        """Return the answer to a question."""
        if question.key != self.key:
            return Answer(ERRORS["401"])
        wait_s = self.limit.admit(self.clock) if self.limit else None
        if wait_s is not None:
            refused = replace(ERRORS["429"], headers={"Retry-After": str(int(wait_s) + 1)})
            return Answer(refused, "limit")
        if question.endpoint is None:
            return Answer(ERRORS["404"])
        asked = urlencode(sorted(question.parameters.items()))
        rule = self.faults.draw(question.path, question.symbols, asked)
        if rule is None:
            return Answer(self._reply(question, question.endpoint, Shape(self.row_cap)))
        return self._faulty(question, question.endpoint, rule)

    def _faulty(self, question: ApiRequest, endpoint: WireEndpoint, rule: FaultRule) -> Answer:
        if rule.kind in ERRORS:
            wait = {"Retry-After": f"{self.retry_after_s:g}"} if rule.kind == "429_retry_after" else {}
            return Answer(replace(ERRORS[rule.kind], headers=wait), rule.kind)
        cap = rule.rows if rule.kind == "row_cap" else self.row_cap
        reply = self._reply(question, endpoint, Shape(cap, duplicates=rule.kind == "duplicates"))
        if rule.kind == "cut_json":
            reply = replace(reply, body=_cut(reply))
        if rule.kind == "bom_csv" and not endpoint.bulk:
            reply = csv_reply(_as_csv(reply.body))
        return Answer(reply, rule.kind, self.delay_s if rule.kind == "slow" else 0.0)

    def _reply(self, question: ApiRequest, endpoint: WireEndpoint, shape: Shape) -> FakeReply:
        if not (endpoint.bulk or question.symbols):
            return ERRORS["400"]
        body = self.pages.body(endpoint, question.symbols, question.parameters, shape)
        return csv_reply(body) if endpoint.bulk else json_reply(body)


def _endpoint(path: str, parameters: Mapping[str, str]) -> tuple[WireEndpoint | None, tuple[str, ...]]:
    """Return what a path serves, and the symbols asked for: at the end of a path of v3, else a parameter."""
    known = encoding.endpoints()
    found = known.get(path)
    if found is not None and found.generation == "stable":
        symbol = parameters.get("symbol", "")
        return found, (symbol,) if symbol else ()
    front, _, last = path.rpartition("/")
    found = known.get(front)
    if found is None or found.generation != "v3":
        return None, ()
    return found, tuple(filter(None, unquote(last).split(",")))


def _cut(reply: FakeReply) -> bytes:
    """Return half of a body, of CSV to the middle of a cell: nothing could tell if it ended with a row."""
    half = len(reply.body) // 2
    return reply.body[: reply.body.rfind(b',"', 0, half) + 2 if "csv" in reply.content_type else half]


def _as_csv(body: bytes) -> bytes:
    """Return the rows of a JSON answer as CSV with a byte order mark: an endpoint that changed its mind."""
    found = json.loads(body)
    rows = found if isinstance(found, list) else found.get("historical", [])
    text = io.StringIO()
    fields = list(rows[0]) if rows else ["symbol"]
    writer = csv.DictWriter(text, fields, quoting=csv.QUOTE_ALL, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig")
