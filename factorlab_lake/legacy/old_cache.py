"""Read Factor Lab's old cache as a lake, and count the cache's files that a lake has."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from factorlab_lake._open import open_lake
from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.ingest.legacy_cache.reader import CacheFile, identify, scan
from factorlab_lake.legacy.provider_arguments import LakeOrPlace, opened
from factorlab_lake.query.arguments import to_symbols
from factorlab_lake.query.questions import Questions
from factorlab_lake.storage.layout import find
from factorlab_lake.storage.snapshots import program_version

__all__ = ["STATES", "CacheLake", "in_file_names", "migration_status"]

STATES = ("migrated", "differ", "missing", "unreadable")
_UNREAD = ("differ", "missing")

# The log has one path more than once if the file had several contents.
_LOGGED = "SELECT fetch_id, endpoint, success FROM data_fetch_log WHERE endpoint LIKE 'cache:%'"


class CacheLake:
    """Query Factor Lab's old cache through a temporary lake; the cache itself is only read.

    ``folder`` is the cache's. The temporary lake stays until :meth:`close`, so the files of a symbol are read
    once, and again after one of them has changed. ``availability`` returns the option of
    ``factorlab_lake.open`` that the answers follow now. Thread-safe.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, availability: Callable[[], Any] = lambda: None
    ) -> None:
        self.folder = Path(folder)
        self._availability = availability
        self._lock = threading.Lock()
        self._migrated: dict[str, frozenset[tuple[str, int]]] = {}
        self._reader: Questions | None = None
        self._rule: Any = None
        self._place: Path | None = None
        self._remove: Any = None

    def held(self, symbols: Iterable[str]) -> list[str]:
        """Return the symbols that have files in the cache; a missing folder has none."""
        candidates = list(symbols)
        files = self._files(candidates) if self.folder.is_dir() else {}
        return [s for s in candidates if in_file_names(s) in files]

    def lake(self, symbols: Iterable[str]) -> Questions:
        """Return a lake with the current content of the symbols' files.

        Raises :class:`~factorlab_lake.errors.NotFound` when there is no such folder.
        """
        symbols = list(symbols)
        if not self.folder.is_dir():
            raise NotFound(
                f"No cache folder at {self.folder}; set FACTORLAB_CACHE_DIR to the folder that contains "
                "price_data/ and the others.",
                path=str(self.folder),
            )
        files, rule = self._files(symbols), self._availability()
        nothing: frozenset[tuple[str, int]] = frozenset()
        with self._lock:
            changed = [
                s for s in symbols if files.get(in_file_names(s), nothing) - self._migrated.get(s, nothing)
            ]
            if self._reader is None or changed or rule != self._rule:
                self._rule, self._reader = rule, self._migrate(changed, rule)
                self._migrated |= {s: files[in_file_names(s)] for s in changed}
            return self._reader

    def close(self) -> None:
        """Remove the temporary lake; the next query creates another."""
        with self._lock:
            if self._remove is not None:
                self._remove()
            self._reader = self._place = self._remove = None
            self._migrated.clear()

    def _migrate(self, symbols: list[str], rule: Any) -> Questions:
        """Migrate the files of some symbols and return a new reader; other readers keep their snapshot."""
        if self._place is None:
            self._place = Path(tempfile.mkdtemp(prefix="factorlab-cache-"))
            self._remove = weakref.finalize(self, shutil.rmtree, self._place, ignore_errors=True)
        lake = open_lake(self._place / "lake", availability=rule)
        if symbols:
            from factorlab_lake.ingest.legacy_cache import migrate as legacy  # the writer is slow to import

            # Not Lake.migrate, which also writes lake.duckdb and the read index: for a few questions they
            # take longer than they save.
            only = to_symbols(symbols)
            legacy.migrate(find(lake.path), self.folder, program_version=program_version(), symbols=only)
        return open_lake(self._place / "lake", availability=rule)

    def _files(self, symbols: list[str]) -> dict[str, frozenset[tuple[str, int]]]:
        """Return the cache's files of some symbols, each with its modification time."""
        files: dict[str, set[tuple[str, int]]] = {}
        try:
            scanned = scan(self.folder, symbols)
        except InvalidInput:  # raised without files of these symbols, which is no error here
            return {}
        for file in scanned:
            if file.name is not None:
                changed_ns = (file.root / file.path).stat().st_mtime_ns
                files.setdefault(file.name.symbol.upper(), set()).add((file.path, changed_ns))
        return {name: frozenset(entries) for name, entries in files.items()}


def in_file_names(symbol: str) -> str:
    """Return a symbol as the cache's file names have it."""
    return symbol.strip().upper().replace("/", "-").replace(":", "-")


def migration_status(lake: LakeOrPlace, cache_dir: str | os.PathLike[str]) -> pl.DataFrame:
    """Return the number of the old cache's files by state, one row per dataset.

    Columns: ``dataset``, ``files``, and four states that add up to it. ``migrated``: the lake has read the
    file with its present bytes. ``differ``: the file has changed since it was read. ``missing``: it was never
    read. ``unreadable``: it was read and contains no data. ``behind_since``: when the first of the files that
    differ or are missing was written (UTC); NULL if the lake has read all. Dataset ``other`` counts files
    whose names do not belong to a cache entry; leftovers and bookkeeping do not count.

    Reads every file once but compares no values; ``lake.validate`` does. Raises
    :class:`~factorlab_lake.errors.NotFound` without such a folder.
    """
    logged = opened(lake).session.frame(_LOGGED)
    success = dict(logged.select("fetch_id", "success").iter_rows())
    endpoints = set(logged["endpoint"])
    counts: Counter[tuple[str, str]] = Counter()
    since: dict[str, datetime] = {}
    for file in scan(cache_dir):
        if not file.skip:
            dataset, state = file.name.dataset if file.name else "other", _state(file, success, endpoints)
            counts[dataset, state] += 1
            if state in _UNREAD:
                written = datetime.fromtimestamp((file.root / file.path).stat().st_mtime, UTC)
                since[dataset] = min(written, since.get(dataset, written))
    rows: list[dict[str, Any]] = []
    for dataset in sorted({name for name, _ in counts}):
        states = {state: counts[dataset, state] for state in STATES}
        total = sum(states.values())
        rows.append({"dataset": dataset, "files": total, **states, "behind_since": since.get(dataset)})
    numbers = dict.fromkeys(("files", *STATES), pl.Int64)
    moment = pl.Datetime("us", "UTC")
    return pl.DataFrame(rows, schema={"dataset": pl.String, **numbers, "behind_since": moment})


def _state(file: CacheFile, success: dict[str, bool], endpoints: set[str]) -> str:
    readable = success.get(identify(file))
    if readable is not None:
        return "migrated" if readable else "unreadable"
    return "differ" if f"cache:{file.shown}" in endpoints else "missing"
