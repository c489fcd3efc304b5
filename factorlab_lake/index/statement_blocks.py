"""Build and read tiles of statements: one compressed block per symbol with its rows as SQL returns them.

A block is an Arrow IPC stream, compressed with zstd, of all versions and types in the order of the answer.
Measured for 120 rows of 27 columns: 28 KB, decoded in 0.2 ms. Parquet takes 0.6 ms; an IPC file, 0.5 ms.
Blocks of many symbols are decoded as one stream, and filtered as one chunk: half the time.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from factorlab_lake.functions.duckdb_functions import sql_text
from factorlab_lake.functions.question_texts import question_text
from factorlab_lake.index.tiles import Array, Tile, TileDamaged, TileFile, is_stored, write_tile
from factorlab_lake.schema import STATEMENT_TABLES, table
from factorlab_lake.schema.rules import SAME_PERIOD_DAYS

__all__ = [
    "STATEMENTS",
    "StatementRequest",
    "delete_damaged",
    "encode",
    "is_present",
    "read_statements",
    "saturated",
    "stored_blocks",
    "view_text",
    "write_blocks",
]

STATEMENTS = "SELECT * FROM financial_statements WHERE symbol IN (SELECT unnest($symbols::VARCHAR[]))"

_VIEW = "financial_statements"
_LENGTH = np.dtype("<u4")
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
_ORDER = ["statement_type", *(n for n in table(STATEMENT_TABLES["income"]).sort_by if n != "symbol")]


@dataclass(frozen=True, slots=True)
class StatementRequest:
    """Select statements: of some types, of periods that end between two dates, and some of their versions.

    Without ``as_of`` these are all versions; with it, those of the vintage as of that day.
    """

    types: Sequence[str]
    first: date
    last: date
    as_of: date | None = None
    vintage: str = "known"


def view_text() -> str:
    """Return the SQL that computes the rows of the blocks."""
    return sql_text(_VIEW)


def encode(rows: pl.DataFrame) -> dict[str, Array]:
    """Return the block of each symbol that has rows in the result of :data:`STATEMENTS`."""
    rows = rows.sort("symbol", *_ORDER)  # the unsorted rows are freed: each copy takes memory
    runs = rows["symbol"].rle().struct.unnest()
    ends = runs["len"].cum_sum()
    return {
        symbol: _block(rows[end - length : end])
        for length, symbol, end in zip(runs["len"], runs["value"], ends, strict=True)
    }


def _block(rows: pl.DataFrame) -> Array:
    buffer = io.BytesIO()
    rows.rechunk().write_ipc_stream(buffer, compression="zstd")
    return np.frombuffer(buffer.getvalue(), np.uint8)


def write_blocks(folder: Path, blocks: Mapping[int, Array]) -> TileFile | None:
    """Write the tile of a group from the blocks by slot; return None for a group without statements."""
    if not blocks:
        return None
    return write_tile(folder, np.zeros((1, 1)), {str(slot): b for slot, b in blocks.items()}, {})


def stored_blocks(folder: Path, file: TileFile | None) -> dict[int, Array] | None:
    """Return the blocks of a tile by slot, with their checksums compared; None if the tile is damaged."""
    if file is None:
        return {}
    try:
        tile = Tile(folder / file.name, file.size_bytes)
        return {slot: tile.array(str(slot)) for slot in _slots(tile)}
    except TileDamaged:
        return None


def is_present(folder: Path, file: TileFile | None) -> bool:
    """Return whether a tile has its size on disk; a group without a tile needs none."""
    path = folder / (file.name if file else "")
    return file is None or is_stored(path, file.size_bytes)


def _slots(tile: Tile) -> list[int]:
    return [int(name) for name in tile.array_names if name.isdigit()]


def read_statements(
    parts: Sequence[tuple[Tile, list[int]]], request: StatementRequest
) -> pl.DataFrame | None:
    """Return the requested rows of some slots of tiles, ordered by symbol, type, period and version.

    Without a tile, the columns are unknown: None.
    """
    # Versions of one period can end some days apart, and the newest may lie on the other side of a border.
    around = timedelta(days=0 if request.as_of is None else SAME_PERIOD_DAYS)
    first, last = saturated(request.first, -around), saturated(request.last, around)
    near = pl.col("fiscal_date").is_between(first, last)
    requested = pl.col("statement_type").is_in(request.types) & near
    # Filter tile by tile: the decoded rows of all tiles at once would exceed the memory of a large lake.
    frames = [_decoded(blocks).filter(requested) for tile, slots in parts if (blocks := _blocks(tile, slots))]
    if not frames:
        return _decoded(_blocks(parts[0][0], _slots(parts[0][0])[:1])).clear() if parts else None
    # A symbol that a later commit added stands after all others.
    rows = pl.concat(frames).sort("symbol", maintain_order=True)
    if request.as_of is None:
        return rows
    is_in_range = pl.col("fiscal_date").is_between(request.first, request.last)
    return _as_of(rows, request.as_of, request.vintage).filter(is_in_range)


def saturated(day: date, distance: timedelta) -> date:
    """Return a day some days earlier or later, within the dates that Python has.

    >>> saturated(date(9999, 12, 30), timedelta(days=7))
    datetime.date(9999, 12, 31)
    """
    try:
        return day + distance
    except OverflowError:
        return date.max if distance > timedelta() else date.min


def _as_of(rows: pl.DataFrame, day: date, vintage: str) -> pl.DataFrame:
    """Return the versions of a vintage as of a day, by the SQL text of all engines."""
    statements = rows.lazy().with_columns(as_of_date=pl.lit(day), of_vintage=pl.lit(vintage))
    return pl.SQLContext(statements=statements).execute(question_text("statements_as_of")).collect()


def _blocks(tile: Tile, slots: Sequence[int]) -> list[Array]:
    """Return the blocks of the slots that have any."""
    names = set(tile.array_names)
    return [tile.array(str(slot)) for slot in slots if str(slot) in names]


def _decoded(blocks: Sequence[Array]) -> pl.DataFrame:
    """Return the rows of blocks, in one chunk.

    Reading the schema takes most of the time of a small block. The rows of blocks with one schema are one
    stream: the schema, the batches of each block, and the end.
    """
    schema = _schema_message(blocks[0])
    if any(_schema_message(block) != schema for block in blocks):  # another version of polars wrote some
        return pl.concat([_decoded([block]) for block in blocks]).rechunk()
    batches = (block[len(schema) : -len(_END_OF_STREAM)].data for block in blocks)
    return pl.read_ipc_stream(b"".join([schema, *batches, _END_OF_STREAM])).rechunk()


def _schema_message(block: Array) -> bytes:
    """Return the first message of a block: a mark of 4 bytes, its length, and the schema."""
    length = int(block[4:8].view(_LENGTH)[0])
    return block[: 8 + length].tobytes()


def delete_damaged(error: TileDamaged) -> None:
    """Delete the file of a damaged tile, so that the next commit writes it again.

    A commit compares only the sizes of tiles that it reuses, so it does not notice a flipped bit.
    """
    # A file that could not be opened may be intact: the process may have too many open files.
    if error.__cause__ is None:
        with suppress(OSError):
            Path(error.args[0]).unlink(missing_ok=True)
