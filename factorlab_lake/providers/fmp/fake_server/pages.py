"""What a world answers to a question about symbols: each record encoded once, each answer a slice."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from factorlab_lake.providers.fmp.fake_server import bulk_csv, encoding
from factorlab_lake.providers.fmp.fake_server.dataset import FakeDataset
from factorlab_lake.providers.fmp.fake_server.encoding import Record, WireEndpoint

__all__ = ["Pages", "Shape"]

_COMPACT = json.JSONEncoder(separators=(",", ":")).encode
_PERIODS = {"quarter": ("Q1", "Q2", "Q3", "Q4"), "annual": ("FY",)}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a fault makes of an answer: at most so many rows of a symbol, or the newest row twice."""

    row_cap: int | None = None
    duplicates: bool = False

    def of(self, rows: list[bytes]) -> list[bytes]:
        """Return the rows that are sent."""
        capped = rows[: self.row_cap]
        return [*capped[:1], *capped] if self.duplicates else capped


@dataclass(frozen=True, slots=True)
class _Row:
    day: str
    period: str
    body: bytes


@dataclass(slots=True)
class Pages:
    """The answers of one world."""

    world: FakeDataset
    _rows: dict[tuple[WireEndpoint, str], list[_Row]] = field(default_factory=dict)
    _bulk: dict[Any, bytes] = field(default_factory=dict)

    def body(
        self, endpoint: WireEndpoint, symbols: Sequence[str], asked: Mapping[str, str], shape: Shape
    ) -> bytes:
        """Return the body of an answer: JSON, or CSV from a bulk endpoint."""
        if endpoint.bulk:
            return self._bulk_body(endpoint, asked)
        found = {s: shape.of(self._chosen(endpoint, s, asked)) for s in symbols if self.world.knows(s)}
        if endpoint.form == "history" and found:
            return _histories(found, many=len(symbols) > 1)
        return b"[" + b",".join(row for rows in found.values() for row in rows) + b"]"

    def warm(self, generation: str, datasets: Collection[str]) -> None:
        """Encode what single questions about these datasets can ask for, so that answers take no time."""
        asked = [
            endpoint
            for endpoint in encoding.endpoints().values()
            if (endpoint.generation == generation and endpoint.dataset in datasets) and not endpoint.bulk
        ]
        for symbol in self.world.symbols:
            for endpoint in asked:
                self._all(endpoint, symbol)

    def _chosen(self, endpoint: WireEndpoint, symbol: str, asked: Mapping[str, str]) -> list[bytes]:
        rows: Iterator[_Row] = iter(self._all(endpoint, symbol))
        if endpoint.form == "periods":
            said = asked.get("period", "annual")
            rows = (row for row in rows if row.period in _PERIODS.get(said, (said,)))
        if endpoint.form in ("range", "history"):
            first, last = asked.get("from", ""), asked.get("to", "9999")
            rows = (row for row in rows if first <= row.day <= last)
        limit = asked.get("limit", "")
        return [row.body for row in rows][: int(limit) if limit.isdecimal() else None]

    def _all(self, endpoint: WireEndpoint, symbol: str) -> list[_Row]:
        key = (endpoint, symbol)
        if key not in self._rows:
            records = self.world.records(endpoint.dataset, symbol)
            sent = encoding.written(endpoint.dataset, records, endpoint.generation)
            self._rows[key] = [_encoded(*pair) for pair in zip(records, sent, strict=True)]
        return self._rows[key]

    def _bulk_body(self, endpoint: WireEndpoint, asked: Mapping[str, str]) -> bytes:
        key = (endpoint, *sorted(asked.items()))
        if key not in self._bulk:
            self._bulk[key] = bulk_csv.text_of(self.world, endpoint, asked).encode()
        return self._bulk[key]


def _encoded(record: Record, sent: Record) -> _Row:
    day = str(record.get("fiscal_date") or record.get("date") or "")
    return _Row(day, str(record.get("fiscal_period") or ""), _COMPACT(sent).encode())


def _histories(found: dict[str, list[bytes]], *, many: bool) -> bytes:
    """Return rows in the objects that v3 puts around them, in a list where several symbols were asked for."""
    each = [
        b'{"symbol":%s,"historical":[%s]}' % (json.dumps(symbol).encode(), b",".join(rows))
        for symbol, rows in found.items()
    ]
    return b'{"historicalStockList":[%s]}' % b",".join(each) if many else each[0]
