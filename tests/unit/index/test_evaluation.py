"""Test that the index evaluates portable SQL as DuckDB does."""

from __future__ import annotations

import math
import random
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.functions.question_texts import (
    INPUTS,
    factors_text,
    facts_text,
    inputs_of,
    inputs_text,
    question_text,
)
from factorlab_lake.index.answer_columns import Column, Numbers, Texts, Vocabulary
from factorlab_lake.index.answer_frames import to_frame
from factorlab_lake.index.evaluation import Relation, run
from factorlab_lake.index.factor_rows import factors_of
from factorlab_lake.index.portable_sql import names_in

_ALL = tuple(FACTORS.values())
TEXTS = {
    "market_caps": question_text("market_caps"),
    "ttm": question_text("ttm"),
    "factor_inputs": inputs_text(tuple(INPUTS)),
    "some inputs": inputs_text(inputs_of(_ALL)),
    "factors": factors_text(_ALL),
    "ratios": question_text("ratios"),
    # Without the columns that pass through, of which DuckDB keeps two of one name.
    **{
        f"facts of {name}": facts_text(name).replace("SELECT *,", "SELECT symbol,")
        for name in ("market_caps", "ttm", "factor_inputs")
    },
}
_RELATIONS = ("facts", "inputs", "looked_up", "periods")
_TEXT_ENDS = (
    *("reasons", "reason", "currency", "source", "company_id"),
    *("provider", "basis", "derivation", "symbol"),
)
_WHOLE_ENDS = ("day", "date", "_months", "_limit", "_days", "age")
_NUMBERS = [None, 0.0, -1.0, 1.0, 2.5, 1e6, -7e9, 1e-300, 1e308, -1e308]
_WHOLE = [None, 0, 1, 3, 12, 90, 200, 201, 320, 365, 366, 500, 18_000, 18_200]
_WORDS = [None, "", "USD", "EUR", "statement_stale", 'a"b', "é; x: y"]


def kind_of(name: str) -> str:
    """Return the kind of a column, which its name shows."""
    if name == "multi_class":
        return "boolean"
    if name.endswith(_TEXT_ENDS):
        return "text"
    return "whole" if name.endswith(_WHOLE_ENDS) else "number"


_VALUES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "text": _WORDS,
    "whole": _WHOLE,
    "number": _NUMBERS,
}
_TYPES: dict[str, Any] = {
    "boolean": pl.Boolean,
    "text": pl.String,
    "whole": pl.Int32,
    "number": pl.Float64,
}


def relation_of(frame: pl.DataFrame) -> Relation:
    """Return a frame as a relation of the index."""
    vocabulary = Vocabulary()
    columns: dict[str, Column] = {}
    for series in frame.iter_columns():
        known = series.is_not_null().to_numpy()
        if series.dtype == pl.String:
            codes = [-1 if text is None else vocabulary.place(text) for text in series]
            columns[series.name] = Texts(np.array(codes, np.int32))
        else:
            filled = series.fill_null(value=False) if series.dtype == pl.Boolean else series.fill_null(0)
            columns[series.name] = Numbers(filled.to_numpy(), None if known.all() else known)
    return Relation(frame.height, vocabulary, columns)


def by_duckdb(text: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the answer of DuckDB, with days as days."""
    with duckdb.connect() as connection:
        for name in _RELATIONS:
            connection.register(name, frame)
        rows: pl.DataFrame = connection.sql(text).pl()
        return rows


def assert_same(text: str, frame: pl.DataFrame) -> None:
    """Assert that the index and DuckDB give the same columns and values."""
    with np.errstate(all="ignore"):
        rows = to_frame(run(text, **dict.fromkeys(_RELATIONS, relation_of(frame))))
    expected = by_duckdb(text, frame)
    dates = [n for n in rows.columns if rows[n].dtype == pl.Date]
    rows = rows.with_columns(pl.col(dates).cast(pl.Int32))
    whole = [c.name for c in expected.iter_columns() if c.dtype.is_integer()]
    assert_frame_equal(rows, expected.with_columns(pl.col(whole).cast(pl.Int32)), check_exact=True)


def edge_rows(text: str, seed: int, size: int) -> pl.DataFrame:
    """Return rows of the columns that a text reads, each with some of its edge values."""
    choose = random.Random(seed)
    columns = {
        name: choose.choices(_VALUES[kind_of(name)], k=size) for name in sorted(names_in(text) | {"symbol"})
    }
    return pl.DataFrame(columns, schema={n: _TYPES[kind_of(n)] for n in columns})


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", TEXTS)
def test_each_text_gives_the_values_of_duckdb(name: str, seed: int) -> None:
    """NULL, zero, overflow and the borders of limits: all columns of all texts are equal."""
    for size in (1, 2, 3_000):
        assert_same(TEXTS[name], edge_rows(TEXTS[name], seed, size))


def same_gaps(rows: pl.DataFrame, seed: int, size: int) -> pl.DataFrame:
    """Return many rows with the gaps and texts of a few, and with other numbers."""
    choose = np.random.default_rng(seed)
    many = rows[choose.integers(0, rows.height, size)]
    numbers = [c.name for c in many.iter_columns() if c.dtype == pl.Float64]
    other = {n: pl.Series(choose.choice([-1.0, 2.0, 3.0], size, p=[0.05, 0.9, 0.05])) for n in numbers}
    return many.with_columns(
        pl.when(pl.col(n).is_not_null()).then(pl.lit(values)).alias(n) for n, values in other.items()
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1, 300, 6_000])
def test_rows_that_lack_the_same_share_their_reasons(seed: int, size: int) -> None:
    """The reasons that are computed once for each pattern are those of each row.

    Rows with the same gaps have other reasons where a denominator is not positive.
    """
    text = factors_text(_ALL)
    frame = same_gaps(edge_rows(text, seed, 4), seed, size)
    with np.errstate(all="ignore"):
        answer = to_frame(factors_of(relation_of(frame), _ALL))
    expected = by_duckdb(text, frame)
    assert answer.select("reasons", "reason").equals(expected.select("reasons", "reason"))


@pytest.mark.parametrize(
    "expression",
    [
        "a > b", "a >= b", "a < b", "a <= b", "a = b", "a <> b", "NOT a > b", "a > b AND b > 0",
        "a > b OR b > 0", "NOT (a > b AND b > 0)", "NOT (a > b OR b > 0)", "COALESCE(a > b, TRUE)",
        "COALESCE(a > b, b > 0, FALSE)", "NOT COALESCE(a > b, TRUE)", "a IS NULL", "NOT a IS NULL",
        "NOT a IS NOT NULL", "t = u", "NOT t <> u", "-a < b", "NOT -a * 2 + b / NULLIF(b, 0) > 1.5e0",
    ],
)  # fmt: skip
def test_a_condition_is_true_false_or_null_as_in_duckdb(expression: str) -> None:
    """Each condition over all pairs of NULL, zero, infinity and NaN, as a condition and as a value."""
    numbers = [None, -1.0, 0.0, 1.0, math.inf, -math.inf, math.nan]
    rows = [(a, b, t, u) for a in numbers for b in numbers for t in (None, "x", "y") for u in (None, "x")]
    frame = pl.DataFrame(
        rows, schema={"a": pl.Float64, "b": pl.Float64, "t": pl.String, "u": pl.String}, orient="row"
    )
    text = f"SELECT CASE WHEN {expression} THEN 'yes' ELSE 'no' END AS answer FROM facts"
    relation = relation_of(frame)
    for name in ("a", "b"):
        relation.column(name).computed = True  # type: ignore[union-attr]
    with np.errstate(all="ignore"):
        answer = to_frame(run(text, facts=relation))
    assert answer["answer"].to_list() == by_duckdb(text, frame)["answer"].to_list()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("SELECT a FROM nothing", "relation"),
        ("SELECT MEDIAN(a) AS b FROM facts", "MEDIAN is not a function"),
        ("SELECT a + 1 FROM facts", "AS and the name"),
        ("SELECT a FROM facts WHERE a", "'WHERE a ' where end is expected"),
        ("SELECT CASE WHEN a THEN 1 AS b FROM facts", "where END is expected"),
        ("SELECT a [ 1 ] AS b FROM facts", r"\[ 1"),
        ("SELECT AND AS b FROM facts", "where a value is expected"),
    ],
)
def test_a_text_outside_the_grammar_is_refused(text: str, fault: str) -> None:
    """A text that only an SQL engine reads is an error, never another answer."""
    with pytest.raises(ValueError, match=fault):
        run(text, facts=relation_of(pl.DataFrame({"a": [1.0]})))
