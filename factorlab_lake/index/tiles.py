"""Write and map tiles: immutable files of numeric arrays, named by the hash of their content.

A tile is a cache of rows of the lake. A reader maps it only if its size is right, because reading a truncated
map ends the process (SIGBUS). It compares the checksum of each array, and of each row of the matrix, when it
reads them. So a flipped bit is found before it reaches an answer.

File: 8 bytes of magic, length and CRC-32 of the header, the header (JSON), then the arrays.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from factorlab_lake.index.tile_cache import cached_tile, tile_hash
from factorlab_lake.storage.bucket_path import in_bucket

__all__ = ["Array", "Tile", "TileDamaged", "TileFile", "is_stored", "tile_hash", "write_tile"]

Array: TypeAlias = npt.NDArray[Any]

_MAGIC = b"FLTILE1\n"
_ALIGNMENT = 64
_PREFIX = len(_MAGIC) + 8
_ROWS = "rows"
_FEW = 8  # rows below which Python's own loops are faster than numpy's
_WORD = np.dtype("<u8")


class TileDamaged(Exception):
    """Report a tile that is missing, truncated or changed; the caller then answers by SQL."""


@dataclass(frozen=True, slots=True)
class TileFile:
    """Name a tile by the hash of its content, with its size."""

    name: str
    size_bytes: int


class Tile:
    """Map one tile; a checksum is compared when an array or a row is read."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        try:
            path = cached_tile(path)
            descriptor = os.open(path, os.O_RDONLY)
            try:
                if os.fstat(descriptor).st_size != size_bytes or size_bytes < _PREFIX:
                    raise TileDamaged(path)
                self._map = mmap.mmap(descriptor, size_bytes, access=mmap.ACCESS_READ)
            finally:
                os.close(descriptor)
        except (OSError, ValueError) as error:
            raise TileDamaged(path) from error
        self._path = path
        self._arrays: dict[str, Array] = {}
        self._header = self._checked_header()

    def _checked_header(self) -> dict[str, Any]:
        length, checksum = (int(n) for n in np.frombuffer(self._map, "<u4", 2, len(_MAGIC)))
        text = self._map[_PREFIX : _PREFIX + length]
        if self._map[: len(_MAGIC)] != _MAGIC or zlib.crc32(text) != checksum:
            raise TileDamaged(self._path)
        header: dict[str, Any] = json.loads(text)
        return header

    @property
    def array_names(self) -> list[str]:
        """Return the names of the arrays, and that of the matrix."""
        return list(self._header["arrays"])

    @property
    def attributes(self) -> dict[str, Any]:
        """Return what the tile's builder stored beside the arrays."""
        attributes: dict[str, Any] = self._header["attributes"]
        return attributes

    def array(self, name: str) -> Array:
        """Return an array; its checksum is compared the first time."""
        if name not in self._arrays:
            kind, shape, offset, checksum = self._header["arrays"][name]
            array = np.frombuffer(self._map, kind, math.prod(shape), offset).reshape(shape)
            if zlib.crc32(array.data) != checksum:
                raise TileDamaged(self._path)
            self._arrays[name] = array
        return self._arrays[name]

    @cached_property
    def _matrix(self) -> Array:
        _, shape, offset, _ = self._header["arrays"][_ROWS]
        return np.frombuffer(self._map, _WORD, math.prod(shape), offset).reshape(shape)

    @property
    def row_count(self) -> int:
        """Return the number of rows of the matrix."""
        return int(self._matrix.shape[0])

    def rows(self, places: Array | slice) -> Array:
        """Return some rows of the matrix as 64-bit words, without their checksums."""
        rows: Array = self._matrix[places]
        words: Array = rows[:, :-1]
        sums, stored = _row_checksums(words), rows[:, -1]
        same = sums.tolist() == stored.tolist() if len(rows) < _FEW else (sums == stored).all()
        if not same:
            raise TileDamaged(self._path)
        return words


def write_tile(
    folder: Path, rows: Array, arrays: Mapping[str, Array], attributes: Mapping[str, Any]
) -> TileFile:
    """Write a tile atomically unless it exists, and return its name and size.

    ``rows`` is a matrix of 64-bit words, of which readers take some rows; ``arrays`` are read as a whole.
    """
    words = np.ascontiguousarray(rows).view(_WORD)
    blocks = _blocks({**arrays, _ROWS: np.column_stack([words, _row_checksums(words)])}, attributes)
    file = TileFile(tile_hash(*blocks), sum(map(len, blocks)))
    path = folder / file.name
    if in_bucket(path) is not None:
        if not is_stored(path, file.size_bytes):
            path.write_bytes(b"".join(blocks))
        return file
    # Compare the content: a file with a flipped bit has the same name and size.
    if not path.exists() or not _has_content(path, blocks):
        temporary = folder / f".{file.name}.{uuid.uuid4().hex}"
        try:
            with temporary.open("wb") as written:
                written.writelines(blocks)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    return file


def _has_content(path: Path, blocks: list[bytes | memoryview]) -> bool:
    with path.open("rb") as stored:
        return all(stored.read(len(block)) == block for block in blocks) and not stored.read(1)


def is_stored(path: Path, size_bytes: int) -> bool:
    """Return whether there is a file of this size."""
    try:
        return path.stat().st_size == size_bytes
    except FileNotFoundError:
        return False


def _blocks(arrays: Mapping[str, Array], attributes: Mapping[str, Any]) -> list[bytes | memoryview]:
    """Return the content of a tile in parts, of which the arrays are not copied."""
    parts = {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    # The header contains the offsets, and its own length moves them: reserve room for it first.
    def header(start: int) -> bytes:
        offset, placed = start, {}
        for name, part in parts.items():
            placed[name] = (part.dtype.str, part.shape, offset, zlib.crc32(part.data) if part.size else 0)
            offset += _aligned(part.nbytes)
        return json.dumps({"attributes": dict(attributes), "arrays": placed}).encode()

    start = _aligned(_PREFIX + len(header(2**40)))
    text = header(start)
    lead = _MAGIC + np.array([len(text), zlib.crc32(text)], "<u4").tobytes() + text
    blocks: list[bytes | memoryview] = [lead.ljust(start, b"\0")]
    for part in parts.values():
        blocks += [part.reshape(-1).view(np.uint8).data, bytes(_aligned(part.nbytes) - part.nbytes)]
    return blocks


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _row_checksums(words: Array) -> Array:
    """Return the sum of each row's words, each times an odd weight: any change of one word changes it."""
    weights = _weights(words.shape[1])
    # einsum is twice as fast for many rows, but its call takes longer than the sum of a few.
    sums: Array = words.dot(weights) if len(words) < _FEW else np.einsum("ij,j->i", words, weights)
    sums += weights[-1]
    return sums


def _weights(width: int) -> Array:
    if width not in _WEIGHTS:
        steps = np.arange(1, width + 1, dtype=_WORD) * _WORD.type(0x9E3779B97F4A7C15)
        _WEIGHTS[width] = (steps ^ (steps >> _WORD.type(29))) | _WORD.type(1)
    return _WEIGHTS[width]


_WEIGHTS: dict[int, Array] = {}
