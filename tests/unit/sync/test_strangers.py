"""Test that a sync names the objects which another program added under the lake's names."""

from __future__ import annotations

import pytest

from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.lake import Lake
from factorlab_lake.server_lake import open_server_lake
from factorlab_lake.sync.postgres import install
from tests.contracts.pair import Pair, method_call
from tests.unit.sync.comparing import by_hand
from tests.unit.sync.postgres_server import PASSWORD

# The name of each object, and the statement that adds it.
_ADDED = {
    "checked_vintage": "CREATE FUNCTION checked_vintage(varchar) RETURNS text LANGUAGE sql RETURN ''",
    "product": "CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric)",
    "factorlab_lake_wrote": "CREATE PROCEDURE factorlab_lake_wrote(int) LANGUAGE sql AS 'SELECT 1'",
    "integer AS date": "CREATE CAST (integer AS date) WITHOUT FUNCTION AS IMPLICIT",
    "market_caps": "CREATE FUNCTION market_caps(text[], date[]) RETURNS int LANGUAGE sql RETURN 1",
}
# Each fits calls of the lake's functions better than PostgreSQL's own, and gives another result.
_BETTER = {
    "unnest": "CREATE FUNCTION unnest(text[]) RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT 'X'; END",
    "round": "CREATE FUNCTION round(double precision, integer) RETURNS float8 LANGUAGE sql RETURN 0",
    "*": (
        "CREATE FUNCTION nothing(double precision, integer) RETURNS float8 LANGUAGE sql RETURN 0; "
        "CREATE OPERATOR public.* (FUNCTION = nothing, LEFTARG = float8, RIGHTARG = integer)"
    ),
    "/": "CREATE OPERATOR public./ (FUNCTION = nothing, LEFTARG = float8, RIGHTARG = integer)",
}
# Where every user may create functions, as in a new database of PostgreSQL 14, a sync warns about it.
_ONLY_OWNER = "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
_DATES = ["2020-08-28", "2020-08-31", "2021-03-31"]


def test_a_sync_names_each_object_and_the_statement_that_removes_it(small: Lake, database: str) -> None:
    """The report has a finding for each, also after a repair; the named statements remove all of them."""
    assert small.sync(database).clean
    by_hand(database, "CREATE FUNCTION other(text) RETURNS text LANGUAGE sql RETURN ''")  # of no interest
    for statement in _ADDED.values():
        by_hand(database, statement)
    report = small.sync(database, repair=True)
    assert {f.table for f in report.findings} == _ADDED.keys()
    assert {f.batch for f in report.findings} == {"objects"}
    assert report.repaired == ()
    lines = report.lines()
    assert lines[-1].endswith(f"differs in {len(_ADDED)} parts")
    assert any("DROP FUNCTION public.market_caps(text[], date[]);" in line for line in lines)
    for finding in report.findings:
        by_hand(database, finding.what.partition(": ")[2])
    assert small.sync(database).clean


@pytest.mark.parametrize("when", ["before", "after"])
def test_functions_that_fit_better_than_those_of_postgresql_change_no_answer(
    when: str, lake_2021: Lake, database: str
) -> None:
    """The lake's functions use pg_catalog alone, whatever exists at their installation; a sync only warns."""
    by_hand(database, _ONLY_OWNER)
    if when == "before":
        by_hand(database, "; ".join(_BETTER.values()))
    report = lake_2021.sync(database)
    if when == "after":
        by_hand(database, "; ".join(_BETTER.values()))
        report = lake_2021.sync(database)
    assert report.clean
    assert {text.partition(":")[0] for text in report.warnings[1:]} == _BETTER.keys()
    with Pair(lake_2021, open_server_lake(database, availability=CLOSE)) as pair:
        for method in ("market_caps", "ttm", "factors"):
            assert pair.ask(method_call(method, ["AAPL", "GOOGL"], _DATES)).height == 6
        pair.ask(method_call("statements", "AAPL"))
        pair.ask(method_call("ratios", "AAPL"))
        pair.ask(method_call("prices", "AAPL", "2020-08-01", "2020-09-30", adjusted=True))


def test_functions_installed_with_another_search_path_are_repaired(lake_2021: Lake, database: str) -> None:
    """Whoever runs the texts by hand gets the functions of others; the sync names those that use one."""
    by_hand(database, "; ".join(_BETTER.values()) + ";" + install.script())
    report = lake_2021.sync(database)
    assert {"market_caps", "factors"} <= {f.table for f in report.findings}
    assert any("it uses function public.unnest(text[]) of another" in f.what for f in report.findings)
    assert lake_2021.sync(database, repair=True).clean


def test_an_edited_row_and_a_function_are_both_found(small: Lake, database: str) -> None:
    """A repair restores the row and leaves the function to its owner."""
    small.sync(database)
    by_hand(database, _ADDED["market_caps"])
    by_hand(database, "UPDATE price_data SET close_price = 1")
    assert {f.batch for f in small.sync(database).findings} == {"2018", "2019", "objects"}
    report = small.sync(database, repair=True)
    assert {f.batch for f in report.repaired} == {"2018", "2019"}
    assert [f.table for f in report.findings] == ["market_caps"]


def test_a_superuser_is_warned_about(small: Lake, database: str) -> None:
    """The report warns once about a superuser; with an owner without such rights it does not."""
    by_hand(database, _ONLY_OWNER)
    report = small.sync(database)
    assert len(report.warnings) == 1
    assert "a superuser" in report.warnings[0]
    assert report.clean
    owner, place = database.rpartition("/")[2] + "_o", database.rpartition("@")[2]
    by_hand(database, f"CREATE ROLE {owner} LOGIN PASSWORD '{PASSWORD}'")
    by_hand(database, f"DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION {owner}")
    url = f"postgresql://{owner}:{PASSWORD}@{place}"
    small.sync(url)
    assert small.sync(url).warnings == ()
    by_hand(database, f"DROP OWNED BY {owner} CASCADE; DROP ROLE {owner}")
