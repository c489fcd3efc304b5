"""Parameters of a query, written as the driver has them."""

from __future__ import annotations

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.sync.postgres.server_session import driver_query


@pytest.mark.parametrize(
    ("given", "written"),
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
def test_a_name_is_a_parameter_only_where_sql_reads_it(given: str, written: str) -> None:
    """Not in texts, quoted names, comments and dollar quotes, and not within another name."""
    assert driver_query(given, {"a": 1}).decode() == written


def test_a_parameter_that_is_not_given_is_named() -> None:
    """The message says what to give, and the nearest that was given."""
    with pytest.raises(InvalidInput, match=r"\$symbol without a value.*Did you mean 'symbols'\?"):
        driver_query("SELECT $symbol", {"symbols": ["AAPL"]})
