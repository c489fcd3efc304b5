"""How far the move from the old cache is: its files by what became of them."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import polars as pl

from factorlab_lake.ingest.legacy_cache.reader import CacheFile, identify, scan
from factorlab_lake.legacy.provider_arguments import LakeOrPlace, opened

__all__ = ["STATES", "migration_status"]

STATES = ("landed", "differ", "missing", "unreadable")

# Cache files that were read, by their place; the same place may have held several contents.
_LOGGED = "SELECT fetch_id, endpoint, success FROM data_fetch_log WHERE endpoint LIKE 'cache:%'"


def migration_status(lake: LakeOrPlace, cache_dir: str | os.PathLike[str]) -> pl.DataFrame:
    """Return how many files of the old cache a lake has, one row per dataset.

    Columns: ``dataset``, ``files`` and, adding up to it, ``landed`` (with the bytes that the file has now),
    ``differ`` (a file of that name landed, and has changed since), ``missing`` (never read into this lake)
    and ``unreadable`` (read, and found to be no data). ``other`` are files whose names are none of a cache
    entry; leftovers and bookkeeping are not counted. Reads every file once, and its values not at all: those
    ``lake.validate`` compares. Raises :class:`~factorlab_lake.errors.NotFound` without such a folder.
    """
    logged = opened(lake).sql(_LOGGED)
    success = dict(logged.select("fetch_id", "success").iter_rows())
    places = set(logged["endpoint"])
    counted: Counter[tuple[str, str]] = Counter()
    for file in scan(cache_dir):
        if not file.skip:
            counted[file.name.dataset if file.name else "other", _state(file, success, places)] += 1
    rows: list[dict[str, Any]] = []
    for dataset in sorted({name for name, _ in counted}):
        states = {state: counted[dataset, state] for state in STATES}
        rows.append({"dataset": dataset, "files": sum(states.values()), **states})
    return pl.DataFrame(rows, schema={"dataset": pl.String, **dict.fromkeys(("files", *STATES), pl.Int64)})


def _state(file: CacheFile, success: dict[str, bool], places: set[str]) -> str:
    read = success.get(identify(file))
    if read is not None:
        return "landed" if read else "unreadable"
    return "differ" if f"cache:{file.path}" in places else "missing"
