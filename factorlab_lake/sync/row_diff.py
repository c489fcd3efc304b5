"""Find the rows that differ between two sets: by comparing values, or by comparing row hashes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from factorlab_lake.schema import Column, TableSpec

__all__ = ["SortedHashes", "changed_rows", "is_known", "sorted_hashes"]

SortedHashes = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


def changed_rows(old: pl.DataFrame, new: pl.DataFrame, spec: TableSpec) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that are only in ``old`` and the rows that are only in ``new``.

    Rows are matched by key; a changed row is in both results. Numbers are equal if their bits are equal.
    Equal rows have equal hashes, so this replaces hashing every row.
    """
    key = list(spec.key)
    if old.select(key).equals(new.select(key)):  # the usual result of a correction
        equal = _equal_rows(old, new, spec)
        return old.filter(~equal), new.filter(~equal)
    positions = old.select(key).with_row_index("old")
    pairs = new.select(key).with_row_index("new").join(positions, on=key, nulls_equal=True)
    equal = _equal_rows(old[pairs["old"]], new[pairs["new"]], spec)
    return _without(old, pairs["old"].filter(equal)), _without(new, pairs["new"].filter(equal))


def sorted_hashes(hashes: pl.Series) -> SortedHashes:
    """Return row hashes in ascending order, without NULL, for :func:`is_known`."""
    return np.sort(hashes.drop_nulls().to_numpy())


def is_known(hashes: pl.Series, known: SortedHashes) -> pl.Series:
    """Return for each row hash whether it is in ``known``; NULL never is."""
    if not len(known):
        return pl.Series([False]).new_from_index(0, len(hashes))
    values = hashes.fill_null(0).to_numpy()
    order = np.argsort(values)  # a sorted search stays in the processor's cache
    positions = np.minimum(np.searchsorted(known, values[order]), len(known) - 1)
    matches = np.empty(len(values), dtype=np.bool_)
    matches[order] = known[positions] == values[order]
    return pl.Series(matches) & hashes.is_not_null()


def _equal_rows(old: pl.DataFrame, new: pl.DataFrame, spec: TableSpec) -> pl.Series:
    equal = np.ones(old.height, dtype=np.bool_)
    for column in spec.columns:
        equal &= _equal_values(old[column.name], new[column.name], column)
    return pl.Series(equal)


def _equal_values(old: pl.Series, new: pl.Series, column: Column) -> _Mask:
    """Return which rows have equal values; -0 differs from 0, and NaN equals NaN."""
    if column.kind != "number":
        return old.eq_missing(new).to_numpy()
    old_bits, new_bits = (s.fill_null(0.0).to_numpy().view(np.uint64) for s in (old, new))
    equal: _Mask = (old_bits == new_bits) & (old.is_null() == new.is_null()).to_numpy()
    return equal


def _without(rows: pl.DataFrame, positions: pl.Series) -> pl.DataFrame:
    remaining = np.ones(rows.height, dtype=np.bool_)
    remaining[positions.to_numpy()] = False
    return rows.filter(pl.Series(remaining))
