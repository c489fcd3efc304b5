"""Rows of a target, read back in bulk with the lake's types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
from arro3.core import RecordBatchReader

from factorlab_lake.schema import TableSpec
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.sync.postgres.sql_quoting import identifier
from factorlab_lake.sync.protocol import EVERYTHING, NO_YEAR, ROW_HASH, Batch

if TYPE_CHECKING:
    from adbc_driver_postgresql.dbapi import Cursor

__all__ = ["fetched", "scalar", "where"]


def where(batch: Batch) -> str:
    """Return the condition that a row is of the batch."""
    column = identifier(batch.spec.partition_by)
    if batch.name == EVERYTHING:
        return "true"
    return f"{column} IS NULL" if batch.name == NO_YEAR else f"{column} = {batch.partition}"


def fetched(cursor: Cursor, batch: Batch, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield columns of a batch's rows, some rows at a time."""
    chosen = ", ".join(_read(batch.spec, name) for name in columns)
    cursor.execute(f"SELECT {chosen} FROM {identifier(batch.spec.name)} WHERE {where(batch)}")
    schema = pl.Schema({**polars_schema(batch.spec), ROW_HASH: pl.Int64()})
    for part in RecordBatchReader.from_arrow(cursor.fetch_arrow()):
        frame = pl.DataFrame(part)
        yield frame.select(pl.col(name).cast(schema[name]) for name in columns)


def _read(spec: TableSpec, name: str) -> str:
    quoted = identifier(name)
    json = name != ROW_HASH and spec.column(name).kind == "json"
    return f"{quoted}::text AS {quoted}" if json else quoted


def scalar(cursor: Cursor, statement: str, *values: Any) -> Any:
    """Return the one value that a query gives, None without a row."""
    cursor.execute(statement, values or None)
    rows = pl.DataFrame(cursor.fetch_arrow())  # what the driver itself reads rows with needs pyarrow
    return rows.item(0, 0) if rows.height else None
