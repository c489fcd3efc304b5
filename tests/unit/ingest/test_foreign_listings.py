"""Test the availability of symbols that only their profile lists abroad."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorlab_lake.lake import Lake
from tests.support import Entry, arrive, income

_FILING = income(acceptedDate="2020-10-29 09:30:00")


@pytest.mark.parametrize(
    ("exchange", "day"), [("LSE", "2020-10-30"), ("NASDAQ", "2020-10-29"), ("Nyse", "2020-10-29")]
)
@pytest.mark.parametrize("profile_first", [True, False])
def test_the_exchange_of_the_profile_decides(
    lake: Lake, tmp_path: Path, exchange: str, day: str, *, profile_first: bool
) -> None:
    """A company of London waits for the next day, whether its profile or its statement arrives first."""
    for is_profile in (profile_first, not profile_first):
        if is_profile:
            lake.load("company_profiles", {"symbol": ["AAPL"], "exchange": [exchange]})
        else:
            arrive(lake, tmp_path, Entry("AAPL", "income", [_FILING]))
    lake.refresh()
    assert lake.sql("SELECT available_date::VARCHAR FROM income_statements").rows() == [(day,)]
