"""Answer with plain DuckDB over the lake's Parquet files: ASOF JOIN as in its manual."""

from __future__ import annotations

import duckdb

from benchmarks.peers.flows import NEEDED
from benchmarks.peers.plain_sql import PlainSql
from benchmarks.sources import Sources

__all__ = ["Answers"]


class Answers(PlainSql):
    """Query views over the files; the footer of a file is read once."""

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
