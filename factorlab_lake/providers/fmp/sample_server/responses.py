"""Turn a request into FMP's response: check the key, find the endpoint, select and encode the records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from factorlab_lake.providers.fmp.endpoints import Endpoint, endpoints
from factorlab_lake.providers.fmp.sample_server.records_by_symbol import Record, SampleDataset, to_wire
from factorlab_lake.providers.loopback_server import ServerResponse

__all__ = ["ERRORS", "ApiRequest", "Responses", "ServedEndpoint", "response_to"]

_COMPACT = json.JSONEncoder(separators=(",", ":")).encode
_KEY = "apikey"
_PERIODS = {"quarter": ("Q1", "Q2", "Q3", "Q4"), "annual": ("FY",)}


@dataclass(frozen=True, slots=True)
class ServedEndpoint:
    """Describe a path of the API, the dataset that it serves, and the form of its response.

    ``form`` is ``list``; ``periods`` or ``range``, lists that parameters narrow; or ``history``, a range
    inside an object; or ``all``, a list of all symbols. ``path`` omits the symbol that ends the paths of v3.
    """

    path: str
    generation: str
    dataset: str
    form: str


# FMP's own text for a wrong key; the other two were not recorded, and clients rely on their status.
ERRORS = {
    "401": ServerResponse(
        401,
        b'{"Error Message": "Invalid API KEY. Feel free to create a Free API Key or visit '
        b"https://site.financialmodelingprep.com/faqs?search=why-is-my-api-key-invalid for more "
        b'information."}',
    ),
    "400": ServerResponse(400, b'{"Error Message": "Query Error: a parameter is missing - symbol"}'),
    "404": ServerResponse(404, b"Not Found", "text/plain; charset=utf-8"),
}


@cache
def served_endpoints() -> dict[str, ServedEndpoint]:
    """Return the endpoints of both API generations that the provider calls, by path."""
    both = ((each, generation) for generation in ("stable", "v3") for each in endpoints(generation).values())
    served = [
        ServedEndpoint(
            "/" + endpoint.path.removesuffix("/{symbol}"), generation, endpoint.dataset, _form(endpoint)
        )
        for endpoint, generation in both
    ]
    return {endpoint.path: endpoint for endpoint in served}


def _form(endpoint: Endpoint) -> str:
    if endpoint.lists_all:
        return "all"
    if endpoint.member:
        return "history"
    if endpoint.ranged:
        return "range"
    return "periods" if endpoint.periods else "list"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """Represent a parsed request; ``endpoint`` is None for a path that is not served."""

    path: str
    parameters: dict[str, str]
    key: str = field(repr=False)
    endpoint: ServedEndpoint | None
    symbols: tuple[str, ...]

    @classmethod
    def parse(
        cls, target: str, header_key: str | None, paths: Mapping[str, ServedEndpoint] | None = None
    ) -> ApiRequest:
        """Parse a request target and the header ``apikey``; the key may be in either."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        key = next((v for k, v in query.items() if k.lower() == _KEY), header_key or "")
        parameters = {k: v for k, v in query.items() if k.lower() != _KEY}
        endpoint, symbols = _endpoint(parts.path, parameters, paths or served_endpoints())
        return cls(parts.path, parameters, key, endpoint, symbols)


def _endpoint(
    path: str, parameters: Mapping[str, str], paths: Mapping[str, ServedEndpoint]
) -> tuple[ServedEndpoint | None, tuple[str, ...]]:
    """Return the endpoint and symbols of a request: v3 ends its path with them, stable has a parameter."""
    endpoint = paths.get(path)
    if endpoint is not None and endpoint.generation == "stable":
        symbol = parameters.get("symbol", "")
        return endpoint, (symbol,) if symbol else ()
    front, _, last = path.rpartition("/")
    endpoint = paths.get(front)
    if endpoint is None or endpoint.generation != "v3":
        return None, ()
    return endpoint, tuple(filter(None, unquote(last).split(",")))


@dataclass(frozen=True, slots=True)
class _Row:
    day: str
    period: str
    body: bytes


@dataclass(slots=True)
class Responses:
    """Encode each record of a dataset once, and build response bodies from the encoded rows."""

    dataset: SampleDataset
    _rows: dict[tuple[ServedEndpoint, str], list[_Row]] = field(default_factory=dict)

    def body(self, endpoint: ServedEndpoint, symbols: Sequence[str], parameters: Mapping[str, str]) -> bytes:
        """Return the JSON body for some symbols; unknown symbols are left out."""
        if endpoint.form == "all":
            return self.of_all(endpoint, parameters)
        known = [symbol for symbol in symbols if self.dataset.knows(symbol)]
        return self.join(
            endpoint, {s: self.rows(endpoint, s, parameters) for s in known}, many=len(symbols) > 1
        )

    def of_all(self, endpoint: ServedEndpoint, parameters: Mapping[str, str]) -> bytes:
        """Return the JSON body with the records of all symbols that the parameters select, newest first."""
        rows = [row for symbol in self.dataset.symbols for row in self.encode(endpoint, symbol)]
        bodies = [row.body for row in sorted(rows, key=lambda row: row.day, reverse=True)]
        return b"[" + b",".join(bodies[: _limit(parameters)]) + b"]"

    def rows(self, endpoint: ServedEndpoint, symbol: str, parameters: Mapping[str, str]) -> list[bytes]:
        """Return the encoded records of one symbol that the parameters select, newest first."""
        rows: Iterator[_Row] = iter(self.encode(endpoint, symbol))
        if endpoint.form == "periods":
            period = parameters.get("period", "annual")
            rows = (row for row in rows if row.period in _PERIODS.get(period, (period,)))
        if endpoint.form in ("range", "history"):
            first, last = parameters.get("from", ""), parameters.get("to", "9999")
            rows = (row for row in rows if first <= row.day <= last)
        return [row.body for row in rows][: _limit(parameters)]

    def encode(self, endpoint: ServedEndpoint, symbol: str) -> list[_Row]:
        """Return all records of one symbol in the endpoint's form, newest first."""
        key = (endpoint, symbol)
        if key not in self._rows:
            records = self.dataset.records(endpoint.dataset, symbol)
            names = self.dataset.field_names(endpoint.dataset, endpoint.generation)
            sent = to_wire(records, names, endpoint.generation)
            self._rows[key] = [_encoded(*pair) for pair in zip(records, sent, strict=True)]
        return self._rows[key]

    @staticmethod
    def join(endpoint: ServedEndpoint, rows: Mapping[str, list[bytes]], *, many: bool) -> bytes:
        """Join encoded rows by symbol into one body; v3 wraps a history in an object, several in a list."""
        if endpoint.form != "history" or not rows:
            return b"[" + b",".join(row for each in rows.values() for row in each) + b"]"
        histories = [
            b'{"symbol":%s,"historical":[%s]}' % (json.dumps(symbol).encode(), b",".join(each))
            for symbol, each in rows.items()
        ]
        return b'{"historicalStockList":[%s]}' % b",".join(histories) if many else histories[0]


def _limit(parameters: Mapping[str, str]) -> int | None:
    limit = parameters.get("limit", "")
    return int(limit) if limit.isdecimal() else None


def _encoded(record: Record, sent: Record) -> _Row:
    day: Any = record.get("fiscal_date") or record.get("date") or ""
    return _Row(str(day), str(record.get("fiscal_period") or ""), _COMPACT(sent).encode())


def response_to(request: ApiRequest, key: str, responses: Responses) -> ServerResponse:
    """Return the response to a request."""
    if request.key != key:
        return ERRORS["401"]
    if request.endpoint is None:
        return ERRORS["404"]
    if not (request.symbols or request.endpoint.form == "all"):
        return ERRORS["400"]
    return ServerResponse(200, responses.body(request.endpoint, request.symbols, request.parameters))
