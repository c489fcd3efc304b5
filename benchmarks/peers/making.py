"""Write the copies of a market that peers need, each once and in a process of its own.

Libraries are imported where they are used, because some are optional.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.market import files_in
from benchmarks.peers.flows import NEEDED
from factorlab_lake.schema import TABLES

__all__ = ["arctic", "parquet", "tables"]

_ROW_GROUP = 131_072  # as in the lake's files


def parquet(lake: str, target: str) -> None:
    """Write the same files with plain texts: pyarrow has no filter on the views of texts that Delta wrote."""
    pq = import_module("pyarrow.parquet")
    for name in NEEDED:
        for path in files_in(Path(lake))[name]:
            copy = Path(target, name, *Path(path).relative_to(Path(lake, name)).parts)
            copy.parent.mkdir(parents=True, exist_ok=True)
            rows = pl.read_parquet(path, hive_partitioning=False)
            plain = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
            pq.write_table(plain, copy, compression="zstd", row_group_size=_ROW_GROUP)


def tables(lake: str, target: str) -> None:
    """Load a DuckDB file with the tables, in the order that the lake's files have."""
    files = files_in(Path(lake))
    with import_module("duckdb").connect(target) as con:
        for name in NEEDED:
            rows = f"read_parquet($1, hive_partitioning = true) ORDER BY {', '.join(TABLES[name].sort_by)}"
            con.execute(f"CREATE TABLE {name} AS FROM {rows}", [files[name]])


def arctic(lake: str, target: str) -> None:
    """Write a frame per symbol and table into ArcticDB; splits are few, and one frame."""
    files = files_in(Path(lake))
    store = import_module("arcticdb").Arctic(f"lmdb://{target}?map_size=20GB")
    for name in NEEDED:
        library = store.create_library(name)
        rows = pl.scan_parquet(files[name]).sort(TABLES[name].sort_by).collect()
        if name == "splits":
            library.write("all", _frame(rows))
            continue
        for part in rows.partition_by("symbol", maintain_order=True):
            library.write(part.item(0, "symbol"), _frame(part.drop("symbol"), TABLES[name].time_column))


def _frame(rows: pl.DataFrame, index: str = "") -> Any:
    """Return rows in the types of ArcticDB: days as timestamps, texts as Python objects."""
    # ArcticDB cannot store a text column without any value.
    empty = [c for c, kind in rows.schema.items() if kind == pl.String and not rows[c].count()]
    frame = rows.drop(empty).with_columns(pl.col(pl.Date).cast(pl.Datetime("ns"))).to_pandas()
    texts = [c for c in frame.columns if frame[c].dtype == "str"]
    frame = frame.astype(dict.fromkeys(texts, object))
    return frame.set_index(index) if index else frame
