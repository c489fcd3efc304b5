"""The old cache asked as a lake: the files of the symbols asked for land in a lake of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from factorlab_lake._open import open_lake
from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.ingest.legacy_cache.reader import scan
from factorlab_lake.query.questions import Questions

__all__ = ["CacheLake"]


class CacheLake:
    """Factor Lab's old cache, which is only read, behind the questions of a lake.

    ``folder``: the cache's. What has been asked for is kept in a temporary folder until :meth:`close`, so a
    symbol's files are read once, and again when one of them has changed. ``availability`` as of
    ``factorlab_lake.open``. Safe to be asked by several threads.
    """

    def __init__(self, folder: str | os.PathLike[str], *, availability: Any = None) -> None:
        self.folder = Path(folder)
        self._availability = availability
        self._one = threading.Lock()
        self._read: dict[str, frozenset[tuple[str, int]]] = {}
        self._reader: Questions | None = None
        self._place: Path | None = None
        self._remove: Any = None

    def held(self, symbols: Iterable[str]) -> list[str]:
        """Return those of some symbols that the cache has files of; none where there is no such folder."""
        wanted = list(symbols)
        found = self._files(wanted) if self.folder.is_dir() else {}
        return [s for s in wanted if _in_names(s) in found]

    def lake(self, symbols: Iterable[str]) -> Questions:
        """Return a lake that holds what the cache has of some symbols, as its files are now.

        Raises :class:`~factorlab_lake.errors.NotFound` when there is no such folder.
        """
        wanted = list(symbols)
        if not self.folder.is_dir():
            raise NotFound(
                f"No cache folder at {self.folder}; set FACTORLAB_CACHE_DIR to the one that holds "
                "price_data/ and the others.",
                path=str(self.folder),
            )
        files = self._files(wanted)
        with self._one:
            new = [s for s in wanted if files.get(_in_names(s), frozenset()) - self._read.get(s, frozenset())]
            if self._reader is None or new:
                self._reader = self._landed(new)
                self._read |= {s: files[_in_names(s)] for s in new}
            return self._reader

    def close(self) -> None:
        """Remove the temporary folder; the next question makes another."""
        with self._one:
            if self._remove is not None:
                self._remove()
            self._reader = self._place = self._remove = None
            self._read.clear()

    def _landed(self, symbols: list[str]) -> Questions:
        """Land the files of some symbols, and open what there is now; who asks already is not disturbed."""
        if self._place is None:
            self._place = Path(tempfile.mkdtemp(prefix="factorlab-cache-"))
            self._remove = weakref.finalize(self, shutil.rmtree, self._place, ignore_errors=True)
        lake = open_lake(self._place / "lake", availability=self._availability)
        if symbols:
            lake.migrate(self.folder, symbols=symbols)
        return open_lake(self._place / "lake", availability=self._availability)

    def _files(self, symbols: list[str]) -> dict[str, frozenset[tuple[str, int]]]:
        """Return the cache's entries of some symbols, each with the moment of its last change."""
        found: dict[str, set[tuple[str, int]]] = {}
        try:
            listed = scan(self.folder, symbols)
        except InvalidInput:  # no files of these symbols, which is an answer here
            return {}
        for file in listed:
            if file.name is not None:
                changed_ns = (file.root / file.path).stat().st_mtime_ns
                found.setdefault(file.name.symbol.upper(), set()).add((file.path, changed_ns))
        return {name: frozenset(files) for name, files in found.items()}


def _in_names(symbol: str) -> str:
    return symbol.upper().replace("/", "-").replace(":", "-")
