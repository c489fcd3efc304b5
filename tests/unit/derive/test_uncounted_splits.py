"""Test splits that a list or bars claim and that share counts do not show, and changes of the quotation unit.

Right values are computed by hand: price in the main unit times the shares of the newest count.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from factorlab_lake.providers.records import frame_of
from tests.support import answer, bar, writing

T1, T2 = (datetime(2024, month, 1, 23, tzinfo=UTC) for month in (6, 7))
OLD = {(date(2024, 5, 20) + timedelta(days=i)).isoformat(): 400.0 + 4 * i for i in range(8)}
NEW = ("2024-06-24", "2024-06-25", "2024-06-26")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return an empty lake."""
    return fl.open(tmp_path / "lake")


def count(lake: Lake, symbol: str, shares: float, counted: str, filed: str) -> None:
    """Load a count of a cover page."""
    dates = {"as_of_date": [counted], "split_basis_date": [filed], "filing_date": [filed]}
    lake.load(
        "shares_outstanding", {"symbol": [symbol], "source": ["cover_page"], "shares": [shares], **dates}
    )


def fetch_twice(lake: Lake, symbol: str, ratio: float) -> None:
    """Land bars of two fetches; those of the second are divided by the ratio, and go on at 420 / ratio."""
    moved = {day: round(close / ratio, 4) for day, close in OLD.items()} | dict.fromkeys(NEW, 420 / ratio)
    for closes, at in ((OLD, T1), (moved, T2)):
        bars = [bar(day, close) for day, close in closes.items()]
        fetched = answer("price", bars, at=at)
        fetched.symbol = symbol
        fetched.records = frame_of(bars, fetched)
        with writing(lake) as tx:
            merge_batch(tx, [fetched])
    lake.refresh()


def profile(lake: Lake, symbol: str, currency: str) -> None:
    """Load a profile with the currency of its quotes."""
    lake.load("company_profiles", {"symbol": [symbol], "company_name": ["One"], "currency": [currency]})


def events(lake: Lake) -> list[tuple[float, str, bool]]:
    """Return ratio, status and whether the number of shares changes, of each event."""
    query = "SELECT round(ratio, 9), status, shares_from IS NOT NULL FROM split_events ORDER BY date"
    return lake.sql(query).rows()


def named(lake: Lake, *rules: str) -> list[str]:
    """Return the rules with a finding."""
    return lake.quality(rules=list(rules))["rule"].unique().sort().to_list()


def cap(lake: Lake, symbol: str, day: str) -> float | None:
    """Return a market cap in millions."""
    [value] = lake.market_caps(symbol, day)["market_cap"].to_list()
    return None if value is None else round(value / 1e6, 2)


# --- a split that the counts do not show -------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [2, 3, 20], ids=str)
def test_a_told_split_that_counts_do_not_show_changes_no_count(lake: Lake, ratio: int) -> None:
    """100 m shares in March, 100.4 m in July: at 50 they are 5,020 m, and the rule names the split."""
    count(lake, "XX", 1e8, "2024-03-31", "2024-04-20")
    lake.load("splits", {"symbol": ["XX"], "date": ["2024-06-10"], "numerator": [ratio], "denominator": [1]})
    count(lake, "XX", 1.004e8, "2024-06-30", "2024-07-20")
    day = "2024-08-01"
    lake.load(
        "price_data", {"symbol": ["XX"], "date": [day], "close_price": [50.0], "split_basis_date": [day]}
    )
    assert events(lake) == [(ratio, "applied", False)]
    assert cap(lake, "XX", day) == 5020.0
    assert named(lake, "distribution_told_as_split", "split_rejected") == ["distribution_told_as_split"]


@pytest.mark.parametrize("ratio", [2, 3, 0.1], ids=str)
def test_a_split_of_the_bars_that_counts_do_not_show_changes_no_count(lake: Lake, ratio: float) -> None:
    """The vendor divides its history, and 1 m shares stay 1.01 m: at 420 / ratio the cap has no ratio."""
    count(lake, "AAPL", 1e6, "2024-03-31", "2024-04-20")
    fetch_twice(lake, "AAPL", ratio)
    assert events(lake) == [(ratio, "applied", True)]
    count(lake, "AAPL", 1.01e6, "2024-07-02", "2024-07-20")
    assert events(lake) == [(ratio, "applied", False)]
    assert cap(lake, "AAPL", "2024-06-26") == round(420 / ratio, 2)
    assert named(lake, "distribution_told_as_split", "inferred_split") == [
        "distribution_told_as_split",
        "inferred_split",
    ]


@pytest.mark.parametrize("ratio", [2, 3, 0.1], ids=str)
def test_a_split_that_counts_follow_changes_them(lake: Lake, ratio: float) -> None:
    """1 m shares become 1.01 m x ratio: the cap of June is 420 m, of the old count times the ratio."""
    count(lake, "AAPL", 1e6, "2024-03-31", "2024-04-20")
    fetch_twice(lake, "AAPL", ratio)
    count(lake, "AAPL", 1.01e6 * ratio, "2024-07-02", "2024-07-20")
    assert events(lake) == [(ratio, "applied", True)]
    assert cap(lake, "AAPL", "2024-06-26") == 420.0
    assert named(lake, "distribution_told_as_split") == []


# --- a change of the unit of quotation ---------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [100.0, 0.01], ids=["pence to pounds", "pounds to pence"])
@pytest.mark.parametrize("first", [True, False], ids=["profile first", "profile last"])
def test_a_profile_in_pence_or_pounds_tells_a_change_of_unit(
    lake: Lake, ratio: float, *, first: bool
) -> None:
    """Bars of London move by 100: no split. 1 m shares at 4.20 pounds are 4.2 m; at 42,000 pence 420 m."""
    count(lake, "ONE.L", 1e6, "2024-03-31", "2024-04-20")
    currency = "GBP" if ratio > 1 else "GBp"
    if first:
        profile(lake, "ONE.L", currency)
    fetch_twice(lake, "ONE.L", ratio)
    if not first:
        profile(lake, "ONE.L", currency)
    assert events(lake) == [(ratio, "rejected", False)]
    assert cap(lake, "ONE.L", "2024-06-26") == (4.2 if ratio > 1 else 420.0)
    assert named(lake, "split_rejected", "inferred_split") == ["split_rejected"]


def test_counts_that_do_not_move_tell_a_change_of_unit(lake: Lake) -> None:
    """Without a profile or a suffix, the next count decides: 1.01 m shares after 1 m."""
    count(lake, "AAPL", 1e6, "2024-03-31", "2024-04-20")
    fetch_twice(lake, "AAPL", 100)
    assert events(lake) == [(100.0, "applied", True)]
    count(lake, "AAPL", 1.01e6, "2024-07-02", "2024-07-20")
    assert events(lake) == [(100.0, "rejected", False)]
    assert cap(lake, "AAPL", "2024-06-26") == 4.2


@pytest.mark.parametrize("symbol", ["AAPL", "ONE.L"])
@pytest.mark.parametrize("ratio", [100.0, 0.01], ids=["100:1", "1:100"])
def test_a_real_split_of_a_hundred_is_confirmed_by_counts(lake: Lake, symbol: str, ratio: float) -> None:
    """The count follows, in London too: the cap of June is 1 m x 420, in dollars or in pence."""
    profile(lake, symbol, "GBp" if symbol == "ONE.L" else "USD")
    count(lake, symbol, 1e6, "2024-03-31", "2024-04-20")
    fetch_twice(lake, symbol, ratio)
    count(lake, symbol, 1.01e6 * ratio, "2024-07-02", "2024-07-20")
    assert events(lake) == [(ratio, "applied", True)]
    assert cap(lake, symbol, "2024-06-26") == (4.2 if symbol == "ONE.L" else 420.0)


def test_a_hundredfold_without_counts_stays_a_split_where_nobody_quotes_in_hundredths(lake: Lake) -> None:
    """A profile in dollars says nothing of units: 1:100 is what the bars show."""
    profile(lake, "AAPL", "USD")
    fetch_twice(lake, "AAPL", 0.01)
    assert events(lake) == [(0.01, "applied", True)]
