from __future__ import annotations

from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.schema import TABLES
from tests.unit.cli.running import run


@pytest.fixture
def lake(home: Path) -> Path:
    """Return the lake of the demo."""
    return home / "data" / "lake"


def test_symbols_have_their_first_and_last_dates(lake: Path) -> None:
    """Each symbol with a bar or a statement has one row, with dates that SQL over the tables confirms."""
    rows = {row["symbol"]: row for row in run("--lake", lake, "--json", "symbols").json}
    query = "SELECT symbol, min(date) AS first, max(date) AS last FROM price_data GROUP BY symbol"
    expected = {r["symbol"]: r for r in fl.open(lake).sql(query).to_dicts()}
    assert set(rows) == {"AAPL", "GOOG", "GOOGL"}
    for symbol, row in rows.items():
        dates = (row["first_price"], row["last_price"])
        assert dates == (str(expected[symbol]["first"]), str(expected[symbol]["last"]))
    assert rows["AAPL"]["last_period"] == "2020-12-26"


def test_columns_describe_tables_and_views(lake: Path) -> None:
    """A table has the columns of its specification, a view those of its answer; unknown names are errors."""
    rows = run("--lake", lake, "--json", "columns", "splits").json
    assert [r["column"] for r in rows] == TABLES["splits"].names()
    assert all(r["meaning"] for r in rows)
    view = fl.open(lake).columns("revisions")
    assert view["column"].to_list() == fl.open(lake).revisions().columns
    assert set(fl.open(lake).columns()["table"]) == set(TABLES)
    assert "Did you mean 'price_data'?" in run("--lake", lake, "columns", "price_dat", code=1).err


def test_the_log_and_the_revisions_are_newest_first(lake: Path) -> None:
    """``--last`` limits the rows, and ``--symbol`` selects them."""
    log = run("--lake", lake, "--json", "log", "--symbol", "AAPL", "--last", "3").json
    assert len(log) == 3
    assert {row["symbol"] for row in log} == {"AAPL"}
    assert sorted((row["fetch_date"] for row in log), reverse=True) == [row["fetch_date"] for row in log]
    changed = run("--lake", lake, "--json", "revisions", "--symbol", "AAPL").json
    assert {row["symbol"] for row in changed} == {"AAPL"}
    assert len(changed) == fl.open(lake).sql("SELECT count(*) FROM revisions WHERE symbol = 'AAPL'").item()
    table = run("--lake", lake, "revisions", "--symbol", "AAPL")
    assert "(50 rows" in table.out
    assert f"the newest 50 of {len(changed):,} rows" in table.err
