"""What differs between two sets of rows, found without a digest of each: equal values have equal digests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from factorlab_lake.schema import Column, TableSpec

__all__ = ["difference"]

_Mask = npt.NDArray[np.bool_]


def difference(old: pl.DataFrame, new: pl.DataFrame, spec: TableSpec) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that are only in the old set and those only in the new, a changed row being in both.

    Rows are held against each other by their key. Numbers are equal if their bits are.
    """
    key = list(spec.key)
    if old.select(key).equals(new.select(key)):  # what a correction leaves
        same = _same(old, new, spec)
        return old.filter(~same), new.filter(~same)
    places = old.select(key).with_row_index("old")
    pairs = new.select(key).with_row_index("new").join(places, on=key, nulls_equal=True)
    same = _same(old[pairs["old"]], new[pairs["new"]], spec)
    return _without(old, pairs["old"].filter(same)), _without(new, pairs["new"].filter(same))


def _same(old: pl.DataFrame, new: pl.DataFrame, spec: TableSpec) -> pl.Series:
    same = np.ones(old.height, dtype=np.bool_)
    for column in spec.columns:
        same &= _equal(old[column.name], new[column.name], column)
    return pl.Series(same)


def _equal(old: pl.Series, new: pl.Series, column: Column) -> _Mask:
    """Say which rows have equal values; -0 is none of 0, and NaN is NaN."""
    if column.kind != "number":
        return old.eq_missing(new).to_numpy()
    of_old, of_new = (s.fill_null(0.0).to_numpy().view(np.uint64) for s in (old, new))
    equal: _Mask = (of_old == of_new) & (old.is_null() == new.is_null()).to_numpy()
    return equal


def _without(rows: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    wanted = np.ones(rows.height, dtype=np.bool_)
    wanted[places.to_numpy()] = False
    return rows.filter(pl.Series(wanted))
