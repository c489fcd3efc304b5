"""The recipes of docs/contributing.md add a factor and quality rules to a copy of the package.

``test_additive_columns.py`` follows the recipes for line items and columns.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.compat.program import Program
from tests.support import CACHE_2021

OPEN = """
import sys
import duckdb, polars as pl
import factorlab_lake as fl
folder, cache, out, url = sys.argv[1:]
lake = fl.open(folder)
"""

FACTOR = "cash_to_assets,cash_and_cash_equivalents,total_assets,cash to assets,the tests"
CHECK_FACTOR = f"""{OPEN}
days = dict(start="2019-12-31", end="2021-03-31", freq="ME")
def values(source):
    rows = source.factors(["GOOGL"], **days)
    assert rows.height == 16 and rows["cash_to_assets"].null_count() == 0, rows
    return rows["cash_to_assets"].to_list()
before = values(lake)
lake.migrate(cache)
after = values(lake)
assert after != before and lake.verify(deep=True).clean
sheets = lake.sql("FROM balance_sheets WHERE symbol = 'GOOGL'")
assert set(before) | set(after) <= set(sheets["cash_and_cash_equivalents"] / sheets["total_assets"])
steps = lake.explain_factor("cash_to_assets", "GOOGL", "2021-03-31").rows(named=True)
assert steps[-1]["value"] == after[-1], steps
assert lake.lookahead("cash_to_assets", "GOOGL", ["2021-03-31"]).height == 2
lake.export(out)
query = "SELECT cash_to_assets FROM factors(['GOOGL'], ['2021-03-31'::DATE])"
for file in (out, folder + "/lake.duckdb"):
    with duckdb.connect(file, read_only=True) as con:
        assert con.sql(query).fetchall() == [(after[-1],)]
lake.sync(url)
with fl.open(url) as server:
    assert values(server) == after
"""

ROW_RULE = "small_sales,error,income,sales are below any in the released lake,revenue < 2e10,revenue,2e10,"
SET_RULE = "last_close,info,price_data,the bar is the last of its symbol"
SET_RULE_SQL = """-- last_close: the last bar of each symbol
-- Grain: one row per symbol. Point in time: bars as stored.
SELECT symbol, date, close_price AS value FROM price_data
QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY date DESC) = 1
"""
CHECK_RULES = f"""{OPEN}
assert {{"small_sales", "last_close"}} <= set(lake.quality_rules()["rule"])
assert lake.quality(["GOOGL"], rules=["small_sales"]).is_empty()
lake.migrate(cache)
small = lake.quality(["GOOGL"], rules=["small_sales"])
sales = lake.sql("SELECT min(revenue) AS low FROM income_statements WHERE symbol = 'GOOGL'")
assert small["value"].min() == sales["low"].item() < 2e10 == small["expected"].unique().item(), small
[last] = lake.quality(["GOOGL"], rules=["last_close"]).rows(named=True)
[bar] = lake.prices(["GOOGL"], start="2021-03-31", end="2021-03-31").rows(named=True)
assert (last["date"], last["value"]) == (bar["date"], bar["close_price"]), (last, bar)
kinds = "statement_type = 'income' AND fiscal_date = '" + str(small["date"][0]) + "'"
query = f"SELECT max(data_quality_score) AS x FROM financial_statements WHERE symbol = 'GOOGL' AND {{kinds}}"
score = lake.sql(query)["x"].item()
assert 0 < score <= 0.5, score
lake.export(out)
with duckdb.connect(out, read_only=True) as con:
    assert con.sql(query).fetchall() == [(score,)]
lake.sync(url)
with fl.open(url) as server:
    assert server.sql(query)["x"].item() == score
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Extract a lake that version 0.1.0 wrote."""
    zipfile.ZipFile(Path(__file__).parent / "lake_0_1.zip").extractall(tmp_path / "lake")
    return tmp_path / "lake"


def test_one_line_adds_a_factor(folder: Path, tmp_path: Path, database: str) -> None:
    """A new factor has values in the lake, its explanation, both kinds of single file and the server."""
    program = Program.copy(tmp_path / "program", "Add a factor")
    program.add_line("factors/factors.csv", FACTOR)
    program.run(CHECK_FACTOR, folder, CACHE_2021, tmp_path / "out.duckdb", database)


@pytest.mark.slow
def test_one_line_and_a_query_add_quality_rules(folder: Path, tmp_path: Path, database: str) -> None:
    """A row rule also lowers the score in file and server; a set rule reports the rows of its query."""
    program = Program.copy(tmp_path / "program", "Add a quality rule")
    program.add_line("schema/quality_rules.csv", ROW_RULE)
    program.add_line("quality/set_rules.csv", SET_RULE)
    program.add_file("quality/sql/rules/last_close.sql", SET_RULE_SQL)
    program.run(CHECK_RULES, folder, CACHE_2021, tmp_path / "out.duckdb", database)


def test_a_copy_changes_no_file_that_its_recipe_omits(tmp_path: Path) -> None:
    """A change outside the recipe's files fails, so the tests above prove that its list is complete."""
    program = Program.copy(tmp_path, "Add a factor")
    with pytest.raises(AssertionError, match=r"does not name schema/line_items\.csv"):
        program.add_line("schema/line_items.csv", "")
