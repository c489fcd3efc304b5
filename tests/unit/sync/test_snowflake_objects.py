"""Test that a sync finds views and functions of a Snowflake schema that somebody replaced or dropped."""

from __future__ import annotations

from typing import Any, cast

from factorlab_lake.lake import Lake
from factorlab_lake.sync.protocol import OBJECTS
from factorlab_lake.sync.snowflake.connection import Connection
from factorlab_lake.sync.snowflake.object_changes import changes
from tests.unit.sync.snowflake_server import by_hand


def test_views_that_were_replaced_or_dropped_are_named_and_repaired(small: Lake, schema: str) -> None:
    """Both are findings of the next sync, which changes nothing; a repair creates them again."""
    assert small.sync(schema).clean
    by_hand(schema, "CREATE OR REPLACE VIEW sectors AS SELECT 'AAA' AS symbol, 'Energy' AS sector")
    by_hand(schema, "DROP VIEW multi_class_symbols")
    by_hand(schema, "CREATE VIEW of_a_reader AS SELECT symbol FROM splits")
    report = small.sync(schema)
    assert {(f.table, f.batch, f.what.partition(":")[0]) for f in report.findings} == {
        ("sectors", OBJECTS, "the definition of this view was replaced"),
        ("multi_class_symbols", OBJECTS, "this view is missing"),
    }
    assert by_hand(schema, "SELECT sector FROM sectors") == [("Energy",)]
    assert small.sync(schema, repair=True).clean
    assert by_hand(schema, "SELECT count(*) FROM multi_class_symbols") == [(2,)]
    assert ("Energy",) not in by_hand(schema, "SELECT sector FROM sectors")
    assert small.sync(schema).clean


class _Listed:
    """Stands for an account that lists functions, which the emulator does not."""

    def __init__(self, functions: dict[str, str | None]) -> None:
        self.functions = functions

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the record, or what is listed."""
        if "factorlab_lake_installed" in sql:
            return [("function", f"{name}(symbols ARRAY)", "a") for name in ("ttm", "factors", "ratios")]
        of_functions = "information_schema.functions" in sql
        return [(n, "(symbols ARRAY)", d) for n, d in self.functions.items()] if of_functions else []


def test_functions_are_compared_by_name_and_arguments() -> None:
    """A replaced or missing function is named; one whose text may not be read is only looked for."""
    con = cast("Connection", _Listed({"ttm": "b", "factors": None, "of_a_reader": "c"}))
    assert [(name, what.partition(":")[0]) for name, what in changes(con)] == [
        ("ratios(symbols ARRAY)", "this function is missing"),
        ("ttm(symbols ARRAY)", "the definition of this function was replaced"),
    ]
