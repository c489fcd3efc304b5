"""Answer with DuckDB over tables of its own, loaded once into its own file."""

from __future__ import annotations

import duckdb

from benchmarks.peers.plain_sql import PlainSql
from benchmarks.sources import Sources

__all__ = ["Answers"]


class Answers(PlainSql):
    """Query the tables of a file opened read-only."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(duckdb.connect(sources.tables, read_only=True))
