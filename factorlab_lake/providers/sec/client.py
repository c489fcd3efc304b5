"""Connect to SEC: name the caller, and recognise SEC's errors, which are pages and never JSON."""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape
from http import HTTPStatus

import httpx

from factorlab_lake.errors import EmptyAnswer, FetchFailed, KeyRefused, LimitReached, NotServed, Unavailable
from factorlab_lake.providers.http_client import (
    HttpClient,
    HttpReply,
    HttpRequest,
    VendorServer,
    http_transport,
    retry_after_s,
)
from factorlab_lake.providers.sec.settings import USER_AGENT_ADVICE, SecSettings

__all__ = ["SecClient"]

_PAGE_BYTES = 20_000
_MESSAGE_CHARS = 120
_TAG = re.compile(r"<(script|style|head)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_TEMPORARY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY)
_REFUSALS = (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)


class SecClient:
    """Send requests to one of SEC's two hosts; several threads use it at once.

    ``address_setting`` names the setting of the host: ``SEC_BASE_URL`` or ``SEC_FILES_URL``.
    """

    def __init__(
        self, settings: SecSettings, address_setting: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._user_agent = settings.user_agent
        self._blocked_wait_s = settings.blocked_wait_s
        self._address_setting = address_setting
        server = VendorServer(
            vendor="SEC",
            prefix="SEC_",
            base_url=settings.base_url if address_setting == "SEC_BASE_URL" else settings.files_url,
            address_setting=address_setting,
            timeout_s=settings.timeout_s,
            longest_call_s=settings.longest_call_s,
            headers={"User-Agent": settings.user_agent or ""},
        )
        self._http = HttpClient(server, transport or http_transport(server))

    def check_ready(self, label: str) -> None:
        """Raise :class:`KeyRefused` without a name of the caller: SEC blocks the address of such callers."""
        if not self._user_agent:
            raise KeyRefused(f"{label}: {USER_AGENT_ADVICE}.", http_status=None)

    def get(self, http_request: HttpRequest, label: str) -> HttpReply:
        """Send a request once; errors as of :meth:`HttpClient.get`."""
        return self._http.get(http_request, label)

    def error_of(self, reply: HttpReply, label: str, now: datetime) -> FetchFailed | None:
        """Return the typed error of a response, or None.

        404 is :class:`EmptyAnswer` where SEC's storage says that the document does not exist.
        """
        status = reply.status
        if status == HTTPStatus.OK:
            return None
        page = reply.body[:_PAGE_BYTES].decode(errors="replace")
        facts = {"http_status": status}
        said = f"({status}: {_text_of(page)[:_MESSAGE_CHARS]!r})"
        if status == HTTPStatus.NOT_FOUND and "NoSuchKey" in page:
            return EmptyAnswer(f"{label}: SEC has no such document. {said}", **facts)
        if status in _REFUSALS:
            return self._refusal(reply, page, f"{label}: SEC", said, now)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TEMPORARY:
            return Unavailable(
                f"{label}: SEC's server has a fault. Run the same command again later. {said}", **facts
            )
        return NotServed(f"{label}: SEC does not serve this. Check {self._address_setting}. {said}", **facts)

    def _refusal(self, reply: HttpReply, page: str, label: str, said: str, now: datetime) -> FetchFailed:
        facts = {"http_status": reply.status}
        if "Undeclared Automated Tool" in page:
            return KeyRefused(
                f"{label} does not accept this caller's name. {USER_AGENT_ADVICE}. {said}", **facts
            )
        wait_s = retry_after_s(reply.retry_after, now)
        return LimitReached(
            f"{label} refuses calls for a while: there were too many from this address. Lower "
            f"SEC_CALLS_PER_SECOND, and run the same command again in ten minutes. {said}",
            retry_after_s=self._blocked_wait_s if wait_s is None else wait_s,
            **facts,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _text_of(page: str) -> str:
    """Return the words of an HTML or XML page.

    >>> _text_of("<html><head><title>SEC.gov</title></head><h1>Request Rate Threshold Exceeded</h1></html>")
    'Request Rate Threshold Exceeded'
    """
    return " ".join(unescape(_TAG.sub(" ", page)).split())
