"""Read the rows of a load from a frame or a file, in slices that bound the memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from factorlab_lake.errors import InvalidInput, NotFound

__all__ = ["LoadSource"]

_CSV_BLOCK_BYTES = 8_000_000
# The first bytes of gzip, zstd and zlib, which polars decompresses.
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78\x01", b"\x78\x9c", b"\x78\xda")
_SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".txt": "csv"}


class LoadSource:
    """Represent the source of a load: a CSV or Parquet file, or a polars, pandas or Arrow frame.

    ``height`` is the number of rows; None for a CSV file, which shows it only at its end. ``hint`` says that
    the index of a pandas frame is not read; empty for other sources.
    """

    def __init__(self, source: Any) -> None:
        """Open a source; raise :class:`NotFound` or :class:`InvalidInput` for a file that cannot be read."""
        self.name = "frame"
        self.height: int | None = None
        self.hint = ""
        self._path, self._format = Path(), "frame"
        if isinstance(source, str | Path):
            self._open_file(Path(source))
        else:
            self._frame = source if isinstance(source, pl.DataFrame) else _frame_of(source)
            self.height = self._frame.height
            self.hint = _index_hint(source)

    def _open_file(self, path: Path) -> None:
        if not path.is_file():
            raise NotFound(f"No file {path}; expected a .csv or .parquet file.", path=str(path))
        if path.suffix.lower() not in _SUFFIXES:
            raise InvalidInput(
                f"{path.name}: got {path.suffix!r}, expected .csv or .parquet; convert the file.",
                path=str(path),
            )
        self.name, self._path, self._format = path.name, path, _SUFFIXES[path.suffix.lower()]
        if self._format == "parquet":
            try:
                self.height = pl.scan_parquet(path).select(pl.len()).collect().item()
            except pl.exceptions.PolarsError as error:
                raise self._unreadable(error) from None

    def slices(self, rows: int, block_bytes: int = _CSV_BLOCK_BYTES) -> Iterator[pl.DataFrame]:
        """Yield the rows in slices of ``rows`` rows, or of ``block_bytes`` of a CSV file; at least one slice.

        Every slice has the same columns. Slices of a CSV file have text alone, so that a symbol such as 0700
        keeps its zero.
        """
        try:
            if self._format == "csv":
                yield from _csv_slices(self._path, block_bytes)
            elif self._format == "parquet":
                scan = pl.scan_parquet(self._path)
                yield from (scan.slice(first, rows).collect() for first in self._starts(rows))
            else:
                yield from (self._frame.slice(first, rows) for first in self._starts(rows))
        except pl.exceptions.PolarsError as error:
            if self._format == "frame":
                raise
            raise self._unreadable(error) from None

    def _starts(self, rows: int) -> range:
        return range(0, max(self.height or 0, 1), rows)

    def _unreadable(self, error: Exception) -> InvalidInput:
        return InvalidInput(
            f"{self._path.name} cannot be read as {self._path.suffix}: {str(error).splitlines()[0]}",
            path=str(self._path),
        )


def _frame_of(source: Any) -> pl.DataFrame:
    """Convert a frame of another library, or columns; raise :class:`InvalidInput` if that is impossible."""
    try:
        return source.collect() if isinstance(source, pl.LazyFrame) else pl.DataFrame(source)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"Got a {type(source).__name__} that cannot be read as a frame: {str(error).splitlines()[0]}; "
            "pass a CSV or Parquet file, or a polars, pandas or Arrow frame with one type per column."
        ) from None


def _index_hint(source: Any) -> str:
    """Return how the index of a pandas frame becomes columns, if it has a name or dates."""
    index = getattr(source, "index", None)
    names = [str(name) for name in getattr(index, "names", []) if name is not None]
    if not names and not str(getattr(index, "dtype", "")).startswith("datetime64"):
        return ""
    named = f" {', '.join(names)}" if names else ""
    return f" The frame's index{named} is not read; frame.reset_index() makes it a column."


def _csv_slices(path: Path, block_bytes: int) -> Iterator[pl.DataFrame]:
    """Yield frames of a CSV file's blocks; each block is parsed with the file's header line."""
    with path.open("rb") as file:
        block, header = file.read(block_bytes), b""
        if block.startswith(_COMPRESSED):
            block += file.read()
        while True:
            following = file.read(block_bytes)
            end = _end_of_records(block) if following else len(block)
            # A record may be longer than the block, and empty lines before the header are no rows.
            if (end and (header or block[:end].strip())) or not following:
                if end or not header:  # an empty file raises an error
                    yield pl.read_csv(header + block[:end], infer_schema=False)
                    header = header or _header(block)
                block = block[end:]
            if not following:
                return
            block += following


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
        line_end = block.rfind(b"\n", 0, end - 1) + 1
        quotes -= block.count(b'"', line_end, end)
        end = line_end
    return end
