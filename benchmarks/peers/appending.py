"""Append a day's bars to the store of each peer, one file per turn.

Ours checks them, commits, and rewrites ``lake.duckdb``. The others append the rows unchecked. Libraries are
imported where they are used, because each peer is a process of its own.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.sources import Sources

__all__ = ["Arctic", "DuckdbTables", "OneMoreFile", "Ours", "Postgres"]


class _Turns:
    """Append one file with each call."""

    def __init__(self, sources: Sources) -> None:
        self._open(sources)

    def append(self, path: str) -> pl.DataFrame:
        """Append the bars of a day and return their number, for comparison."""
        return pl.DataFrame({"bars": [self._append(path)]})

    def _open(self, sources: Sources) -> None:
        raise NotImplementedError

    def _append(self, path: str) -> int:
        raise NotImplementedError


class Ours(_Turns):
    """Call ``Lake.load``."""

    def _open(self, sources: Sources) -> None:
        self._lake = import_module("factorlab_lake").open(sources.lake, create=False)

    def _append(self, path: str) -> int:
        count: int = self._lake.load("price_data", path)
        return count


class OneMoreFile(_Turns):
    """Append a Parquet file of the day with polars."""

    def _open(self, sources: Sources) -> None:
        self._folder = Path(sources.parquet, "price_data")

    def _append(self, path: str) -> int:
        rows = pl.read_parquet(path)
        folder = self._folder / f"year={rows['date'].dt.year().item(0)}"
        folder.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(folder / Path(path).name, mkdir=True)
        return rows.height


class DuckdbTables(_Turns):
    """Run an INSERT into DuckDB's own table, which is on disk when the call returns."""

    def _open(self, sources: Sources) -> None:
        self._con = import_module("duckdb").connect(sources.tables)

    def _append(self, path: str) -> int:
        rows = "SELECT *, year(date) AS year FROM read_parquet($1)"
        inserted = self._con.execute(f"INSERT INTO price_data BY NAME {rows}", [path]).fetchone()
        return int(inserted[0])


class Arctic(_Turns):
    """Append one row to each symbol's frame, in one batch."""

    def _open(self, sources: Sources) -> None:
        self._arctic = import_module("arcticdb")
        self._library = self._arctic.Arctic(f"lmdb://{sources.arctic}?map_size=20GB")["price_data"]
        self._template = self._library.read("S0000").data

    def _append(self, path: str) -> int:
        rows = pl.read_parquet(path).with_columns(pl.col(pl.Date).cast(pl.Datetime("ns"))).to_pandas()
        frame = rows.set_index("date").assign(**self._others(rows.columns))
        parts = frame.groupby("symbol")[list(self._template.columns)]
        payload = self._arctic.WritePayload
        done = self._library.append_batch([payload(symbol, part) for symbol, part in parts])
        return len(done)

    def _others(self, columns: Any) -> dict[str, Any]:
        """Return the provenance columns that the stored frames have besides."""
        return {n: self._template[n].iloc[-1] for n in self._template.columns if n not in columns}


class Postgres(_Turns):
    """Run a COPY into the server's table; the server of the benchmarks does not wait for its disk."""

    def _open(self, sources: Sources) -> None:
        self._con = import_module("psycopg").connect(sources.url, autocommit=True)

    def _append(self, path: str) -> int:
        rows = pl.read_parquet(path).with_columns(year=pl.col("date").dt.year(), fetch_id=pl.lit("day"))
        copy = f"COPY price_data ({', '.join(rows.columns)}) FROM STDIN (FORMAT csv)"
        with self._con.cursor() as cursor, cursor.copy(copy) as sink:
            sink.write(rows.write_csv(include_header=False))
        return rows.height
