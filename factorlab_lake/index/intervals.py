"""Build and look up tiles of validity intervals: the rows of one derived table for up to 64 symbols.

Rows are sorted by symbol, vintage and valid_from. A row has one 64-bit float per column: numbers, days since
1970-01-01, and texts as their place in the tile's list of texts. A missing value is NaN; a symbol with a
value that is not finite is left out of the index.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import polars as pl

from factorlab_lake.index.answer_columns import Column as Evaluated
from factorlab_lake.index.answer_columns import Numbers, Texts, Vocabulary
from factorlab_lake.index.tiles import Array, Tile, TileFile, write_tile
from factorlab_lake.schema import Column, TableSpec, table
from factorlab_lake.schema.derived_tables import VINTAGES

__all__ = [
    "Intervals",
    "find_rows",
    "find_rows_of_pairs",
    "interval_columns",
    "odd_symbols",
    "rows_between",
    "with_validity",
    "write_intervals",
]

_DAY_BITS = 32
_KEYS = ("symbol", "of_vintage", "restated", "valid_from", "valid_to", "bucket")


def interval_columns(spec: TableSpec) -> tuple[Column, ...]:
    """Return the columns that a tile of a derived table has."""
    return tuple(c for c in spec.columns if c.name not in _KEYS)


def with_validity(rows: pl.DataFrame, spec: TableSpec) -> pl.DataFrame:
    """Return rows with an interval: a fiscal period, which has none, is found by its end."""
    if "valid_from" in spec.names():
        return rows
    end = pl.col("fiscal_date")
    return rows.with_columns(
        of_vintage=pl.lit(VINTAGES[0]),
        restated=pl.lit(value=False),
        valid_from=end,
        valid_to=end.dt.offset_by("1d"),
    )


def odd_symbols(rows: pl.DataFrame, spec: TableSpec) -> list[str]:
    """Return the symbols whose rows a tile cannot represent: answers about them come from SQL."""
    numbers = [c.name for c in interval_columns(spec) if c.kind == "number"]
    odd = pl.any_horizontal(pl.col(numbers).is_finite().not_()) if numbers else pl.lit(value=False)
    by_vintage = pl.col("valid_from").sort().shift(-1).over("symbol", "of_vintage", order_by="valid_from")
    overlapping = by_vintage < pl.col("valid_to")
    mixed = pl.col("restated").n_unique().over("symbol") > 1
    plain = ~pl.col("restated") & (pl.col("of_vintage") != "known")
    wrong = rows.filter(odd.fill_null(value=False) | overlapping.fill_null(value=False) | mixed | plain)
    return wrong["symbol"].unique().to_list()


def write_intervals(folder: Path, spec: TableSpec, rows: pl.DataFrame) -> TileFile:
    """Write the tile of some symbols; ``rows`` have the columns of the table and ``slot``."""
    order = pl.col("of_vintage").replace_strict(VINTAGES, range(len(VINTAGES)), return_dtype=pl.Int32)
    keys = rows.select("slot", "restated", "valid_from", "valid_to", order=order)
    in_order = keys.select(pl.arg_sort_by("slot", "order", "valid_from")).to_series()
    keys = keys[in_order]
    columns = interval_columns(spec)
    named = [rows[c.name] for c in columns if c.kind == "text"]
    texts = pl.concat([*named, pl.Series(dtype=pl.String)]).drop_nulls().unique().sort()
    places = dict(zip(texts.to_list(), range(len(texts)), strict=True))
    matrix = np.empty((rows.height, len(columns)), "<f8")
    for place, column in enumerate(columns):  # one by one: sorted rows of all columns would be a copy more
        numbers = rows.select(_number(column, places).fill_null(float("nan"))).to_series()
        matrix[:, place] = numbers[in_order].to_numpy()
    arrays = {
        "valid_from": keys["valid_from"].cast(pl.Int32).to_numpy().astype("<i4"),
        "valid_to": keys["valid_to"].cast(pl.Int32).to_numpy().astype("<i4"),
        "ranges": _ranges(keys),
    }
    return write_tile(folder, matrix, arrays, {"texts": texts.to_list()})


def _number(column: Column, places: dict[str, int]) -> pl.Expr:
    value = pl.col(column.name)
    if column.kind == "text":
        value = value.replace_strict(places, default=None, return_dtype=pl.Int32)
    elif column.kind == "date":
        value = value.cast(pl.Int32)
    return value.cast(pl.Float64)


def _ranges(rows: pl.DataFrame) -> Array:
    """Return the first row of each symbol and vintage, and the first one after them."""
    ranges = np.zeros((64, len(VINTAGES), 2), "<i4")
    placed = (
        rows.with_row_index("row")
        .group_by("slot", "order", "restated")
        .agg(start=pl.col("row").min(), end=pl.col("row").max() + 1)
    )
    for slot, order, restated, start, end in placed.iter_rows():
        ranges[slot, order if restated else slice(None)] = (start, end)
    return ranges


class Intervals:
    """Hold the rows that are valid on some day, and for each row of an answer the place of its row.

    It has the columns with some names. The place after the last row stands for no valid row.
    """

    def __init__(self, spec: TableSpec, names: frozenset[str], vocabulary: Vocabulary, size: int) -> None:
        self._columns, self._places = _chosen_columns(spec.name, names)
        self._vocabulary = vocabulary
        self._matrices: list[Array] = []
        self._starts: list[Array] = []
        self._texts: list[str] = []
        self._count = 0
        self._complete = False
        self._place = np.full(size, -1, np.intp)

    def add(self, tile: Tile, rows: Array, pairs: Array, lengths: Array) -> None:
        """Add rows of a tile; each is valid in so many of the pairs, which stand in the order of the rows."""
        self._place[pairs] = np.repeat(np.arange(self._count, self._count + len(rows)), lengths)
        # Contiguous columns: to read each from the rows misses the processor's cache at each row.
        self._matrices.append(np.ascontiguousarray(tile.rows(rows).view("<f8")[:, self._places].T))
        self._starts.append(np.full(len(rows), len(self._texts)))
        self._texts += tile.attributes["texts"]
        self._count += len(rows)

    def columns(self) -> dict[str, Callable[[], Evaluated]]:
        """Return a function for each column of the table that reads it."""
        if not self._count:
            return {c.name: partial(_missing, c) for c in self._columns}
        self._matrices.append(np.full((len(self._columns), 1), np.nan))
        self._starts.append(np.zeros(1, int))
        without = self._place < 0
        self._complete = not without.any()
        self._place[without] = self._count
        return {c.name: partial(self._column, i) for i, c in enumerate(self._columns)}

    def _column(self, place: int) -> Evaluated:
        values = np.concatenate([matrix[place] for matrix in self._matrices])
        kind = self._columns[place].kind
        known = values == values  # noqa: PLR0124 - NaN stands for NULL
        values[~known] = 0.0
        if kind == "text":
            codes = np.where(known, values.astype(np.int64) + np.concatenate(self._starts), -1)
            return Texts(self._vocabulary.places(self._texts, codes)[self._place])
        if kind != "number":
            values = values.astype(np.int32)
        every = self._complete and bool(known[:-1].all())
        return Numbers(values[self._place], None if every else known[self._place])


@lru_cache(maxsize=256)
def _chosen_columns(table_name: str, names: frozenset[str]) -> tuple[tuple[Column, ...], Array]:
    """Return some columns of a table's tiles, and their places there."""
    chosen = [(i, c) for i, c in enumerate(interval_columns(table(table_name))) if c.name in names]
    return tuple(c for _, c in chosen), np.array([i for i, _ in chosen], int)


def _missing(column: Column) -> Evaluated:
    if column.kind == "text":
        return Texts(np.int32(-1))
    return Numbers(np.int32(0) if column.kind != "number" else 0.0, np.False_)


def find_rows(
    tile: Tile, vintage: str, slots: Array, symbols: Array, days: Array
) -> tuple[Array, Array, Array]:
    """Return the rows that are valid on some of the sorted days, their pairs, and the number of days of each.

    ``symbols`` are the places of the symbols in an answer, which has a cell for each symbol and day.
    """
    ranges = tile.array("ranges")[slots, VINTAGES.index(vintage)]
    sizes = ranges[:, 1] - ranges[:, 0]
    rows = _spread(ranges[:, 0], sizes)
    first = np.searchsorted(days, tile.array("valid_from")[rows])
    lengths = np.searchsorted(days, tile.array("valid_to")[rows]) - first
    used = lengths > 0
    starts = (np.repeat(symbols, sizes) * len(days) + first)[used]
    return rows[used], _spread(starts, lengths[used]), lengths[used]


def find_rows_of_pairs(
    tile: Tile, vintage: str, slots: Array, pairs: Array, days: Array
) -> tuple[Array, Array, Array]:
    """Return the row that is valid for each pair of a slot and a day, as :func:`find_rows` returns them."""
    rows, owners = rows_between(tile, vintage, np.unique(slots))
    # A slot and a day in one number; the rows are in this order.
    starts = (owners.astype(np.int64) << _DAY_BITS) + tile.array("valid_from")[rows]
    last = np.searchsorted(starts, (slots.astype(np.int64) << _DAY_BITS) + days, side="right") - 1
    valid = last >= 0
    row = rows[np.maximum(last, 0)] if rows.size else np.zeros(len(days), int)
    if rows.size:
        valid &= (owners[np.maximum(last, 0)] == slots) & (days < tile.array("valid_to")[row])
    return row[valid], pairs[valid], np.ones(int(valid.sum()), int)


def rows_between(tile: Tile, vintage: str, slots: Array) -> tuple[Array, Array]:
    """Return all rows of some slots and the slot of each."""
    ranges = tile.array("ranges")[slots, VINTAGES.index(vintage)]
    sizes = ranges[:, 1] - ranges[:, 0]
    return _spread(ranges[:, 0], sizes), np.repeat(slots, sizes)


def _spread(starts: Array, sizes: Array) -> Array:
    """Return the numbers of ranges one after another: starts[0], starts[0] + 1, ..., starts[1], ...

    >>> _spread(np.array([5, 20]), np.array([3, 2])).tolist()
    [5, 6, 7, 20, 21]
    """
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))
