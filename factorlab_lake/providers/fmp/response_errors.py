"""What a refusal of FMP's means, as a typed error that says what to do next."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
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

__all__ = ["fault_of", "retry_after_s"]

_SAID_CHARS = 200
# What of a question the plan does not cover, when FMP says so: the symbol, the limit of rows or another.
_PARAMETER = re.compile(r"value set for '(\w+)'")
# Words of FMP's own messages, as recorded; the first that occurs decides.
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
    NotServed: "FMP does not answer this question. Check the symbol, FMP_BASE_URL and FMP_API_GENERATION.",
    LimitReached: "FMP's limit of calls is reached. Set FMP_CALLS_PER_MINUTE to what the plan allows, and "
    "run the same command again later.",
    Unavailable: "FMP's server has a fault. Run the same command again later.",
    BadAnswer: "FMP's answer is not what its API gives. Run the same command again later.",
}


def fault_of(asked: str, status: int, said: str, retry_after: float | None = None) -> FetchFailed | None:
    """Return the typed error for a status and what came with it, or None when there is no fault.

    ``asked`` says what for, ``said`` is the vendor's text, free of the key. Under status 200 ``said`` is the
    text of an ``Error Message``, or nothing.

    >>> print(fault_of("income of AAPL", 404, "no such page"))
    income of AAPL: FMP does not answer this question. Check the symbol, FMP_BASE_URL and FMP_API_GENERATION.\
 (404: 'no such page')
    """
    if status == HTTPStatus.OK and not said:
        return None
    text = _message(said)
    kind = _kind(status, text.lower())
    facts: dict[str, object] = {"http_status": status}
    if kind is LimitReached:
        facts["retry_after_s"] = retry_after
    elif kind is NotInPlan:
        named = _PARAMETER.search(text)
        facts["parameter"] = named[1] if named else None
    return kind(f"{asked}: {_ADVICE[kind]} ({status}: {text[:_SAID_CHARS]!r})", **facts)


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Read ``Retry-After``: seconds, or a date of HTTP; None when it is absent or neither.

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


def _message(said: str) -> str:
    """Return the text of ``{"Error Message": …}``, or the text as it stands, on one line."""
    try:
        decoded = json.loads(said)
    except (ValueError, RecursionError):
        decoded = None
    if isinstance(decoded, dict):
        said = str(decoded.get("Error Message") or decoded.get("message") or said)
    return " ".join(said.split())


def _kind(status: int, text: str) -> type[FetchFailed]:
    if status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS:
        for words, kind in _WORDS.items():
            if words in text:
                return kind
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable
    return _STATUSES.get(status, BadAnswer if status < HTTPStatus.MULTIPLE_CHOICES else NotServed)
