"""Test what changed between two fetches of a symbol, by item."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from tests.fakes.sec_documents import filing_dates
from tests.sec_lakes import fetch_apple
from tests.sec_rows import apple
from tests.support import answer, income, made_once, writing

_BEFORE, _AFTER = date(2009, 12, 31), date(2010, 2, 15)  # around the amendment of fiscal 2009


@pytest.fixture
def revised(lake: Lake) -> Lake:
    """Return a lake with four fetches: a vendor's revision of March, and another provider on other days."""
    days = [datetime(2021, month, 1, 23, 30, tzinfo=UTC) for month in (1, 2, 3, 4)]
    served = [100.0, 100.0, 80.0, 80.0]
    fetches = [
        answer("income", [income(revenue=revenue)], at=at) for at, revenue in zip(days, served, strict=True)
    ]
    fetches.append(answer("income", [income(revenue=7.0)], at=days[1], provider="other"))
    with writing(lake) as tx:
        for fetch in fetches:
            merge_batch(tx, [fetch])
    return lake.refresh()


def test_by_default_the_last_two_fetches_are_compared(revised: Lake) -> None:
    """The fetch of April repeated that of March; the other provider was fetched once, so all is new."""
    rows = revised.compare_generations("AAPL")
    assert rows["provider"].unique().to_list() == ["other"]
    assert rows["kind"].unique().to_list() == ["original"]
    assert rows.filter(item="revenue").select("before", "after", "difference").row(0) == (None, 7.0, None)


@pytest.mark.parametrize("before", ["2021-01-01", "2021-02-01", "2021-02-28"])
def test_days_choose_the_fetches_up_to_them(revised: Lake, before: str) -> None:
    """A day without a fetch stands for the last fetch before it, and equal items have no row."""
    rows = revised.compare_generations("AAPL", before=before, after="2021-03-01").filter(provider="fmp")
    names = ("item", "before", "after", "difference", "kind")
    assert rows.select(names).rows() == [("revenue", 100.0, 80.0, 0.2, "vendor_revision")]
    assert rows["fetched_at"].item() == datetime(2021, 3, 1, 23, 30, tzinfo=UTC)


def test_a_day_before_all_fetches_makes_everything_new(revised: Lake) -> None:
    """What a provider said first has no value before."""
    rows = revised.compare_generations("AAPL", before="2020-01-01", after="2021-01-01")
    assert rows["before"].null_count() == rows.height > 0
    assert rows["provider"].unique().to_list() == ["fmp"]
    assert revised.compare_generations("AAPL", before="2020-01-01", after="2020-01-02").is_empty()


def test_the_later_day_comes_after_the_earlier_one(revised: Lake) -> None:
    """Days in the wrong order are refused, as the caller may have swapped them."""
    with pytest.raises(InvalidInput, match="before is 2021-02-01 and after is 2021-01-01"):
        revised.compare_generations("AAPL", before="2021-02-01", after="2021-01-01")


def _make(place: Path) -> None:
    lake = fl.open(place)
    fetch_apple(lake, _BEFORE)
    fetch_apple(lake, _AFTER)


def test_a_fetch_after_new_filings_shows_what_they_changed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Every item that Apple's filings of January 2010 restated or added is listed with its filing."""
    lake = fl.open(made_once(tmp_path_factory, "apple_of_two_fetches", _make), create=False)
    rows = lake.compare_generations("AAPL")
    new = {number for number, filed in filing_dates().items() if _BEFORE < filed <= _AFTER}
    numbers = rows["link"].str.extract(r"/(\d{10}-\d{2}-\d{6})-index")
    assert set(numbers) == new
    of_version = ("statement_type", "fiscal_date", "fiscal_period", "accession")
    versions = {tuple(row[name] for name in of_version) for row in apple()["rows"]}
    expected = {
        (*period, item, *map(float, change))
        for period, number, *_, changed in apple()["restatements"]
        if number in new and (*period, number) in versions
        for item, change in changed.items()
    }
    listed = rows.filter(pl.col("kind") == "restatement").with_columns(pl.col("fiscal_date").cast(pl.String))
    names = ("statement_type", "fiscal_date", "fiscal_period", "item", "before", "after")
    assert len(expected) > 20
    assert expected <= set(listed.select(names).rows())
    assert rows.filter(statement_type="shares").select("item", "kind").unique().height == 2
