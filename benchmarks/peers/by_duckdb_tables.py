"""DuckDB with tables of its own, in its own file: what one gets by loading the data once."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.files import files_in
from benchmarks.peers.plain_sql import NEEDED, PlainSql
from benchmarks.sources import Sources
from factorlab_lake.schema import TABLES

__all__ = ["Answers", "make"]


class Answers(PlainSql):
    """The tables in a file opened to read."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(duckdb.connect(sources.tables, read_only=True))


def make(lake: str, target: str) -> None:
    """Load the tables, in the order that the lake's files have."""
    files = files_in(Path(lake))
    with duckdb.connect(target) as con:
        for name in NEEDED:
            rows = f"read_parquet($1, hive_partitioning = true) ORDER BY {', '.join(TABLES[name].sort_by)}"
            con.execute(f"CREATE TABLE {name} AS FROM {rows}", [files[name]])
