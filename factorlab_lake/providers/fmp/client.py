"""The connection to FMP: one pool for all threads, and the one place that knows the key."""

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
    """What came back over the wire."""

    status: int
    body: bytes
    retry_after: str | None


class Client:
    """Asks questions of one server; used by several threads at once.

    httpx logs the address of every call, and its errors carry the request. So the key is not part of it: it
    is added below httpx's client, to a copy of the request that nothing else sees.
    """

    def __init__(self, settings: FmpSettings, transport: httpx.BaseTransport | None) -> None:
        self._key = settings.api_key or SecretStr("")
        keyed = _Keyed(transport or _wire(settings.base_url), self._key, settings.api_generation)
        self._http = httpx.Client(
            base_url=settings.base_url,
            transport=keyed,
            timeout=httpx.Timeout(settings.timeout_s, connect=min(_CONNECT_S, settings.timeout_s)),
            trust_env=False,  # the environment's proxies are heeded below; nothing else of it is wanted
        )

    @property
    def has_key(self) -> bool:
        """Whether there is a key to send."""
        return bool(self._key.get_secret_value())

    def get(self, question: EndpointRequest, asked: str) -> HttpReply:
        """Ask once. Raises :class:`Unavailable` when no whole answer came."""
        try:
            response = self._http.get(question.path, params=question.parameters)
        except httpx.HTTPError as error:
            fault = _lost(error, asked, self.redact)
        except RuntimeError:
            if not self._http.is_closed:
                raise
            fault = Unavailable(f"{asked}: the provider was closed. Open a new one.", retryable=False)
        else:
            return HttpReply(response.status_code, response.content, response.headers.get("Retry-After"))
        # Raised here, so that the error of httpx, whose traceback holds the request, is not its context.
        raise fault

    def redact(self, text: str) -> str:
        """Return the text without the key; its letters are the same in JSON and in addresses."""
        key = self._key.get_secret_value()
        return text.replace(key, "***") if key else text

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class _Keyed(httpx.BaseTransport):
    """Sends a copy of each request that carries the key: as a header, or as v3 wants it, in the address."""

    def __init__(self, inner: httpx.BaseTransport, key: SecretStr, generation: str) -> None:
        self._inner = inner
        self._key = key
        self._in_address = generation == "v3"

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on with the key."""
        url, headers = request.url, request.headers.copy()
        if self._in_address:
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


def _wire(base_url: str) -> httpx.BaseTransport:
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    try:
        return httpx.HTTPTransport(limits=limits, proxy=_proxy(base_url))
    except (ImportError, ValueError):
        problem = "the proxy that the environment names cannot be used"
    raise InvalidInput(f"FMP: {problem}. Check HTTPS_PROXY and ALL_PROXY, or name the host in NO_PROXY.")


def _proxy(base_url: str) -> str | None:
    """Return the proxy that the environment names for this address; httpx asks only for its own transport."""
    parts, proxies = urlsplit(base_url), getproxies()
    with suppress(OSError):
        if proxy_bypass(parts.netloc):
            return None
    return proxies.get(parts.scheme) or proxies.get("all")


def _lost(error: httpx.HTTPError, asked: str, redact: Callable[[str], str]) -> FetchFailed:
    if isinstance(error, httpx.TimeoutException):
        what = "no answer in time. Raise FMP_TIMEOUT_S, or run the same command again later"
    elif isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.DecodingError):
        what = "the answer broke off. Run the same command again later"
    else:
        what = "FMP cannot be reached. Check the connection and FMP_BASE_URL"
    return Unavailable(f"{asked}: {what} ({type(error).__name__}: {redact(str(error))}).", http_status=None)
