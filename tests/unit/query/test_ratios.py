"""Ratios by fiscal period: the factors on the day on which each period became available."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing, quarters

CASES = LakeBuilder()
BALANCE: dict[str, Any] = {"totalStockholdersEquity": 400, "totalAssets": 1000}
ENDS = ("2019-12-31", *YEAR_2020)

CASES.statements(
    "PLAIN", "income", quarters(ENDS, netIncome=[10, 10, 10, 10, 20], weightedAverageShsOut=[100] * 5)
)
CASES.statements("PLAIN", "balance_sheet", [filing(end, **BALANCE) for end in ENDS])
CASES.closes("PLAIN", {"2020-10-30": 8.0, "2021-01-29": 9.0})
# The balance sheet of the year's end comes two weeks after the income statement.
CASES.statements("SLOW", "income", quarters(netIncome=[10] * 4))
CASES.statements("SLOW", "balance_sheet", [filing("2020-12-31", filed="2021-02-15", **BALANCE)])
# Filed in one go, a year late: on that day only the newest period speaks for the company.
CASES.statements("LATE", "income", [filing(end, "Q4", filed="2021-03-03", netIncome=10) for end in ENDS])
CASES.statements("LATE", "balance_sheet", [filing(end, filed="2021-03-03", **BALANCE) for end in ENDS])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("ratios"))


def test_each_period_has_its_factors_of_the_day_it_was_published(made: Lake) -> None:
    """The rows are those of `factors` on that day, with the acceptance and the share count beside them."""
    rows = made.ratios("PLAIN", "2020-09-30", "2020-12-31").to_dicts()
    assert [(r["fiscal_date"], r["date"]) for r in rows] == [
        (date(2020, 9, 30), date(2020, 10, 30)),
        (date(2020, 12, 31), date(2021, 1, 30)),
    ]
    assert [(r["pe_ratio"], r["roe"], r["market_cap"]) for r in rows] == [(20, 0.1, 800), (18, 0.125, 900)]
    assert [(r["accepted_date"], r["shares_outstanding"]) for r in rows] == [
        (date(2020, 10, 30), 100),
        (date(2021, 1, 30), 100),
    ]
    for row in rows:
        [factors] = made.factors("PLAIN", row["date"]).to_dicts()
        shared = factors.keys() - {"date"}
        assert {name: row[name] for name in shared} == {name: factors[name] for name in shared}


def test_a_period_is_published_when_both_its_statements_are(made: Lake) -> None:
    """Income alone does not make the day; without a balance sheet it does."""
    days = {r["fiscal_date"].isoformat(): r["date"] for r in made.ratios("SLOW").to_dicts()}
    assert days["2020-12-31"] == date(2021, 2, 15)
    assert days["2020-09-30"] == date(2020, 10, 30)


def test_a_period_overtaken_by_a_newer_one_has_no_ratios(made: Lake) -> None:
    """The newest of the late filings has them; the others say that a newer period was known."""
    rows = made.ratios("LATE").to_dicts()
    assert [(r["roe"], r["reason"] == "newer_period_known") for r in rows] == [(None, True)] * 4 + [
        (0.1, False)
    ]


def test_the_view_has_the_same_rows(made: Lake) -> None:
    """`financial_ratios` is every symbol and period."""
    view = made.sql("SELECT * FROM financial_ratios ORDER BY symbol, fiscal_date")
    assert view.drop("source_provider", "created_at", "updated_at").equals(
        made.ratios(["LATE", "PLAIN", "SLOW"])
    )
    assert made.ratios("NOBODY").height == 0


@pytest.mark.parametrize("symbol", ["PLAIN", "SLOW", "LATE"])
def test_the_view_computes_the_symbol_of_a_condition_alone(made: Lake, symbol: str) -> None:
    """Each scan of rows that ratios follow from has the condition, and bars follow by a join."""
    query = f"SELECT * FROM financial_ratios WHERE symbol = '{symbol}'"
    rows = made.sql(f"{query} ORDER BY fiscal_date").drop("source_provider", "created_at", "updated_at")
    assert rows.equals(made.ratios(symbol))
    [plan] = json.loads(made.sql(f"EXPLAIN (FORMAT JSON) {query}")["explain_value"].item())
    scans = [scan for scan in _operators(plan) if {"published_on", "valid_from", "recorded_at"} & scan[0]]
    assert len(scans) >= 5
    assert [columns for columns, filters in scans if symbol not in filters] == []


def _operators(plan: dict[str, Any]) -> Iterator[tuple[set[str], str]]:
    """Yield the columns and the conditions of each operator that reads files."""
    facts = plan["extra_info"]
    if facts.get("Function", plan["name"]).strip() == "READ_PARQUET":
        yield set(facts["Projections"]), str(facts.get("Filters", ""))
    for child in plan["children"]:
        yield from _operators(child)


def test_apples_ratios_are_those_of_its_filing_days(lake_2021: Lake) -> None:
    """Apple's quarter to September 2020, accepted on 2020-10-29 at 18:06, is of the next day."""
    [row] = lake_2021.ratios("AAPL", "2020-09-26", "2020-09-26").to_dicts()
    assert (row["date"], row["accepted_date"]) == (date(2020, 10, 30), date(2020, 10, 29))
    assert row["market_cap"] == pytest.approx(108.86 * 17_352_119_000, rel=1e-12)
    assert row["roe"] == pytest.approx(57_411 / 65_339, rel=1e-12)
