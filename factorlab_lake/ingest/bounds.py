"""Bound what a file costs before it is parsed: its size after decompression, its depth, records and fields.

A damaged or hostile file then costs an error with a name, and neither the memory nor the time of the run.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Collection
from gzip import BadGzipFile, GzipFile

from factorlab_lake.errors import UnreadableFile
from factorlab_lake.providers import response_bounds
from factorlab_lake.schema.limits import MAX_FIELDS, MAX_FILE_BYTES, MAX_VALUES

__all__ = ["check_fields", "check_json", "gunzip"]


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
    try:
        response_bounds.check_json(text, MAX_FILE_BYTES)
    except response_bounds.BoundExceeded as reason:
        raise UnreadableFile(str(reason)) from None


def check_fields(text: bytes, usual: Collection[str] = ()) -> None:
    """Raise :class:`UnreadableFile` for JSON with too many different fields, or values with missing ones.

    ``usual`` are the fields that most files have. To count them is several times faster than to list all.

    >>> check_fields(b'[{"a": 1, "b": 2}, {"b": 3, "c": 4}]', ["a", "b"])
    """
    records, pairs = text.count(b"{"), text.count(b":")
    if pairs <= MAX_FIELDS and records * pairs <= MAX_VALUES:
        return
    only_usual = pairs == sum(text.count(b'"%b":' % name.encode()) for name in usual)
    fields = len(usual) if only_usual else response_bounds.count_names(text)
    if fields > MAX_FIELDS:
        raise UnreadableFile(f"more than {MAX_FIELDS:,} fields")
    if records * fields > MAX_VALUES:
        raise UnreadableFile(f"{records:,} records of {fields:,} fields, more than {MAX_VALUES:,} values")
