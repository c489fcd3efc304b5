"""The Parquet files of a lake's tables, as any other reader of Delta tables finds them."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable

from benchmarks.sources import Files

__all__ = ["files_in"]


def files_in(lake: Path) -> Files:
    """Return the current files by table."""
    return {p.parent.name: sorted(DeltaTable(p.parent).file_uris()) for p in lake.glob("*/_delta_log")}
