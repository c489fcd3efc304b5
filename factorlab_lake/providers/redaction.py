"""Remove keys and control characters from the log lines of the HTTP libraries.

httpcore logs the headers of requests and responses, and a server can repeat a key in a header or a redirect.
"""

from __future__ import annotations

import logging
import re
from functools import cache

from factorlab_lake.errors import printable

__all__ = ["redact", "watch"]

_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
_KEYS: set[str] = set()


def watch(key: str) -> None:
    """Strike a key out of every later log line of the HTTP libraries; escape control characters in them."""
    if key:
        _KEYS.add(key)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)  # the same filter is added once


def redact(text: str, key: str) -> str:
    r"""Return the text without the key, also where its characters are encoded as in URLs or JSON.

    >>> redact("apikey=s3cret, %733cret and \u00733cret", "s3cret")
    'apikey=***, *** and ***'
    """
    return _pattern(key).sub("***", text) if key else text


@cache
def _pattern(key: str) -> re.Pattern[str]:
    return re.compile("".join(_forms(character) for character in key))


def _forms(character: str) -> str:
    code = f"{ord(character):02x}"
    return rf"(?:{re.escape(character)}|(?i:%(?:25)*{code}|\\*u00{code}))"


class _LineFilter(logging.Filter):
    """Strike known keys out of log lines, and escape control characters."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the line where it has a key or a control character, and keep it."""
        text = record.getMessage()
        plain = printable(text)
        for key in _KEYS:
            plain = redact(plain, key)
        if plain != text:
            record.msg, record.args = plain, ()
        return True


_FILTER = _LineFilter()
