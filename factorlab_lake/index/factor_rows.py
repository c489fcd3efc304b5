"""Compute factors from their inputs by polars' SQL, which reads the same text as the other engines."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import polars as pl

from factorlab_lake.factors.formulas import FACTORS, Factor
from factorlab_lake.functions.question_texts import factors_text_with, output_columns
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
        answer = answer.hstack(_reasons(inputs, answer.select(list(FACTORS)), lacking))
    else:
        answer = answer.with_columns(pl.lit(None, pl.String).alias(name) for name in _REASONS)
    day = pl.col("inputs_available_day").cast(pl.Int32).cast(pl.Date).alias("inputs_available_date")
    return answer.select(day if n == "inputs_available_day" else n for n in output_columns("factors"))


def _reasons(inputs: pl.DataFrame, values: pl.DataFrame, lacking: tuple[Factor, ...]) -> pl.DataFrame:
    """Return the reasons of each row.

    A reason follows from which inputs and factors are NULL, from their own reasons and from the currencies:
    never from a number. So one row stands for all rows that agree in these, also in later questions: to plan
    the texts takes longer than all else.
    """
    content = inputs.drop(_WITHOUT_EFFECT).hstack(values)
    rows, place = _distinct(content)
    some = inputs[rows]
    patterns = [
        tuple(value if isinstance(value, str) else value is None for value in row)
        for row in content[rows].iter_rows()
    ]
    known: dict[tuple[Hashable, ...], tuple[str | None, str | None]]
    known = {pattern: _KNOWN[pattern] for pattern in patterns if pattern in _KNOWN}
    new = {pattern: i for i, pattern in enumerate(patterns) if pattern not in known}
    if new:
        reasons = _computed(some[list(new.values())], lacking)
        known.update(zip(new, reasons, strict=True))
        if len(_KNOWN) < _MOST_KNOWN:
            _KNOWN.update(known)
    schema = dict.fromkeys(_REASONS, pl.String)
    return pl.DataFrame([known[p] for p in patterns], schema=schema, orient="row")[place]


def _computed(inputs: pl.DataFrame, lacking: tuple[Factor, ...]) -> list[tuple[str | None, str | None]]:
    text = factors_text_with(_ALL, lacking, row_reason=lacking == _ALL)
    return run_text(text, inputs=inputs.lazy()).select(_REASONS).collect().rows()


def _distinct(rows: pl.DataFrame) -> tuple[Array, Array]:
    """Return a row for each combination of missing values and of texts, and the combination of each row."""
    # Many columns are missing in the same rows.
    codes = {code.tobytes(): code for code in map(pl.Series.to_numpy, _codes(rows).iter_columns())}
    word, used = np.zeros(rows.height, np.uint64), 0
    for code in codes.values():
        bits = int(code.max()).bit_length()
        if used + bits > _BITS:
            word = np.unique(word, return_inverse=True)[1].astype(np.uint64)
            used = int(word.max()).bit_length()
        word |= code.astype(np.uint64) << np.uint64(used)
        used += bits
    _, first, place = np.unique(word, return_index=True, return_inverse=True)
    return first.astype(np.uint32), place.astype(np.uint32)


def _codes(rows: pl.DataFrame) -> pl.DataFrame:
    """Return small numbers that distinguish missing values, and texts, in each column."""
    texts = [c.name for c in rows.iter_columns() if c.dtype == pl.String]
    partly_missing = [
        c.name for c in rows.iter_columns() if c.name not in texts and c.null_count() not in (0, rows.height)
    ]
    code = pl.col(texts).cast(pl.Categorical).to_physical().cast(pl.UInt32) + 1
    return rows.select(pl.col(partly_missing).is_null(), code.fill_null(0))
