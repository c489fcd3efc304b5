"""Test splits that are inferred from two fetches of the same bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import factorlab_lake as fl
from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.providers.protocol import Request
from tests.support import answer, bar, income, writing
from tests.unit.ingest.scripted_provider import ScriptedProvider

BEFORE = datetime(2021, 3, 26, 23, tzinfo=UTC)
AFTER = datetime(2021, 4, 1, 23, tzinfo=UTC)
BARS_BEFORE = [bar(f"2021-03-{d}", float(100 + d)) for d in (22, 23, 24, 25, 26)]
BARS_AFTER = [bar(d, c) for d, c in (("2021-03-29", 32.0), ("2021-03-30", 31.5), ("2021-04-01", 33.0))]


def adjusted(ratio: float) -> list[dict[str, float]]:
    """Return the earlier bars as a provider serves them after a split, and newer ones."""
    return [*(bar(r["date"], round(r["close"] / ratio, 4)) for r in BARS_BEFORE), *BARS_AFTER]


def fetched_twice(lake: fl.Lake, ratio: float, splits: list[dict[str, object]]) -> None:
    """Fetch before and after a split; the provider reports ``splits``."""
    provider = ScriptedProvider({("price", "AAPL", None): BARS_BEFORE}, BEFORE)
    provider.records["income", "AAPL", "quarterly"] = [income()]
    lake.fetch(provider, "AAPL", kinds=["prices", "splits", "statements"])
    provider.records |= {("price", "AAPL", None): adjusted(ratio), ("split", "AAPL", None): splits}
    provider.now = AFTER
    lake.fetch(provider, "AAPL", kinds=["prices", "splits"])


def splits_of(lake: fl.Lake) -> list[tuple[str, float, float, str]]:
    """Return the splits in the lake."""
    return lake.sql("SELECT date::VARCHAR, numerator, denominator, source FROM splits ORDER BY date").rows()


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(("ratio", "sides"), [(4.0, (4.0, 1.0)), (1.5, (3.0, 2.0)), (0.1, (1.0, 10.0))])
def test_one_ratio_between_two_fetches_is_a_split(
    tmp_path: Path, ratio: float, sides: tuple[float, float]
) -> None:
    """If the provider reports no split, one is inferred on the first new trading day."""
    lake = fl.open(tmp_path / "lake")
    fetched_twice(lake, ratio, [])
    assert splits_of(lake) == [("2021-03-29", *sides, "inferred")]


def windows_of(lake: fl.Lake) -> list[tuple[str, str | None, str | None]]:
    """Return the splits' dates and the days between which they can lie."""
    days = "date::VARCHAR, earliest_date::VARCHAR, latest_date::VARCHAR"
    return lake.sql(f"SELECT {days} FROM splits ORDER BY date").rows()


def test_the_window_of_an_inferred_split_is_stored(tmp_path: Path) -> None:
    """The split lies after the day of the first fetch and at the latest on the day of the second."""
    lake = fl.open(tmp_path / "lake")
    fetched_twice(lake, 4.0, [])
    assert windows_of(lake) == [("2021-03-29", "2021-03-27", "2021-04-01")]


def test_the_closest_fetches_give_the_window_in_any_order(tmp_path: Path) -> None:
    """Bars of an older fetch, or served again by a newer one, leave the window of the closest fetches."""
    older = [bar(f"2021-03-{d}", float(100 + d)) for d in (15, 16, 17)]
    rebased = [bar(r["date"], r["close"] / 4) for r in older] + adjusted(4.0)
    days = [BEFORE - timedelta(days=2), BEFORE, AFTER, AFTER + timedelta(days=5)]
    bars = [older, older + BARS_BEFORE, rebased, rebased]
    for name, order in (("in time", (0, 1, 2, 3)), ("otherwise", (3, 0, 2, 1))):
        lake = fl.open(tmp_path / name)
        with writing(lake) as tx:
            for i in order:
                merge_batch(tx, [answer("price", bars[i], at=days[i])])
        lake.refresh()
        assert windows_of(lake) == [("2021-03-29", "2021-03-27", "2021-04-01")], name


def test_a_reported_split_has_no_window(tmp_path: Path) -> None:
    """The date of a split of a provider or a file is certain."""
    lake = fl.open(tmp_path / "lake")
    fetched_twice(lake, 4.0, [{"date": "2021-03-30", "numerator": 4, "denominator": 1}])
    lake.load("splits", {"symbol": ["MSFT"], "date": ["2003-02-18"], "numerator": [2], "denominator": [1]})
    assert windows_of(lake) == [("2003-02-18", None, None), ("2021-03-30", None, None)]


def test_an_inferred_split_keeps_market_caps_right(tmp_path: Path) -> None:
    """The market cap is right with shares fetched before the split and prices fetched after it."""
    lake = fl.open(tmp_path / "lake")
    fetched_twice(lake, 4.0, [])
    [cap] = lake.market_caps("AAPL", "2021-03-26").to_dicts()
    assert cap["market_cap"] == pytest.approx(126.0 * 17057624000)
    assert cap["split_factor"] == 4.0


def test_a_reported_split_is_not_inferred(tmp_path: Path) -> None:
    """A split of the provider explains the ratio."""
    lake = fl.open(tmp_path / "lake")
    fetched_twice(lake, 4.0, [{"date": "2021-03-30", "numerator": 4, "denominator": 1}])
    assert splits_of(lake) == [("2021-03-30", 4.0, 1.0, "provider")]


@pytest.mark.parametrize("day", ["2021-03-29", "2021-03-31"])
def test_a_split_reported_later_replaces_the_inferred_one(tmp_path: Path, day: str) -> None:
    """A reported split replaces the inferred one, also on the same day."""
    lake = fl.open(tmp_path / "lake")
    fetched_twice(lake, 4.0, [])
    path = tmp_path / "splits.csv"
    path.write_text(f"symbol,date,numerator,denominator\nAAPL,{day},4,1\n")
    lake.load("splits", path)
    assert splits_of(lake) == [(day, 4.0, 1.0, "file")]


def test_corrections_by_the_vendor_are_no_split(tmp_path: Path) -> None:
    """Bars that changed by different or small ratios do not infer a split."""
    lake = fl.open(tmp_path / "lake")
    provider = ScriptedProvider({("price", "AAPL", None): BARS_BEFORE}, BEFORE)
    lake.fetch(provider, "AAPL", kinds="prices")
    provider.records["price", "AAPL", None] = [bar(r["date"], r["close"] * 1.01) for r in BARS_BEFORE]
    provider.now = AFTER
    lake.fetch(provider, "AAPL", kinds="prices")
    assert splits_of(lake) == []
    assert Request("split", "AAPL") not in provider.requests
