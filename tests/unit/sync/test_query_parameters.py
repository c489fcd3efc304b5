"""Test how the parameters of a query take the form of the driver."""

from __future__ import annotations

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.sync.postgres.server_session import driver_query


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT $a", "SELECT %(a)s"),
        ("SELECT $a::date[], $a", "SELECT %(a)s::date[], %(a)s"),
        ("SELECT 7 % 4", "SELECT 7 %% 4"),
        ("SELECT '$a it''s 5%', $a", "SELECT '$a it''s 5%%', %(a)s"),
        ('SELECT "$a%" FROM t', 'SELECT "$a%%" FROM t'),
        ("SELECT 1 -- $a and 5%\n, $a", "SELECT 1 -- $a and 5%%\n, %(a)s"),
        ("SELECT /* $a ' */ $a", "SELECT /* $a ' */ %(a)s"),
        ("SELECT $$ $a % $$, $x$ $a $x$", "SELECT $$ $a %% $$, $x$ $a $x$"),
        ("SELECT cost$a FROM t", "SELECT cost$a FROM t"),
    ],
)
def test_a_name_is_a_parameter_only_where_sql_reads_it(query: str, expected: str) -> None:
    """A $name in a text, quoted name, comment, dollar quote or another name is no parameter."""
    assert driver_query(query, {"a": 1}).decode() == expected


def test_a_parameter_without_a_value_is_named() -> None:
    """The message names the parameter and suggests the nearest one that has a value."""
    with pytest.raises(InvalidInput, match=r"\$symbol without a value.*Did you mean 'symbols'\?"):
        driver_query("SELECT $symbol", {"symbols": ["AAPL"]})
