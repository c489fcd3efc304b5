"""Send HTTP requests to a vendor's server, with bounds on the time and the size of each response."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from factorlab_lake.errors import BadAnswer, FetchFailed, InvalidInput, Unavailable
from factorlab_lake.providers.deadline import bound_reads, call_limits, check_time
from factorlab_lake.providers.response_bounds import BoundExceeded, inflate
from factorlab_lake.schema.limits import MAX_HEADER_BYTES, MAX_RESPONSE_BYTES

__all__ = ["HttpClient", "HttpReply", "HttpRequest", "VendorServer", "http_transport", "retry_after_s"]

_CONNECT_S = 10.0
_CONNECTIONS = 64
_DEFLATED = ("gzip", "x-gzip", "deflate")
_ERROR_CHARS = 300


@dataclass(frozen=True, slots=True)
class VendorServer:
    """Describe a server of a vendor and how long to wait for it.

    ``vendor`` is the name in error messages, ``prefix`` that of its settings and ``address_setting`` the
    setting of ``base_url``. ``timeout_s`` limits one read, ``longest_call_s`` a whole call.
    """

    vendor: str
    prefix: str
    base_url: str
    address_setting: str
    timeout_s: float
    longest_call_s: float
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Represent one GET: a path below the base URL, and its parameters without secrets.

    ``at_most`` is the largest size of the response in bytes. With ``to_file`` the body of a valid response is
    written to that file, and the reply has none. ``longest_call_s`` replaces the server's.
    """

    path: str
    parameters: dict[str, str]
    at_most: int = MAX_RESPONSE_BYTES
    to_file: Path | None = None
    longest_call_s: float | None = None

    def text(self) -> str:
        """Return the parameters as JSON for the fetch log."""
        return json.dumps(self.parameters, sort_keys=True)


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Hold the status, the body, the ``Retry-After`` header and the media type of a response."""

    status: int
    body: bytes
    retry_after: str | None
    media_type: str = ""


class HttpClient:
    """Send requests to one server; several threads use it at once.

    Each call has a connection of its own: bytes that a server sends after its response would otherwise be the
    response to the next request, which may be about another symbol. ``redact`` removes secrets from the
    errors of httpx.
    """

    def __init__(
        self, server: VendorServer, transport: httpx.BaseTransport, *, redact: Callable[[str], str] = str
    ) -> None:
        self._server = server
        self._redact = redact
        self._http = httpx.Client(
            base_url=server.base_url,
            transport=transport,
            timeout=httpx.Timeout(server.timeout_s, connect=min(_CONNECT_S, server.timeout_s)),
            headers={"Accept-Encoding": "gzip", "Connection": "close", **server.headers},
            trust_env=False,  # only the environment's proxies apply, and http_transport reads them
        )

    def get(self, http_request: HttpRequest, label: str) -> HttpReply:
        """Send a request once.

        Raises :class:`Unavailable` without a complete response, :class:`BadAnswer` for one beyond a bound.
        """
        seconds = http_request.longest_call_s or self._server.longest_call_s
        try:
            with call_limits(seconds, http_request.at_most + MAX_HEADER_BYTES):
                return self._reply(http_request)
        except httpx.HTTPError as error:
            failure = self._unavailable(error, label)
        except (BoundExceeded, EOFError, zlib.error) as error:
            failure = self._bad_answer(error, label)
        except OSError as error:  # of the file: httpx has errors of its own
            failure = Unavailable(
                f"{label}: {http_request.to_file} cannot be written: {error}.", retryable=False
            )
        except RuntimeError:
            if not self._http.is_closed:
                raise
            failure = Unavailable(f"{label}: the provider was closed. Open a new one.", retryable=False)
        # Raise outside of `except`: httpx's error as context would expose the request in its traceback.
        raise failure

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _reply(self, http_request: HttpRequest) -> HttpReply:
        with self._http.stream("GET", http_request.path, params=http_request.parameters) as response:
            chunks = _body(response, http_request.at_most)
            if http_request.to_file and response.status_code == HTTPStatus.OK:
                with http_request.to_file.open("wb") as file:
                    file.writelines(chunks)
                chunks = iter(())
            body = b"".join(chunks)
            headers = response.headers
            media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return HttpReply(response.status_code, body, headers.get("Retry-After"), media_type)

    def _unavailable(self, error: httpx.HTTPError, label: str) -> FetchFailed:
        server = self._server
        too_long = isinstance(error, httpx.TimeoutException) and "whole response" in str(error)
        if too_long:
            reason = (
                f"the response was too slow. Raise {server.prefix}LONGEST_CALL_S, or run the same command "
                "again later"
            )
        elif isinstance(error, httpx.TimeoutException):
            reason = (
                f"no response in time. Raise {server.prefix}TIMEOUT_S, or run the same command again later"
            )
        elif isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.DecodingError):
            reason = "the response was cut off. Run the same command again later"
        else:
            reason = f"{server.vendor} cannot be reached. Check the connection and {server.address_setting}"
        facts = {"retryable": False} if too_long else {}
        text = self._redact(str(error))[:_ERROR_CHARS]
        return Unavailable(f"{label}: {reason} ({type(error).__name__}: {text}).", http_status=None, **facts)

    def _bad_answer(self, error: Exception, label: str) -> FetchFailed:
        """Return the error for a damaged body, or for one beyond a bound, which no retry makes smaller."""
        vendor = self._server.vendor
        if isinstance(error, BoundExceeded):
            reason = f"{vendor}'s response is refused: {error}. Leave this data out, or tell {vendor}"
            return BadAnswer(f"{label}: {reason}.", http_status=None, retryable=False)
        return BadAnswer(
            f"{label}: {vendor}'s response cannot be decompressed ({error}). "
            "Run the same command again later.",
            http_status=None,
        )


def http_transport(server: VendorServer) -> httpx.BaseTransport:
    """Return httpx's transport with the limits of a call, through the environment's proxy if there is one."""
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=0)
    try:
        return bound_reads(httpx.HTTPTransport(limits=limits, proxy=_proxy(server.base_url)))
    except (ImportError, ValueError):
        problem = "the proxy in the environment cannot be used"
    raise InvalidInput(
        f"{server.vendor}: {problem}. Check HTTPS_PROXY and ALL_PROXY, or name the host in NO_PROXY."
    )


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Return the seconds of a ``Retry-After`` header (a number or an HTTP date), or None if it has none.

    >>> retry_after_s("Wed, 31 Mar 2021 22:01:30 GMT", datetime(2021, 3, 31, 22, 0, tzinfo=UTC))
    90.0
    """
    if header is None:
        return None
    try:
        wait_s = float(header)
    except ValueError:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return None
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        wait_s = (zoned - now).total_seconds()
    return max(0.0, wait_s) if math.isfinite(wait_s) else None


def _body(response: httpx.Response, at_most: int) -> Iterator[bytes]:
    """Yield the body, decompressed in small steps: httpx would decompress a whole chunk, however large."""
    chunks = _timely(response)
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in _DEFLATED:
        chunks = inflate(chunks, at_most)
    elif encoding not in ("", "identity"):
        raise BoundExceeded(f"the encoding {encoding[:40]!r}, which was not requested")
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > at_most:
            raise BoundExceeded(f"more than {at_most:,} bytes")
        yield chunk


def _timely(response: httpx.Response) -> Iterator[bytes]:
    stream = response.stream
    if not isinstance(stream, httpx.SyncByteStream):  # a transport of another kind was passed
        raise httpx.ReadError("the response cannot be read")
    for chunk in stream:
        check_time()
        yield chunk


def _proxy(base_url: str) -> str | None:
    """Return the environment's proxy for this URL; httpx reads it only for its own transport."""
    parts, proxies = urlsplit(base_url), getproxies()
    with suppress(OSError):
        if proxy_bypass(parts.netloc):
            return None
    return proxies.get(parts.scheme) or proxies.get("all")
