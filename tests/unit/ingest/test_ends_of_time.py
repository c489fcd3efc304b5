"""Test that a statement at the end of time, as earlier versions took, ends no commit and no question."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from factorlab_lake.ingest import row_checks
from factorlab_lake.lake import Lake
from tests.support import FETCHED, LATER, Entry, income, migrate

_LAST = "9999-12-31"
# Without a filing, the statement would be available in the year 10000.
_ODD = {
    "fiscal date": income(_LAST, "FY", symbol="ODD", fillingDate=None, acceptedDate=None),
    "acceptance": income(
        "2018-12-31", "FY", symbol="ODD", fillingDate=_LAST, acceptedDate=f"{_LAST} 23:00:00"
    ),
}


@pytest.mark.parametrize("kind", _ODD)
def test_a_date_at_the_end_of_time_ends_no_commit(
    lake: Lake, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is stored as in an earlier version; later commits, questions and checks of its symbol work."""
    with monkeypatch.context() as earlier:
        earlier.setattr(row_checks, "_date_faults", lambda *_: iter(()))
        migrate(lake, tmp_path / "old", Entry("ODD", "income", [_ODD[kind]], cached_at=FETCHED))
    assert lake.statements("ODD").height == 1
    whole = income("2019-12-31", "FY", symbol="ODD", calendarYear="2019")
    migrate(lake, tmp_path / "new", Entry("ODD", "income", [whole], cached_at=LATER))
    split = {"symbol": ["ODD"], "date": ["2020-01-02"], "numerator": [2], "denominator": [1]}
    assert lake.load("splits", split) == 1
    rows = lake.statements("ODD").rows(named=True)
    years = [2019, 9999] if kind == "fiscal date" else [2018, 2019]
    assert [row["fiscal_date"].year for row in rows] == years
    assert all(row["available_date"] <= date(9999, 12, 31) for row in rows)
    [answer] = lake.ttm("ODD", "2021-02-01").rows(named=True)
    assert (answer["fiscal_date"], answer["revenue"]) == (date(2019, 12, 31), whole["revenue"])
    named = lake.quality(rules=["impossible_dates"])["date"].to_list()
    assert named == [date(9999, 12, 31)] * (kind == "fiscal date")
    assert lake.verify(deep=True).clean
