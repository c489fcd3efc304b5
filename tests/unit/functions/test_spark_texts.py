"""Test that Spark's parser reads the texts of the questions and views."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from factorlab_lake.functions.shell.spark.spark_texts import (
    VIEWS,
    empty_query,
    question_query,
    relations_in,
    renamed,
    table_query,
    view_query,
)
from factorlab_lake.schema import TABLES, table

_ARGUMENTS = {
    "price_age_limit": "10", "shares_age_limit": "200", "age_limit": "200", "vintage": "'known'",
    "first_year": "2020", "last_year": "2021", "as_of": "DATE '2021-01-01'",
    "start_date": "DATE '2021-01-01'", "end_date": "DATE '2021-01-01'",
    **{f"buckets_of_{name}": "0, 1" for name, spec in TABLES.items() if spec.buckets},
}  # fmt: skip
_QUESTIONS = (
    "market_caps", "shares_as_of", "ttm", "factor_inputs", "factors", "ratios", "quarters",
    "statements_as_of",
)  # fmt: skip
_TEXTS = {
    **{name: question_query(name, _ARGUMENTS) for name in _QUESTIONS},
    **{name: view_query(name) for name in VIEWS},
    **{f"table {name}": table_query(spec, set(spec.names()), "3") for name, spec in TABLES.items()},
    **{f"no {name}": empty_query(spec) for name, spec in TABLES.items()},
}


@pytest.mark.parametrize("name", _TEXTS)
def test_spark_parses_the_text(name: str) -> None:
    """Each text is one query without an unfilled placeholder, a cast of DuckDB or a name in double quotes."""
    [tree] = sqlglot.parse(_TEXTS[name], read="spark")
    assert isinstance(tree, exp.Query)
    assert not list(tree.find_all(exp.Command))
    assert "{{" not in _TEXTS[name]
    assert "::" not in _TEXTS[name]


def test_all_tables_of_a_question_get_the_names_of_the_session() -> None:
    """A user's view called price_data does not change an answer."""
    text = renamed(_TEXTS["factors"], "lake_7_")
    assert relations_in(text) == []
    assert {"price_data", "fundamentals_history", "instruments"} <= set(relations_in(_TEXTS["factors"]))


def test_a_column_that_files_lack_is_null() -> None:
    """A lake of an older program has no such column, so reading it would fail."""
    text = table_query(table("splits"), set(table("splits").names()) - {"kind"}, None)
    assert "CAST(NULL AS STRING) AS kind" in text
