"""Send and fetch rows in bulk: Parquet files by PUT and COPY INTO, and slices of a query's rows."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from factorlab_lake.schema import TableSpec
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.sync.protocol import EVERYTHING, NO_YEAR, ROW_HASH, Batch
from factorlab_lake.sync.snowflake.connection import Connection
from factorlab_lake.sync.snowflake.ddl import VALUE_HASH, column_name, stage, text, value_hash

__all__ = ["FILES", "batch_condition", "fetch_rows", "send"]

FILES = "factorlab_lake_files"
"""The stage to which files are uploaded."""

_ROWS_PER_FILE = 300_000  # a file of bars then has about 10 MB
_ROWS_AT_A_TIME = 10_000
_COPY = (
    "COPY INTO {table} FROM {place} FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE) "
    "MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE PURGE = TRUE"
)


def send(con: Connection, spec: TableSpec, parts: Iterator[pl.DataFrame]) -> int:
    """Copy rows to the stage table of a table, inside its transaction; return their number.

    A file has a name of its own, because Snowflake loads none twice.
    """
    sent = 0
    for rows in _files(parts):
        with tempfile.TemporaryDirectory(prefix="factorlab-snowflake-") as folder:
            file = Path(folder) / f"{spec.name}-{uuid.uuid4().hex}.parquet"
            schema = {**polars_schema(spec), ROW_HASH: pl.Int64()}
            columns = [pl.col(name).cast(kind).alias(name.upper()) for name, kind in schema.items()]
            rows.select(columns).write_parquet(file, compression="zstd")
            place = text(f"file://{file.as_posix()}")
            con.run(f"PUT {place} @{FILES} AUTO_COMPRESS = FALSE OVERWRITE = TRUE")
            con.run(_COPY.format(table=stage(spec), place=f"@{FILES}/{file.name}"))
        sent += rows.height
    return sent


def fetch_rows(con: Connection, batch: Batch, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield frames with some columns of a batch's rows, in the lake's types.

    The hash of a row is NULL if another program changed its values, or wrote a second row of its key.
    """
    spec = batch.spec
    schema = pl.Schema({**polars_schema(spec), ROW_HASH: pl.Int64()})
    selected = ", ".join(_selected(spec, name) for name in columns)
    query = f"SELECT {selected} FROM {column_name(spec.name)} WHERE {batch_condition(batch)}"
    cursor = con.run(query)
    while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
        values = zip(*rows, strict=True)
        yield pl.DataFrame(
            [pl.Series(n, list(v), dtype=schema[n]) for n, v in zip(columns, values, strict=True)]
        )


def batch_condition(batch: Batch) -> str:
    """Return the SQL condition that selects the rows of a batch."""
    if batch.name == EVERYTHING:
        return "TRUE"
    column = column_name(batch.spec.partition_by)
    return f"{column} IS NULL" if batch.name == NO_YEAR else f"{column} = {batch.partition}"


def _files(parts: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Join slices into the rows of one file each."""
    waiting: list[pl.DataFrame] = []
    for part in parts:
        waiting.append(part)
        if sum(p.height for p in waiting) >= _ROWS_PER_FILE:
            yield pl.concat(waiting)
            waiting = []
    if any(p.height for p in waiting):
        yield pl.concat(waiting)


def _selected(spec: TableSpec, name: str) -> str:
    if name == ROW_HASH:
        key = ", ".join(map(column_name, spec.key))
        same = f"{column_name(VALUE_HASH)} = {value_hash(spec)} AND COUNT(*) OVER (PARTITION BY {key}) = 1"
        return f"CASE WHEN {same} THEN {column_name(ROW_HASH)} END AS {column_name(ROW_HASH)}"
    if spec.column(name).kind == "json":
        return f"TO_JSON({column_name(name)}) AS {column_name(name)}"
    return column_name(name)
