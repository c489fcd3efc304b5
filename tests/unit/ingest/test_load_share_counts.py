"""Test the load of share counts: several filings that count one day are versions of the count."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake

# Apple, 2019-09-28: as filed in 2019, and as filed in 2020, after the 4:1 split of 2020-08-31.
FIRST, RESTATED = 4_443_236_000.0, 17_772_945_000.0
FILED = (date(2019, 10, 31), date(2020, 10, 30))


def rows(**dates: tuple[Any, Any]) -> pl.DataFrame:
    """Return the two counts of the day, with a date of each filing; the later filing comes first."""
    counts = [
        {"symbol": "AAPL", "source": "balance_sheet", "as_of_date": date(2019, 9, 28), "shares": shares}
        | {"split_basis_date": filed}
        | {name: both[place] for name, both in dates.items()}
        for place, (shares, filed) in enumerate(zip((FIRST, RESTATED), FILED, strict=True))
    ]
    return pl.DataFrame(counts[::-1])


def counts_on(lake: Lake, *days: str) -> list[tuple[float, date]]:
    """Return the count used on each day with its split basis."""
    query = (
        "SELECT shares_outstanding, split_basis_date FROM shares_as_of(['AAPL'], $days::DATE[]) ORDER BY date"
    )
    return lake.sql(query, days=list(days)).rows()


@pytest.mark.parametrize(
    ("dates", "first_days"),
    [
        ({"filing_date": FILED}, ("2019-11-01", "2020-10-31")),
        ({"available_date": FILED}, ("2019-10-31", "2020-10-30")),
        (
            {"accepted_at": ("2019-10-31T15:00:00Z", "2020-10-30T15:00:00Z")},
            ("2019-10-31", "2020-10-30"),
        ),
    ],
    ids=["filing date", "available date", "acceptance"],
)
def test_each_filing_is_known_from_its_own_day(
    lake: Lake, dates: dict[str, tuple[Any, Any]], first_days: tuple[str, str]
) -> None:
    """On the day before the second filing the first one's count is used, on its own split basis."""
    lake.load("shares_outstanding", rows(**dates))
    before = date.fromordinal(date.fromisoformat(first_days[1]).toordinal() - 1).isoformat()
    assert counts_on(lake, first_days[0], before, first_days[1]) == [
        (FIRST, FILED[0]),
        (FIRST, FILED[0]),
        (RESTATED, FILED[1]),
    ]


def test_the_same_load_twice_changes_nothing(lake: Lake) -> None:
    """The versions of a repeated load are those of the first."""
    for _ in range(2):
        lake.load("shares_outstanding", rows(filing_date=FILED))
    assert lake.sql("SELECT version, shares FROM shares_outstanding ORDER BY version").rows() == [
        (1, FIRST),
        (2, RESTATED),
    ]


def test_two_counts_of_one_filing_contradict_each_other(lake: Lake) -> None:
    """Nothing tells which of them is right, so the load is refused."""
    with pytest.raises(InvalidInput, match="contradict"):
        lake.load("shares_outstanding", rows(filing_date=(FILED[0], FILED[0])))
    with pytest.raises(InvalidInput, match="contradict"):
        lake.load("shares_outstanding", rows())


@pytest.mark.parametrize(("later", "used"), [(1000.9, 1000.0), (1001.1, 1001.1)])
def test_a_rounded_count_is_no_version(lake: Lake, later: float, used: float) -> None:
    """A later filing that differs by at most a tenth of a per cent has rounded the count."""
    counts = {"symbol": "AAPL", "source": "cover_page", "as_of_date": date(2021, 1, 15)}
    filed = (date(2021, 2, 1), date(2021, 5, 3))
    both = [
        counts | {"shares": shares, "filing_date": day, "split_basis_date": day}
        for shares, day in zip((1000.0, later), filed, strict=True)
    ]
    lake.load("shares_outstanding", pl.DataFrame(both))
    assert [row[0] for row in counts_on(lake, "2021-02-02", "2021-05-04")] == [1000.0, used]
