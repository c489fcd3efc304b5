"""Test how the text of a query is rewritten: parameters of the driver, and the availability rule."""

from __future__ import annotations

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.sync.postgres.query_text import by_availability, driver_query


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


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM ttm($s, $d)", "SELECT * FROM ttm($s, $d, availability => '3')"),
        ('SELECT * FROM lake."ttm"(a(1), (b))', "SELECT * FROM lake.\"ttm\"(a(1), (b), availability => '3')"),
        ("SELECT * FROM TTM (a, ')')", "SELECT * FROM TTM (a, ')', availability => '3')"),
        ("SELECT * FROM ttm(a -- )\n, b)", "SELECT * FROM ttm(a -- )\n, b, availability => '3')"),
        (
            "SELECT * FROM ratios((SELECT s FROM quarters(a, b)))",
            "SELECT * FROM ratios((SELECT s FROM quarters(a, b, availability => '3')), availability => '3')",
        ),
        ("SELECT * FROM ttm(a, b, availability => 'close')", None),
        ("SELECT * FROM ttm(a, b, availability := 'close')", None),
        ("SELECT 'ttm(a)', E'it\\'s ttm(a)', $$ttm(a)$$ -- ttm(a)", None),
        ("WITH ttm(a) AS (SELECT 1) SELECT * FROM ttm", None),
        ("SELECT * FROM splits AS ttm (a, b)", None),
        ("SELECT * FROM share_counts('close')", None),
        ("SELECT factors FROM price_data", None),
        ("SELECT 'share_counts' AS \"Share_counts\"", None),
    ],
)
def test_a_call_gets_the_rule_as_an_argument(query: str, expected: str | None) -> None:
    """A call of a function gets the argument; texts, comments, other names and calls with a rule do not."""
    assert by_availability(query, "3") == (expected or query)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM share_counts", "WITH {} SELECT * FROM share_counts"),
        ("(SELECT 1) UNION (TABLE share_counts)", "WITH {} (SELECT 1) UNION (TABLE share_counts)"),
        ("WITH a AS (TABLE share_counts) TABLE a", "WITH {}, a AS (TABLE share_counts) TABLE a"),
        (
            "WITH RECURSIVE a AS (TABLE share_counts) TABLE a",
            "WITH RECURSIVE {}, a AS (TABLE share_counts) TABLE a",
        ),
        (
            "-- x\nSELECT share_counts.symbol FROM share_counts",
            "-- x\nWITH {} SELECT share_counts.symbol FROM share_counts",
        ),
    ],
)
def test_a_view_becomes_a_cte_of_its_name(query: str, expected: str) -> None:
    """The CTE selects from the function of the view, with the rule."""
    definition = '"share_counts" AS NOT MATERIALIZED (SELECT * FROM "share_counts"(\'3\'))'
    assert by_availability(query, "3") == expected.format(definition)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM public.share_counts",
        "EXPLAIN SELECT * FROM share_counts",
        "WITH share_counts AS (SELECT * FROM share_counts) SELECT * FROM share_counts",
        "WITH share_counts AS NOT MATERIALIZED (SELECT 1) SELECT * FROM share_counts",
    ],
)
def test_a_view_that_cannot_be_replaced_is_refused(query: str) -> None:
    """The query is never run by another rule; the message says what to write."""
    with pytest.raises(InvalidInput, match=r"Write share_counts\('same_day'\)"):
        by_availability(query, "3")
