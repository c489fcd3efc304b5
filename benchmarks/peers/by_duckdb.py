"""Plain DuckDB over the lake's Parquet files: ASOF JOIN as its manual shows it."""

from __future__ import annotations

import duckdb

from benchmarks.peers.flows import NEEDED
from benchmarks.peers.plain_sql import PlainSql
from benchmarks.sources import Sources

__all__ = ["Answers"]


class Answers(PlainSql):
    """Views over the files; what is in a file's footer is read once."""

    def __init__(self, sources: Sources) -> None:
        con = duckdb.connect()
        con.execute("SET parquet_metadata_cache = true")
        for name in NEEDED:
            files = ", ".join(f"'{path}'" for path in sources.files[name])
            con.execute(
                f"CREATE VIEW {name} AS FROM read_parquet([{files}], hive_partitioning = true, "
                "hive_types_autocast = true)"
            )
        super().__init__(con)
