"""Test that all functions agree which version of a statement is the newest, and from which day on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from tests.support import Entry, answer, arrive, income, without_index, writing

BN = 1_000_000_000
FIRST, SECOND = datetime(2019, 11, 12, 22, tzinfo=UTC), datetime(2021, 3, 31, 22, tzinfo=UTC)
ENDS = {"2018-12-29": "Q1", "2019-03-30": "Q2", "2019-06-29": "Q3", "2019-09-28": "Q4"}
FILED = dict(zip(ENDS, ("2019-01-30", "2019-05-01", "2019-07-31", "2019-10-31"), strict=True))


def year(last: float, **more: Any) -> list[dict[str, Any]]:
    """Return four quarters with 1 bn of revenue each, and some other revenue in the last."""
    records = []
    for end, period in ENDS.items():
        dates = {"fillingDate": FILED[end], "acceptedDate": f"{FILED[end]} 08:00:00"}
        is_last = end == "2019-09-28"
        fields = {"revenue": (last if is_last else 1) * BN} | (more if is_last else {})
        records.append(income(end, period, **(dates | fields)))
    return records


def cached(records: list[dict[str, Any]], at: datetime) -> Entry:
    """Return a cache file of some statements."""
    return Entry("AAPL", "income", records, cached_at=at)


def known(lake: Lake, day: str, vintage: str = "known") -> list[Any]:
    """Return the revenue of the last quarter by three functions; the year's is 3 bn more."""
    ttm = lake.ttm("AAPL", [day], vintage=vintage)["revenue"].to_list()
    statements = lake.statements("AAPL", "2019-09-01", "2019-10-15", as_of=day, vintage=vintage)
    quarters = lake.quarters("AAPL", as_of=day, vintage=vintage).filter(
        pl.col("fiscal_date").is_between(pl.date(2019, 9, 1), pl.date(2019, 10, 15))
    )
    return [
        *((value - 3 * BN) / BN for value in ttm),
        *(json.loads(metrics)["revenue"] / BN for metrics in statements["metrics"]),
        *(value / BN for value in quarters["revenue"]),
    ]


@pytest.fixture
def revised(tmp_path: Path) -> Lake:
    """Return a lake with two caches: revenue 1 bn in 2019, 7 bn in 2021, of one filing."""
    lake = fl.open(tmp_path / "lake")
    arrive(lake, tmp_path, cached(year(1), FIRST))
    arrive(lake, tmp_path, cached(year(7), SECOND))
    return lake


def test_a_revision_of_the_vendor_is_known_from_the_day_it_was_first_seen(revised: Lake) -> None:
    """The cache of 2019 proves that this vendor did not serve 7 bn then."""
    for lake in (revised, without_index(revised, None)):
        assert known(lake, "2019-11-15") == [1, 1, 1]
        assert known(lake, "2020-03-30", "first") == [1, 1, 1]
        statement = lake.statements("AAPL", "2019-09-28", as_of="2021-03-31").row(0, named=True)
        assert (str(statement["available_date"]), statement["availability_basis"]) == (
            "2021-03-31",
            "first_seen",
        )
        assert known(lake, "2019-11-15", "latest") == [7, 7, 7]


def test_an_older_cache_that_arrives_later_moves_the_day(revised: Lake, tmp_path: Path) -> None:
    """A cache of 2020 that has 7 bn too shows that they were there earlier."""
    arrive(revised, tmp_path, cached(year(7), datetime(2020, 2, 3, 22, tzinfo=UTC)))
    assert revised.statements("AAPL", "2019-09-28", as_of="2020-02-02")["version"].to_list() == [1]
    assert revised.statements("AAPL", "2019-09-28", as_of="2020-02-03")["version"].to_list() == [2]


def test_every_availability_rule_has_the_day_as_its_floor(revised: Lake) -> None:
    """A lag counts from the filing, and is not added to the day on which a content was first seen."""
    other = fl.open(revised.path, availability=5)
    days = other.statements("AAPL", "2019-09-28")["available_date"].cast(str).to_list()
    assert days == ["2019-11-05", "2021-03-31"]


def test_without_an_earlier_fetch_nothing_is_delayed(tmp_path: Path) -> None:
    """One cache of 2021 alone: its figures count from their filing, as fetched history always does."""
    lake = fl.open(tmp_path / "lake")
    arrive(lake, tmp_path, cached(year(7), SECOND))
    assert known(lake, "2019-11-15") == [7, 7, 7]


def test_a_completion_stands_in_for_every_vintage(tmp_path: Path) -> None:
    """An item that the first fetch lacked is part of the statement from the filing on."""
    lake = fl.open(tmp_path / "lake")
    arrive(lake, tmp_path, cached(year(1, netIncome=None), FIRST))
    arrive(lake, tmp_path, cached(year(1, netIncome=5 * BN, operatingIncome=None), SECOND))
    for vintage in ("known", "first", "latest"):
        assert known(lake, "2019-11-15", vintage) == [1, 1, 1]
        [row] = lake.statements("AAPL", "2019-09-28", as_of="2019-11-15", vintage=vintage).to_dicts()
        assert json.loads(row["metrics"])["net_income"] == 5 * BN
        assert row["change_kind"] == "completion"


def test_a_moved_end_is_no_second_quarter(tmp_path: Path) -> None:
    """The vendor moves the quarter's end by two days and its label: there is one quarter, not two."""
    lake = fl.open(tmp_path / "lake")
    arrive(lake, tmp_path, cached(year(1), FIRST))
    moved = [*year(1)[:3], year(1)[3] | {"date": "2019-09-30", "period": "Q3", "ebitda": 5}]
    arrive(lake, tmp_path, cached(moved, SECOND))
    for opened in (lake, without_index(lake, None)):
        assert known(opened, "2019-11-15") == [1, 1, 1]


def test_a_correction_beats_every_row_of_its_filing(tmp_path: Path) -> None:
    """A loaded row is used instead of all rows of the provider, and in all vintages."""
    lake = fl.open(tmp_path / "lake")
    arrive(lake, tmp_path, cached(year(1), FIRST))
    row = {"symbol": "AAPL", "fiscal_date": "2019-09-28", "fiscal_period": "Q4", "revenue": 2.0 * BN}
    lake.load("income_statements", pl.DataFrame([row]).with_columns(pl.col("fiscal_date").str.to_date()))
    arrive(lake, tmp_path, cached(year(7), SECOND))
    for vintage in ("known", "first", "latest"):
        for day in ("2019-11-15", "2020-03-30"):
            assert set(known(lake, day, vintage)) == {2}, (vintage, day)
    assert lake.ttm("AAPL", ["2019-11-15"])["net_income"].to_list() == [4 * 12_673_000_000]


def test_two_providers_have_versions_of_their_own(tmp_path: Path) -> None:
    """What one provider says is no later version of what another says: statements shows both."""
    lake = fl.open(tmp_path / "lake")
    with writing(lake) as tx:
        merge_batch(
            tx, [answer("income", year(1), at=FIRST), answer("income", year(2), at=SECOND, provider="sec")]
        )
    lake.refresh()
    rows = lake.statements("AAPL", "2019-09-28", as_of="2019-11-15").sort("source_provider")
    assert rows["source_provider"].to_list() == ["fmp", "sec"]
    assert [json.loads(m)["revenue"] / BN for m in rows["metrics"]] == [1, 2]
