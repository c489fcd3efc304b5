"""Test a lake of Apple's filings against the plain computation, on every day that changes something."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

import factorlab_lake as fl
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.ingest.legacy_cache.reader import read, scan
from factorlab_lake.lake import Lake
from tests.oracle import apple
from tests.oracle.counts import chosen, factor
from tests.oracle.null_where_known import apple_factors, factors_where_known
from tests.oracle.test_apple_goldens import QUARTERS, YEARS
from tests.oracle.trailing import quarter, rhythm_days, trailing
from tests.sec_rows import land_sec
from tests.support import CACHE_2019, CACHE_2021, SPLITS, made_once, writing

_ITEMS = {"income": ("revenue", "net_income"), "cash_flow": ("operating_cash_flow", "dividends_paid")}


def _make_keyless(place: Path) -> None:
    """Make a lake of Apple's bars as two caches show them, and of its filings; it has no list of splits."""
    lake = fl.open(place)
    for cache in (CACHE_2019, CACHE_2021):
        with writing(lake) as tx:
            files = [each for each in scan(cache) if "AAPL_price" in str(each)]
            assert files
            merge_batch(tx, [read(file) for file in files])
    land_sec(lake)


def _make_vendor(place: Path, *, splits: bool) -> None:
    """Make a lake of a vendor's statements and bars, with the counts of Apple's cover pages."""
    lake = fl.open(place)
    for cache in (CACHE_2019, CACHE_2021):
        lake.migrate(cache)
    land_sec(lake, statements=False)
    if splits:
        lake.load("splits", SPLITS)


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of Apple without a list of splits."""
    return fl.open(made_once(tmp_path_factory, "apple_keyless", _make_keyless), create=False)


@pytest.fixture(scope="module", params=[True, False], ids=["splits told", "splits not told"])
def vendor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of a vendor's statements with the counts of SEC."""
    make = partial(_make_vendor, splits=request.param)
    return fl.open(made_once(tmp_path_factory, f"apple_vendor_{request.param}", make), create=False)


def test_factors_equal_the_plain_computation(keyless: Lake) -> None:
    """Each factor has a value where the filings give one, and it is that value."""
    days = [date(2014, 2, 3) + timedelta(days=number) for number in range(0, 2600, 130)]
    compared = factors_where_known(keyless, ["AAPL"], days, apple_factors)
    assert {name: dict(faults) for name, (_, faults) in compared.items() if faults} == {}
    assert {name for name, (known, _) in compared.items() if known == len(days)} >= {"pe_ratio", "accruals"}
    assert all(known > len(days) // 2 for known, _ in compared.values())


@pytest.mark.parametrize(("statement", "item", "end", "day", "expected"), QUARTERS)
def test_quarters_are_on_one_basis(
    keyless: Lake, statement: str, item: str, end: str, day: str, expected: float
) -> None:
    """A quarter never is a restated figure less one that is not."""
    rows = keyless.quarters("AAPL", end, end, as_of=day)
    assert rows[item].to_list() == [expected * 1e6], statement


@pytest.mark.parametrize(("statement", "item", "day", "expected"), YEARS)
def test_trailing_years_are_on_one_basis(
    keyless: Lake, statement: str, item: str, day: str, expected: float
) -> None:
    """A trailing year between two fiscal years is the year plus and less figures of one basis."""
    assert keyless.ttm("AAPL", day)[item].to_list() == [expected * 1e6], statement


def _days_of_change() -> list[date]:
    """Return the days from which a filing's figures are known, the days before, and stale days."""
    known = {each.known for kind in _ITEMS for each in apple.statements(kind)}
    return sorted({day + timedelta(days=d) for day in known for d in (-1, 0)} | {date(2027, 1, 31)})


@pytest.mark.parametrize("statement", _ITEMS)
def test_trailing_years_equal_the_plain_computation(keyless: Lake, statement: str) -> None:
    """Every trailing year of 17 years of filings is that of the plain computation, or both have none."""
    days = _days_of_change()
    answers = keyless.ttm("AAPL", days)
    for item in _ITEMS[statement]:
        expected = [trailing(apple.statements(statement), item, day).value for day in days]
        wrong = [
            (day, item, value, right)
            for day, value, right in zip(days, answers[item], expected, strict=True)
            if value != right
        ]
        assert wrong == []


def test_quarters_equal_the_plain_computation(keyless: Lake) -> None:
    """Every quarter of every statement, as known on a day, is that of the plain computation: on one basis."""
    days = _days_of_change()[2::11]
    assert len(days) > 10
    items = [(statement, item) for statement, names in _ITEMS.items() for item in names]
    for day in days:
        rows = keyless.quarters("AAPL", as_of=day)
        for statement, item in items:
            contents = apple.statements(statement)
            expected = [quarter(contents, item, end, day) for end in rows["fiscal_date"]]
            assert rows[item].to_list() == expected, (day, item)


def _right_cap(day: date) -> float | None:
    """Return close x count x the splits between their bases; the closes are all on the newest basis."""
    known = [each for each in apple.statements("income") if each.known <= day]
    if not known:
        return None
    count = chosen(apple.counts(), day, rhythm_days(known)[1])
    price = max((each for each in apple.closes() if each <= day), default=None)
    if count is None or price is None or (day - price).days > 10:
        return None
    return apple.closes()[price] * count.shares * factor(apple.SPLITS, count.basis, max(apple.closes()))


def _wrong_caps(lake: Lake, days: list[date]) -> pl.DataFrame:
    caps = lake.market_caps("AAPL", days).with_columns(right=pl.Series([_right_cap(day) for day in days]))
    return caps.filter(
        # The vendor rounds closes again with each split, so one close differs by 1e-5 between its fetches.
        ((pl.col("market_cap") / pl.col("right") - 1).abs() > 1e-5) | pl.col("market_cap").is_null()
    )


def test_caps_of_eight_years_need_no_list_of_splits(keyless: Lake) -> None:
    """Every cap of 2014 to 2021 is right: bars and counts show both splits."""
    days = [day for day in apple.closes() if day.year >= 2014]
    wrong = _wrong_caps(keyless, sorted(days))
    columns = ["date", "market_cap", "right", "shares_source", "split_factor", "reason"]
    assert wrong.is_empty(), wrong.select(columns).head(20).rows()


def test_caps_with_covers_never_flip_to_the_weighted_average(vendor: Lake) -> None:
    """From 2018 to March 2021 each cap is the cover page's count times the close, on every day."""
    days = sorted(day for day in apple.closes() if day.year >= 2018)
    caps = vendor.market_caps("AAPL", days)
    assert caps["shares_source"].unique().to_list() == ["cover_page"]
    wrong = _wrong_caps(vendor, days)
    assert wrong.is_empty(), wrong.select("date", "market_cap", "right", "reason").head(20).rows()
