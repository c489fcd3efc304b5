"""Read SEC's archives of all companies from disk, one document at a time.

An archive has up to a million members. Python's own reader keeps an object for each, which would take most of
a gigabyte, so the index here is four numbers per member.
"""

from __future__ import annotations

import re
import struct
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from factorlab_lake.errors import BadAnswer
from factorlab_lake.schema.limits import MAX_RESPONSE_BYTES

__all__ = ["Archive"]

_NAME = re.compile(rb"CIK(\d{10})(?:-submissions-(\d{3}))?\.json")
_PAGES = 1000  # numbers of pages of older filings; 0 is the company's own document
_END, _END_64, _LOCATOR = (struct.Struct(text) for text in ("<4s4H2LH", "<4sQ2H2L4Q", "<4sLQL"))
_ENTRY, _LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 65_535
_IN_EXTRA = 0xFFFFFFFF  # the number is in the field for sizes over 4 GB
_STORED, _DEFLATED = 0, 8
_CHUNK_BYTES = 1 << 20


class _Entry(NamedTuple):
    name: bytes
    offset: int
    packed: int
    check: int
    method: int


class Archive:
    """Read the documents of an archive by the name of their file; several threads use it at once.

    Raises :class:`BadAnswer` for a file that is no sound archive, here and while a document is read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        columns = [array("Q") for _ in range(5)]
        try:
            with path.open("rb") as file:
                for entry in _entries(file):
                    key = _key(entry.name)
                    if key is not None:
                        numbers = (key, entry.offset, entry.packed, entry.check, entry.method)
                        for column, number in zip(columns, numbers, strict=True):
                            column.append(number)
        except (struct.error, ValueError) as error:
            raise _damaged(path, str(error)) from None
        table = np.array([np.frombuffer(column, np.uint64) for column in columns])
        self._table = table[:, np.argsort(table[0], kind="stable")]

    def __len__(self) -> int:
        """Return the number of documents."""
        return int(self._table.shape[1])

    def read(self, name: str) -> bytes | None:
        """Return a document, such as ``CIK0000320193.json``; None where the archive does not have it."""
        key = _key(name.encode())
        keys = self._table[0]
        place = len(keys) if key is None else int(np.searchsorted(keys, np.uint64(key)))
        if place == len(keys) or int(keys[place]) != key:
            return None
        _, offset, packed, check, method = (int(number) for number in self._table[:, place])
        with self._path.open("rb") as file:
            file.seek(offset)
            head = file.read(_LOCAL.size)
            try:
                _, *_, names, extra = _LOCAL.unpack(head)
            except struct.error as error:
                raise _damaged(self._path, str(error)) from None
            file.seek(names + extra, 1)
            data = file.read(packed)
        return _unpacked(data, method, check, f"{name} in {self._path}")


def _key(name: bytes) -> int | None:
    match = _NAME.fullmatch(name)
    return int(match[1]) * _PAGES + int(match[2] or 0) if match else None


def _unpacked(data: bytes, method: int, check: int, what: str) -> bytes:
    try:
        body = data
        if method == _DEFLATED:
            body = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, MAX_RESPONSE_BYTES + 1)
        elif method != _STORED:
            raise ValueError(f"compressed by the method {method}")  # noqa: TRY301 - as damaged bytes
    except (zlib.error, ValueError) as error:
        raise _damaged(what, str(error)) from None
    if len(body) > MAX_RESPONSE_BYTES:
        raise _damaged(what, f"more than {MAX_RESPONSE_BYTES:,} bytes after decompression")
    if zlib.crc32(body) != check:
        raise _damaged(what, "the checksum does not match")
    return body


def _entries(file: IO[bytes]) -> Iterator[_Entry]:
    """Yield the members that the archive lists at its end."""
    start, size = _directory(file)
    file.seek(start)
    rest, left = b"", size
    while left or rest:
        chunk = file.read(min(left, _CHUNK_BYTES))
        left -= len(chunk)
        buffer, place = rest + chunk, 0
        while place + _ENTRY.size <= len(buffer):
            fields = _ENTRY.unpack_from(buffer, place)
            end = place + _ENTRY.size + sum(fields[10:13])
            if end > len(buffer):
                break
            yield _entry(fields, buffer[place + _ENTRY.size : end])
            place = end
        rest = buffer[place:]
        if not chunk:
            if rest:
                raise ValueError("the list of members ends too early")
            return


def _entry(fields: tuple[Any, ...], tail: bytes) -> _Entry:
    signature, method, check, packed, size = (fields[i] for i in (0, 4, 7, 8, 9))
    if signature != b"PK\x01\x02":
        raise ValueError("the list of members is damaged")
    name, extra, offset = tail[: fields[10]], tail[fields[10] : fields[10] + fields[11]], fields[16]
    if _IN_EXTRA in (packed, size, offset):
        wide = _wide_numbers(extra)
        # The field has the numbers that do not fit, in this order.
        size, packed, offset = (
            next(wide) if number == _IN_EXTRA else number for number in (size, packed, offset)
        )
    return _Entry(name, offset, packed, check, method)


def _wide_numbers(extra: bytes) -> Iterator[int]:
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        if kind == 1:
            yield from struct.unpack_from(f"<{length // 8}Q", extra, place + 4)
        place += 4 + length
    raise ValueError("a member over 4 GB without its size")


def _directory(file: IO[bytes]) -> tuple[int, int]:
    """Return the place and the size of the list of members."""
    size = file.seek(0, 2)
    tail_at = max(0, size - _LONGEST_COMMENT - _END.size - _LOCATOR.size)
    file.seek(tail_at)
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0:
        raise ValueError("it is no zip file, or its end is missing")
    *_, length, start, _ = _END.unpack_from(tail, place)
    locator = place - _LOCATOR.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        file.seek(_LOCATOR.unpack_from(tail, locator)[2])
        *_, length, start = _END_64.unpack(file.read(_END_64.size))
    if start + length > size:
        raise ValueError("its list of members is cut off")
    return start, length


def _damaged(what: object, reason: str) -> BadAnswer:
    return BadAnswer(f"SEC's archive {what} is damaged: {reason}. Run the command again.", retryable=False)
