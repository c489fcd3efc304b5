"""Sending rows: one binary COPY for all parts, each of which is made while the one before is being sent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl
from adbc_driver_manager import Error as BulkError
from arro3.core import RecordBatch, RecordBatchReader

from factorlab_lake.sync.postgres.prefetch import ahead

if TYPE_CHECKING:
    from adbc_driver_postgresql.dbapi import Cursor

__all__ = ["send"]

# The driver writes so many bytes in the server's form before it sends them; with its own 16 MB the server has
# nothing to do while these are written.
_PIECE_BYTES = 1 << 18


def send(cursor: Cursor, table: str, parts: Iterator[pl.DataFrame], *, temporary: bool = False) -> None:
    """Append rows to a table in one COPY; an error in making them is raised as it is, and ends the COPY."""
    first = next(parts, None)
    if first is None:
        return
    stopped: list[BaseException] = []
    batches = _batches(ahead(chain([first], parts)), stopped)
    reader = RecordBatchReader.from_batches(_one_batch(first.clear()).schema, batches)
    cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_PIECE_BYTES)})
    try:
        cursor.adbc_ingest(table, reader, mode="append", temporary=temporary)
    except BulkError:
        if stopped:
            raise stopped[0] from None
        raise


def _batches(parts: Iterator[pl.DataFrame], stopped: list[BaseException]) -> Iterator[RecordBatch]:
    """Yield each part as the driver takes it; keep what went wrong, of which it tells the text alone."""
    try:
        yield from map(_one_batch, parts)
    except BaseException as fault:
        stopped.append(fault)
        raise


def _one_batch(rows: pl.DataFrame) -> RecordBatch:
    return RecordBatch.from_arrow(rows.rechunk())
