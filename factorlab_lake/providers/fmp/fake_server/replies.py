"""Answers ready to be sent, and the bodies of the vendor's own errors as they were recorded."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

__all__ = ["ERRORS", "HTML", "FakeReply", "csv_reply", "json_reply"]

_JSON = "application/json; charset=utf-8"
_SITE = "https://site.financialmodelingprep.com/"
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class FakeReply:
    """Status, type, body and further headers of an answer."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(body: bytes) -> FakeReply:
    """Return an answer that succeeded."""
    return FakeReply(200, body)


def csv_reply(body: bytes) -> FakeReply:
    """Return an answer of a bulk endpoint."""
    return FakeReply(200, body, "text/csv; charset=utf-8")


def _message(status: int, text: str) -> FakeReply:
    return FakeReply(status, json.dumps({"Error Message": text}).encode())


_LIMIT = f"Limit Reach . Please upgrade your plan or visit our documentation for more details at {_SITE}"
ERRORS: dict[str, FakeReply] = {
    "401": _message(
        401,
        "Invalid API KEY. Feel free to create a Free API Key or visit "
        f"{_SITE}faqs?search=why-is-my-api-key-invalid for more information.",
    ),
    "402": FakeReply(
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
    "400": _message(400, "Query Error: a parameter is missing - symbol"),
    "404": FakeReply(404, b"Not Found", "text/plain; charset=utf-8"),
    "500": FakeReply(500, b"Internal Server Error", "text/plain; charset=utf-8"),
    "502_html": FakeReply(502, HTML, "text/html"),
    "503": FakeReply(503, b"Service Unavailable", "text/plain; charset=utf-8"),
    "html_200": FakeReply(200, HTML, "text/html"),
}
