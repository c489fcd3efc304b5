"""Read the rows of a load from a frame or a file, in slices that bound the memory."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.ingest.csv_blocks import csv_slices
from factorlab_lake.ingest.csv_dialect import with_points
from factorlab_lake.ingest.ticker_level import TickerLevel, with_symbols, without_levels
from factorlab_lake.schema.limits import MAX_FIELDS, MAX_ROWS_PER_BYTE
from factorlab_lake.schema.source_formats import FILE_FORMATS
from factorlab_lake.storage.lake_paths import input_path

__all__ = ["LoadSource"]

_CSV_BLOCK_BYTES = 8_000_000
# A damaged file can also end in a panic of the reader's Rust code, which is no PolarsError.
_FAILURES = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    zipfile.BadZipFile,
)
_SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".zip": "csv",
    ".gz": "csv",
    ".zst": "csv",
}


class LoadSource:
    """Represent the source of a load: a CSV or Parquet file, or a polars, pandas or Arrow frame.

    The index of a pandas frame is read as columns, and so are the symbols in a second level of its columns.
    ``height`` is the number of rows; None for a CSV file, which shows it only at its end. ``symbol`` is that
    in the name of a zip file; other names are not trusted. ``decimal`` is the decimal sign of numbers in
    texts, if the user tells it. ``name`` is that of a frame, for the fetch log.
    """

    def __init__(self, source: Any, decimal: str | None = None, *, name: str = "frame") -> None:
        """Open a source; raise :class:`NotFound` or :class:`InvalidInput` for a file that cannot be read."""
        self.name = name
        self.height: int | None = None
        self.symbol = ""
        self._decimal = decimal
        self._path, self._format = Path(), "frame"
        if isinstance(source, str | Path):
            self._open_file(input_path(source))
        else:
            self._frame = source if isinstance(source, pl.DataFrame) else _frame_of(source)
            self.height = self._frame.height
            _check_width(self.name, self._frame.width)

    @property
    def path(self) -> Path | None:
        """Return the path of a file as the user wrote it; None for a frame."""
        return None if self._format == "frame" else self._path

    def _open_file(self, path: Path) -> None:
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder; load each of its files by itself.", path=str(path))
        if not path.is_file():
            raise NotFound(f"No file {path}; expected {FILE_FORMATS}.", path=str(path))
        if path.suffix.lower() not in _SUFFIXES:
            raise InvalidInput(
                f"{path.name}: got {path.suffix!r}, expected {FILE_FORMATS}; convert the file.",
                path=str(path),
            )
        # LEAN does not scale trades of other kinds of assets, in files such as btcusd_trade.zip.
        is_plain = path.suffix.lower() == ".zip" and "_" not in path.stem
        self.symbol = path.stem.upper() if is_plain else ""
        self.name, self._path, self._format = path.name, path, _SUFFIXES[path.suffix.lower()]
        if self._format == "parquet":
            try:
                _check_width(path.name, len(pl.read_parquet_schema(path)))
                self.height = int(pl.scan_parquet(path).select(pl.len()).collect().item())
            except _FAILURES as error:
                raise self._unreadable(error) from None
            _check_promise(path, self.height)

    def slices(self, rows: int, block_bytes: int = _CSV_BLOCK_BYTES) -> Iterator[pl.DataFrame]:
        """Yield the rows in slices of ``rows`` rows, or of ``block_bytes`` of a CSV file; at least one slice.

        Every slice has the same columns. Slices of a CSV file have text alone, so that a symbol such as 0700
        keeps its zero.
        """
        for part in self._slices(rows, block_bytes):
            yield part if self._decimal is None else with_points(self.name, part, self._decimal)

    def _slices(self, rows: int, block_bytes: int) -> Iterator[pl.DataFrame]:
        try:
            if self._format == "csv":
                levels = TickerLevel()
                yield from (levels.rows(part) for part in self._csv_slices(block_bytes))
            elif self._format == "parquet":
                scan = pl.scan_parquet(self._path)
                yield from (with_symbols(scan.slice(first, rows).collect()) for first in self._starts(rows))
            else:
                yield from (self._frame.slice(first, rows) for first in self._starts(rows))
        except InvalidInput:
            raise
        except _FAILURES as error:
            if self._format == "frame":
                raise
            raise self._unreadable(error) from None

    def _csv_slices(self, block_bytes: int) -> Iterator[pl.DataFrame]:
        return csv_slices(self._path, block_bytes, guess_commas=self._decimal is None)

    def _starts(self, rows: int) -> range:
        return range(0, max(self.height or 0, 1), rows)

    def _unreadable(self, error: Exception) -> InvalidInput:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if "found more fields" in reason:
            reason = (
                "a row has more values than the first line; that must have the names of the columns, and a "
                "value with a separator needs quotes"
            )
        if self._format == "csv" and "utf-8" in reason.lower():
            reason = "it is not text in UTF-8; save it in that encoding"
        if self._format == "csv" and "more fields than" in reason:
            reason = "a row has more fields than the first line; quote texts that contain the separator"
        return InvalidInput(
            f"{self._path.name} cannot be read as {self._path.suffix}: {reason}",
            path=str(self._path),
        )


def _check_width(name: str, width: int) -> None:
    if width > MAX_FIELDS:
        raise InvalidInput(f"{name} has {width:,} columns; at most {MAX_FIELDS:,} are read. Select columns.")


def _check_promise(path: Path, rows: int) -> None:
    """Refuse a footer that counts far more rows than its file can have; a reader would make room for them."""
    size_bytes = path.stat().st_size
    if rows > size_bytes * MAX_ROWS_PER_BYTE:
        raise InvalidInput(
            f"{path.name}: its footer counts {rows:,} rows in {size_bytes:,} bytes, more than "
            f"{MAX_ROWS_PER_BYTE} per byte; the file is damaged. Write it again.",
            path=str(path),
        )


def _frame_of(source: Any) -> pl.DataFrame:
    """Convert a frame of another library, or columns; raise :class:`InvalidInput` if that is impossible."""
    if isinstance(source, list | tuple) and any(isinstance(each, str | Path) for each in source):
        raise InvalidInput(f"Got a {type(source).__name__} of files; load each of them by itself.")
    try:
        return source.collect() if isinstance(source, pl.LazyFrame) else pl.DataFrame(without_levels(source))
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"Got a {type(source).__name__} that cannot be read as a frame: {str(error).splitlines()[0]}; "
            "pass a CSV or Parquet file, or a polars, pandas or Arrow frame with one type per column."
        ) from None
