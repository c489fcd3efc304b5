"""Test a sync to a Snowflake schema that an earlier version filled, without a column of today."""

from __future__ import annotations

from pathlib import Path

from factorlab_lake.lake import Lake
from factorlab_lake.schema import TABLES
from factorlab_lake.sync.snowflake.ddl import value_hash
from tests.support import copy_of
from tests.unit.sync.snowflake_server import by_hand
from tests.unit.sync.test_snowflake_sync import assert_equal


def test_a_new_column_sends_the_rows_that_have_values_in_it(few: Lake, schema: str, tmp_path: Path) -> None:
    """Rows without a value stay, and do not count as edited; a full column is sent."""
    lake = copy_of(few, tmp_path / "lake")
    assert lake.sync(schema).clean
    for column, sent in (("vwap", 0), ("volume", 12)):
        before = value_hash(TABLES["price_data"], without=[column])
        by_hand(schema, f"UPDATE price_data SET value_hash = {before}")
        for name in ("price_data", "factorlab_lake_stage_price_data"):
            by_hand(schema, f"ALTER TABLE {name} DROP COLUMN {column}")
        report = lake.sync(schema)
        assert report.clean, report.findings
        assert report.sent == sent
    assert_equal(lake, schema)
