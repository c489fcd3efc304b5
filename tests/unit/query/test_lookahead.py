"""Test the report on hindsight: it compares known values with first filings and with the latest figures."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.support import LATER
from tests.unit.query.lake_builder import LakeBuilder, filing, quarters

CASES = LakeBuilder()
BEFORE, AFTER = "2021-02-01", "2021-03-01"
# A fetch that still served the old figure after the restatement would date the new one by its own day.
FIRST = datetime(2021, 2, 10, tzinfo=UTC)
BALANCE: dict[str, Any] = {"totalStockholdersEquity": 400}

for name in ("RESTATED", "STEADY", "FILLED"):
    CASES.statements(name, "income", quarters(netIncome=[10] * 4, revenue=[100] * 4), fetched=FIRST)
for name in ("ZERO", "FROM_ZERO"):
    # All of the income came in as cash: accruals of zero.
    CASES.statements(name, "income", quarters(netIncome=[10] * 4, revenue=[100] * 4), fetched=FIRST)
    CASES.statements(name, "cash_flow", quarters(operatingCashFlow=[10] * 4), fetched=FIRST)
    CASES.statements(name, "balance_sheet", [filing("2020-12-31", totalAssets=400)], fetched=FIRST)
CASES.statements("RESTATED", "balance_sheet", [filing("2020-12-31", **BALANCE)], fetched=FIRST)
CASES.statements("STEADY", "balance_sheet", [filing("2020-12-31", **BALANCE)], fetched=FIRST)
CASES.statements("FILLED", "balance_sheet", [filing("2020-12-31", totalStockholdersEquity=0)], fetched=FIRST)
# Restated on 2021-02-20: a fourth quarter of 2 instead of 10; FILLED says its equity for the first time.
for name in ("RESTATED", "FROM_ZERO"):
    CASES.statements(
        name,
        "income",
        [filing("2020-12-31", filed="2021-02-20", netIncome=2, revenue=100)],
        fetched=LATER,
    )
CASES.statements(
    "FILLED", "balance_sheet", [filing("2020-12-31", filed="2021-02-20", **BALANCE)], fetched=LATER
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("lookahead"))


def test_each_cell_shows_what_was_known_first_and_latest(made: Lake) -> None:
    """Before the restatement only hindsight has its figure; after it only the first filings lack it."""
    rows = made.lookahead("roe", "RESTATED", [BEFORE, AFTER], by_cell=True).to_dicts()
    assert [(row["known"], row["first"], row["latest"]) for row in rows] == [
        (0.1, 0.1, 0.08),
        (0.08, 0.1, 0.08),
    ]
    assert [row["latest_change"] for row in rows] == pytest.approx([-0.2, 0])
    assert [row["first_change"] for row in rows] == pytest.approx([0, 0.25])


def test_the_report_counts_what_differs_and_by_how_much(made: Lake) -> None:
    """Six cells of three companies: one changed each way, and one that only hindsight could fill."""
    first, latest = made.lookahead("roe", ["RESTATED", "STEADY", "FILLED"], [BEFORE, AFTER]).to_dicts()
    assert first == {
        "vintage": "first",
        "cells": 6,
        "known": 5,
        "differ": 2,
        "appear": 0,
        "vanish": 1,
        "changed": 1,
        "median_change": pytest.approx(0.25),
        "largest_change": pytest.approx(0.25),
        "symbol": "RESTATED",
        "date": date(2021, 3, 1),
    }
    assert latest == {
        "vintage": "latest",
        "cells": 6,
        "known": 5,
        "differ": 2,
        "appear": 1,
        "vanish": 0,
        "changed": 1,
        "median_change": pytest.approx(0.2),
        "largest_change": pytest.approx(0.2),
        "symbol": "RESTATED",
        "date": date(2021, 2, 1),
    }


def test_without_restatements_nothing_differs(made: Lake) -> None:
    """Where every statement has one version, all three vintages agree and no cell is named."""
    for row in made.lookahead("roe", "STEADY", [BEFORE, AFTER]).to_dicts():
        assert (row["cells"], row["known"], row["differ"], row["symbol"]) == (2, 2, 0, None)


def test_a_value_of_zero_that_stays_is_no_difference(made: Lake) -> None:
    """Where all three vintages are zero nothing changed, though no change is relative to zero."""
    for row in made.lookahead("accruals", "ZERO", [BEFORE, AFTER]).to_dicts():
        assert (row["known"], row["differ"], row["largest_change"], row["symbol"]) == (2, 0, None, None)


def test_a_change_from_zero_is_counted_and_is_infinite(made: Lake) -> None:
    """A value that hindsight changes from zero differs, and its relative change is infinite."""
    _, latest = made.lookahead("accruals", "FROM_ZERO", [BEFORE, AFTER]).to_dicts()
    assert (latest["changed"], latest["largest_change"], latest["date"]) == (1, math.inf, date(2021, 2, 1))


def test_an_unknown_factor_is_refused(made: Lake) -> None:
    """Only factors, and the market cap they stand on, can be compared."""
    with pytest.raises(fl.LakeError, match="factor is 'beta'"):
        made.lookahead("beta", "STEADY", BEFORE)
    assert made.lookahead("market_cap", "STEADY", BEFORE)["known"].to_list() == [0, 0]
