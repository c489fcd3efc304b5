"""Build response bodies from a fake dataset: bulk files too, and with too few or duplicate rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from factorlab_lake.providers.fmp.sample_server.responses import ApiRequest, Responses, ServedEndpoint
from tests.fakes.fmp.bulk_csv import bulk_text
from tests.fakes.fmp.dataset import FakeDataset, csv_rows

__all__ = ["FakeResponses", "RowFault", "fake_endpoints", "is_bulk"]


@dataclass(frozen=True, slots=True)
class RowFault:
    """Change the rows of a response: at most ``row_cap`` rows per symbol, or the newest row twice."""

    row_cap: int | None = None
    duplicates: bool = False

    def apply(self, rows: list[bytes]) -> list[bytes]:
        """Return the rows that are sent."""
        capped = rows[: self.row_cap]
        return [*capped[:1], *capped] if self.duplicates else capped


@cache
def fake_endpoints() -> dict[str, ServedEndpoint]:
    """Return the endpoints of FMP by path: those that were recorded, more than the provider calls.

    Forms beyond those of :class:`ServedEndpoint` are ``bulk_period``, ``bulk_part`` and ``bulk_day``: CSV of
    all symbols.
    """
    return {row["path"]: ServedEndpoint(**row) for row in csv_rows("endpoints.csv")}


def is_bulk(endpoint: ServedEndpoint) -> bool:
    """Return whether an endpoint sends CSV of all symbols."""
    return endpoint.form.startswith("bulk_")


@dataclass(slots=True)
class FakeResponses:
    """Build the response bodies of one dataset; each record is encoded once."""

    dataset: FakeDataset
    _json: Responses = field(init=False)
    _bulk: dict[Any, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._json = Responses(self.dataset)

    def body(self, request: ApiRequest, endpoint: ServedEndpoint, fault: RowFault) -> bytes:
        """Return the body of a response: JSON, or CSV from a bulk endpoint."""
        if is_bulk(endpoint):
            return self._bulk_body(endpoint, request.parameters)
        if endpoint.form == "all":
            return self._json.of_all(endpoint, request.parameters)
        known = [symbol for symbol in request.symbols if self.dataset.knows(symbol)]
        rows = {s: fault.apply(self._json.rows(endpoint, s, request.parameters)) for s in known}
        return self._json.join(endpoint, rows, many=len(request.symbols) > 1)

    def warm(self, generation: str, datasets: Collection[str]) -> None:
        """Encode all records of some datasets now, so that responses take no time."""
        for endpoint in fake_endpoints().values():
            if endpoint.generation == generation and endpoint.dataset in datasets and not is_bulk(endpoint):
                for symbol in self.dataset.symbols:
                    self._json.encode(endpoint, symbol)

    def _bulk_body(self, endpoint: ServedEndpoint, parameters: Mapping[str, str]) -> bytes:
        key = (endpoint, *sorted(parameters.items()))
        if key not in self._bulk:
            self._bulk[key] = bulk_text(self.dataset, endpoint, parameters).encode()
        return self._bulk[key]
