"""Compute factors from their inputs by polars' SQL, which reads the same text as the other engines."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
import polars as pl

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.functions.questions import factors_text_with, output_columns
from factorlab_lake.index.tiles import Array

__all__ = ["factors_of", "run_text"]

_ALL = tuple(FACTORS.values())
_REASONS = ("reasons", "reason")
_BITS = 64
# Attributes of a row that no reason depends on.
_WITHOUT_EFFECT = ("symbol", "date", "company_id", "statement_provider", "fiscal_date", "age_days")
_KNOWN: dict[tuple[Hashable, ...], tuple[str | None, str | None]] = {}  # reasons by what they follow from
_MOST_KNOWN = 10_000


def run_text(text: str, **relations: pl.LazyFrame) -> pl.LazyFrame:
    """Return the plan of a question's SQL over some relations."""
    return pl.SQLContext(relations).execute(text)


def factors_of(inputs: pl.DataFrame) -> pl.DataFrame:
    """Return the factors of some inputs, with a reason for each that is NULL.

    The texts of the reasons are costly, so they are computed once for all rows that lack the same.
    """
    values = run_text(factors_text_with(_ALL, (), row_reason=False), inputs=inputs.lazy())
    answer = values.drop(_REASONS).collect()
    lacking = tuple(f for f in _ALL if answer[f.name].null_count())
    if lacking:
        answer = answer.hstack(_reasons(inputs, answer.select(f.name for f in lacking)))
    else:
        answer = answer.with_columns(pl.lit(None, pl.String).alias(name) for name in _REASONS)
    day = pl.col("inputs_available_day").cast(pl.Int32).cast(pl.Date).alias("inputs_available_date")
    return answer.select(day if n == "inputs_available_day" else n for n in output_columns("factors"))


def _reasons(inputs: pl.DataFrame, lacking: pl.DataFrame) -> pl.DataFrame:
    """Return the reasons of each row.

    A reason follows from which inputs and factors are NULL, from their own reasons and from the currencies:
    never from a number. So one row stands for all rows that agree in these, also in later questions: to plan
    the texts takes longer than all else.
    """
    rows, place = _distinct([*inputs.iter_columns(), *lacking.iter_columns()])
    some = inputs[rows]
    content = some.drop(_WITHOUT_EFFECT).hstack(lacking[rows].select(pl.all().name.suffix("_value")))
    patterns = [
        (*lacking.columns, *(value if isinstance(value, str) else value is None for value in row))
        for row in content.iter_rows()
    ]
    known: dict[tuple[Hashable, ...], tuple[str | None, str | None]]
    known = {pattern: _KNOWN[pattern] for pattern in patterns if pattern in _KNOWN}
    new = {pattern: i for i, pattern in enumerate(patterns) if pattern not in known}
    if new:
        reasons = _computed(some[list(new.values())], lacking.columns)
        known.update(zip(new, reasons, strict=True))
        if len(_KNOWN) < _MOST_KNOWN:
            _KNOWN.update(known)
    schema = dict.fromkeys(_REASONS, pl.String)
    return pl.DataFrame([known[p] for p in patterns], schema=schema, orient="row")[place]


def _computed(inputs: pl.DataFrame, lacking: list[str]) -> list[tuple[str | None, str | None]]:
    text = factors_text_with(
        _ALL, tuple(FACTORS[name] for name in lacking), row_reason=len(lacking) == len(_ALL)
    )
    return run_text(text, inputs=inputs.lazy()).select(_REASONS).collect().rows()


def _distinct(columns: Iterable[pl.Series]) -> tuple[Array, Array]:
    """Return a row for each combination of missing values and of texts, and the combination of each row."""
    codes: dict[bytes, Array] = {}  # many columns are missing in the same rows
    height = 0
    for column in columns:
        height = len(column)
        if (code := _code(column)) is not None:
            codes[code.tobytes()] = code
    word, used = np.zeros(height, np.uint64), 0
    for code in codes.values():
        bits = int(code.max()).bit_length()
        if used + bits > _BITS:
            word = np.unique(word, return_inverse=True)[1].astype(np.uint64)
            used = int(word.max()).bit_length()
        word |= code.astype(np.uint64) << np.uint64(used)
        used += bits
    _, rows, place = np.unique(word, return_index=True, return_inverse=True)
    return rows.astype(np.uint32), place.astype(np.uint32)


def _code(column: pl.Series) -> Array | None:
    """Return what distinguishes the rows of a column; None where all rows agree."""
    if column.name in _WITHOUT_EFFECT:
        return None
    if column.dtype == pl.String:
        texts = column.unique()
        if len(texts) <= 1:
            return None
        codes = column.cast(pl.Enum(texts.drop_nulls())).to_physical().cast(pl.UInt32)
        return codes.fill_null(len(texts)).to_numpy()
    if column.null_count() in (0, len(column)):
        return None
    return column.is_null().to_numpy()
