"""Bound what a file costs before it is parsed: its size after decompression, its depth, records and fields.

A damaged or hostile file then costs an error with a name, and neither the memory nor the time of the run.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Collection
from gzip import BadGzipFile, GzipFile

from factorlab_lake.errors import UnreadableFile
from factorlab_lake.schema.rules import (
    MAX_DIGITS,
    MAX_FIELDS,
    MAX_FILE_BYTES,
    MAX_NESTING,
    MAX_RECORDS,
    MAX_VALUES,
)

__all__ = ["check_fields", "check_json", "gunzip"]

_NOT_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_ALL_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_NAME = re.compile(rb'"([^"]*+)"\s*+:')


def gunzip(body: bytes, most_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Decompress gzip; a bomb of a megabyte, which would be a gigabyte, stops at the limit.

    >>> import gzip
    >>> gunzip(gzip.compress(b"[]"))
    b'[]'
    """
    try:
        text = GzipFile(fileobj=io.BytesIO(body)).read(most_bytes + 1)
    except (EOFError, zlib.error, BadGzipFile) as fault:
        raise UnreadableFile(f"gzip cut short or damaged ({fault})") from None
    if len(text) > most_bytes:
        raise UnreadableFile(f"more than {most_bytes:,} bytes after decompression")
    return text


def check_json(text: bytes) -> None:
    """Raise :class:`UnreadableFile` for JSON that is too large, too deep or has too many records.

    It is a linear scan before any parser: the parsers take time with the square of the depth.

    >>> check_json(b"[" * 400 + b"]" * 400)
    Traceback (most recent call last):
    factorlab_lake.errors.UnreadableFile: JSON nested more than 32 deep
    """
    if len(text) > MAX_FILE_BYTES:
        raise UnreadableFile(f"more than {MAX_FILE_BYTES:,} bytes")
    brackets = _brackets(text)
    if brackets.count(b"[") > MAX_RECORDS:
        raise UnreadableFile(f"more than {MAX_RECORDS:,} records")
    if text.count(b",") > MAX_VALUES:
        raise UnreadableFile(f"more than {MAX_VALUES:,} values")
    if _is_deep(brackets):
        raise UnreadableFile(f"JSON nested more than {MAX_NESTING} deep")
    if b"0" * (MAX_DIGITS + 1) in text.translate(_ALL_ZEROS):
        raise UnreadableFile(f"a number of more than {MAX_DIGITS:,} digits")


def check_fields(text: bytes, usual: Collection[str] = ()) -> None:
    """Raise :class:`UnreadableFile` for JSON with too many different fields, or values with missing ones.

    ``usual`` are the fields that most files have. To count them is several times faster than to list all.

    >>> check_fields(b'[{"a": 1, "b": 2}, {"b": 3, "c": 4}]', ["a", "b"])
    """
    records, pairs = text.count(b"{"), text.count(b":")
    if pairs <= MAX_FIELDS and records * pairs <= MAX_VALUES:
        return
    only_usual = pairs == sum(text.count(b'"%b":' % name.encode()) for name in usual)
    fields = len(usual) if only_usual else _count_names(text)
    if fields > MAX_FIELDS:
        raise UnreadableFile(f"more than {MAX_FIELDS:,} fields")
    if records * fields > MAX_VALUES:
        raise UnreadableFile(f"{records:,} records of {fields:,} fields, more than {MAX_VALUES:,} values")


def _count_names(text: bytes) -> int:
    """Count the different names, but not far beyond the limit."""
    names = set()
    for match in _NAME.finditer(_unescaped(text)):
        names.add(match[1])
        if len(names) > MAX_FIELDS:
            break
    return len(names)


def _brackets(text: bytes) -> bytes:
    """Return the brackets outside strings, all as square ones."""
    marks = _unescaped(text).translate(_ONE_KIND, _NOT_BRACKETS)
    # Two quotes in a row enclose no bracket, or only separate two strings; without them few are left.
    return b"".join(marks.replace(b'""', b"").split(b'"')[::2])


def _unescaped(text: bytes) -> bytes:
    """Return JSON without escaped quotes, so that every quote begins or ends a string."""
    return text.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in text else text


def _is_deep(brackets: bytes) -> bool:
    """Return whether brackets are nested too deep; those without a partner count as open."""
    for _ in range(MAX_NESTING):
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"")
        if len(brackets) == before:
            break
    return b"[]" in brackets or brackets.count(b"[") > MAX_NESTING
