"""Test that the one SQL text of each question is in the subset that all engines read alike."""

from __future__ import annotations

import re

import pytest
import sqlglot
from sqlglot import exp

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.functions.question_texts import (
    INPUTS,
    QUESTIONS,
    factors_text,
    inputs_of,
    inputs_text,
    question_text,
)

DIALECTS = ("duckdb", "postgres", "snowflake", "spark")
_SOME = tuple(FACTORS.values())[:3]
TEXTS = {
    **{name: question_text(name) for name in QUESTIONS},
    "some inputs": inputs_text(inputs_of(_SOME)),
    "one input": inputs_text(tuple(INPUTS)[:1]),
    "some factors": factors_text(_SOME),
    **{f"factor {name}": factors_text((factor,)) for name, factor in FACTORS.items()},
}
# Words that an engine does not read, or reads in its own way. A pattern is searched in code without comments.
FORBIDDEN = {
    "EXCLUDE": r"\bexclude\b",
    "REPLACE": r"\breplace\b",
    "QUALIFY": r"\bqualify\b",
    "FROM before SELECT": r"(?:^|\()\s*from\b",
    "a cast": r"::|\bcast\s*\(|\btry_cast\b|\bconvert\s*\(",
    "a struct or a list": r"[{}\[\]]|\bstruct\b|\brow\s*\(",
    "a list function": r"\b(?:list|array|map|unnest|explode|flatten)\w*\s*\(",
    "an aggregate of one engine": r"\b(?:arg_max|arg_min|max_by|min_by|any_value|bool_or|bool_and)\b",
    "UNPIVOT or PIVOT": r"\b(?:un)?pivot\b",
    "BY NAME": r"\bby\s+name\b",
    "date arithmetic": r"\b(?:interval|date|timestamp|now|today|date_\w+|date(?:diff|add))\b\s*[('+-]",
    "the current date": r"\bcurrent_(?:date|time|timestamp)\b",
    "a date": r"\bdate\s*'",
    "a lambda": r"->",
    "an ILIKE or a regular expression": r"\bilike\b|\bregexp\w*|~",
}  # fmt: skip


def code_of(text: str) -> str:
    """Return a text in lower case, without comments and with empty string literals."""
    return re.sub(r"'[^']*'", "''", re.sub(r"--.*", "", text)).lower()


def constructs(text: str) -> set[str]:
    """Return the forbidden constructs of a text."""
    names = {name for name, pattern in FORBIDDEN.items() if re.search(pattern, code_of(text))}
    tree = sqlglot.parse_one(text, read="duckdb")
    return names | set(_lateral_aliases(tree)) | set(_unguarded_divisions(tree))


def _lateral_aliases(tree: exp.Expr) -> list[str]:
    """Return the aliases that another column of their own SELECT reads.

    An alias whose own expression reads a column of its name is none: engines prefer the source's column.
    """
    aliases = []
    for select in tree.find_all(exp.Select):
        reads = {id(e): {c.name for c in e.find_all(exp.Column)} for e in select.expressions}
        for alias in (e for e in select.expressions if isinstance(e, exp.Alias)):
            others = (names for place, names in reads.items() if place != id(alias))
            if alias.alias not in reads[id(alias)] and any(alias.alias in names for names in others):
                aliases.append(f"lateral alias {alias.alias}")
    return aliases


def _unguarded_divisions(tree: exp.Expr) -> list[str]:
    """Return the divisions whose divisor is not NULLIF(…, 0): engines disagree about a division by zero."""
    divisions = tree.find_all(exp.Div)
    return [f"division {d.sql()}" for d in divisions if not isinstance(d.expression.unnest(), exp.Nullif)]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", TEXTS)
def test_every_engine_parses_the_text(name: str, dialect: str) -> None:
    """Each text is one query, without an unknown command, in each dialect."""
    [tree] = sqlglot.parse(TEXTS[name], read=dialect)
    assert isinstance(tree, exp.Select)
    assert not list(tree.find_all(exp.Command))


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_has_no_construct_of_some_engines_alone(name: str) -> None:
    """Neither lists, casts and date arithmetic nor an alias of the same SELECT, nor a bare division."""
    assert constructs(TEXTS[name]) == set()


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("SELECT * EXCLUDE (a) FROM t", "EXCLUDE"),
        ("SELECT * REPLACE (1 AS a) FROM t", "REPLACE"),
        ("SELECT a FROM t QUALIFY row_number() OVER () = 1", "QUALIFY"),
        ("FROM t", "FROM before SELECT"),
        ("WITH x AS (FROM t) SELECT a FROM x", "FROM before SELECT"),
        ("SELECT a::INTEGER AS b FROM t", "a cast"),
        ("SELECT CAST(a AS INTEGER) AS b FROM t", "a cast"),
        ("SELECT {'a': 1} AS b FROM t", "a struct or a list"),
        ("SELECT [1, 2] AS b FROM t", "a struct or a list"),
        ("SELECT list_sort(a) AS b FROM t", "a list function"),
        ("SELECT arg_max(a, b) AS c FROM t", "an aggregate of one engine"),
        ("SELECT DATE '2020-01-01' AS a FROM t", "a date"),
        ("SELECT date - 5 AS a FROM t", "date arithmetic"),
        ("SELECT a + INTERVAL '1 day' AS b FROM t", "date arithmetic"),
        ("SELECT a + 1 AS b, b + 1 AS c FROM t", "lateral alias b"),
        ("SELECT a / c AS b FROM t", "division a / c"),
    ],
)
def test_the_scan_finds_a_construct(text: str, construct: str) -> None:
    """Each forbidden construct is recognized in an example of it."""
    assert construct in constructs(text)


@pytest.mark.parametrize("name", TEXTS)
def test_no_name_is_too_long_for_postgresql(name: str) -> None:
    """PostgreSQL cuts names after 63 bytes, so two longer names could become one."""
    assert [word for word in re.findall(r"\w+", code_of(TEXTS[name])) if len(word) > 63] == []
