"""Convert DuckDB results to polars frames, through Arrow and without pyarrow, and let DuckDB read buckets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema import literal
from factorlab_lake.storage.bucket_path import in_bucket

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

__all__ = ["in_order", "release_memory", "show_bucket", "to_polars"]

# The prefix of arro3's message for an error amid the rows; arro3 has no exception class for it.
_LATE = "C Data interface error: "
_MANY = 10_000  # rows from which on a numeric sort key saves more time than it costs


def to_polars(
    con: duckdb.DuckDBPyConnection,
    relation: duckdb.DuckDBPyRelation | None,
    *,
    limit_bytes: int | None = None,
) -> pl.DataFrame:
    """Return the rows of a connection's result, or an empty frame for a statement without a result.

    Raises :class:`InvalidInput` for INTERVAL columns and for two columns of one name, which polars refuses,
    and DuckDB's error of full memory for more than ``limit_bytes``.
    """
    if relation is None:
        return pl.DataFrame()
    for name, kind in zip(relation.columns, relation.types, strict=True):
        if "INTERVAL" in str(kind):
            raise InvalidInput(
                f"Column {name!r} is an INTERVAL, which polars has no type for; cast it, such as to VARCHAR."
            )
    twice = [name for name, count in Counter(relation.columns).items() if count > 1]
    if twice:
        raise InvalidInput(f"Two columns are called {twice[0]!r}; rename one with AS.", column=twice[0])
    if con.list_filesystems() and hasattr(type(relation), "execute"):
        # DuckDB 1 ends its threads in the call for the last rows, during which arro3 holds the GIL. A thread
        # that closes a file of Python's waits for the GIL: with the rows complete beforehand, neither waits.
        relation.execute()  # type: ignore[operator]  # DuckDB 2 has no such method
    # Convert through arro3: with polars alone, DuckDB's bindings report leaks when Python exits.
    try:
        return pl.DataFrame(_read(relation, limit_bytes))
    except Exception as fault:
        if type(fault) is not Exception or not str(fault).startswith(_LATE):
            raise
        message = str(fault).removeprefix(_LATE)
        if "Query interrupted" in message:  # the text that DuckDB raises before the first rows
            raise RuntimeError("Query interrupted") from None
        import duckdb

        raise duckdb.Error(message) from None


def _read(relation: duckdb.DuckDBPyRelation, limit_bytes: int | None) -> Any:
    from arro3.core import RecordBatchReader, Table  # answers of the read index do not need it

    if limit_bytes is None:
        return Table.from_arrow(relation)
    reader, batches, size_bytes = RecordBatchReader.from_arrow(relation), [], 0
    for batch in reader:
        batches.append(batch)
        size_bytes += batch.nbytes
        if size_bytes > limit_bytes:
            import duckdb

            del reader  # an open result blocks the connection
            raise duckdb.OutOfMemoryException(f"Out of Memory: the answer has over {limit_bytes:,} bytes.")
    return Table.from_batches(batches, schema=reader.schema)


def in_order(rows: pl.DataFrame, symbols: list[str]) -> pl.DataFrame:
    """Return rows of these symbols ordered by symbol and date.

    Many rows are sorted by one number per row, the symbol's place above the days since 1970, which is twice
    as fast as by text. They are copied into one piece of memory first, because gathering is faster there.
    """
    if rows.height < _MANY:
        return rows.sort("symbol", "date")
    place = pl.col("symbol").cast(pl.Enum(sorted(set(symbols)))).to_physical().cast(pl.Int64)
    rows = rows.rechunk()
    key = rows.lazy().select(place * 2**32 + pl.col("date").to_physical()).collect()  # lazy: uses all cores
    return rows.sort(key.to_series())


def show_bucket(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Let a DuckDB connection read ranges of the objects below a path; nothing is to do for a folder."""
    if in_bucket(root) is not None:
        from factorlab_lake.storage.bucket_filesystem import BucketFilesystem  # fsspec is slow to import

        scheme = root.parts[0].removesuffix(":")
        if scheme not in con.list_filesystems():
            con.register_filesystem(BucketFilesystem(scheme))


def release_memory(con: duckdb.DuckDBPyConnection) -> None:
    """Return the memory of a database's finished queries to the system.

    DuckDB keeps it for later queries: reading 128 companies by two queries a table left 140 MB. Setting the
    limit returns it, also where the limit stays the same.
    """
    limit = con.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]
    con.execute(f"SET memory_limit = {literal(limit)}")
