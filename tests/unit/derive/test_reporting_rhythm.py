"""Test how often a company reports, as known at each date."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from factorlab_lake.lake import Lake
from tests.support import derived_steps
from tests.unit.query.lake_builder import LakeBuilder, filing

CASES = LakeBuilder()
QUARTER, HALF, YEAR = 91, 182, 365
# The periods of each company: end and label. Each is known 30 days after its end.
PERIODS: dict[str, tuple[tuple[str, str], ...]] = {
    "QUARTERS": (("2020-03-31", "Q1"), ("2020-06-30", "Q2"), ("2020-09-30", "Q3"), ("2020-12-31", "Q4")),
    "HOLE": (("2020-03-31", "Q1"), ("2020-09-30", "Q3"), ("2020-12-31", "Q4")),
    "WITH_YEARS": (("2019-12-31", "FY"), ("2020-12-31", "FY"), ("2020-12-31", "Q4"), ("2021-03-31", "Q1")),
    "HALVES": (("2019-12-31", "FY"), ("2020-06-30", "H1"), ("2020-12-31", "FY"), ("2021-06-30", "H1")),
    "HALVES_AS_QUARTERS": (("2020-06-30", "Q2"), ("2020-12-31", "Q4"), ("2020-12-31", "FY")),
    "YEARS": (("2018-12-31", "FY"), ("2019-12-31", "FY"), ("2020-12-31", "FY")),
    "ONE_QUARTER": (("2020-12-31", "Q4"),),
    "ONE_HALF": (("2020-06-30", "H1"),),
    "LONG_QUARTER": (("2020-06-30", "Q2"), ("2020-10-28", "Q3")),  # 120 days
    "LONGER_QUARTER": (("2020-06-30", "Q2"), ("2020-10-29", "Q3")),
    "LONG_HALF": (("2020-03-31", "H1"), ("2020-11-16", "FY")),  # 230 days
    "LONGER_HALF": (("2020-03-31", "H1"), ("2020-11-17", "FY")),
    "NOW_BY_QUARTER": (
        ("2018-12-31", "FY"),
        ("2019-12-31", "FY"),
        ("2020-06-30", "H1"),
        ("2020-12-31", "FY"),
        ("2021-03-31", "Q1"),
    ),
    "NOW_BY_HALF": (
        ("2020-03-31", "Q1"),
        ("2020-06-30", "Q2"),
        ("2020-12-31", "FY"),
        ("2021-06-30", "H1"),
        ("2021-12-31", "FY"),
    ),
}
for _symbol, _periods in PERIODS.items():
    _records = [filing(end, label, revenue=1) for end, label in _periods]
    CASES.statements(_symbol, "income", _records, fetched=datetime(2022, 12, 31, tzinfo=UTC))

EXPECTED = {
    "QUARTERS": [QUARTER] * 4,
    "HOLE": [QUARTER, HALF, QUARTER],
    "WITH_YEARS": [YEAR, YEAR, QUARTER],
    "HALVES": [YEAR, HALF, HALF, HALF],
    "HALVES_AS_QUARTERS": [QUARTER, HALF],
    "YEARS": [YEAR] * 3,
    "ONE_QUARTER": [QUARTER],
    "ONE_HALF": [HALF],
    "LONG_QUARTER": [QUARTER, QUARTER],
    "LONGER_QUARTER": [QUARTER, HALF],
    "LONG_HALF": [HALF, HALF],
    "LONGER_HALF": [HALF, YEAR],
    "NOW_BY_QUARTER": [YEAR, YEAR, HALF, HALF, QUARTER],
    "NOW_BY_HALF": [QUARTER, QUARTER, QUARTER, HALF, HALF],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("rhythms"))


@pytest.mark.parametrize("symbol", EXPECTED)
def test_the_rhythm_is_the_shortest_distance_of_the_last_three_ends(made: Lake, symbol: str) -> None:
    """It changes on the day on which a statement becomes known; a hole of one quarter changes it once."""
    rows = (
        derived_steps(made, [symbol])
        .execute("SELECT valid_from, valid_to, rhythm_days FROM reporting_rhythm ORDER BY valid_from")
        .fetchall()
    )
    assert [days for *_, days in rows] == EXPECTED[symbol]
    assert [start for start, *_ in rows[1:]] == [end for _, end, _ in rows[:-1]]
    assert rows[-1][1] == date(9999, 12, 31)


def test_the_limits_of_age_follow_the_rhythm(made: Lake) -> None:
    """Half-yearly figures stay fresh 120 days longer than quarterly ones, yearly figures 300 days."""
    steps = derived_steps(made, ["NOW_BY_QUARTER", "ONE_QUARTER"])
    rows = steps.execute("SELECT DISTINCT rhythm_days, extra_age_days FROM reporting_rhythm").fetchall()
    assert sorted(rows) == [(QUARTER, 0), (HALF, 120), (YEAR, 300)]
