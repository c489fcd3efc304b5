"""Name the places of one market: the lake, and its copy in the store of each peer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["Files", "Sources"]

Files: TypeAlias = dict[str, list[str]]  # the paths of Parquet files by table


@dataclass(frozen=True, slots=True)
class Sources:
    """Hold the path of the lake, its Parquet files by table, and the copies; missing ones are empty."""

    lake: str
    files: Files = field(default_factory=dict)
    tables: str = ""  # a DuckDB file with tables of its own
    parquet: str = ""  # a folder of Parquet files for pyarrow
    arctic: str = ""  # a folder of ArcticDB
    url: str = ""  # a database on a PostgreSQL server
    cache: str = ""  # Factor Lab's files of gzipped JSON
