"""Test ttm: it returns the sum of four consecutive quarters as known at each date, or a reason."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.lake import Lake
from factorlab_lake.schema.derived_tables import VINTAGES
from tests.support import LATER, ROOT, Entry, migrate, slow_after
from tests.unit.query.lake_builder import YEAR_2020, LakeBuilder, filing, one, quarters

CASES = LakeBuilder()
KNOWN = "2021-01-30"  # the day the last quarter of 2020 became known
HEAD = {
    "symbol",
    "date",
    "fiscal_date",
    "basis",
    "derivation",
    "reported_currency",
    "inputs_available_date",
    "age_days",
    "company_id",
    "statement_provider",
    "reason",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("ttm"))


def flows(row: dict[str, Any]) -> dict[str, float]:
    """Return the items that have a value."""
    return {name: value for name, value in row.items() if name not in HEAD and value is not None}


# --- the sum ----------------------------------------------------------------------------------------------

CASES.statements("WHOLE", "income", quarters(revenue=[100, 110, 120, 130], netIncome=[10, -20, 30, 5]))
CASES.statements(
    "WHOLE", "cash_flow", quarters(operatingCashFlow=[1, 2, 3, 4], capitalExpenditure=[-1, 0, -1, 0])
)


def test_each_flow_is_the_sum_of_its_four_quarters(made: Lake) -> None:
    """Income and cash flow items, losses included; the row says what it is made of."""
    row = one(made, "ttm", "WHOLE", KNOWN)
    assert flows(row) == {
        "revenue": 460,
        "net_income": 25,
        "operating_cash_flow": 10,
        "capital_expenditure": -2,
    }
    assert {name: row[name] for name in HEAD} == {
        "symbol": "WHOLE",
        "date": date(2021, 1, 30),
        "fiscal_date": date(2020, 12, 31),
        "basis": "quarters",
        "derivation": None,
        "reported_currency": "USD",
        "inputs_available_date": date(2021, 1, 30),
        "age_days": 30,
        "company_id": "WHOLE",
        "statement_provider": "fmp",
        "reason": None,
    }


def _columns(kind: str) -> set[str]:
    with (ROOT / "factorlab_lake" / "schema" / "line_items.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["statement"] in ("income", "cash_flow")]
    return {row["column"] for row in rows if row["kind"] == kind}


def test_only_additive_flows_are_summed(made: Lake) -> None:
    """Every flow of both statements is a column; no per-share figure, share count, ratio or balance is."""
    columns = set(made.ttm("WHOLE", KNOWN).columns) - HEAD
    in_both = {"net_income_cash_flow", "depreciation_and_amortization_cash_flow"}  # under names of their own
    assert columns == _columns("flow") | in_both
    assert not columns & {"eps", "eps_diluted", "net_income_ratio", "cash_at_end_of_period"}


# --- the quarters ---

for _missing in range(3):
    CASES.statements(
        f"GAP{_missing}",
        "income",
        [record for number, record in enumerate(quarters(revenue=[1, 1, 1, 1])) if number != _missing],
    )


@pytest.mark.parametrize("missing", range(3))
def test_a_missing_quarter_gives_a_reason_and_no_partial_sum(made: Lake, missing: int) -> None:
    """Three quarters are not a year, whichever is missing."""
    row = one(made, "ttm", f"GAP{missing}", KNOWN)
    assert (row["reason"], row["basis"], flows(row)) == ("quarter_missing", None, {})


def _ends(*apart: int) -> list[str]:
    """Return quarter ends up to 2020-12-31, the days between them given from the oldest on."""
    ends = [date(2020, 12, 31)]
    for days in reversed(apart):
        ends.insert(0, ends[0] - timedelta(days=days))
    return [end.isoformat() for end in ends]


SPACINGS = {
    (75, 75, 95): True,
    (74, 91, 91): False,
    (91, 74, 91): False,
    (91, 91, 74): False,
    (120, 90, 90): True,
    (121, 80, 80): False,
    (80, 80, 121): False,
    (75, 75, 94): False,  # 244 days from first to last
    (81, 82, 82): True,  # 245
    (100, 100, 100): True,  # 300
    (101, 100, 100): False,  # 301
    (91, 91, 98): True,  # a quarter of fourteen weeks: a year of 53
    (98, 91, 91): True,
}
for _apart in SPACINGS:
    CASES.statements(
        "S" + "_".join(map(str, _apart)), "income", quarters(_ends(*_apart), revenue=[1, 2, 3, 4])
    )


@pytest.mark.first_cases(4)
@pytest.mark.parametrize(("apart", "is_a_year"), SPACINGS.items())
def test_quarters_follow_each_other_within_limits(
    made: Lake, apart: tuple[int, ...], *, is_a_year: bool
) -> None:
    """Ends are 75 to 120 days apart and 245 to 300 from first to last; years of 52 and 53 weeks fit."""
    row = one(made, "ttm", "S" + "_".join(map(str, apart)), KNOWN)
    assert flows(row) == ({"revenue": 10} if is_a_year else {})
    assert row["reason"] == (None if is_a_year else "quarters_not_consecutive")


CASES.statements("STUB", "income", [filing("2020-02-29", "Q4", revenue=9), *quarters(revenue=[1, 2, 3, 4])])


def test_a_short_period_before_four_quarters_does_not_matter(made: Lake) -> None:
    """After a change of its fiscal year a company has a trailing year again once four quarters are known."""
    row = one(made, "ttm", "STUB", KNOWN)
    assert (row["revenue"], row["reason"]) == (10, None)


CASES.statements(
    "CURRENCY",
    "income",
    [
        record | {"reportedCurrency": currency}
        for record, currency in zip(quarters(revenue=[1, 1, 1, 1]), ("EUR", "USD", "USD", "USD"), strict=True)
    ],
)


def test_two_currencies_are_not_added(made: Lake) -> None:
    """A year with quarters in euros and dollars is NULL, with this reason."""
    row = one(made, "ttm", "CURRENCY", KNOWN)
    assert flows(row) == {}
    assert "currenc" in row["reason"]


CASES.statements(
    "ITEMS",
    "income",
    quarters(
        revenue=[1, 2, 3, 4],
        netIncome=[1, 2, ..., 4],
        operatingIncome=[1, 2, 0, 4],  # vendors write 0 for what is not reported
        grossProfit=[1, 2, None, 4],
        interestExpense=[1, 2, 0, 4],  # nothing to pay is a fact
    ),
)


def test_an_item_missing_in_one_quarter_is_missing_alone(made: Lake) -> None:
    """Absent, null, or 0 where 0 means not reported: that item is NULL, the others are summed."""
    row = one(made, "ttm", "ITEMS", KNOWN)
    assert (flows(row), row["reason"]) == ({"revenue": 10, "interest_expense": 7}, None)


# --- the fiscal year's own row ----------------------------------------------------------------------------

CASES.statements("ANNUAL", "income", [filing("2020-12-31", "FY", revenue=50, netIncome=5)])
CASES.statements("ANNUAL", "cash_flow", [filing("2020-12-31", "FY", operatingCashFlow=7)])
CASES.statements("FILLED", "income", quarters(revenue=[1, 2, 3, 4])[1:])
CASES.statements("FILLED", "income", [filing("2020-12-31", "FY", revenue=11)])
CASES.statements("COMPLETE", "income", quarters(revenue=[1, 2, 3, 4]))
CASES.statements("COMPLETE", "income", [filing("2020-12-31", "FY", revenue=11)])
CASES.statements("MOVED_ON", "income", [filing("2020-12-31", "FY", revenue=11)])
CASES.statements("MOVED_ON", "income", [filing("2021-03-31", "Q1", revenue=1)], fetched=LATER)


@pytest.mark.parametrize(
    ("symbol", "basis", "revenue"),
    [("ANNUAL", "fiscal_year", 50), ("FILLED", "fiscal_year", 11), ("COMPLETE", "fiscal_year", 11)],
)
def test_the_years_own_row_serves_at_its_end(made: Lake, symbol: str, basis: str, revenue: float) -> None:
    """The fiscal year's row answers at its own end, whether or not four quarters are known."""
    row = one(made, "ttm", symbol, KNOWN)
    assert (row["basis"], row["revenue"], row["reason"]) == (basis, revenue, None)


def test_the_years_cash_flow_goes_with_the_years_income(made: Lake) -> None:
    """On the basis of the fiscal year the cash flow items come from the year's row too."""
    assert flows(one(made, "ttm", "ANNUAL", KNOWN)) == {
        "revenue": 50,
        "net_income": 5,
        "operating_cash_flow": 7,
    }


def test_a_year_that_has_been_moved_on_from_does_not_serve(made: Lake) -> None:
    """Once a newer quarter is known, the last fiscal year is no longer the trailing one."""
    rows = made.ttm("MOVED_ON", ["2021-04-29", "2021-04-30"])
    assert rows["revenue"].to_list() == [11, None]
    assert rows["reason"].to_list() == [None, "quarter_missing"]


# --- cash flows beside income -----------------------------------------------------------------------------

CASES.statements("OTHER_END", "income", quarters(revenue=[1, 2, 3, 4]))
CASES.statements(
    "OTHER_END", "cash_flow", quarters([*YEAR_2020[:3], "2020-12-21"], operatingCashFlow=[1, 2, 3, 4])
)
CASES.statements("LATE_CASH", "income", quarters(revenue=[1, 2, 3, 4]))
CASES.statements("LATE_CASH", "cash_flow", quarters(operatingCashFlow=[1, 2, 3, 4])[:3])
CASES.statements("LATE_CASH", "cash_flow", [filing("2020-12-31", filed="2021-02-10", operatingCashFlow=4)])


def test_cash_flows_of_other_periods_are_not_mixed_in(made: Lake) -> None:
    """Where a cash flow statement ends on another day, its items are NULL and the income's stay."""
    assert flows(one(made, "ttm", "OTHER_END", KNOWN)) == {"revenue": 10}


def test_cash_flows_join_when_their_last_leg_is_known(made: Lake) -> None:
    """Until then they are NULL; from then on the answer is as old as they are."""
    before, after = made.ttm("LATE_CASH", ["2021-02-09", "2021-02-10"]).to_dicts()
    assert (flows(before), before["inputs_available_date"]) == ({"revenue": 10}, date(2021, 1, 30))
    assert flows(after) == {"revenue": 10, "operating_cash_flow": 10}
    assert after["inputs_available_date"] == date(2021, 2, 10)


# --- what was known ---------------------------------------------------------------------------------------

CASES.statements("FIVE", "income", quarters(("2019-12-31", *YEAR_2020), revenue=[1, 2, 3, 4, 5]))


def test_a_quarter_counts_from_the_day_it_was_known(made: Lake) -> None:
    """The day before, the year up to the quarter before is the trailing one."""
    rows = made.ttm("FIVE", ["2021-01-29", KNOWN])
    assert rows.select("fiscal_date", "revenue", "inputs_available_date").rows() == [
        (date(2020, 9, 30), 10, date(2020, 10, 30)),
        (date(2020, 12, 31), 14, date(2021, 1, 30)),
    ]


CASES.statements("AMENDED", "income", quarters(revenue=[1, 2, 3, 4]))
CASES.statements("AMENDED", "income", [filing("2020-06-30", "Q2", filed="2021-02-15", revenue=2.5)])


def test_a_late_amendment_changes_its_leg_and_nothing_else(made: Lake) -> None:
    """The current quarter stays the last one; the amended value counts from the day it was known."""
    rows = made.ttm("AMENDED", ["2021-02-14", "2021-02-15"])
    assert rows.select("fiscal_date", "revenue", "inputs_available_date").rows() == [
        (date(2020, 12, 31), 10, date(2021, 1, 30)),
        (date(2020, 12, 31), 10.5, date(2021, 2, 15)),
    ]


CASES.statements(
    "LATE_FIRST", "income", [*quarters(revenue=[1, 2, 3, 4])[::2], *quarters(revenue=[1, 2, 3, 4])[3:]]
)
CASES.statements("LATE_FIRST", "income", [filing("2020-06-30", "Q2", filed="2021-02-15", revenue=2)])


def test_a_quarter_first_filed_late_completes_the_year_only_then(made: Lake) -> None:
    """Before it was public the year has a gap, although the lake holds the quarter."""
    rows = made.ttm("LATE_FIRST", ["2021-02-14", "2021-02-15"])
    assert rows["revenue"].to_list() == [None, 10]
    assert rows["reason"].to_list() == ["quarter_missing", None]


@pytest.mark.parametrize(
    ("symbol", "days", "reason"),
    [
        ("WHOLE", 200, None),
        ("WHOLE", 201, "statement_stale"),
        ("ANNUAL", 500, None),
        ("ANNUAL", 501, "statement_stale"),
    ],
)
def test_a_year_serves_until_the_next_report_is_overdue(
    made: Lake, symbol: str, days: int, reason: str | None
) -> None:
    """A quarterly reporter's figures are stale after 200 days, a yearly one's after 500, with a reason."""
    day = date(2020, 12, 31) + timedelta(days=days)
    row = one(made, "ttm", symbol, day.isoformat())
    assert (row["age_days"], row["reason"], bool(flows(row))) == (days, reason, reason is None)


def test_the_age_limit_is_an_argument_of_the_sql_function(made: Lake) -> None:
    """Who accepts older statements names the limit in SQL."""
    rows = made.sql("FROM ttm(['WHOLE'], ['2021-07-20'::DATE], age_limit := 201)")
    assert rows["revenue"].to_list() == [460]


def test_each_symbol_and_date_gets_one_row_in_order(made: Lake) -> None:
    """The answer is the grid of what was asked; repeats and unknown symbols included."""
    rows = made.ttm(["NOBODY", "WHOLE", "WHOLE"], [KNOWN, "2020-01-01", KNOWN])
    assert rows.select("symbol", "date", "reason").rows() == [
        ("NOBODY", date(2020, 1, 1), "no_statement_known"),
        ("NOBODY", date(2021, 1, 30), "no_statement_known"),
        ("WHOLE", date(2020, 1, 1), "no_statement_known"),
        ("WHOLE", date(2021, 1, 30), None),
    ]


def test_serving_the_same_again_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    """A later fetch of equal statements leaves one version and the same answers."""
    records = [record | {"symbol": "AGAIN"} for record in quarters(revenue=[1, 2, 3, 4])]
    migrate(lake, tmp_path, Entry("AGAIN", "income", records))
    before = lake.ttm("AGAIN", KNOWN)
    migrate(lake, tmp_path, Entry("AGAIN", "income", records, cached_at=LATER))
    assert lake.ttm("AGAIN", KNOWN).equals(before)
    assert len(lake.sql("FROM income_statements")) == 4


@pytest.mark.first_cases(1)
@pytest.mark.parametrize("function", ["ttm", "factors"])
@pytest.mark.parametrize("vintage", slow_after(1, VINTAGES))
def test_a_day_by_itself_is_answered_as_beside_earlier_ones(
    lake_both: Lake, function: str, vintage: str
) -> None:
    """Statements that are too old for a day to matter are left out, and indeed do not."""
    symbols = ["AAPL", "GOOG", "GOOGL"]
    days = [date(2012, 3, 1) + timedelta(days=661 * n) for n in range(6)]
    ask = getattr(lake_both, function)
    together = ask(symbols, [date(1990, 1, 1), *days], vintage=vintage)
    apart = pl.concat(ask(symbols, day, vintage=vintage) for day in days).sort("symbol", "date")
    assert_frame_equal(apart, together.filter(pl.col("date") >= days[0]))
    assert apart["fiscal_date"].null_count() < apart.height / 2
