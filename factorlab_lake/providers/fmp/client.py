"""Connect to FMP: one connection pool for all threads, and the only module that uses the key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from pydantic import SecretStr

from factorlab_lake.errors import FetchFailed, InvalidInput, Unavailable
from factorlab_lake.providers.fmp.endpoints import EndpointRequest
from factorlab_lake.providers.fmp.settings import FmpSettings

__all__ = ["Client", "HttpReply"]

_CONNECT_S = 10.0
_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Hold the status, the body and the ``Retry-After`` header of a response."""

    status: int
    body: bytes
    retry_after: str | None


class Client:
    """Send requests to one server; several threads use it at once.

    httpx logs the URL of every call, and its errors contain the request. So the request does not have the
    key: a transport below httpx's client adds the key to a copy that nothing else can reach.
    """

    def __init__(self, settings: FmpSettings, transport: httpx.BaseTransport | None) -> None:
        self._key = settings.api_key or SecretStr("")
        keyed = _KeyTransport(
            transport or _http_transport(settings.base_url), self._key, settings.api_generation
        )
        self._http = httpx.Client(
            base_url=settings.base_url,
            transport=keyed,
            timeout=httpx.Timeout(settings.timeout_s, connect=min(_CONNECT_S, settings.timeout_s)),
            trust_env=False,  # only the environment's proxies apply, and _proxy reads them
        )

    @property
    def has_key(self) -> bool:
        """Return whether there is a key."""
        return bool(self._key.get_secret_value())

    def get(self, http_request: EndpointRequest, label: str) -> HttpReply:
        """Send a request once. Raises :class:`Unavailable` without a complete response."""
        try:
            response = self._http.get(http_request.path, params=http_request.parameters)
        except httpx.HTTPError as error:
            failure = _unavailable(error, label, self.redact)
        except RuntimeError:
            if not self._http.is_closed:
                raise
            failure = Unavailable(f"{label}: the provider was closed. Open a new one.", retryable=False)
        else:
            return HttpReply(response.status_code, response.content, response.headers.get("Retry-After"))
        # Raise outside of `except`: httpx's error as context would expose the request in its traceback.
        raise failure

    def redact(self, text: str) -> str:
        """Return the text without the key; JSON and URLs do not escape its characters."""
        key = self._key.get_secret_value()
        return text.replace(key, "***") if key else text

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


def _http_transport(base_url: str) -> httpx.BaseTransport:
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    try:
        return httpx.HTTPTransport(limits=limits, proxy=_proxy(base_url))
    except (ImportError, ValueError):
        problem = "the proxy in the environment cannot be used"
    raise InvalidInput(f"FMP: {problem}. Check HTTPS_PROXY and ALL_PROXY, or name the host in NO_PROXY.")


def _proxy(base_url: str) -> str | None:
    """Return the environment's proxy for this URL; httpx reads it only for its own transport."""
    parts, proxies = urlsplit(base_url), getproxies()
    with suppress(OSError):
        if proxy_bypass(parts.netloc):
            return None
    return proxies.get(parts.scheme) or proxies.get("all")


def _unavailable(error: httpx.HTTPError, label: str, redact: Callable[[str], str]) -> FetchFailed:
    if isinstance(error, httpx.TimeoutException):
        reason = "no response in time. Raise FMP_TIMEOUT_S, or run the same command again later"
    elif isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.DecodingError):
        reason = "the response was cut off. Run the same command again later"
    else:
        reason = "FMP cannot be reached. Check the connection and FMP_BASE_URL"
    return Unavailable(f"{label}: {reason} ({type(error).__name__}: {redact(str(error))}).", http_status=None)
