"""SQL of one's own: what is made beside the lake's tables is welcome, what would change those is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake

CHANGES = [
    "DELETE FROM split_factors",
    "delete from main.split_factors where symbol = 'AAPL'",
    'INSERT INTO "share_count_validity" FROM share_count_validity',
    "INSERT OR REPLACE INTO split_factors FROM split_factors",
    "UPDATE share_count_validity SET shares = shares * 2",
    "TRUNCATE split_factors",
    "DROP TABLE IF EXISTS split_factors",
    "DROP VIEW price_data",
    "DROP MACRO TABLE market_caps",
    "DROP SCHEMA kept CASCADE",
    "DROP SCHEMA kept_rows CASCADE",
    "DELETE FROM kept_rows.price_data",
    "DROP SCHEMA few_cells CASCADE",
    "CREATE OR REPLACE VIEW kept_rows.price_data_source AS SELECT 1",
    "DELETE FROM 'split_factors'",
    "INSERT INTO 'split_factors' FROM split_factors",
    "CREATE OR REPLACE TABLE 'split_factors' AS SELECT 1 AS symbol",
    "ALTER TABLE split_factors RENAME TO gone",
    "CREATE OR REPLACE VIEW price_data AS SELECT 1 AS symbol",
    "CREATE TEMP TABLE splits AS SELECT 1 AS symbol",
    "CREATE MACRO factors(symbols, dates) AS TABLE SELECT 1",
    "COPY share_count_validity FROM 'counts.csv'",
    "MERGE INTO split_factors USING splits ON true WHEN MATCHED THEN DELETE",
    "SELECT 1; DELETE FROM split_factors",
    "/* of mine */ DELETE -- all\n FROM split_factors",
    "DELETE/* all */FROM split_factors",
]


@pytest.fixture
def queried_lake(lake_both: Lake) -> Lake:
    """A lake of the sample with a session of its own, which has answered before."""
    lake = fl.open(lake_both.path, create=False)
    assert lake.market_caps("AAPL", "2020-08-31")["market_cap"][0] is not None
    return lake


@pytest.mark.parametrize("change", CHANGES)
def test_what_answers_stand_on_is_not_changed(queried_lake: Lake, change: str) -> None:
    """A change to a table or function of the lake is refused, and later answers are what they were."""
    before = queried_lake.market_caps("AAPL", "2020-08-31").rows()
    with pytest.raises(InvalidInput, match="A question only reads, but"):
        queried_lake.sql(change)
    assert queried_lake.market_caps("AAPL", "2020-08-31").rows() == before


def test_tables_of_ones_own_can_be_made_and_changed(queried_lake: Lake, tmp_path: Path) -> None:
    """What has a name of its own may be made, filled, read and dropped, and rows may be copied to a file."""
    queried_lake.sql("CREATE TEMP TABLE mine AS SELECT symbol, date, close_price FROM price_data")
    queried_lake.sql("DELETE FROM mine WHERE symbol <> 'AAPL'")
    queried_lake.sql("INSERT INTO mine SELECT 'UPDATE splits', DATE '2020-01-02', 1.0")
    assert queried_lake.sql("SELECT DISTINCT symbol FROM mine ORDER BY 1")["symbol"].to_list() == [
        "AAPL",
        "UPDATE splits",
    ]
    file = tmp_path / "bars.parquet"
    queried_lake.sql(f"COPY price_data TO '{file}'")
    count = "SELECT count(*) AS n FROM"
    assert queried_lake.sql(f"{count} '{file}'").rows() == queried_lake.sql(f"{count} price_data").rows()
    queried_lake.sql("DROP TABLE mine")
