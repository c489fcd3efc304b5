r"""JSON as a server takes it, and a form of it in which equal documents are equal texts.

Servers refuse what Python and DuckDB write: NaN and infinities, ``\u0000``, half a surrogate pair, exponents
without bounds. Such values are sent as texts ("NaN") or with a visible sign in their place; all else is sent
as it came. A server may give a document back with other spaces, another order of keys and other spellings of
the same number.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["NUL", "canonical", "sendable"]

NUL = "\u2400"  # the picture of NUL, in the place of the character that no server keeps
_REPLACED = "\ufffd"
_HALVES = re.compile("[\ud800-\udfff]")
_SUSPICIOUS = re.compile(r"NaN|Infinity|\\u0000|\\u[dD][89a-fA-F]|[eE][+-]?\d{3}|\d{300}|[\ud800-\udfff]")


def sendable(text: str) -> str:
    """Return the document as every server takes it; a text that is no JSON becomes a JSON text.

    >>> sendable('{"a": 1.50}'), sendable('{"a": NaN}'), sendable("n/a")
    ('{"a": 1.50}', '{"a": "NaN"}', '"n/a"')
    """
    try:
        value = json.loads(text, parse_float=_number, parse_constant=str, parse_int=_integer)
    except (ValueError, RecursionError):
        return json.dumps(_clean(text), ensure_ascii=False)
    if _SUSPICIOUS.search(text):
        return json.dumps(_cleaned(value), ensure_ascii=False)
    return text


def canonical(text: str) -> str:
    """Return the same text for equal documents, whatever their spaces, order of keys and spelling of numbers.

    >>> canonical('{"b": 1.50, "a": "x"}') == canonical('{"a":"x","b":15e-1}')
    True
    """
    value = json.loads(text, parse_float=_exact, parse_int=_exact, parse_constant=str)
    return json.dumps(_marked(value), sort_keys=True)


def _number(text: str) -> float | str:
    """Read a number as it is sent when its document must be rewritten: too large a one stays a text."""
    value = float(text)
    return value if math.isfinite(value) else text


def _integer(text: str) -> int | float | str:
    return int(text) if len(text) < 300 else _number(text)  # noqa: PLR2004 - more than any float has


def _exact(text: str) -> Decimal:
    try:
        value = Decimal(text).normalize()
    except InvalidOperation:
        return Decimal(0)
    return value or Decimal(0)  # a server keeps no sign of zero


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, list):
        return [_cleaned(v) for v in value]
    if isinstance(value, dict):
        return {_clean(k): _cleaned(v) for k, v in value.items()}
    return value


def _clean(text: str) -> str:
    return _HALVES.sub(_REPLACED, text.replace("\0", NUL))


def _marked(value: Any) -> Any:
    """Mark texts and numbers, so that "1" and 1 stay different."""
    if isinstance(value, str):
        return f"s{value}"
    if isinstance(value, Decimal):
        return f"n{value}"
    if isinstance(value, list):
        return [_marked(v) for v in value]
    if isinstance(value, dict):
        return {k: _marked(v) for k, v in value.items()}
    return value
