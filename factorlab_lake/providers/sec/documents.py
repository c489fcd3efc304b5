"""Read SEC's documents over HTTP, within SEC's limit of calls."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

import httpx

from factorlab_lake.errors import BadAnswer, EmptyAnswer, FetchFailed, LakeWarning, Unavailable
from factorlab_lake.providers.http_client import HttpRequest
from factorlab_lake.providers.rate_limit import RateLimiter
from factorlab_lake.providers.records import decode
from factorlab_lake.providers.response_bounds import BoundExceeded, check_json
from factorlab_lake.providers.retry import CallTrace, RetryingClient, RetryPolicy
from factorlab_lake.providers.sec.archives import Archive
from factorlab_lake.providers.sec.client import SecClient
from factorlab_lake.providers.sec.endpoints import ARCHIVE_PATHS, TICKERS_PATH, cik_text
from factorlab_lake.providers.sec.settings import SecSettings, sec_settings
from factorlab_lake.providers.shared_limit import SharedLimit
from factorlab_lake.schema.limits import MAX_ARCHIVE_BYTES

__all__ = ["Documents", "HttpDocuments", "decoded"]

_T = TypeVar("_T")
_CALLS = 2  # submissions and facts; older pages of submissions are not known before
_ARCHIVE_THREADS = 1  # reading is work for Python, which runs one thread at a time; a second takes memory
_LIMIT_TRIES = 2  # after a wait of ten minutes SEC either serves again, or blocks this address for longer


class Documents(Protocol):
    """Define how the provider reads SEC's documents. Several threads use one object at once.

    All failures are :class:`~factorlab_lake.errors.FetchFailed`.
    """

    @property
    def calls_per_minute(self) -> float:
        """Return the largest number of calls in a minute, all threads together."""

    @property
    def calls_at_once(self) -> int:
        """Return the largest number of threads that should call."""

    def get(self, path: str, read: Callable[[bytes], _T]) -> _T | None:
        """Return the result of ``read`` on a document below ``data.sec.gov``; None where SEC has none (404).

        A :class:`BadAnswer` of ``read`` that is retryable requests the document again.
        """

    def tickers(self) -> Mapping[str, str]:
        """Return the ten-digit CIK of each listed symbol, in capitals as SEC writes it."""

    def announce(self, companies: int) -> int:
        """Prepare for a run that reads some companies in full; return the least calls for each."""

    def close(self) -> None:
        """Close the connections; waiting calls fail at once."""


def _now() -> datetime:
    return datetime.now(UTC)


class HttpDocuments:
    """Read SEC's documents over HTTP; several threads use it and share the limit of calls.

    The limit holds over all processes of a user on one machine; with a ``transport`` of the caller it applies
    to this object alone. The list of symbols is read once.
    """

    def __init__(
        self,
        settings: SecSettings | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], datetime] = _now,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._settings = settings = settings or sec_settings()
        self._closed = threading.Event()
        wait = self._closable(sleep or self._closed.wait)
        shared = None if transport else _shared_limit(settings, timer)
        limit = RateLimiter(settings.calls_per_second, 1.0, timer=timer, sleep=wait, shared=shared)
        policy = RetryPolicy(settings.tries, settings.retry_wait_s, settings.longest_wait_s, _LIMIT_TRIES)
        self._clients = [
            SecClient(settings, setting, transport) for setting in ("SEC_BASE_URL", "SEC_FILES_URL")
        ]
        self._data, self._files = (
            RetryingClient(client, limit, policy, clock=clock, sleep=wait) for client in self._clients
        )
        self._tickers: Mapping[str, str] | None = None
        self._lock = threading.Lock()
        self._archives = _Archives(self._files, settings.longest_download_s)

    def __repr__(self) -> str:
        """Show the address and the limit."""
        return f"HttpDocuments({self._settings.base_url!r}, {self._settings.calls_per_second} calls a second)"

    @property
    def calls_per_minute(self) -> float:
        """Return the largest number of calls in a minute, all threads together."""
        return 60.0 * self._settings.calls_per_second

    @property
    def calls_at_once(self) -> int:
        """Return the largest number of threads that should call: few for archives, which answer at once."""
        at_once = self._settings.calls_at_once
        return min(at_once, _ARCHIVE_THREADS) if self._archives.in_use else at_once

    def get(self, path: str, read: Callable[[bytes], _T]) -> _T | None:
        """Return the result of ``read`` on a document; None where SEC has none.

        A document that the archives of the run have is not requested.
        """
        with suppress(BadAnswer):  # a damaged member; SEC serves the same document by itself
            archived = self._archives.read(path)
            if archived is not None:
                return read(archived)
        try:
            return self._data.call(HttpRequest(path, {}), read, CallTrace(path))
        except EmptyAnswer:
            return None

    def tickers(self) -> Mapping[str, str]:
        """Return the ten-digit CIK of each listed symbol."""
        with self._lock:
            if self._tickers is None:
                trace = CallTrace("SEC's list of symbols")
                self._tickers = self._files.call(HttpRequest(TICKERS_PATH, {}), _symbols, trace)
            return self._tickers

    def announce(self, companies: int) -> int:
        """Read a run of at least ``SEC_BULK_FROM`` companies from archives; return the calls for each."""
        bulk_from = self._settings.bulk_from
        self._archives.in_use = bool(bulk_from) and companies >= bulk_from
        return 1 if self._archives.in_use else _CALLS

    def close(self) -> None:
        """Close the connections; waiting calls of other threads fail at once."""
        self._closed.set()
        self._archives.close()
        for client in self._clients:
            client.close()

    def _closable(self, sleep: Callable[[float], object]) -> Callable[[float], None]:
        def wait(seconds: float) -> None:
            sleep(seconds)
            if self._closed.is_set():
                raise Unavailable("SEC: the provider was closed. Open a new one.", retryable=False)

        return wait


class _Archives:
    """Download SEC's archives when a document of a run is first read, and read documents from them."""

    def __init__(self, files: RetryingClient, longest_download_s: float) -> None:
        self.in_use = False
        self._files = files
        self._longest_download_s = longest_download_s
        self._folder: TemporaryDirectory[str] | None = None
        self._archives: dict[str, Archive] = {}
        self._lock = threading.Lock()

    def read(self, path: str) -> bytes | None:
        """Return a document, None where it must be requested."""
        if not self.in_use:
            return None
        folder, _, name = path.rpartition("/")
        with self._lock:
            if self._folder is None and self.in_use:
                self._folder = TemporaryDirectory(prefix="factorlab-lake-sec-", ignore_cleanup_errors=True)
                self._download(Path(self._folder.name))
            archive = self._archives.get(folder)
        return None if archive is None else archive.read(name)

    def _download(self, folder: Path) -> None:
        try:
            for documents, path in ARCHIVE_PATHS.items():
                file = folder / path.rpartition("/")[2]
                request = HttpRequest(path, {}, MAX_ARCHIVE_BYTES, file, self._longest_download_s)
                self._files.call(request, bytes, CallTrace(f"SEC's archive {file.name}"))
                self._archives[documents] = Archive(file)
        except FetchFailed as error:
            if error.fatal:
                raise
            self.in_use = False
            text = f"{error} Each company is requested by itself, which takes longer."
            warnings.warn(LakeWarning(text), stacklevel=2)

    def close(self) -> None:
        """Delete the archives."""
        with self._lock:
            self.in_use = False
            self._archives.clear()
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None


def decoded(body: bytes, label: str) -> dict[str, Any]:
    """Return a document of SEC; raise :class:`BadAnswer` for a cut one, or a page with status 200.

    >>> decoded(b"<html>Request Rate Threshold Exceeded</html>", "facts")
    Traceback (most recent call last):
    factorlab_lake.errors.BadAnswer: facts: SEC's document has an unexpected form: HTML or XML instead of \
JSON. Run the command again.
    """
    facts: dict[str, object] = {}
    try:
        check_json(body)
        document = decode(body)
        if isinstance(document, dict):
            return document
        reason = f"{type(document).__name__} instead of an object"
    except BoundExceeded as error:  # the next response would be as large
        reason, facts = str(error), {"retryable": False}
    except ValueError as error:
        reason = str(error)
    raise BadAnswer(
        f"{label}: SEC's document has an unexpected form: {reason}. Run the command again.", **facts
    )


def _symbols(body: bytes) -> dict[str, str]:
    symbols: dict[str, str] = {}
    for row in decoded(body, "SEC's list of symbols").values():
        try:
            symbols.setdefault(row["ticker"].upper(), cik_text(row["cik_str"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue  # a row without symbol or number lists no company
    if not symbols:
        raise BadAnswer("SEC's list of symbols has no symbols. Run the command again.")
    return symbols


def _shared_limit(settings: SecSettings, timer: Callable[[], float]) -> SharedLimit:
    # SEC counts the calls of an address to all its hosts, whatever name the caller has.
    name = ("sec", settings.base_url, settings.files_url)
    return SharedLimit(
        name, settings.calls_per_second, 1.0, longest_call_s=settings.longest_call_s, timer=timer
    )
