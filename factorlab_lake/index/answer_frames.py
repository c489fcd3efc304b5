"""Convert the columns of an answer to a polars frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from factorlab_lake.index.answer_columns import Texts
from factorlab_lake.index.evaluation import Relation
from factorlab_lake.index.tiles import Array

__all__ = ["to_frame"]


def to_frame(rows: Relation) -> pl.DataFrame:
    """Return the columns of a relation; whole numbers in a column called ``…date`` are days."""
    columns = {name: rows.column(name) for name in rows.names}
    texts = _texts([c for c in columns.values() if isinstance(c, Texts)], rows)
    masks: dict[int, pl.Series] = {}  # many columns are NULL in the same rows
    series = []
    for name, column in columns.items():
        if isinstance(column, Texts):
            series.append(next(texts).alias(name))
            continue
        values = _numbers(name, _filled(column.values, rows.height))
        if column.known is not None:
            mask = masks.get(id(column.known))
            if mask is None:
                mask = masks[id(column.known)] = pl.Series(_filled(column.known, rows.height))
            values = values.zip_with(mask, _NULLS[values.dtype])
        series.append(values)
    return pl.DataFrame(series)


def _filled(values: Any, height: int) -> Array:
    return np.ascontiguousarray(np.broadcast_to(values, height))


def _texts(columns: list[Texts], rows: Relation) -> Iterator[pl.Series]:
    """Yield the texts of some columns. They are looked up at once: a call takes longer than a few texts."""
    listed = pl.DataFrame({"text": [*rows.vocabulary.texts, None]}, schema={"text": pl.String})
    missing = np.uint32(len(listed) - 1)  # -1 is the greatest unsigned number
    codes = [np.minimum(_filled(c.codes, rows.height).astype(np.uint32), missing) for c in columns]
    constant = [bool((code == code[:1]).all()) for code in codes]  # a repeated text is copied faster
    several = [code for code, same in zip(codes, constant, strict=True) if not same]
    chosen = listed[np.concatenate([*several, codes[0][:0]])].to_series()
    start = 0
    for code, same in zip(codes, constant, strict=True):
        if same:
            text = int(code[0]) if rows.height else 0
            yield listed.to_series().new_from_index(text, rows.height)
        else:
            yield chosen.slice(start, rows.height)
            start += rows.height


def _numbers(name: str, values: Array) -> pl.Series:
    column = pl.Series(name, values, dtype=_KINDS[values.dtype.kind])
    return column.cast(pl.Date) if name == "date" or name.endswith("_date") else column


_KINDS: dict[str, Any] = {"f": pl.Float64, "i": pl.Int32, "b": pl.Boolean}
_NULLS = {kind: pl.Series([None], dtype=kind) for kind in (*_KINDS.values(), pl.Date())}
