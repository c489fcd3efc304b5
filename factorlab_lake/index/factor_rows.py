"""Compute factors from their inputs; the texts of reasons are joined once for all rows that lack the same."""

from __future__ import annotations

from functools import partial

import numpy as np

from factorlab_lake.factors.formulas import Factor
from factorlab_lake.functions.question_texts import factors_text
from factorlab_lake.index.answer_columns import Column, Texts
from factorlab_lake.index.evaluation import Relation
from factorlab_lake.index.portable_sql import parse
from factorlab_lake.index.tiles import Array

__all__ = ["factors_of"]

_REASONS = ("reasons", "reason")
_DATES = {"inputs_available_day": "inputs_available_date"}
_FEW_ROWS = 5_000  # below it, Python's own dictionary is faster than numpy
_TABLE_SHARE = 8  # a table of combinations has at most so many entries per row
# Attributes of a row that no reason depends on.
_WITHOUT_EFFECT = ("symbol", "date", "company_id", "statement_provider", "fiscal_date", "age_days")


def factors_of(inputs: Relation, factors: tuple[Factor, ...]) -> Relation:
    """Return some factors of the inputs, with a reason for each that is NULL.

    A reason follows from which inputs and factors are NULL, from their own reasons and from the currencies:
    never from a number. So one row stands for all rows that agree in these.
    """
    computed, answered = parse(factors_text(factors))
    values = inputs.select(computed)
    answer = values.select(answered)
    first, place = _distinct(inputs, answer, factors)
    known = {factor.name: values.column(factor.name).take(first) for factor in factors}
    some = inputs.take(first).select(computed).replaced(known).select(answered)
    columns = {_DATES.get(name, name): partial(answer.column, name) for name in answer.names}
    columns |= {name: partial(_repeated, some, name, place) for name in _REASONS}
    return Relation(inputs.height, inputs.vocabulary, columns)


def _repeated(some: Relation, name: str, place: Array) -> Column:
    texts = some.column(name)
    assert isinstance(texts, Texts)  # noqa: S101 - for the type checker
    return Texts(np.broadcast_to(texts.codes, some.height)[place])


def _distinct(inputs: Relation, answer: Relation, factors: tuple[Factor, ...]) -> tuple[Array, Array]:
    """Return a row for each combination of missing values and of texts, and the combination of each row."""
    columns = [inputs.column(name) for name in inputs.names if name not in _WITHOUT_EFFECT]
    columns += [answer.column(factor.name) for factor in factors]
    codes = [c.codes if isinstance(c, Texts) else c.mask for c in columns]
    several = list({_content(code): code for code in codes if np.ndim(code)}.values())
    if inputs.height >= _FEW_ROWS:
        return _combined(several, len(inputs.vocabulary.texts) + 1, inputs.height)
    rows = list(zip(*(code.tolist() for code in several), strict=True)) or [()] * inputs.height
    first = {row: i for i, row in reversed(list(enumerate(rows)))}
    numbers = {row: n for n, row in enumerate(first)}
    return np.array(list(first.values()), int), np.array([numbers[row] for row in rows], int)


def _content(code: Array) -> bytes:
    """Return bytes that are equal for equal columns: many inputs lack the same rows."""
    return np.packbits(code).tobytes() if code.dtype == np.bool_ else code.tobytes()


def _combined(columns: list[Array], texts: int, height: int) -> tuple[Array, Array]:
    """Return a row for each combination of values, and the combination of each row."""
    most = (height * _TABLE_SHARE).bit_length() - 1
    word, used = np.zeros(height, np.int64), 0
    for column in columns:
        _, code, count = _numbered(column.astype(np.int64) + 1, texts + 2)
        bits = (count - 1).bit_length()
        if used + bits > most:
            _, word, count = _numbered(word, 1 << used)
            used = (count - 1).bit_length()
        word |= code << used
        used += bits
    first, place, _ = _numbered(word, 1 << used)
    return first, place


def _numbered(values: Array, size: int) -> tuple[Array, Array, int]:
    """Number the distinct values below a size: return a row of each, the number in each row, and their count.

    >>> _numbered(np.array([7, 3, 7]), 8)
    (array([1, 2]), array([1, 0, 1]), 2)
    """
    rows = np.full(size, -1, np.int64)  # a table is faster than a sort
    rows[values] = np.arange(len(values))
    used = np.flatnonzero(rows >= 0)
    numbers = np.empty(size, np.int64)
    numbers[used] = np.arange(len(used))
    return rows[used], numbers[values], len(used)
