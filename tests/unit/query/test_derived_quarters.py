"""Quarters that are not reported: what a half year, nine months or a year adds to what came before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.support import derived_steps
from tests.unit.query.lake_builder import LakeBuilder, filing

CASES = LakeBuilder()
Row = dict[str, Any]
Asked = Callable[[str, str], Row]

Q1, Q2, Q3, Q4, NEXT, SECOND = (
    "2020-03-31",
    "2020-06-30",
    "2020-09-30",
    "2020-12-31",
    "2021-03-31",
    "2021-06-30",
)
HALF, NINE = Q2, Q3
FETCHED = datetime(2021, 12, 31, 22, tzinfo=UTC)
# A statement is known 30 days after its end unless the case says otherwise.
YEAR_KNOWN, NEXT_KNOWN, SECOND_KNOWN = "2021-01-30", "2021-04-30", "2021-07-30"
ITEMS = {"reason", "basis", "derivation", "inputs_available_date", "revenue", "net_income"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("derived"))


@pytest.fixture(scope="module")
def ttm(made: Lake) -> Asked:
    """Return the trailing year of any case on any day of 2020 and 2021, from one query."""
    symbols = made.sql("SELECT DISTINCT symbol FROM income_statements")["symbol"].to_list()
    answers = made.ttm(symbols, start="2020-07-01", end="2021-09-30", freq="D")
    rows = {(row["symbol"], row["date"].isoformat()): row for row in answers.to_dicts()}
    return lambda symbol, day: rows[symbol, day]


def income(symbol: str, *filed: tuple[Any, ...], kind: str = "income") -> None:
    """Add statements: (end, period, revenue) with the filing day, or a mapping of items, after it."""
    records = []
    for end, period, revenue, *more in filed:
        items: dict[str, Any] = {"revenue": revenue} if kind == "income" else {"operatingCashFlow": revenue}
        for one in more:
            items |= {"filed": one} if isinstance(one, str) else one
        records.append(filing(end, period, **items))
    for record in records:  # versions of one period are served one after the other
        CASES.statements(symbol, kind, [record], fetched=FETCHED)


THREE = ((Q1, "Q1", 10), (Q2, "Q2", 20), (Q3, "Q3", 30))

# --- how a quarter follows --------------------------------------------------------------------------------

income("YEAR_LESS_QUARTERS", *THREE, (Q4, "FY", 100), (NEXT, "Q1", 15))
income(
    "ALL_CUMULATIVE", (Q1, "Q1", 10), (HALF, "H1", 30), (NINE, "9M", 60), (Q4, "FY", 100), (NEXT, "Q1", 15)
)
income("NINE_LESS_QUARTERS", *THREE[:2], (NINE, "9M", 60), (Q4, "Q4", 40), (NEXT, "Q1", 15))
income("YEAR_LESS_NINE", *THREE[:2], (NINE, "9M", 60), (Q4, "FY", 100), (NEXT, "Q1", 15))
# Quarters and nine months that do not tell the same: the figure three months shorter is preferred.
income("TWO_WAYS", *THREE, (NINE, "9M", 63), (Q4, "FY", 100), (NEXT, "Q1", 15))

YEAR = "2020-12-31 = FY - 9M"
THIRD = "2020-09-30 = 9M - Q1 - Q2"
FOLLOWS: dict[str, tuple[int, str]] = {
    "YEAR_LESS_QUARTERS": (105, "2020-12-31 = FY - Q1 - Q2 - Q3"),
    "ALL_CUMULATIVE": (105, f"2020-06-30 = H1 - Q1; 2020-09-30 = 9M - H1; {YEAR}"),
    "NINE_LESS_QUARTERS": (105, THIRD),
    "YEAR_LESS_NINE": (105, f"{THIRD}; {YEAR}"),
    "TWO_WAYS": (20 + 30 + 37 + 15, YEAR),
}


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("symbol", FOLLOWS)
def test_a_quarter_that_is_not_reported_follows_from_longer_figures(ttm: Asked, symbol: str) -> None:
    """Once the next quarter is known, the year is three quarters of the old one, derived or not, and it."""
    revenue, derivation = FOLLOWS[symbol]
    row = ttm(symbol, NEXT_KNOWN)
    assert {name: row[name] for name in ITEMS} == {
        "revenue": revenue,
        "net_income": None,
        "basis": "quarters",
        "derivation": derivation,
        "inputs_available_date": date(2021, 4, 30),
        "reason": None,
    }


@pytest.mark.parametrize("symbol", FOLLOWS)
def test_at_the_years_end_the_quarters_add_up_to_the_year(ttm: Asked, symbol: str) -> None:
    """With the last quarter derived from the year, their sum is the year's own figure."""
    row = ttm(symbol, YEAR_KNOWN)
    assert row["revenue"] == (97 if symbol == "TWO_WAYS" else 100)  # 10 + 20 + 30 + 37
    assert (row["basis"], row["derivation"]) == ("quarters", FOLLOWS[symbol][1])


LIMITS = {74: False, 75: True, 98: True, 120: True, 121: False}
for _days in LIMITS:
    _third = date(2020, 12, 31) - timedelta(days=_days)
    _ends = [(_third - timedelta(days=back)).isoformat() for back in (182, 91, 0)]
    income(f"APART{_days}", (_ends[0], "H1", 30), (_ends[2], "9M", 60), (Q4, "FY", 100))


@pytest.mark.parametrize("days", LIMITS)
def test_neighbours_end_75_to_120_days_apart(made: Lake, days: int) -> None:
    """A quarter of fourteen weeks is one; what is shorter or longer is not a quarter."""
    result = made.sql(
        "SELECT valid_from FROM quarter_history "
        "WHERE symbol = $symbol AND fiscal_date = '2020-12-31' AND derivation IS NOT NULL",
        symbol=f"APART{days}",
    )
    assert result["valid_from"].to_list() == ([date(2021, 1, 30)] if LIMITS[days] else [])


# --- a reported quarter wins ------------------------------------------------------------------------------

income("BOTH", *THREE, (Q4, "FY", 100), (Q4, "Q4", 41), (NEXT, "Q1", 15))
income("QUARTER_LATER", *THREE, (Q4, "FY", 100), (Q4, "Q4", 45, "2021-02-20"), (NEXT, "Q1", 15))
income("QUARTER_FIRST", *THREE, (Q4, "Q4", 45, "2021-01-20"), (Q4, "FY", 100), (NEXT, "Q1", 15))
income(
    "THIRD_LATER",
    *THREE[:2],
    (NINE, "9M", 60),
    (Q3, "Q3", 33, "2021-02-20"),
    (Q4, "FY", 100),
    (NEXT, "Q1", 15),
)


@pytest.mark.parametrize(
    ("symbol", "day", "revenue", "derivation"),
    [
        ("BOTH", YEAR_KNOWN, 101, None),
        ("BOTH", NEXT_KNOWN, 106, None),
        ("QUARTER_LATER", YEAR_KNOWN, 100, "2020-12-31 = FY - Q1 - Q2 - Q3"),
        ("QUARTER_LATER", "2021-02-19", 100, "2020-12-31 = FY - Q1 - Q2 - Q3"),
        ("QUARTER_LATER", "2021-02-20", 105, None),
        ("QUARTER_FIRST", "2021-01-20", 105, None),
        ("QUARTER_FIRST", YEAR_KNOWN, 105, None),
        ("THIRD_LATER", "2021-02-19", 100, f"{THIRD}; {YEAR}"),
        ("THIRD_LATER", "2021-02-20", 103, YEAR),  # 10 + 20 + 33, and 100 - 60
    ],
)
def test_a_reported_quarter_wins_from_its_day_on(
    ttm: Asked, symbol: str, day: str, revenue: int, derivation: str | None
) -> None:
    """Whether it comes with the longer figure, before it or after it, what is reported is not derived."""
    row = ttm(symbol, day)
    assert (row["revenue"], row["derivation"], row["basis"]) == (revenue, derivation, "quarters")


# --- what was known ---------------------------------------------------------------------------------------

income("LATE_NINE", ("2019-09-30", "Q3", 5), ("2019-12-31", "Q4", 6), (Q1, "Q1", 10), (HALF, "H1", 30))
income("LATE_NINE", (NINE, "9M", 60, "2020-11-15"))


def test_a_quarter_is_derived_from_the_day_its_longer_figure_is_known(ttm: Asked) -> None:
    """Until nine months are known the year ends with the first half; its date is theirs from then on."""
    before, after = ttm("LATE_NINE", "2020-11-14"), ttm("LATE_NINE", "2020-11-15")
    columns = ("fiscal_date", "revenue", "inputs_available_date", "derivation")
    assert [before[name] for name in columns] == [
        date(2020, 6, 30), 5 + 6 + 10 + 20, date(2020, 7, 30), "2020-06-30 = H1 - Q1",
    ]  # fmt: skip
    assert [after[name] for name in columns] == [
        date(2020, 9, 30), 6 + 10 + 20 + 30, date(2020, 11, 15), "2020-06-30 = H1 - Q1; 2020-09-30 = 9M - H1",
    ]  # fmt: skip


income("RESTATED_PART", *THREE, (Q4, "FY", 100), (NEXT, "Q1", 15), (SECOND, "Q2", 25))
income("RESTATED_PART", (Q2, "Q2", 26, "2021-08-10"))
income("RESTATED_YEAR", *THREE, (Q4, "FY", 100), (NEXT, "Q1", 15), (SECOND, "Q2", 25))
income("RESTATED_YEAR", (Q4, "FY", 90, "2021-08-10"))


@pytest.mark.parametrize(("symbol", "change"), [("RESTATED_PART", -6), ("RESTATED_YEAR", -10)])
def test_a_restated_part_changes_the_quarter_from_its_day_on(ttm: Asked, symbol: str, change: int) -> None:
    """Also where the part itself is no longer in the trailing year: the derived quarter is."""
    before, after = ttm(symbol, "2021-08-09"), ttm(symbol, "2021-08-10")
    assert (before["revenue"], before["inputs_available_date"]) == (30 + 40 + 15 + 25, date(2021, 7, 30))
    assert (after["revenue"], after["inputs_available_date"]) == (110 + change, date(2021, 8, 10))


income("SHORTER_LATER", *THREE, (Q4, "FY", 100), (NINE, "9M", 63, "2021-02-10"))
income("PART_LATER", THREE[0], THREE[2], (Q4, "FY", 100), (NEXT, "Q1", 15), (Q2, "Q2", 20, "2021-05-20"))


def test_a_shorter_figure_takes_over_from_its_day_on(ttm: Asked) -> None:
    """What the year adds to nine months is preferred to what it adds to single quarters, once known."""
    rows = [ttm("SHORTER_LATER", day) for day in ("2021-02-09", "2021-02-10")]
    assert [row["derivation"] for row in rows] == ["2020-12-31 = FY - Q1 - Q2 - Q3", YEAR]
    assert [row["revenue"] for row in rows] == [100, 97]


def test_a_missing_part_gives_the_year_or_a_reason(ttm: Asked) -> None:
    """The year's own row serves at its end; after it there is a gap until the part is known."""
    assert (ttm("PART_LATER", YEAR_KNOWN)["basis"], ttm("PART_LATER", YEAR_KNOWN)["revenue"]) == (
        "fiscal_year",
        100,
    )
    gap, filled = ttm("PART_LATER", "2021-05-19"), ttm("PART_LATER", "2021-05-20")
    assert (gap["revenue"], gap["basis"], gap["reason"]) == (None, None, "quarter_missing")
    assert (filled["revenue"], filled["reason"]) == (105, None)
    assert filled["inputs_available_date"] == date(2021, 5, 20)


income("HALF_YEARLY", ("2019-12-31", "FY", 90), (HALF, "H1", 40), (Q4, "FY", 100), (SECOND, "H1", 45))


def test_halves_alone_are_no_quarters(ttm: Asked) -> None:
    """A company that reports by the half year has a trailing year at the end of its fiscal year only."""
    rows = [ttm("HALF_YEARLY", day) for day in ("2020-07-30", YEAR_KNOWN, SECOND_KNOWN)]
    assert [row["revenue"] for row in rows] == [None, 100, None]
    assert [row["reason"] for row in rows] == ["quarter_missing", None, "quarter_missing"]


# --- currencies and items ---------------------------------------------------------------------------------

_EUR = {"reportedCurrency": "EUR"}
income("EURO_YEAR", *THREE, (Q4, "FY", 100, _EUR), (NEXT, "Q1", 15))
income("EURO_NINE", *THREE, (NINE, "9M", 63, _EUR), (Q4, "FY", 100), (NEXT, "Q1", 15))
income(
    "EURO_THIRD",
    (Q1, "Q1", 10),
    (HALF, "H1", 30, _EUR),
    (NINE, "9M", 60, _EUR),
    (Q4, "Q4", 40),
    (NEXT, "Q1", 15),
)


def test_currencies_are_not_subtracted_from_each_other(ttm: Asked) -> None:
    """A year in euros less quarters in dollars is nothing; by parts in its own currency it follows."""
    row = ttm("EURO_YEAR", NEXT_KNOWN)
    assert (row["revenue"], row["reason"]) == (None, "quarter_missing")
    row = ttm("EURO_NINE", NEXT_KNOWN)
    assert (row["revenue"], row["derivation"]) == (105, "2020-12-31 = FY - Q1 - Q2 - Q3")


def test_a_derived_quarter_has_the_currency_of_its_parts(made: Lake) -> None:
    """What follows from euros is in euros, beside what is in dollars."""
    rows = made.sql(
        "SELECT fiscal_date::VARCHAR, derivation, reported_currency FROM quarter_history "
        "WHERE symbol = 'EURO_THIRD' AND derivation IS NOT NULL ORDER BY fiscal_date"
    ).rows()
    assert rows == [
        (Q1, "reported", "USD"),
        (Q3, "9M - H1", "EUR"),
        (Q4, "reported", "USD"),
        (NEXT, "reported", "USD"),
    ]


income(
    "ITEMS",
    (Q1, "Q1", 10, {"netIncome": 1, "grossProfit": 5, "incomeTaxExpense": 0, "operatingIncome": 0}),
    (Q2, "Q2", 20, {"netIncome": ..., "grossProfit": 5, "incomeTaxExpense": 2, "operatingIncome": 2}),
    (Q3, "Q3", 30, {"netIncome": 3, "grossProfit": 5, "incomeTaxExpense": 3, "operatingIncome": 3}),
    (Q4, "FY", 100, {"netIncome": 9, "grossProfit": ..., "incomeTaxExpense": 9, "operatingIncome": 9}),
    (NEXT, "Q1", 15, {"netIncome": 4, "grossProfit": 5, "incomeTaxExpense": 4, "operatingIncome": 4}),
)


def test_an_item_missing_in_any_part_is_missing_alone(ttm: Asked) -> None:
    """An item that is absent from any component, or 0 where that means not reported, is NULL."""
    row = ttm("ITEMS", NEXT_KNOWN)
    assert (row["revenue"], row["net_income"], row["gross_profit"]) == (105, None, None)
    assert (row["income_tax_expense"], row["operating_income"]) == (13, None)  # 9 - 0 + 4; the first was 0


# --- statements of other kinds ----------------------------------------------------------------------------

income("CASH", *THREE, (Q4, "Q4", 40), (NEXT, "Q1", 15))
income(
    "CASH", (Q1, "Q1", 1), (HALF, "H1", 3), (NINE, "9M", 6), (Q4, "FY", 10), (NEXT, "Q1", 2), kind="cash_flow"
)


def test_cash_flows_are_derived_by_themselves(ttm: Asked) -> None:
    """Cash flows that a company reports from the start of its year on are derived beside quarterly income."""
    days = ("2020-12-01", YEAR_KNOWN, NEXT_KNOWN)
    assert [ttm("CASH", day)["operating_cash_flow"] for day in days] == [None, 10, 10 - 1 + 2]
    assert ttm("CASH", NEXT_KNOWN)["revenue"] == 105


CASES.statements("SHARES", "income", [filing(Q1, "Q1", revenue=10, weightedAverageShsOut=100)])
CASES.statements("SHARES", "income", [filing(HALF, "H1", revenue=30, weightedAverageShsOut=110)])
for _end, _period, _current in ((Q1, "Q1", 300), (HALF, "H1", 500)):
    CASES.statements(
        "SHARES",
        "balance_sheet",
        [filing(_end, _period, totalCurrentAssets=_current, totalCurrentLiabilities=100)],
    )


def test_shares_and_balances_are_never_derived(made: Lake) -> None:
    """The balance of the half year's end is the statement's own; an average share count is not subtracted."""
    [row] = made.factors("SHARES", "2020-07-30").to_dicts()
    assert (row["current_ratio"], row["share_growth"]) == (5, None)
    rows = derived_steps(made, ["SHARES"]).execute(
        "SELECT statement_type, max(derivation) AS derivation FROM quarter_validity "
        "WHERE derivation <> 'reported' OR statement_type = 'balance_sheet' GROUP BY ALL ORDER BY ALL"
    )
    assert rows.fetchall() == [("balance_sheet", "reported"), ("income", "H1 - Q1")]


def test_stretches_of_a_quarter_never_overlap(made: Lake) -> None:
    """At no time does a period have two contents, and one that is derived has all its parts known."""
    symbols = made.sql("SELECT DISTINCT symbol FROM income_statements")["symbol"].to_list()
    twice = derived_steps(made, symbols).execute(
        """
        SELECT a.subject, a.fiscal_date, a.derivation, b.derivation AS other
        FROM quarter_validity a JOIN quarter_validity b
          ON a.statement_type = b.statement_type AND a.subject = b.subject AND a.fiscal_date = b.fiscal_date
         AND a.months = b.months AND (a.components <> b.components OR a.valid_from <> b.valid_from)
         AND a.valid_from < b.valid_to AND b.valid_from < a.valid_to
        """
    )
    assert twice.fetchall() == []
