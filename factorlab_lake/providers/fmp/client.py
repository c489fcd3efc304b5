"""Connect to FMP: one connection pool for all threads, and the only module that uses the key."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from pydantic import SecretStr

from factorlab_lake.errors import BadAnswer, FetchFailed, InvalidInput, Unavailable
from factorlab_lake.providers.deadline import bound_reads, call_limits, check_time
from factorlab_lake.providers.fmp.endpoints import EndpointRequest
from factorlab_lake.providers.fmp.settings import FmpSettings
from factorlab_lake.providers.redaction import redact, watch
from factorlab_lake.providers.response_bounds import BoundExceeded, inflate
from factorlab_lake.schema.rules import MAX_HEADER_BYTES

__all__ = ["Client", "HttpReply"]

_CONNECT_S = 10.0
_CONNECTIONS = 64
_DEFLATED = ("gzip", "x-gzip", "deflate")
_UNIQUE_KEY_CHARS = 16
_ERROR_CHARS = 300


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

    Each call has a connection of its own: bytes that a server sends after its response would otherwise be the
    response to the next request, which may be about another symbol.
    """

    def __init__(self, settings: FmpSettings, transport: httpx.BaseTransport | None) -> None:
        self._key = settings.api_key or SecretStr("")
        self._longest_call_s = settings.longest_call_s
        watch(self._key.get_secret_value())
        keyed = _KeyTransport(
            transport or _http_transport(settings.base_url), self._key, settings.api_generation
        )
        self._http = httpx.Client(
            base_url=settings.base_url,
            transport=keyed,
            timeout=httpx.Timeout(settings.timeout_s, connect=min(_CONNECT_S, settings.timeout_s)),
            headers={"Accept-Encoding": "gzip", "Connection": "close"},
            trust_env=False,  # only the environment's proxies apply, and _proxy reads them
        )

    @property
    def has_key(self) -> bool:
        """Return whether there is a key."""
        return bool(self._key.get_secret_value())

    def get(self, http_request: EndpointRequest, label: str) -> HttpReply:
        """Send a request once.

        Raises :class:`Unavailable` without a complete response, :class:`BadAnswer` for one beyond a bound.
        """
        at_most = http_request.at_most
        try:
            with call_limits(self._longest_call_s, at_most + MAX_HEADER_BYTES):
                return self._reply(http_request, at_most)
        except httpx.HTTPError as error:
            failure = _unavailable(error, label, self.redact)
        except (BoundExceeded, EOFError, zlib.error) as error:
            failure = _bad_answer(error, label)
        except RuntimeError:
            if not self._http.is_closed:
                raise
            failure = Unavailable(f"{label}: the provider was closed. Open a new one.", retryable=False)
        # Raise outside of `except`: httpx's error as context would expose the request in its traceback.
        raise failure

    def _reply(self, http_request: EndpointRequest, at_most: int) -> HttpReply:
        with self._http.stream("GET", http_request.path, params=http_request.parameters) as response:
            body = _body(response, at_most)
            return HttpReply(
                response.status_code, self._without_key(body), response.headers.get("Retry-After")
            )

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


def _body(response: httpx.Response, at_most: int) -> bytes:
    """Return the body, decompressed in small steps: httpx would decompress a whole chunk, however large."""
    chunks = _timely(response)
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in _DEFLATED:
        chunks = inflate(chunks, at_most)
    elif encoding not in ("", "identity"):
        raise BoundExceeded(f"the encoding {encoding[:40]!r}, which was not requested")
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > at_most:
            raise BoundExceeded(f"more than {at_most:,} bytes")
    return bytes(body)


def _timely(response: httpx.Response) -> Iterator[bytes]:
    stream = response.stream
    if not isinstance(stream, httpx.SyncByteStream):  # a transport of another kind was passed
        raise httpx.ReadError("the response cannot be read")
    for chunk in stream:
        check_time()
        yield chunk


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
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=0)
    try:
        return bound_reads(httpx.HTTPTransport(limits=limits, proxy=_proxy(base_url)))
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
    too_long = isinstance(error, httpx.TimeoutException) and "whole response" in str(error)
    if too_long:
        reason = "the response was too slow. Raise FMP_LONGEST_CALL_S, or run the same command again later"
    elif isinstance(error, httpx.TimeoutException):
        reason = "no response in time. Raise FMP_TIMEOUT_S, or run the same command again later"
    elif isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.DecodingError):
        reason = "the response was cut off. Run the same command again later"
    else:
        reason = "FMP cannot be reached. Check the connection and FMP_BASE_URL"
    facts = {"retryable": False} if too_long else {}
    text = redact(str(error))[:_ERROR_CHARS]
    return Unavailable(f"{label}: {reason} ({type(error).__name__}: {text}).", http_status=None, **facts)


def _bad_answer(error: Exception, label: str) -> FetchFailed:
    """Return the error for a body that cannot be decompressed, or is beyond a bound: a retry is pointless."""
    if isinstance(error, BoundExceeded):
        reason = f"FMP's response is refused: {error}. Leave this data out, or tell FMP"
        return BadAnswer(f"{label}: {reason}.", http_status=None, retryable=False)
    return BadAnswer(
        f"{label}: FMP's response cannot be decompressed ({error}). Run the same command again later.",
        http_status=None,
    )
