"""Send and fetch rows in bulk: binary COPY into a table, Arrow batches out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl
from adbc_driver_manager import Error as BulkError
from arro3.core import RecordBatch, RecordBatchReader

from factorlab_lake.schema import TableSpec, identifier
from factorlab_lake.storage.delta import polars_schema
from factorlab_lake.sync.protocol import EVERYTHING, NO_YEAR, ROW_HASH, Batch

if TYPE_CHECKING:
    from adbc_driver_postgresql.dbapi import Cursor

__all__ = ["batch_condition", "fetch_rows", "prefetch", "scalar", "send"]

_T = TypeVar("_T")
# The driver encodes this many bytes before it sends them. With its default of 16 MB the server is idle
# meanwhile.
_PIECE_BYTES = 1 << 18


def send(cursor: Cursor, table: str, parts: Iterator[pl.DataFrame], *, temporary: bool = False) -> None:
    """Append rows to a table in one COPY.

    An exception of ``parts`` ends the COPY and is raised unchanged.
    """
    first = next(parts, None)
    if first is None:
        return
    errors: list[BaseException] = []
    batches = _batches(prefetch(chain([first], parts)), errors)
    reader = RecordBatchReader.from_batches(_one_batch(first.clear()).schema, batches)
    cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_PIECE_BYTES)})
    try:
        cursor.adbc_ingest(table, reader, mode="append", temporary=temporary)
    except BulkError:
        if errors:
            raise errors[0] from None
        raise


def fetch_rows(cursor: Cursor, batch: Batch, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield frames with some columns of a batch's rows, in the lake's types."""
    expressions = ", ".join(_selected(batch.spec, name) for name in columns)
    condition = batch_condition(batch)
    cursor.execute(f"SELECT {expressions} FROM {identifier(batch.spec.name)} WHERE {condition}")
    schema = pl.Schema({**polars_schema(batch.spec), ROW_HASH: pl.Int64()})
    for part in RecordBatchReader.from_arrow(cursor.fetch_arrow()):
        frame = pl.DataFrame(part)
        yield frame.select(pl.col(name).cast(schema[name]) for name in columns)


def batch_condition(batch: Batch) -> str:
    """Return the SQL condition that selects the rows of a batch."""
    column = identifier(batch.spec.partition_by)
    if batch.name == EVERYTHING:
        return "true"
    return f"{column} IS NULL" if batch.name == NO_YEAR else f"{column} = {batch.partition}"


def scalar(cursor: Cursor, statement: str, *values: Any) -> Any:
    """Return the single value of a query, or None if it has no row."""
    cursor.execute(statement, values or None)
    rows = pl.DataFrame(cursor.fetch_arrow())  # the driver's own fetch methods need pyarrow
    return rows.item(0, 0) if rows.height else None


def prefetch(parts: Iterator[_T]) -> Iterator[_T]:
    """Yield the parts in order; a thread computes the next part while the caller uses the current one.

    >>> list(prefetch(iter("abc")))
    ['a', 'b', 'c']
    """
    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(next, parts, None)
        while (part := pending.result()) is not None:
            pending = thread.submit(next, parts, None)
            yield part


def _batches(parts: Iterator[pl.DataFrame], errors: list[BaseException]) -> Iterator[RecordBatch]:
    """Yield each part as an Arrow batch; collect an exception, of which the driver reports only the text."""
    try:
        yield from map(_one_batch, parts)
    except BaseException as error:
        errors.append(error)
        raise


def _one_batch(rows: pl.DataFrame) -> RecordBatch:
    return RecordBatch.from_arrow(rows.rechunk())


def _selected(spec: TableSpec, name: str) -> str:
    quoted = identifier(name)
    json = name != ROW_HASH and spec.column(name).kind == "json"
    return f"{quoted}::text AS {quoted}" if json else quoted
