"""Compute a digest of rows that identifies a load, column by column.

The fetch log stores the digest, so it must stay equal across processes, versions and machines. The hash
functions of polars are only stable within one version. So each column is hashed with SHA-256 in a normal
form: the little-endian values, 0 for NULL, and the positions of the NULLs. The form does not depend on the
slices in which the rows arrive.
"""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

__all__ = ["RowsDigest"]

_ROW_NUMBERS = pl.UInt64


class RowsDigest:
    """Hash typed rows that arrive in slices, in an order that the caller fixes."""

    def __init__(self, label: str) -> None:
        """Start the digest of no rows; ``label`` separates the rows of different tables."""
        self._label = label
        self._rows = 0
        self._columns: dict[str, _ColumnDigest] = {}

    def update(self, rows: pl.DataFrame) -> None:
        """Add rows; every slice has the same columns, in any order."""
        for column in rows:
            self._columns.setdefault(column.name, _ColumnDigest()).update(column, self._rows)
        self._rows += rows.height

    def hexdigest(self) -> str:
        """Return the digest of the label, the number of rows and the columns by name."""
        columns = [f"{name}={self._columns[name].hexdigest()}" for name in sorted(self._columns)]
        return hashlib.sha256("\n".join([self._label, str(self._rows), *columns]).encode()).hexdigest()


class _ColumnDigest:
    """Hash one column: its values, the lengths of its texts, and the positions of its NULLs."""

    def __init__(self) -> None:
        self._values, self._lengths, self._nulls = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()

    def update(self, column: pl.Series, first_row: int) -> None:
        if column.null_count():
            self._nulls.update(_buffer(column.is_null().arg_true().cast(_ROW_NUMBERS) + first_row))
        if column.dtype == pl.String:
            texts = column.fill_null("")
            self._lengths.update(_buffer(texts.str.len_bytes()))
            self._values.update(texts.str.join("").item().encode())
        else:
            self._values.update(_buffer(_fixed_width(column)))

    def hexdigest(self) -> str:
        return "/".join(part.hexdigest() for part in (self._values, self._lengths, self._nulls))


def _fixed_width(column: pl.Series) -> pl.Series:
    if column.dtype.is_float():
        # -0.0 equals 0.0, but has other bytes. Polars does not compute column + 0.0.
        value = pl.col(column.name).cast(pl.Float64)
        return column.to_frame().select(pl.when(value == 0).then(0.0).otherwise(value)).to_series()
    if column.dtype == pl.Boolean:
        return column.cast(pl.UInt8)
    return column.to_physical()


def _buffer(column: pl.Series) -> memoryview:
    """Return the values of a column as little-endian bytes, with 0 for NULL."""
    values = column.fill_null(0).to_numpy()
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<")).data.cast("B")
