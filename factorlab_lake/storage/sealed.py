"""Seal the small files of a lake: each ends with the SHA-256 of all its other bytes.

A sealed file is one JSON object whose last value is the checksum, so any JSON reader still reads it. The
checksum is over bytes, not over values: a changed space or a renamed key is damage too.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["digest_of", "parse", "seal", "sha256"]

_MARK = ', "sha256": "'
_END = '"}'


def seal(body: dict[str, Any]) -> str:
    """Return the text of a sealed file.

    >>> parse(seal({"a": 1}).encode())
    {'a': 1}
    """
    content = json.dumps(body).removesuffix("}")
    return f"{content}{_MARK}{sha256(content.encode())}{_END}"


def parse(content: bytes) -> dict[str, Any] | None:
    """Return the object in a sealed file, or None if it has no seal or another one.

    >>> parse(seal({"a": 1}).replace("1", "2", 1).encode()) is None
    True
    """
    head, mark, tail = content.rpartition(_MARK.encode())
    if not mark or tail != f"{sha256(head)}{_END}".encode():
        return None
    body = json.loads(head + b"}")
    return body if isinstance(body, dict) else None


def digest_of(content: bytes) -> str:
    """Return the checksum that identifies a small file: its seal, or that of all bytes of an early file."""
    head, mark, _ = content.rpartition(_MARK.encode())
    return sha256(head if mark else content)


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()
