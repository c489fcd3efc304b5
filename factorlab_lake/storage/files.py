"""The data files of a snapshot, and which of them a question needs.

A table version's file list is derived from its Delta log once, when the version is committed, and kept
beside the snapshots, so that a reader starts without replaying logs. A missing list is rebuilt.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

from factorlab_lake.errors import WriteFailed
from factorlab_lake.schema import TABLES, table
from factorlab_lake.storage.data_file import DataFile
from factorlab_lake.storage.layout import Layout, write_atomically
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["added_rows", "files_of", "list_path", "prune", "read_list", "row_counts", "save_list"]


def save_list(layout: Layout, name: str, version: int) -> list[DataFile]:
    """Derive the file list of a table version from its Delta log, save it for readers and return it."""
    # Loaded here because a reader with kept lists never needs the Delta library.
    from factorlab_lake.storage import delta

    found = delta.list_files(layout.table(name), table(name), version)
    # A reader of a folder that cannot be written to derives the list each time.
    with suppress(WriteFailed):
        write_atomically(
            list_path(layout, name, version), json.dumps([astuple(f) for f in found]), derived=True
        )
    return found


def files_of(layout: Layout, snapshot: Snapshot, name: str) -> list[DataFile]:
    """Return the files that hold a table's rows in a snapshot; none when the table has no rows yet."""
    version = snapshot.tables.get(name)
    if version is None:
        return []
    listed = read_list(layout, name, version)
    return save_list(layout, name, version) if listed is None else listed


def read_list(layout: Layout, name: str, version: int) -> list[DataFile] | None:
    """Return the file list that is kept of a table version; None when there is none that can be read."""
    try:
        rows = json.loads(list_path(layout, name, version).read_text(encoding="utf-8"))
        return [DataFile(p, n, size, part, tuple(s), tuple(d)) for p, n, size, part, s, d in rows]
    except (FileNotFoundError, ValueError, TypeError):
        return None


def row_counts(layout: Layout, snapshot: Snapshot) -> dict[str, int]:
    """Return how many rows each table has in a snapshot."""
    return {name: sum(f.rows for f in files_of(layout, snapshot, name)) for name in TABLES}


def added_rows(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return how many rows the tables of data gained, of those that did; not the records of how they came."""
    of_data = [name for name in TABLES if name not in ("data_fetch_log", "rejected_records")]
    return {name: after[name] - before[name] for name in of_data if after[name] != before[name]}


def prune(
    files: list[DataFile],
    *,
    symbols: list[str] | None = None,
    first: str | None = None,
    last: str | None = None,
) -> list[DataFile]:
    """Keep the files that can hold rows of the symbols between two ISO dates; unknown ranges are kept.

    Delta may cut a long maximum short, so the upper end of a file's symbols is compared by its prefix.
    """
    return [f for f in files if _overlaps(f.dates, first, last) and _holds_any(f.symbols, symbols)]


def _overlaps(span: tuple[str | None, str | None], first: str | None, last: str | None) -> bool:
    low, high = span
    return not ((last and low and low > last) or (first and high and high < first))


def _holds_any(span: tuple[str | None, str | None], symbols: list[str] | None) -> bool:
    low, high = span
    if symbols is None or low is None or high is None:
        return True
    return any(low <= s and s[: len(high)] <= high for s in symbols)


def list_path(layout: Layout, name: str, version: int) -> Path:
    """Return where the file list of a table version is kept."""
    return layout.file_lists / f"{name}-{version}.json"
