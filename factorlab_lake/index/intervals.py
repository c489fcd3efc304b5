"""Build and look up tiles of validity intervals: the rows of one derived table for up to 64 symbols.

Rows are sorted by symbol, vintage and valid_from. A row has one 64-bit float per column: numbers, days since
1970-01-01, and texts as their place in the tile's list of texts. A missing value is NaN; a symbol with a
value that is not finite is left out of the index.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from factorlab_lake.index.tiles import Array, Tile, TileFile, write_tile
from factorlab_lake.schema import Column, TableSpec
from factorlab_lake.schema.derived_tables import VINTAGES

__all__ = ["Intervals", "Reading", "interval_columns", "odd_symbols", "read_intervals", "write_intervals"]

_KEYS = ("symbol", "of_vintage", "restated", "valid_from", "valid_to", "bucket")


def interval_columns(spec: TableSpec) -> tuple[Column, ...]:
    """Return the columns that a tile of a derived table has."""
    return tuple(c for c in spec.columns if c.name not in _KEYS)


def odd_symbols(rows: pl.DataFrame, spec: TableSpec) -> list[str]:
    """Return the symbols whose rows a tile cannot represent: answers about them come from SQL."""
    numbers = [c.name for c in interval_columns(spec) if c.kind == "number"]
    odd = pl.any_horizontal(pl.col(numbers).is_finite().not_())
    by_vintage = pl.col("valid_from").sort().shift(-1).over("symbol", "of_vintage", order_by="valid_from")
    overlapping = by_vintage < pl.col("valid_to")
    mixed = pl.col("restated").n_unique().over("symbol") > 1
    plain = ~pl.col("restated") & (pl.col("of_vintage") != "known")
    wrong = rows.filter(odd.fill_null(value=False) | overlapping.fill_null(value=False) | mixed | plain)
    return wrong["symbol"].unique().to_list()


def write_intervals(folder: Path, spec: TableSpec, rows: pl.DataFrame) -> TileFile:
    """Write the tile of some symbols; ``rows`` have the columns of the table and ``slot``."""
    order = pl.col("of_vintage").replace_strict(VINTAGES, range(len(VINTAGES)), return_dtype=pl.Int32)
    rows = rows.with_columns(order=order).sort("slot", "order", "valid_from")
    columns = interval_columns(spec)
    texts = pl.concat([rows[c.name] for c in columns if c.kind == "text"]).drop_nulls().unique().sort()
    places = dict(zip(texts.to_list(), range(len(texts)), strict=True))
    numeric = rows.select(_number(c, places) for c in columns)
    matrix = np.ascontiguousarray(numeric.fill_null(float("nan")).to_numpy().astype("<f8"))
    arrays = {
        "valid_from": rows["valid_from"].cast(pl.Int32).to_numpy().astype("<i4"),
        "valid_to": rows["valid_to"].cast(pl.Int32).to_numpy().astype("<i4"),
        "ranges": _ranges(rows),
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


@dataclass(slots=True)
class Intervals:
    """Hold the rows that are valid on some day, and for each symbol and day the place of its row.

    The last row is empty: its place stands where no row is valid.
    """

    rows: pl.DataFrame
    place: Array


def read_intervals(
    parts: list[tuple[Tile, Array, Array]],
    vintage: str,
    days: Array,
    shape: tuple[int, int],
    reading: Reading,
) -> Intervals:
    """Return the rows of some symbols that are valid on some sorted days, from all tiles that have them.

    ``parts``: a tile, the slots of symbols in it, and their rows in ``place``.
    """
    place = np.full(shape[0] * shape[1], -1, np.int32)
    matrices: list[Array] = []
    texts: list[str] = []
    count = 0
    for tile, slots, symbols in parts:
        rows, pairs, lengths = _valid_rows(tile, VINTAGES.index(vintage), slots, symbols, days)
        place[pairs] = np.repeat(np.arange(count, count + len(rows), dtype=np.int32), lengths)
        values = tile.rows(rows).view("<f8")[:, reading.places]
        values[:, reading.texts] += len(texts)
        matrices.append(values)
        texts += tile.attributes["texts"]
        count += len(rows)
    place[place < 0] = count
    matrices.append(np.full((1, len(reading.columns)), np.nan))
    return Intervals(_frame(np.concatenate(matrices), reading, texts), place.astype(np.uint32))


class Reading:
    """Select the columns of a table's tiles that a question reads."""

    def __init__(self, spec: TableSpec, names: list[str] | None = None) -> None:
        stored = interval_columns(spec)
        self.table = spec.name
        self.columns = tuple(c for c in stored if names is None or c.name in names)
        self.places = np.array([stored.index(c) for c in self.columns])
        self.texts = np.array([i for i, c in enumerate(self.columns) if c.kind == "text"], dtype=int)


def _valid_rows(
    tile: Tile, vintage: int, slots: Array, symbols: Array, days: Array
) -> tuple[Array, Array, Array]:
    """Return the rows that are valid on some day, their places, and the number of days of each."""
    ranges = tile.array("ranges")[slots, vintage]
    sizes = ranges[:, 1] - ranges[:, 0]
    rows = _spread(ranges[:, 0], sizes)
    first = np.searchsorted(days, tile.array("valid_from")[rows])
    lengths = np.searchsorted(days, tile.array("valid_to")[rows]) - first
    used = lengths > 0
    starts = (np.repeat(symbols, sizes) * len(days) + first)[used]
    return rows[used], _spread(starts, lengths[used]), lengths[used]


def _spread(starts: Array, sizes: Array) -> Array:
    """Return the numbers of ranges one after another: starts[0], starts[0] + 1, ..., starts[1], ...

    >>> _spread(np.array([5, 20]), np.array([3, 2])).tolist()
    [5, 6, 7, 20, 21]
    """
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))


def _frame(matrix: Array, reading: Reading, texts: list[str]) -> pl.DataFrame:
    """Return rows of numbers as typed columns."""
    values = np.ascontiguousarray(matrix.T)
    known = pl.DataFrame({"text": [*texts, None]}, schema={"text": pl.String})
    codes = np.nan_to_num(values[reading.texts], nan=len(texts)).astype(np.uint32)
    # One look-up for the texts of all columns: each call takes longer than the texts of a small answer.
    column, height = known[codes.reshape(-1)].to_series(), len(matrix)
    columns = {reading.columns[i].name: column.slice(n * height, height) for n, i in enumerate(reading.texts)}
    series = [
        columns[c.name].alias(c.name)
        if c.kind == "text"
        else _typed(pl.Series(c.name, values[i], nan_to_null=True), c.kind)
        for i, c in enumerate(reading.columns)
    ]
    return pl.DataFrame(series)


def _typed(values: pl.Series, kind: str) -> pl.Series:
    if kind == "number":
        return values
    whole = values.cast(pl.Int32)
    return whole.cast(pl.Date) if kind == "date" else whole
