"""Compare the free space of a disk with the size of a write, and delete the files of a write that failed.

The Delta library raises an error for a write to a full disk, and its threads also print ``panicked`` and
stack traces to standard error: they abort an upload that has ended already. No argument of a call prevents
that. So a write that does not fit is refused before it begins. A quota of a user, a limit of file sizes and
another program that fills the disk meanwhile are only found by the write itself.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Callable
from io import RawIOBase
from pathlib import Path
from typing import IO, Any, cast

import polars as pl

from factorlab_lake.errors import WriteFailed
from factorlab_lake.schema import TableSpec
from factorlab_lake.storage.bucket_path import in_bucket
from factorlab_lake.storage.layout import write_errors

__all__ = [
    "COMPRESSION_LEVEL",
    "assert_room",
    "delete_new",
    "files_in",
    "full_disk",
    "rows_per_group",
    "system_error",
]

# Higher levels write slower, and their files are only a few per cent smaller.
COMPRESSION_LEVEL = 1
# These are 32,768 bars. Larger row groups slow queries of few symbols; smaller ones lengthen the footers.
_VALUES_PER_ROW_GROUP = 655_360

# Of 18 tables, polars' files had 98 to 115 per cent of the size of the Delta library's.
_UNCERTAINTY = 1.1
_BYTES_PER_COLUMN = 512  # of a file's footer
_BYTES_PER_FILE = 8_192  # the entry of the log, and the last block of the file
_BYTES_PER_WRITE = 16_384  # the entry that creates the table

_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_REFUSALS = {errno.EACCES, errno.EROFS, *_NO_ROOM}
_ROUNDS = 20
_PAUSE_S = 0.05


def rows_per_group(spec: TableSpec) -> int:
    """Return the rows of a row group: a table with many columns has short ones.

    A query of few symbols reads only their row groups.
    """
    return _VALUES_PER_ROW_GROUP // len(spec.columns)


def assert_room(folder: Path, spec: TableSpec, rows: pl.DataFrame) -> None:
    """Raise :class:`WriteFailed` when the disk of a table's folder has no room for more rows.

    The rows are encoded to measure them only if they would not fit without compression.
    """
    free = None if rows.is_empty() or in_bucket(folder) is not None else _free_bytes(folder)
    if free is None:
        return
    files = rows[spec.partition_by].n_unique() if spec.partition_by else 1
    beside = files * _BYTES_PER_FILE + _BYTES_PER_WRITE
    if free >= beside + files * len(spec.columns) * _BYTES_PER_COLUMN + rows.estimated_size():
        return
    needed = beside + int(_encoded_bytes(spec, rows) * _UNCERTAINTY)
    if free < needed:
        reason = f"{os.strerror(errno.ENOSPC)}: about {needed:,} bytes are needed, and {free:,} are free"
        with write_errors(folder):
            raise OSError(errno.ENOSPC, reason)


def _free_bytes(folder: Path) -> int | None:
    """Return the free bytes of a folder's disk, or None for a file system that does not tell them."""
    try:
        disk = shutil.disk_usage(folder if folder.exists() else folder.parent)
    except OSError:
        return None
    return disk.free if disk.total else None


def _encoded_bytes(spec: TableSpec, rows: pl.DataFrame) -> int:
    files = rows.partition_by(spec.partition_by, include_key=False) if spec.partition_by else [rows]
    size = _Size()
    for file in files:
        file.write_parquet(
            cast("IO[bytes]", size),
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            row_group_size=rows_per_group(spec),
        )
    return size.written


class _Size(RawIOBase):
    """Count the bytes written, and store none."""

    written = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.written += len(content)
        return len(content)


def system_error(path: Path, message: str) -> WriteFailed | None:
    """Return the error of this package for a write that the system refused, or None for another message."""
    code = re.search(r"\(os error (\d+)\)", message)
    return _failure(path, int(code[1])) if code and int(code[1]) in _REFUSALS else None


def full_disk(path: Path, message: str) -> WriteFailed | None:
    """Return the error for a message that has the system's text of a full disk, and no number of it."""
    codes = (code for code in _NO_ROOM if f": {os.strerror(code)}" in message)
    return next((_failure(path, code) for code in codes), None)


def _failure(path: Path, code: int) -> WriteFailed | None:
    try:
        with write_errors(path):
            raise OSError(code, os.strerror(code))
    except WriteFailed as error:
        return error


def files_in(folder: Path) -> set[Path]:
    """Return the data files and the temporary files of a table, whether its log names them or not."""
    log = folder / "_delta_log"
    unfinished = {path for path in log.rglob("*") if path.suffix == ".tmp" or "#" in path.name}
    return unfinished | {path for path in folder.rglob("*.parquet*") if log not in path.parents}


def delete_new(new_files: Callable[[], set[Path] | None], assert_owned: Callable[[], None]) -> None:
    """Delete the files that ``new_files`` returns, until it returns none twice, or None.

    Threads of the Delta library still write files for a moment after it raised an error. The lock is checked
    after each listing: a file of another writer is only in a listing after that writer locked the lake.
    """
    empty = 0
    for _ in range(_ROUNDS):
        files = new_files()
        if files is None:
            return
        assert_owned()
        for path in files:
            path.unlink(missing_ok=True)
        empty = 0 if files else empty + 1
        if empty > 1:
            return
        time.sleep(_PAUSE_S)
