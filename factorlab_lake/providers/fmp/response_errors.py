"""Convert an error response of FMP into a typed error with advice."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

from factorlab_lake.errors import (
    BadAnswer,
    FetchFailed,
    KeyRefused,
    LegacyEndpoint,
    LimitReached,
    NotInPlan,
    NotServed,
    Unavailable,
)

__all__ = ["error_of"]

_MESSAGE_CHARS = 200
# The parameter that the plan does not cover, when FMP names it: the symbol, the limit or another.
_PARAMETER = re.compile(r"value set for '(\w+)'")
# Words of FMP's recorded messages; the first match decides.
_WORDS: dict[str, type[FetchFailed]] = {
    "legacy endpoint": LegacyEndpoint,
    "invalid api key": KeyRefused,
    "limit reach": LimitReached,
    "exclusive endpoint": NotInPlan,
    "premium": NotInPlan,
    "special endpoint": NotInPlan,
    "current subscription": NotInPlan,
}
_STATUSES: dict[int, type[FetchFailed]] = {
    HTTPStatus.UNAUTHORIZED: KeyRefused,
    HTTPStatus.PAYMENT_REQUIRED: NotInPlan,
    HTTPStatus.REQUEST_TIMEOUT: Unavailable,
    HTTPStatus.TOO_EARLY: Unavailable,
    HTTPStatus.TOO_MANY_REQUESTS: LimitReached,
}
_ADVICE: dict[type[FetchFailed], str] = {
    KeyRefused: "FMP refuses the key. Check FMP_API_KEY, in the environment or in .env.",
    LegacyEndpoint: "This account may not use the old API. Set FMP_API_GENERATION=stable.",
    NotInPlan: "The plan of this key does not cover it. Leave it out, or choose another plan at FMP.",
    NotServed: "FMP does not serve this request. Check the symbol, FMP_BASE_URL and FMP_API_GENERATION.",
    LimitReached: "FMP's limit of calls is reached. Set FMP_CALLS_PER_MINUTE to what the plan allows, and "
    "run the same command again later.",
    Unavailable: "FMP's server has a fault. Run the same command again later.",
    BadAnswer: "FMP's response has an unexpected form. Run the same command again later.",
}


def error_of(label: str, status: int, message: str, retry_after: float | None = None) -> FetchFailed | None:
    """Return the typed error for a status and a message, or None without an error.

    ``label`` describes the request. ``message`` is FMP's text without the key; with status 200 it is the text
    of an ``Error Message``, or empty.

    >>> print(error_of("income of AAPL", 404, "no such page"))
    income of AAPL: FMP does not serve this request. Check the symbol, FMP_BASE_URL and FMP_API_GENERATION.\
 (404: 'no such page')
    """
    if status == HTTPStatus.OK and not message:
        return None
    text = _error_text(message)
    kind = _kind(status, text.lower())
    facts: dict[str, object] = {"http_status": status}
    if kind is LimitReached:
        facts["retry_after_s"] = retry_after
    elif kind is NotInPlan:
        match = _PARAMETER.search(text)
        facts["parameter"] = match[1] if match else None
    return kind(f"{label}: {_ADVICE[kind]} ({status}: {text[:_MESSAGE_CHARS]!r})", **facts)


def _error_text(message: str) -> str:
    """Return the text of ``{"Error Message": …}``, or the message itself, on one line."""
    try:
        decoded = json.loads(message)
    except (ValueError, RecursionError):
        decoded = None
    if isinstance(decoded, dict):
        message = str(decoded.get("Error Message") or decoded.get("message") or message)
    return " ".join(message.split())


def _kind(status: int, text: str) -> type[FetchFailed]:
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS:
        for words, kind in _WORDS.items():
            if words in text:
                return kind
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable
    return _STATUSES.get(status, BadAnswer if status < HTTPStatus.MULTIPLE_CHOICES else NotServed)
