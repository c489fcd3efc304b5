"""Answer HTTP requests on loopback as FMP does."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from factorlab_lake.providers.fmp.sample_server.records_by_symbol import SampleDataset
from factorlab_lake.providers.fmp.sample_server.responses import ApiRequest, Responses, response_to
from factorlab_lake.providers.loopback_server import LoopbackServer, response_head

__all__ = ["SampleServer"]


@dataclass
class SampleServer(LoopbackServer):
    """Serve a dataset with FMP's paths and formats while this context is entered.

    ``port`` 0 means any free port; it has the real number once the server listens.

    >>> from datetime import date
    >>> import httpx
    >>> bars = [{"date": "2021-03-31", "close": 122.15}]
    >>> with SampleServer(SampleDataset.of({("price", "AAPL"): bars}, date(2021, 3, 31))) as server:
    ...     url = f"{server.url}/stable/historical-price-eod/full?symbol=AAPL"
    ...     httpx.get(url, headers={"apikey": "demo"}).json()
    [{'date': '2021-03-31', 'close': 122.15}]
    """

    dataset: SampleDataset
    key: str = field(default="demo", repr=False)
    port: int = 0

    def __post_init__(self) -> None:
        self._responses = Responses(self.dataset)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request of a connection."""
        request = ApiRequest.parse(handler.path, handler.headers.get("apikey"))
        response = response_to(request, self.key, self._responses)
        handler.wfile.write(response_head(handler, response) + response.body)
