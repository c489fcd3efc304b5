"""Test the length of a statement's period: what its label claims, and what other statements prove."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.support import derived_steps
from tests.unit.query.lake_builder import LakeBuilder, filing, one

CASES = LakeBuilder()
Statement = tuple[
    Any, ...
]  # end, label and revenue, then the filing day where it is not 30 days after the end


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("lengths"))


def case(symbol: str, *statements: Statement) -> None:
    """Add income statements."""
    records = [
        filing(end, label, revenue=revenue, **({"filed": more[0]} if more else {}))
        for end, label, revenue, *more in statements
    ]
    CASES.statements(symbol, "income", records, fetched=datetime(2024, 6, 30, tzinfo=UTC))


def lengths(lake: Lake, symbol: str) -> dict[tuple[str, str], tuple[int, str]]:
    """Return the months of each statement with their basis, by end and label."""
    rows = (
        derived_steps(lake, [symbol])
        .execute(
            "SELECT v.fiscal_date::VARCHAR, v.fiscal_period, l.months, l.length_basis "
            "FROM statement_lengths l JOIN statement_versions v ON v.statement_id = l.statement_id"
        )
        .fetchall()
    )
    return {(end, label): (months, basis) for end, label, months, basis in rows}


# --- transition periods -----------------------------------------------------------------------------------

case(
    "TO_DECEMBER",
    ("2021-06-30", "FY", 40),
    *(("2021-09-30", "Q1", 10), ("2021-12-31", "Q2", 11), ("2022-03-31", "Q3", 9), ("2022-06-30", "Q4", 10)),
    ("2022-06-30", "FY", 40),
    ("2022-09-30", "Q1", 12),
    ("2022-12-31", "FY", 25),
    ("2023-03-31", "Q1", 14),
    ("2023-12-31", "FY", 60),
)
# Nine months up to December, of a company that has no quarters.
case("NINE_MONTHS", ("2021-03-31", "FY", 40), ("2021-12-31", "FY", 30), ("2022-12-31", "FY", 44))
case("LOST_YEAR", ("2020-12-31", "FY", 40), ("2022-12-31", "FY", 44))
case("LONG_YEAR", ("2021-12-25", "FY", 40), ("2022-12-31", "FY", 44))
case("DAY_80", ("2021-10-12", "FY", 40), ("2021-12-31", "FY", 9))
case("DAY_79", ("2021-10-13", "FY", 40), ("2021-12-31", "FY", 9))
case("DAY_330", ("2021-02-04", "FY", 40), ("2021-12-31", "FY", 9))
case("DAY_331", ("2021-02-03", "FY", 40), ("2021-12-31", "FY", 9))


def test_an_annual_statement_soon_after_another_is_of_a_transition_period(made: Lake) -> None:
    """Six months labelled FY are six months; the years on both sides are years."""
    result = lengths(made, "TO_DECEMBER")
    assert result["2022-12-31", "FY"] == (6, "transition")
    assert result["2022-06-30", "FY"] == (12, "checked")
    assert result["2023-12-31", "FY"] == (12, "checked")
    assert lengths(made, "NINE_MONTHS")["2021-12-31", "FY"] == (9, "transition")


@pytest.mark.parametrize(
    ("symbol", "end", "expected"),
    [
        ("LOST_YEAR", "2022-12-31", (12, "claimed")),
        ("LONG_YEAR", "2022-12-31", (12, "checked")),
        ("DAY_79", "2021-12-31", (12, "claimed")),
        ("DAY_80", "2021-12-31", (3, "transition")),
        ("DAY_330", "2021-12-31", (11, "transition")),
        ("DAY_331", "2021-12-31", (12, "checked")),
    ],
)
def test_only_80_to_330_days_make_a_transition_period(
    made: Lake, symbol: str, end: str, expected: tuple[int, str]
) -> None:
    """A year of 53 weeks is a year, and a year that is missing between two proves nothing."""
    assert lengths(made, symbol)[end, "FY"] == expected


def test_a_transition_period_never_serves_as_a_year(made: Lake) -> None:
    """With quarters the trailing year is their sum; without them it is NULL with a reason."""
    row = one(made, "ttm", "TO_DECEMBER", "2023-02-15")
    assert (row["revenue"], row["derivation"]) == (9 + 10 + 12 + 13, "2022-12-31 = FY - Q1")
    row = one(made, "ttm", "NINE_MONTHS", "2022-02-15")
    assert (row["revenue"], row["reason"]) == (None, "quarter_missing")
    assert one(made, "ttm", "NINE_MONTHS", "2023-02-15")["revenue"] == 44


def test_the_quarter_after_a_transition_period_joins_four_quarters(made: Lake) -> None:
    """The last fiscal year is six months long, so it less its first quarter is no part of a year."""
    row = one(made, "ttm", "TO_DECEMBER", "2023-05-15")
    assert (row["basis"], row["revenue"]) == ("quarters", 10 + 12 + 13 + 14)


case("LATE_PROOF", ("2021-12-31", "FY", 20), ("2021-06-30", "FY", 40, "2022-06-01"))


def test_before_its_proof_a_length_is_unknown(made: Lake) -> None:
    """An earlier answer becomes NULL with a reason when a proof comes late, and never another value."""
    row = one(made, "ttm", "LATE_PROOF", "2022-03-01")
    assert (row["revenue"], row["reason"]) == (None, "period_length_unknown")
    row = one(made, "ttm", "LATE_PROOF", "2022-06-01")
    assert (row["revenue"], row["reason"]) == (None, "quarter_missing")


# --- halves labelled as quarters --------------------------------------------------------------------------

HALVES: tuple[Statement, ...] = (
    ("2020-12-31", "FY", 90),
    ("2021-06-30", "Q2", 44),
    ("2021-12-31", "Q4", 52),
    ("2021-12-31", "FY", 96),
    ("2022-06-30", "Q2", 50),
)
case("HALVES", *HALVES, ("2022-12-31", "Q4", 55), ("2022-12-31", "FY", 105), ("2023-06-30", "Q2", 57))
case("ROUNDED", *HALVES[:3], ("2021-12-31", "FY", 96.9))
case("NOT_ROUNDED", *HALVES[:3], ("2021-12-31", "FY", 97.1))
case("NO_YEAR_BEFORE", *HALVES[1:])
case(
    "HOLES",
    ("2020-12-31", "FY", 90),
    ("2021-06-30", "Q2", 24),
    ("2021-12-31", "Q4", 25),
    ("2021-12-31", "FY", 96),
)
case("WITH_THIRD", *HALVES[:4], ("2021-09-30", "Q3", 26))
case("NOW_BY_QUARTER", *HALVES[:4], ("2022-03-31", "Q1", 24), ("2022-06-30", "Q2", 26))
case("LATE_QUARTER", *HALVES, ("2022-03-31", "Q1", 24, "2022-09-01"))


@pytest.mark.parametrize("symbol", ["HALVES", "ROUNDED", "NO_YEAR_BEFORE"])
def test_two_quarters_that_are_the_year_are_halves(made: Lake, symbol: str) -> None:
    """Their sum is the year's within one per cent, so each is six months long."""
    result = lengths(made, symbol)
    assert result["2021-06-30", "Q2"] == result["2021-12-31", "Q4"] == (6, "half")


@pytest.mark.parametrize("symbol", ["NOT_ROUNDED", "HOLES", "WITH_THIRD"])
def test_two_quarters_that_are_not_the_year_stay_quarters(made: Lake, symbol: str) -> None:
    """Missing quarters prove nothing, and a third quarter beside them speaks against halves."""
    result = lengths(made, symbol)
    assert result["2021-06-30", "Q2"][0] == result["2021-12-31", "Q4"][0] == 3


def test_halves_labelled_as_quarters_make_trailing_years(made: Lake) -> None:
    """A half counts as one from its first day once a year of halves is known; the first one is unknown."""
    days = ["2021-08-15", "2022-02-15", "2022-08-15", "2023-02-15", "2023-08-15"]
    rows = made.ttm("HALVES", days)
    assert rows["revenue"].to_list() == [None, 96, 96 - 44 + 50, 105, 105 - 50 + 57]
    assert rows["reason"].to_list() == ["period_length_unknown", None, None, None, None]
    assert one(made, "ttm", "NO_YEAR_BEFORE", "2022-08-15")["revenue"] == 102


def test_a_first_quarter_ends_the_halves(made: Lake) -> None:
    """A reporter that begins to report quarters has them as such; one that comes late ends a half then."""
    assert lengths(made, "NOW_BY_QUARTER")["2022-06-30", "Q2"][0] == 3
    before, after = made.ttm("LATE_QUARTER", ["2022-08-15", "2022-09-01"]).to_dicts()
    assert (before["revenue"], before["reason"]) == (None, "period_length_unknown")
    assert (after["revenue"], after["reason"]) == (None, "quarter_missing")
