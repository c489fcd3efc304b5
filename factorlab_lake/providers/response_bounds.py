"""Bound what JSON costs before it is parsed: its size after decompression, depth, records and fields.

A damaged or hostile response then costs a typed error, and neither the memory nor the time of the run. The
files of the old cache have the same bounds, but for their size.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

import polars as pl

from factorlab_lake.schema.limits import (
    MAX_DIGITS,
    MAX_FIELDS,
    MAX_NESTING,
    MAX_RECORDS,
    MAX_RESPONSE_BYTES,
    MAX_TEXT_BYTES,
    MAX_VALUES,
)

__all__ = ["BoundExceeded", "check_columns", "check_json", "check_names_of", "count_names", "inflate"]

_STEP_BYTES = 1 << 20
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_NOT_BRACKETS = bytes(set(range(256)) - set(b'"[]{}'))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_ALL_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_NAME = re.compile(rb'"([^"]*+)"\s*+:')


class BoundExceeded(ValueError):
    """Raised for input beyond a bound; a provider or a reader of files converts it to a documented error."""


def inflate(chunks: Iterable[bytes], at_most: int) -> Iterator[bytes]:
    """Yield the decompressed bytes of gzip or zlib in small steps, so that a bomb cannot fill the memory.

    Raise :class:`BoundExceeded` beyond ``at_most`` bytes, ``EOFError`` for input that is cut short, and
    ``zlib.error`` for damaged input.

    >>> b"".join(inflate([zlib.compress(b"abc")], 3))
    b'abc'
    """
    member, size, fresh = zlib.decompressobj(_GZIP_OR_ZLIB), 0, True
    for chunk in chunks:
        rest = chunk
        while rest:
            if member.eof:
                rest = rest.lstrip(b"\0") if fresh else rest  # padding after the last member
                if not rest:
                    break
                member = zlib.decompressobj(_GZIP_OR_ZLIB)
            part = member.decompress(rest, _STEP_BYTES)
            rest, fresh = (member.unused_data, True) if member.eof else (member.unconsumed_tail, False)
            size += len(part)
            if size > at_most:
                raise BoundExceeded(f"more than {at_most:,} bytes after decompression")
            if part:
                yield part
    while not member.eof:
        part = member.decompress(member.unconsumed_tail, _STEP_BYTES)
        size += len(part)
        if size > at_most:
            raise BoundExceeded(f"more than {at_most:,} bytes after decompression")
        if not part:
            raise EOFError("the compressed data ends too early")
        yield part


def check_json(text: bytes, at_most: int = MAX_RESPONSE_BYTES) -> None:
    """Raise :class:`BoundExceeded` for JSON that is too large, too deep or has too many records.

    It is a linear scan before any parser: parsers take time with the square of the depth.
    """
    if len(text) > at_most:
        raise BoundExceeded(f"{len(text):,} bytes, more than {at_most:,}")
    brackets = _brackets(text)
    if brackets.count(b"[") > MAX_RECORDS:
        raise BoundExceeded(f"more than {MAX_RECORDS:,} records")
    if text.count(b",") > MAX_VALUES:
        raise BoundExceeded(f"more than {MAX_VALUES:,} values")
    if _is_deep(brackets):
        raise BoundExceeded(f"JSON nested more than {MAX_NESTING} deep")
    if b"0" * (MAX_DIGITS + 1) in text.translate(_ALL_ZEROS):
        raise BoundExceeded(f"a number of more than {MAX_DIGITS:,} digits")


def check_names_of(text: bytes) -> None:
    """Raise :class:`BoundExceeded` for JSON whose records have too many different fields."""
    fields = count_names(text)
    if fields > MAX_FIELDS:
        raise BoundExceeded(f"more than {MAX_FIELDS:,} fields")
    if text.count(b"{") * fields > MAX_VALUES:
        raise BoundExceeded(f"more than {MAX_VALUES:,} values")


def count_names(text: bytes) -> int:
    """Return the number of different names in JSON; one beyond the limit, the rest is not counted.

    >>> count_names(b'[{"a": 1, "b": 2}, {"b": 3, "c": 4}]')
    3
    """
    names: set[bytes] = set()
    for match in _NAME.finditer(_unescaped(text)):
        names.add(match[1])
        if len(names) > MAX_FIELDS:
            break
    return len(names)


def check_columns(records: pl.DataFrame) -> None:
    """Raise :class:`BoundExceeded` for records with too many fields or a text that is too long."""
    if records.width > MAX_FIELDS:
        raise BoundExceeded(f"{records.width:,} fields, more than {MAX_FIELDS:,}")
    for name, dtype in records.schema.items():
        if len(name) > MAX_TEXT_BYTES:
            raise BoundExceeded(f"a field name of more than {MAX_TEXT_BYTES:,} bytes")
        longest = records[name].str.len_bytes().max() if dtype == pl.String else 0
        if isinstance(longest, int) and longest > MAX_TEXT_BYTES:
            raise BoundExceeded(f"a text of {longest:,} bytes in {name[:40]!r}, more than {MAX_TEXT_BYTES:,}")


def _brackets(text: bytes) -> bytes:
    """Return the brackets outside texts, all as square ones; a text with brackets could hide the depth."""
    marks = _unescaped(text).translate(_ONE_KIND, _NOT_BRACKETS)
    # Two quotes in a row enclose no bracket, or only separate two texts; without them few are left.
    return b"".join(marks.replace(b'""', b"").split(b'"')[::2])


def _unescaped(text: bytes) -> bytes:
    """Return JSON without escaped quotes, so that every quote begins or ends a text."""
    return text.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in text else text


def _is_deep(brackets: bytes) -> bool:
    """Return whether brackets are nested too deep; those that do not match count as open."""
    for _ in range(MAX_NESTING):
        brackets, before = brackets.replace(b"[]", b""), len(brackets)
        if len(brackets) == before:
            break
    return b"[]" in brackets or brackets.count(b"[") > MAX_NESTING
