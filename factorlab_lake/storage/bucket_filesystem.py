"""Let DuckDB read ranges of the objects in a bucket, from several threads at once.

DuckDB's own extension for that is downloaded from a server, which many networks do not reach. Instead it
reads by a Python object, as the fsspec library defines it. DuckDB shares an open file among its threads, and
reads a range by ``seek`` and ``read``. In a file with one position, a second thread moves it between the two,
and DuckDB gets other bytes than those of the range. So here each thread has a position of its own.
"""

from __future__ import annotations

import io
import re
from contextlib import suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from threading import local
from typing import Any

from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]  # it has none

from factorlab_lake.storage.bucket_path import BucketPath, ObjectState

__all__ = ["BucketFilesystem"]

_WILDCARDS = frozenset("*?[")
_DATA_FILE = re.compile(r"part-\d+-[0-9a-f-]{36}-c\d+\.[\w.]*parquet")  # Delta never writes one again
_MOST_STATES = 65_536


class BucketFilesystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Represent the buckets of one scheme, such as s3, for reading alone."""

    cachable = False

    def __init__(self, scheme: str) -> None:
        super().__init__()
        self.protocol = scheme
        self._opened: dict[str, ObjectState] = {}

    def open(self, path: str, mode: str = "rb", **_: Any) -> _RangeFile:
        """Open an object; raise :class:`FileNotFoundError` if it does not exist."""
        at = self._at(path)
        if mode != "rb":
            raise PermissionError(13, "SQL cannot write to a bucket", str(at))
        name = str(at)
        if name not in self._opened or not _DATA_FILE.fullmatch(at.name):
            if len(self._opened) >= _MOST_STATES:
                self._opened.clear()
            self._opened[name] = at.stat()
        return _RangeFile(at, self._opened[name].st_size)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return size and time of an object, without a request when it was opened before."""
        at = self._at(path)
        state = self._opened.get(str(at)) or at.stat()
        return {"name": path, "type": "file", "size": state.st_size, "mtime": state.st_mtime}

    def modified(self, path: str) -> datetime:
        """Return the time of the last change."""
        return datetime.fromtimestamp(self.info(path)["mtime"], UTC)

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the objects whose names match a pattern; a name without wildcards is not looked up."""
        at = self._at(path)
        first = next((n for n, part in enumerate(at.parts) if _WILDCARDS & set(part)), None)
        if first is None:
            return [str(at)]
        folder, pattern = BucketPath(*at.parts[:first]), "/".join(at.parts[first:])
        return [str(folder / name) for name in sorted(folder.states()) if fnmatchcase(name, pattern)]

    def exists(self, path: str, **_: Any) -> bool:
        """Return whether an object exists."""
        return self._at(path).is_file()

    def _at(self, path: str) -> BucketPath:
        """Return the path of an address with or without its scheme, as DuckDB and fsspec pass them."""
        _, _, name = path.rpartition("://")
        return BucketPath(f"{self.protocol}:", *filter(None, name.split("/")))


class _RangeFile(io.RawIOBase):
    """Read an object in ranges, by ``seek`` and ``read`` of the same thread.

    A ``read`` without a ``seek`` before it continues after the last one of any thread, as readers of text do.
    """

    def __init__(self, path: BucketPath, size: int) -> None:
        self._path, self._size = path, size
        self._next, self._own = 0, local()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        position: int = getattr(self._own, "position", self._next)
        return position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}[whence]
        self._own.position = self._next = start + offset
        return start + offset

    def read(self, size: int | None = -1) -> bytes:
        start = self.tell()
        with suppress(AttributeError):
            del self._own.position
        end = self._size if size is None or size < 0 else min(start + size, self._size)
        content = self._path.read_range(start, end) if end > start else b""
        self._next = start + len(content)
        return content
