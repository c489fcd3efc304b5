"""Connect to FMP: the only module that uses the key."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from http import HTTPStatus

import httpx
from pydantic import SecretStr

from factorlab_lake.errors import FetchFailed, KeyRefused
from factorlab_lake.providers.fmp.response_errors import error_of
from factorlab_lake.providers.fmp.settings import FmpSettings
from factorlab_lake.providers.http_client import (
    HttpClient,
    HttpReply,
    HttpRequest,
    VendorServer,
    http_transport,
    retry_after_s,
)
from factorlab_lake.providers.redaction import redact, watch

__all__ = ["FmpClient"]

_UNIQUE_KEY_CHARS = 16
_MESSAGE_CHARS = 2000
_ERROR_WITHIN = 100


class FmpClient:
    """Send requests with the key, and recognise FMP's errors; several threads use it at once.

    httpx logs the URL of every call, and its errors contain the request. So the request does not have the
    key: a transport below httpx's client adds the key to a copy that nothing else can reach.
    """

    def __init__(self, settings: FmpSettings, transport: httpx.BaseTransport | None) -> None:
        self._key = settings.api_key or SecretStr("")
        watch(self._key.get_secret_value())
        server = VendorServer(
            vendor="FMP",
            prefix="FMP_",
            base_url=settings.base_url,
            address_setting="FMP_BASE_URL",
            timeout_s=settings.timeout_s,
            longest_call_s=settings.longest_call_s,
        )
        keyed = _KeyTransport(transport or http_transport(server), self._key, settings.api_generation)
        self._http = HttpClient(server, keyed, redact=self.redact)

    def check_ready(self, label: str) -> None:
        """Raise :class:`KeyRefused` without a key."""
        if not self._key.get_secret_value():
            raise KeyRefused(
                f"{label}: FMP needs a key. Set FMP_API_KEY, in the environment or in .env.", http_status=None
            )

    def get(self, http_request: HttpRequest, label: str) -> HttpReply:
        """Send a request once; errors as of :meth:`HttpClient.get`."""
        reply = self._http.get(http_request, label)
        return replace(reply, body=self._without_key(reply.body))

    def error_of(self, reply: HttpReply, label: str, now: datetime) -> FetchFailed | None:
        """Return the typed error of a response, or None."""
        # FMP also sends errors with status 200; only the start of a body is searched, as bodies are large.
        failed = reply.status != HTTPStatus.OK or b'"Error Message"' in reply.body[:_ERROR_WITHIN]
        message = reply.body[:_MESSAGE_CHARS].decode(errors="replace") if failed else ""
        wait_s = retry_after_s(reply.retry_after, now)
        return error_of(label, reply.status, self.redact(message), wait_s)

    def _without_key(self, body: bytes) -> bytes:
        """Strike out a key that a server repeats; a short one, such as demo, is also a word of data."""
        key = self._key.get_secret_value().encode()
        return body.replace(key, b"***") if len(key) >= _UNIQUE_KEY_CHARS else body

    def redact(self, text: str) -> str:
        """Return the text without the key."""
        return redact(text, self._key.get_secret_value())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class _KeyTransport(httpx.BaseTransport):
    """Add the key to a copy of each request: as a header, or for v3 as a parameter."""

    def __init__(self, inner: httpx.BaseTransport, key: SecretStr, generation: str) -> None:
        self._inner = inner
        self._key = key
        self._as_parameter = generation == "v3"

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request with the key."""
        url, headers = request.url, request.headers.copy()
        if self._as_parameter:
            url = url.copy_merge_params({"apikey": self._key.get_secret_value()})
        else:
            headers["apikey"] = self._key.get_secret_value()
        keyed = httpx.Request(
            request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
        )
        return self._inner.handle_request(keyed)

    def close(self) -> None:
        """Close the transport below."""
        self._inner.close()
