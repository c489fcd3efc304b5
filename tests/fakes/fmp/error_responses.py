"""Define the fake's responses for errors: bodies that were recorded at FMP, and statuses without a record."""

from __future__ import annotations

import json

from factorlab_lake.providers.fmp.sample_server.responses import ERRORS as _SAMPLE_ERRORS
from factorlab_lake.providers.loopback_server import ServerResponse

__all__ = ["ERRORS", "csv_response"]

_SITE = "https://site.financialmodelingprep.com/"
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


def csv_response(body: bytes) -> ServerResponse:
    """Return the response of a bulk endpoint."""
    return ServerResponse(200, body, "text/csv; charset=utf-8")


def _message(status: int, text: str) -> ServerResponse:
    return ServerResponse(status, json.dumps({"Error Message": text}).encode())


_LIMIT = f"Limit Reach . Please upgrade your plan or visit our documentation for more details at {_SITE}"
ERRORS: dict[str, ServerResponse] = _SAMPLE_ERRORS | {
    "402": ServerResponse(
        402,
        b"Premium Query Parameter: 'Special Endpoint : This value set for 'symbol' is not available under "
        b"your current subscription please visit our subscription page to upgrade your plan at https://financialmo",
    ),
    "403_exclusive": _message(
        403, "Exclusive Endpoint : This endpoint is not available under your current subscription"
    ),
    "403_legacy": _message(
        403,
        "Legacy Endpoint : Due to Legacy endpoints being no longer supported - This endpoint is only "
        "available for legacy users who have valid subscriptions prior August 31, 2025. Please visit our "
        "documentation page "
        f"{_SITE}developer/docs for our current APIs.",
    ),
    "429": _message(429, _LIMIT),
    "429_retry_after": _message(429, _LIMIT),
    "error_200": _message(200, _LIMIT),
    # The following were not recorded; a client should rely on their status alone.
    "500": ServerResponse(500, b"Internal Server Error", "text/plain; charset=utf-8"),
    "502_html": ServerResponse(502, _HTML, "text/html"),
    "503": ServerResponse(503, b"Service Unavailable", "text/plain; charset=utf-8"),
    "html_200": ServerResponse(200, _HTML, "text/html"),
}
