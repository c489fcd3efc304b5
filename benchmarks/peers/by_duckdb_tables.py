"""DuckDB with tables of its own, in its own file: what one gets by loading the data once."""

from __future__ import annotations

import duckdb

from benchmarks.peers.plain_sql import PlainSql
from benchmarks.sources import Sources

__all__ = ["Answers"]


class Answers(PlainSql):
    """The tables in a file opened to read."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(duckdb.connect(sources.tables, read_only=True))
