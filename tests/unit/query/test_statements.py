"""Statements: ranges of fiscal periods with every version of them, or as they were known on a day."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.support import Entry, migrate
from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing, quarters

CASES = LakeBuilder()
NAMES = ("BRK.B", "0700.HK", "600519", "CON", "TRUE", "NULL", "O'NEIL", 'A"B', "BF-B", "ÆON", "X" * 50)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("statements"))


CASES.statements("RANGE", "income", quarters(revenue=[1, 2, 3, 4], netIncome=[..., 0, None, -1.5]))
CASES.statements("RANGE", "balance_sheet", quarters(totalAssets=[1, 2, 3, 4]))
CASES.statements("RANGE", "cash_flow", quarters(operatingCashFlow=[1, 2, 3, 4]))


@pytest.mark.parametrize(
    ("start", "end", "ends"),
    [
        (None, None, YEAR_2020),
        ("2020-06-30", "2020-09-30", YEAR_2020[1:3]),
        ("2020-07-01", "2020-09-29", ()),
        (date(2020, 9, 30), None, YEAR_2020[2:]),
        (None, date(2020, 6, 30), YEAR_2020[:2]),
    ],
)
def test_both_ends_of_a_range_are_included(
    made: Lake, start: date | str | None, end: date | str | None, ends: tuple[str, ...]
) -> None:
    """Periods that end on the first and on the last day belong to it; an open end has no limit."""
    rows = made.statements("RANGE", start, end, types=["income"])
    assert [day.isoformat() for day in rows["fiscal_date"]] == list(ends)


def test_types_choose_statements(made: Lake) -> None:
    """Only the types asked for come; all three do unless some are named."""
    rows = made.statements("RANGE", types=["cash_flow", "income"])
    assert set(rows["statement_type"]) == {"cash_flow", "income"}
    assert set(made.statements("RANGE")["statement_type"]) == {"income", "balance_sheet", "cash_flow"}


def test_an_unknown_type_names_the_nearest(made: Lake) -> None:
    """A slip of the pen is answered with the right word."""
    with pytest.raises(InvalidInput, match=r"incme.*income, balance_sheet, cash_flow.*Did you mean 'income'"):
        made.statements("RANGE", types=["incme"])


def test_statements_are_ordered(made: Lake) -> None:
    """By symbol, type and period."""
    rows = made.statements(["RANGE", "AMENDED"])
    keys = rows.select("symbol", "statement_type", "fiscal_date", "fiscal_period", "version").rows()
    assert keys == sorted(keys)
    assert {key[0] for key in keys} == {"AMENDED", "RANGE"}


def test_metrics_hold_every_item_reported(made: Lake) -> None:
    """All line items are in the JSON, zeros too; what was not reported is not there or null."""
    rows = made.statements("RANGE", types=["income"])["metrics"]
    reported = [{name: value for name, value in json.loads(row).items() if value is not None} for row in rows]
    assert reported == [
        {"revenue": 1},
        {"revenue": 2, "net_income": 0},
        {"revenue": 3},
        {"revenue": 4, "net_income": -1.5},
    ]


def test_an_unknown_symbol_has_no_rows(made: Lake) -> None:
    """A range of an unknown symbol is empty, with the columns of any other."""
    rows = made.statements("NOBODY")
    assert rows.is_empty()
    assert rows.schema == made.statements("RANGE").schema


CASES.statements("AMENDED", "income", quarters(revenue=[1, 2, 3, 4]))
CASES.statements("AMENDED", "income", [filing("2020-06-30", "Q2", filed="2021-02-15", revenue=2.5)])


def _revenues(rows: Any) -> list[tuple[int, float]]:
    return [(row["version"], json.loads(row["metrics"])["revenue"]) for row in rows.to_dicts()]


def test_every_version_is_kept(made: Lake) -> None:
    """Without a day, each content a period has had is a row of its own, and says what it is."""
    rows = made.statements("AMENDED", "2020-06-30", "2020-06-30")
    assert _revenues(rows) == [(1, 2), (2, 2.5)]
    assert rows["change_kind"].to_list() == ["original", "restatement"]


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2020-04-29", []),
        ("2020-04-30", [(1, 1)]),
        ("2021-02-14", [(1, 1), (1, 2), (1, 3), (1, 4)]),
        ("2021-02-15", [(1, 1), (2, 2.5), (1, 3), (1, 4)]),
    ],
)
def test_as_of_gives_what_was_known_that_day(
    made: Lake, as_of: str, expected: list[tuple[int, float]]
) -> None:
    """One row per period that was public by that day's close, in the version that was."""
    assert _revenues(made.statements("AMENDED", as_of=as_of)) == expected


def test_the_sql_function_gives_the_same(made: Lake) -> None:
    """``statements_as_of`` is what the method calls, for every symbol at once."""
    rows = made.sql("FROM statements_as_of($day::DATE) WHERE symbol = 'AMENDED'", day="2021-02-14")
    method = made.statements("AMENDED", as_of="2021-02-14").select(rows.columns)
    assert_frame_equal(rows, method, check_row_order=False)


def test_a_moment_is_refused_as_a_day(made: Lake) -> None:
    """A datetime without a zone could mean several days."""
    with pytest.raises(InvalidInput, match="2021-02-14T09:30:00"):
        made.statements("AMENDED", as_of=datetime(2021, 2, 14, 9, 30))  # noqa: DTZ001 - what is refused


CASES.statements("ACCEPTED", "income", [filing("2020-12-31", revenue=1)])
CASES.statements("FILED", "income", [filing("2020-12-31", revenue=1, acceptedDate=...)])
CASES.statements("GUESSED", "income", [filing("2020-12-31", revenue=1, acceptedDate=..., fillingDate=...)])


@pytest.mark.parametrize(
    ("symbol", "basis", "score"),
    [("ACCEPTED", "accepted", 1), ("FILED", "filing_date", 0.9), ("GUESSED", "estimated", 0.7)],
)
def test_how_well_the_day_is_known_is_told(made: Lake, symbol: str, basis: str, score: float) -> None:
    """An estimated day of publication is worth less than a filing date, and that less than an acceptance."""
    rows = made.statements(symbol)
    assert rows.select("availability_basis", "data_quality_score").rows() == [(basis, score)]


for _name in NAMES:
    CASES.statements(_name, "income", [filing("2020-12-31", revenue=len(_name))])


def test_symbols_are_text_of_any_form(made: Lake) -> None:
    """Dots, digits, words that mean something to computers, quotes and long names are symbols like others."""
    rows = made.statements(NAMES)
    assert sorted(rows["symbol"]) == sorted(NAMES)
    for name in NAMES:
        assert _revenues(made.statements(name)) == [(1, len(name))]


def test_values_are_as_served_whatever_was_read_before(lake: Lake, tmp_path: Path) -> None:
    """Files with an item that other files lack keep the fractions of that item."""
    short = filing("2020-12-31", revenue=1)
    long = [
        filing("2020-12-31", revenue=1, netIncome=10),
        filing("2020-09-30", "Q3", revenue=1, netIncome=10.7),
    ]
    files = [Entry(f"A{n}", "income", [short | {"symbol": f"A{n}"}]) for n in range(8)]
    files += [Entry(f"B{n}", "income", [row | {"symbol": f"B{n}"} for row in long]) for n in range(8)]
    migrate(lake, tmp_path, *files)
    rows = lake.statements([f"B{n}" for n in range(8)])
    assert [json.loads(metrics)["net_income"] for metrics in rows["metrics"]] == [10.7, 10] * 8
