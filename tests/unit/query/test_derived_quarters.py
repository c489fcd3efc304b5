"""Quarters that are not reported: what a half year, nine months or a year adds to what came before it."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import pytest

from factorlab_lake.lake import Lake
from tests.support import derived_steps
from tests.unit.query.lake_builder import LakeBuilder, filing
from tests.unit.query.quarter_cases import (
    HALF,
    NEXT,
    NEXT_KNOWN,
    NINE,
    Q1,
    Q2,
    Q3,
    Q4,
    THREE,
    YEAR_KNOWN,
    Asked,
    Quarter,
    add_flows,
    overlaps,
    quarters_of,
    trailing_years_of,
)

CASES = LakeBuilder()
income = partial(add_flows, CASES)
ITEMS = {"reason", "basis", "derivation", "inputs_available_date", "revenue", "net_income"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("derived"))


@pytest.fixture(scope="module")
def quarter(made: Lake) -> Quarter:
    """Return the quarters of this file's cases."""
    return quarters_of(made)


@pytest.fixture(scope="module")
def ttm(made: Lake) -> Asked:
    """Return the trailing years of this file's cases."""
    return trailing_years_of(made)


# --- how a quarter follows --------------------------------------------------------------------------------

income("YEAR_LESS_QUARTERS", *THREE, (Q4, "FY", 100), (NEXT, "Q1", 15))
income(
    "ALL_CUMULATIVE", (Q1, "Q1", 10), (HALF, "H1", 30), (NINE, "9M", 60), (Q4, "FY", 100), (NEXT, "Q1", 15)
)
income("NINE_LESS_QUARTERS", *THREE[:2], (NINE, "9M", 60), (Q4, "Q4", 40), (NEXT, "Q1", 15))
income("YEAR_LESS_NINE", *THREE[:2], (NINE, "9M", 60), (Q4, "FY", 100), (NEXT, "Q1", 15))
# Quarters and nine months that do not tell the same: the figure three months shorter is preferred.
income("TWO_WAYS", *THREE, (NINE, "9M", 63), (Q4, "FY", 100), (NEXT, "Q1", 15))

THIRD = "2020-09-30 = 9M - Q1 - Q2"
FOLLOWS: dict[str, dict[str, tuple[int, str]]] = {
    "YEAR_LESS_QUARTERS": {Q4: (40, "FY - Q1 - Q2 - Q3")},
    "ALL_CUMULATIVE": {Q2: (20, "H1 - Q1"), Q3: (30, "9M - H1"), Q4: (40, "FY - 9M")},
    "NINE_LESS_QUARTERS": {Q3: (30, "9M - Q1 - Q2"), Q4: (40, "reported")},
    "YEAR_LESS_NINE": {Q3: (30, "9M - Q1 - Q2"), Q4: (40, "FY - 9M")},
    "TWO_WAYS": {Q3: (30, "reported"), Q4: (37, "FY - 9M")},
}


@pytest.mark.parametrize("symbol", FOLLOWS)
def test_a_quarter_that_is_not_reported_follows_from_longer_figures(quarter: Quarter, symbol: str) -> None:
    """Each is the figure up to its end less the one up to its start, or less the single quarters."""
    assert {end: quarter(symbol, end, NEXT_KNOWN) for end in FOLLOWS[symbol]} == FOLLOWS[symbol]


@pytest.mark.parametrize("symbol", FOLLOWS)
def test_the_next_quarter_joins_the_last_year_less_its_first_quarter(ttm: Asked, symbol: str) -> None:
    """Where the year is not known, the trailing twelve months are four quarters, reported or derived."""
    by_quarters = symbol == "NINE_LESS_QUARTERS"
    row = ttm(symbol, NEXT_KNOWN)
    assert {name: row[name] for name in ITEMS} == {
        "revenue": 105,
        "net_income": None,
        "basis": "quarters" if by_quarters else "year_to_date",
        "derivation": THIRD if by_quarters else "2020-12-31 = FY - Q1; 2021-03-31 = Q1",
        "inputs_available_date": date(2021, 4, 30),
        "reason": None,
    }


@pytest.mark.parametrize("symbol", FOLLOWS)
def test_at_the_years_end_the_year_answers(ttm: Asked, symbol: str) -> None:
    """The sum is its own figure, also where nine months and the quarters contradict each other."""
    row = ttm(symbol, YEAR_KNOWN)
    assert row["revenue"] == 100
    assert row["basis"] == ("quarters" if symbol == "NINE_LESS_QUARTERS" else "fiscal_year")


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
    ("symbol", "end", "day", "revenue", "derivation"),
    [
        ("BOTH", Q4, YEAR_KNOWN, 41, "reported"),
        ("QUARTER_LATER", Q4, YEAR_KNOWN, 40, "FY - Q1 - Q2 - Q3"),
        ("QUARTER_LATER", Q4, "2021-02-19", 40, "FY - Q1 - Q2 - Q3"),
        ("QUARTER_LATER", Q4, "2021-02-20", 45, "reported"),
        ("QUARTER_FIRST", Q4, "2021-01-20", 45, "reported"),
        ("QUARTER_FIRST", Q4, YEAR_KNOWN, 45, "reported"),
        ("THIRD_LATER", Q3, "2021-02-19", 30, "9M - Q1 - Q2"),
        ("THIRD_LATER", Q3, "2021-02-20", 33, "reported"),
        ("THIRD_LATER", Q4, "2021-02-20", 40, "FY - 9M"),
    ],
)
def test_a_reported_quarter_wins_from_its_day_on(
    quarter: Quarter, symbol: str, end: str, day: str, revenue: int, derivation: str
) -> None:
    """Whether it comes with the longer figure, before it or after it, what is reported is not derived."""
    assert quarter(symbol, end, day) == (revenue, derivation)


def test_quarters_stand_for_the_year_until_it_is_known(ttm: Asked) -> None:
    """A last quarter that is public before its year completes four quarters; then the year answers."""
    before, after = ttm("QUARTER_FIRST", "2021-01-20"), ttm("QUARTER_FIRST", YEAR_KNOWN)
    assert (before["revenue"], before["basis"]) == (105, "quarters")
    assert (after["revenue"], after["basis"]) == (100, "fiscal_year")


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


def test_currencies_are_not_subtracted_from_each_other(ttm: Asked, quarter: Quarter) -> None:
    """A year in euros less quarters in dollars is nothing; by parts in its own currency it follows."""
    row = ttm("EURO_YEAR", NEXT_KNOWN)
    assert (row["revenue"], row["reason"]) == (None, "quarter_missing")
    assert quarter("EURO_YEAR", Q4, NEXT_KNOWN) is None
    assert quarter("EURO_NINE", Q4, NEXT_KNOWN) == (40, "FY - Q1 - Q2 - Q3")


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


def test_an_item_missing_in_any_part_is_missing_alone(made: Lake, ttm: Asked) -> None:
    """An item that is absent from any component, or 0 where that means not reported, is NULL."""
    row = ttm("ITEMS", NEXT_KNOWN)
    assert (row["revenue"], row["net_income"], row["gross_profit"]) == (105, 12, None)
    assert (row["income_tax_expense"], row["operating_income"]) == (13, None)  # 9 - 0 + 4; the first was 0
    [last] = made.quarters("ITEMS", start=Q4, end=Q4).to_dicts()
    assert (last["revenue"], last["net_income"], last["income_tax_expense"]) == (40, None, 4)  # 9 - 0 - 2 - 3


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
    assert overlaps(made) == []
