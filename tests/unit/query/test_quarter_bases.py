"""When a quarter follows from longer figures and on which basis: late filings and restatements."""

from __future__ import annotations

from datetime import date
from functools import partial

import pytest

from factorlab_lake.lake import Lake
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.query.quarter_cases import (
    HALF,
    NEXT,
    NEXT_KNOWN,
    NINE,
    Q1,
    Q2,
    Q4,
    SECOND,
    SECOND_KNOWN,
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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("bases"))


@pytest.fixture(scope="module")
def quarter(made: Lake) -> Quarter:
    """Return the quarters of this file's cases."""
    return quarters_of(made)


@pytest.fixture(scope="module")
def ttm(made: Lake) -> Asked:
    """Return the trailing years of this file's cases."""
    return trailing_years_of(made)


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


RESTATED = "2021-08-10"
for _symbol, _again in {
    "RESTATED_PART": [(Q2, "Q2", 26, RESTATED)],
    "RESTATED_YEAR": [(Q4, "FY", 90, RESTATED)],
    "RESTATED_BOTH": [(Q2, "Q2", 26, RESTATED), (Q4, "FY", 107, RESTATED)],
    "PART_THEN_YEAR": [(Q2, "Q2", 26, RESTATED), (Q4, "FY", 107, "2021-08-20")],
    "YEAR_THEN_PART": [(Q4, "FY", 107, RESTATED), (Q2, "Q2", 26, "2021-08-20")],
}.items():
    income(_symbol, *THREE, (Q4, "FY", 100), (NEXT, "Q1", 15), (SECOND, "Q2", 25), *_again)
# Nine months that were restated before the year was known, and a year that is restated twice.
income("PART_BEFORE", *THREE[:2], (NINE, "9M", 60), (NINE, "9M", 64, "2021-01-10"), (Q4, "FY", 100))
income(
    "YEAR_TWICE", (NINE, "9M", 60), (Q4, "FY", 100), (Q4, "FY", 90, "2021-03-01"), (Q4, "FY", 95, RESTATED)
)
# Nine months that a company files for the first time as those of the year before, when it restates them too.
income("LATE_PART", (Q4, "FY", 100), (NINE, "9M", 60, "2021-03-01"), (NINE, "9M", 66, RESTATED))
BASES: dict[str, list[tuple[str, int]]] = {  # the fourth quarter of 2020 by day
    "RESTATED_PART": [("2021-08-09", 40), (RESTATED, 40)],
    "RESTATED_YEAR": [("2021-08-09", 40), (RESTATED, 40)],
    "RESTATED_BOTH": [("2021-08-09", 40), (RESTATED, 107 - 10 - 26 - 30)],
    "PART_THEN_YEAR": [(RESTATED, 40), ("2021-08-19", 40), ("2021-08-20", 41)],
    "YEAR_THEN_PART": [(RESTATED, 40), ("2021-08-19", 40), ("2021-08-20", 41)],
    "PART_BEFORE": [(YEAR_KNOWN, 100 - 64)],
    "YEAR_TWICE": [("2021-02-28", 40), ("2021-03-01", 40), (RESTATED, 40)],
    "LATE_PART": [("2021-03-01", 40), (RESTATED, 40)],
}


@pytest.mark.parametrize("symbol", BASES)
def test_a_difference_is_of_figures_on_one_basis(quarter: Quarter, symbol: str) -> None:
    """A restatement of one figure changes no difference before the other is restated too."""
    values = []
    for day, _ in BASES[symbol]:
        row = quarter(symbol, Q4, day)
        values.append((day, row and row[0]))
    assert values == BASES[symbol]


def test_a_restated_quarter_counts_by_itself_beside_a_difference_as_it_was(ttm: Asked) -> None:
    """The trailing year of 2021-06-30 has the third and the fourth quarter of 2020; the second is in none."""
    for symbol, revenue in {"RESTATED_PART": 110, "RESTATED_YEAR": 110, "RESTATED_BOTH": 111}.items():
        before, after = ttm(symbol, "2021-08-09"), ttm(symbol, RESTATED)
        assert (before["revenue"], before["inputs_available_date"]) == (30 + 40 + 15 + 25, date(2021, 7, 30))
        assert (after["revenue"], after["basis"]) == (revenue, "quarters")


income("SHORTER_LATER", *THREE, (Q4, "FY", 100), (NINE, "9M", 63, "2021-02-10"))
income("PART_LATER", THREE[0], THREE[2], (Q4, "FY", 100), (NEXT, "Q1", 15), (Q2, "Q2", 20, "2021-08-20"))
income("PART_LATER", (SECOND, "Q2", 25))


def test_a_shorter_figure_takes_over_from_its_day_on(quarter: Quarter) -> None:
    """What the year adds to nine months is preferred to what it adds to single quarters, once known."""
    assert quarter("SHORTER_LATER", Q4, "2021-02-09") == (40, "FY - Q1 - Q2 - Q3")
    assert quarter("SHORTER_LATER", Q4, "2021-02-10") == (37, "FY - 9M")


def test_a_missing_quarter_leaves_the_year_and_what_follows_from_it(ttm: Asked) -> None:
    """The year serves at its end and with the next first quarter; four quarters need the missing one."""
    assert (ttm("PART_LATER", YEAR_KNOWN)["basis"], ttm("PART_LATER", YEAR_KNOWN)["revenue"]) == (
        "fiscal_year",
        100,
    )
    assert ttm("PART_LATER", NEXT_KNOWN)["revenue"] == 105
    gap, filled = ttm("PART_LATER", "2021-08-19"), ttm("PART_LATER", "2021-08-20")
    assert (gap["revenue"], gap["basis"], gap["reason"]) == (None, None, "quarter_missing")
    assert (filled["revenue"], filled["reason"]) == (30 + 40 + 15 + 25, None)
    assert filled["inputs_available_date"] == date(2021, 8, 20)


income("HALF_YEARLY", ("2019-12-31", "FY", 90), (HALF, "H1", 40), (Q4, "FY", 100), (SECOND, "H1", 45))


def test_halves_are_no_quarters_but_make_a_year(ttm: Asked, quarter: Quarter) -> None:
    """The first half of a year joins the year before less its first half; without that, nothing follows."""
    rows = [ttm("HALF_YEARLY", day) for day in ("2020-07-30", YEAR_KNOWN, SECOND_KNOWN)]
    assert [row["revenue"] for row in rows] == [None, 100, 105]
    assert [row["reason"] for row in rows] == ["quarter_missing", None, None]
    assert rows[-1]["derivation"] == "2020-12-31 = FY - H1; 2021-06-30 = H1"
    assert quarter("HALF_YEARLY", Q4, SECOND_KNOWN) is None


def test_stretches_of_a_quarter_never_overlap(made: Lake) -> None:
    """At no time does a period have two contents, and one that is derived has all its parts known."""
    assert overlaps(made) == []
