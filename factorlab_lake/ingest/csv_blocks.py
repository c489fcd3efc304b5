"""Read a CSV file, compressed or not, in blocks of whole records, with bounds on what one block can cost."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.csv_dialect import (
    SEPARATORS,
    DecimalCommas,
    reject_other_format,
    separator_of,
    utf8_blocks,
)
from factorlab_lake.schema.limits import MAX_FIELDS, MAX_LINE_BYTES, MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO

__all__ = ["csv_slices", "zstd_size_limit"]

_GZIP = b"\x1f\x8b"
_ZLIB = (b"\x78\x01", b"\x78\x9c", b"\x78\xda")
_ZSTD = b"\x28\xb5\x2f\xfd"
# LEAN writes daily bars without a header.
_LEAN = re.compile(rb"\d{8} \d\d:\d\d,")
_LEAN_HEADER = b"lean_time,open,high,low,close,volume\n"
_SEPARATOR_LINE = re.compile(rb"^(?:\xef\xbb\xbf)?sep=.\r?\n")  # Excel's own, before the header
_ZSTD_SKIPPED = b"\x2a\x4d\x18"  # after one byte of its number
_ZSTD_BLOCK_BYTES = 1 << 17
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)
_STEP_BYTES = 1 << 20


def csv_slices(path: Path, block_bytes: int, *, guess_commas: bool = True) -> Iterator[pl.DataFrame]:
    """Yield frames of a CSV file's blocks; each block is parsed with the file's header line.

    The separator is the one that the file shows, and so is the decimal sign with ``guess_commas``. Raises
    :class:`InvalidInput` where it
    shows two, for a file with too many columns, a line that is too long, and a compressed file that is too
    large.
    """
    blocks = utf8_blocks(path.name, _blocks(path, block_bytes))
    block, header, separator, commas = next(blocks, b""), b"", "", DecimalCommas(path.name)
    reject_other_format(path.name, block)
    block = _SEPARATOR_LINE.sub(b"", block)
    if _LEAN.match(block):
        header = _LEAN_HEADER
    _check_columns(path, _header(block) or block)
    while True:
        following = next(blocks, b"")
        end = _end_of_records(block) if following else len(block)
        # A record may be longer than the block, and empty lines before the header are no rows.
        if (end and (header or block[:end].strip())) or not following:
            if not header:
                _check_columns(path, _header(block) or block)
            if end or not header:  # an empty file raises an error
                separator = separator or separator_of(path.name, header or _header(block) or block)
                part = pl.read_csv(header + block[:end], infer_schema=False, separator=separator)
                part = _without_blank_rows(part)
                yield commas.rows(part) if separator == ";" and guess_commas else part
                header = header or _header(block)
            block = block[end:]
        elif len(block) > MAX_LINE_BYTES:
            raise InvalidInput(
                f"{path.name}: a line of more than {MAX_LINE_BYTES:,} bytes. Is a quote not closed?",
                path=str(path),
            )
        if not following:
            if guess_commas:
                commas.finish()
            return
        block += following


def _without_blank_rows(part: pl.DataFrame) -> pl.DataFrame:
    """Leave out rows of separators alone, which Excel writes below a table; empty lines are no rows."""
    first = part.to_series(0) if part.width > 1 else pl.Series([], dtype=pl.String)
    if not (first.is_null() | (first == "")).any():
        return part
    value = pl.all().str.strip_chars()
    return part.filter(~pl.all_horizontal(value.is_null() | (value == "")))


def _check_columns(path: Path, header: bytes) -> None:
    """Refuse a header that is too wide: the time to read a frame grows with the square of its columns."""
    columns = max(header.count(separator.encode()) for separator in SEPARATORS) + 1
    if columns > MAX_FIELDS:
        raise InvalidInput(
            f"{path.name} has {columns:,} columns; at most {MAX_FIELDS:,} are read. Select columns.",
            path=str(path),
        )


def _blocks(path: Path, block_bytes: int) -> Iterator[bytes]:
    """Yield the decompressed content in blocks; zstd is one block, because only polars decompresses it."""
    with path.open("rb") as file:
        start = file.read(4)
    size_bytes = path.stat().st_size
    most_bytes = max(MAX_UNPACKED_BYTES, size_bytes * MAX_UNPACKED_RATIO)
    if path.suffix.lower() == ".zip":
        yield from _of_zip(path, block_bytes)
    elif start == _ZSTD:
        content = path.read_bytes()
        if zstd_size_limit(content) > MAX_UNPACKED_BYTES:
            raise _too_large(path, MAX_UNPACKED_BYTES)
        yield content
    elif start.startswith((_GZIP, *_ZLIB)):
        unpacked = 0
        for block in _unzipped(path, block_bytes):
            unpacked += len(block)
            if unpacked > most_bytes:
                raise _too_large(path, most_bytes)
            yield block
    else:
        with path.open("rb") as file:
            while block := file.read(block_bytes):
                yield block


def _of_zip(path: Path, block_bytes: int) -> Iterator[bytes]:
    """Yield the blocks of the one CSV file in a zip file."""
    with zipfile.ZipFile(path) as archive:
        members = [m for m in archive.infolist() if not m.is_dir()]
        if len(members) != 1:
            raise InvalidInput(
                f"{path.name} has {len(members)} files; expected one CSV file. Unzip it, and load each file.",
                path=str(path),
            )
        unpacked = 0
        with archive.open(members[0]) as member:
            while block := member.read(block_bytes):
                unpacked += len(block)
                if unpacked > MAX_UNPACKED_BYTES:
                    raise _too_large(path, MAX_UNPACKED_BYTES)
                yield block


def _too_large(path: Path, most_bytes: int) -> InvalidInput:
    return InvalidInput(
        f"{path.name} has more than {most_bytes:,} bytes after decompression; "
        "if they are yours, decompress the file and load that.",
        path=str(path),
    )


def _unzipped(path: Path, block_bytes: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        if file.read(2) == _GZIP:
            file.seek(0)
            with gzip.open(file) as members:
                while block := members.read(block_bytes):
                    yield block
            return
        file.seek(0)
        inflating = zlib.decompressobj()
        while packed := inflating.unconsumed_tail or file.read(_STEP_BYTES):
            if block := inflating.decompress(packed, block_bytes):
                yield block
            if inflating.eof:
                return
        raise EOFError("the compressed data ends too early")


def zstd_size_limit(content: bytes) -> int:
    """Return the most bytes that zstd content can have: its blocks have at most 128 KB each.

    No frame has to say its size, so the headers of the blocks are counted. Damaged content counts up to the
    damage.

    >>> zstd_size_limit(b"") // 131072
    0
    """
    position = blocks = 0
    while position + 5 < len(content):
        if content[position + 1 : position + 4] == _ZSTD_SKIPPED:
            position += 8 + int.from_bytes(content[position + 4 : position + 8], "little")
            continue
        if content[position : position + 4] != _ZSTD:
            break
        descriptor = content[position + 4]
        single = descriptor >> 5 & 1
        sizes = 1 << (descriptor >> 6) if descriptor >> 6 else single
        position += 5 + (1 - single) + _DICTIONARY_ID_BYTES[descriptor & 3] + sizes
        last = False
        while not last and position + 3 <= len(content):
            block = int.from_bytes(content[position : position + 3], "little")
            last, repeated = bool(block & 1), (block >> 1 & 3) == 1
            position += 3 + (1 if repeated else block >> 3)
            blocks += 1
        position += 4 * (descriptor >> 2 & 1)
    return blocks * _ZSTD_BLOCK_BYTES


def _header(block: bytes) -> bytes:
    """Return the first record of a file, with the empty lines before it."""
    start = len(block) - len(block.lstrip(b"\r\n"))
    end = block.find(b"\n", start) + 1
    quotes = block.count(b'"', start, end)
    while end and quotes % 2:
        line_end = block.find(b"\n", end) + 1
        quotes += block.count(b'"', end, line_end)
        end = line_end
    return block[:end]


def _end_of_records(block: bytes) -> int:
    """Return the position after the last line end outside quotes; 0 without any."""
    end = block.rfind(b"\n") + 1
    quotes = block.count(b'"', 0, end)
    while end and quotes % 2:
        # Lines without a quote do not end the text, so the search continues before the last quote.
        line_end = block.rfind(b"\n", 0, block.rfind(b'"', 0, end)) + 1
        quotes -= block.count(b'"', line_end, end)
        end = line_end
    return end
