"""Test Apple's market caps from SEC's share counts, closes of the sample's caches and the splits file.

The expected caps are worked out here from the files. They need the newest cover page that was public, the
close of the newest cache, and the splits between the two.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.sec_rows import apple, land_sec
from tests.support import CACHE_2019, CACHE_2021, SPLITS

_PRICES = "price_data/AAPL_price_full_history_all_v2.0.json.gz"
_SPLITS = ((date(2014, 6, 9), 7), (date(2020, 8, 31), 4))


def _with_averages(place: Path) -> Lake:
    """Return a lake of both caches: their statements have weighted averages only."""
    lake = fl.open(place / "lake")
    lake.load("splits", SPLITS)
    for folder in (CACHE_2019, CACHE_2021):
        lake.migrate(folder)
    return lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the sample with SEC's cover pages and balance sheets by their acceptances."""
    lake = _with_averages(tmp_path_factory.mktemp("apple"))
    land_sec(lake, statements=False)
    return lake


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return the sample with SEC's counts loaded from a frame, by their filing dates alone."""
    lake = _with_averages(tmp_path_factory.mktemp("loaded"))
    lake.load("shares_outstanding", pl.DataFrame([_loaded(count) for count in apple()["shares"]]))
    return lake


def _loaded(count: dict[str, Any]) -> dict[str, Any]:
    names = ("source", "as_of_date", "shares", "filing_date", "split_basis_date")
    return {"symbol": "AAPL"} | {name: count[name] for name in names}


@cache
def closes() -> dict[date, tuple[float, date]]:
    """Return each close from 2017 on with the day on which its cache was filled; the newer cache wins."""
    newest: dict[date, tuple[float, date]] = {}
    for folder, taken in ((CACHE_2019, date(2019, 12, 31)), (CACHE_2021, date(2021, 3, 31))):
        content = json.loads(gzip.decompress((folder / _PRICES).read_bytes()))
        bars = content["data"] if isinstance(content, dict) else content
        newest |= {date.fromisoformat(b["date"]): (float(b["close"]), taken) for b in bars}
    return {day: close for day, close in newest.items() if day >= date(2017, 1, 1)}


def accepted(count: dict[str, Any]) -> date:
    """Return the first day of a count by its acceptance."""
    return date.fromisoformat(count["available_date"])


def filed(count: dict[str, Any]) -> date:
    """Return the first day of a count by its filing date: the day after it."""
    return date.fromisoformat(count["filing_date"]) + timedelta(days=1)


def cover_page_on(day: date, first_day: Callable[[dict[str, Any]], date]) -> dict[str, Any]:
    """Return the cover page of the latest day counted among those public on a day."""
    public = [c for c in apple()["shares"] if c["source"] == "cover_page" and first_day(c) <= day]
    return dict(max(public, key=lambda c: (c["as_of_date"], c["version"])))


def cap_by_hand(day: date, first_day: Callable[[dict[str, Any]], date]) -> float:
    """Return close x shares x the splits after the count's basis that the close has."""
    (close, priced), count = closes()[day], cover_page_on(day, first_day)
    counted = date.fromisoformat(count["split_basis_date"])
    splits = [ratio for ex_date, ratio in _SPLITS if counted < ex_date <= priced]
    return close * float(count["shares"]) * float(splits[0] if splits else 1)


@pytest.mark.parametrize(("place", "first_day"), [("lake", accepted), ("loaded", filed)])
def test_caps_are_exact_on_every_day_and_never_of_the_proxy(
    request: pytest.FixtureRequest, place: str, first_day: Callable[[dict[str, Any]], date]
) -> None:
    """From 2017 to the end of the sample no average displaces a cover page: filing days are no exception."""
    days = sorted(closes())
    rows = request.getfixturevalue(place).market_caps("AAPL", days)
    assert (len(days), rows["reason"].null_count()) == (1068, 1068)
    assert set(rows["shares_source"]) == {"cover_page"}
    by_hand = [cap_by_hand(day, first_day) for day in days]
    assert rows["market_cap"].to_list() == pytest.approx(by_hand, rel=1e-12)


def test_an_average_is_public_before_its_cover_page_on_several_days(loaded: Lake) -> None:
    """The test above can fail: on these days the newest count known is an average."""
    averages = loaded.sql(
        "SELECT fiscal_date, available_date FROM income_statements WHERE symbol = 'AAPL' AND version = 1"
    ).rows()
    newest_is_average = [
        day
        for day in closes()
        if max(end for end, public in averages if public <= day).isoformat()
        > cover_page_on(day, filed)["as_of_date"]
    ]
    assert len(newest_is_average) >= 9


@pytest.mark.parametrize("place", ["lake", "loaded"])
def test_a_count_restated_after_a_split_is_first_day_each_filing(
    request: pytest.FixtureRequest, place: str
) -> None:
    """The count of 2019-09-28 is 4,443,236,000 as filed in 2019 and 17,772,945,000 as filed in 2020."""
    rows = (
        request.getfixturevalue(place)
        .sql(
            "SELECT version, shares, available_date, split_basis_date FROM shares_outstanding "
            "WHERE symbol = 'AAPL' AND source = 'balance_sheet' AND as_of_date = DATE '2019-09-28' "
            "ORDER BY version"
        )
        .rows()
    )
    assert [row[:2] for row in rows] == [(1, 4_443_236_000), (2, 17_772_945_000)]
    assert [row[3] for row in rows] == [date(2019, 10, 30), date(2020, 10, 29)]


def test_balance_sheets_in_thousands_are_not_used(lake: Lake) -> None:
    """Apple's report of 2014-04-24 has 861,745 (thousands): the cover page of 861,381,000 is right."""
    counts = lake.sql("FROM shares_as_of(['AAPL'], ['2014-04-25'::DATE, '2014-06-30'::DATE])")
    assert counts["shares_outstanding"].to_list() == [861_381_000] * 2


def test_hindsight_counts_from_the_day_counted(lake: Lake) -> None:
    """On 2018-07-20 the cover page of that day counts with `latest`, and is public on 2018-08-01."""
    latest = [c for c in apple()["shares"] if c["as_of_date"] <= "2018-07-20"]
    count = max(latest, key=lambda c: (c["as_of_date"], c["source"] == "cover_page", c["version"]))
    [row] = lake.market_caps("AAPL", "2018-07-20", vintage="latest").to_dicts()
    assert (row["shares_outstanding"], row["shares_fiscal_date"].isoformat()) == (
        count["shares"],
        count["as_of_date"],
    )
    assert row["shares_available_date"].isoformat() == count["available_date"] > "2018-07-20"
