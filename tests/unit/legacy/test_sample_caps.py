"""The two clean samples speak of the same company on two split bases: their market caps must agree."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.support import CACHE_2019, CACHE_2021


def _caps(lake: Lake) -> dict[date, float | None]:
    caps = lake.market_caps("AAPL", start="2014-01-01", end="2019-12-31", freq="ME")
    return dict(caps.select("date", "market_cap").rows())


def _records(cache: Path, name: str) -> list[dict[str, Any]]:
    caps: list[dict[str, Any]] = json.loads(gzip.decompress((cache / name).read_bytes()))["data"]
    return caps


def test_caches_of_before_and_after_a_split_give_the_same_market_caps(
    lake_2019: Lake, lake_2021: Lake
) -> None:
    """For all 72 month-ends of 2014 to 2019, across two splits, both samples agree to a billionth."""
    before, after = _caps(lake_2019), _caps(lake_2021)
    assert len(before) == 72
    assert before.keys() == after.keys()
    for day, cap in before.items():
        assert cap is not None, day
        assert after[day] == pytest.approx(cap, rel=1e-9), day


@pytest.mark.parametrize(("cache", "fixture"), [(CACHE_2019, "lake_2019"), (CACHE_2021, "lake_2021")])
def test_a_market_cap_is_the_close_times_the_shares_of_the_newest_filing(
    request: pytest.FixtureRequest, cache: Path, fixture: str
) -> None:
    """Worked out from the JSON for one day: the last close times the count of the newest filing known."""
    closes = {
        b["date"]: b["close"] for b in _records(cache, "price_data/AAPL_price_full_history_all_v2.0.json.gz")
    }
    statements = _records(cache, "income_statements/AAPL_income_statement_quarterly_limit60_v1.0.json.gz")
    known = [s for s in statements if s["acceptedDate"] <= "2018-08-31 16:00:00"]
    newest = max(known, key=lambda s: str(s["date"]))
    cap = request.getfixturevalue(fixture).market_caps("AAPL", "2018-08-31")["market_cap"].item()
    assert cap == pytest.approx(closes["2018-08-31"] * newest["weightedAverageShsOut"], rel=1e-6)
    assert 1.09e12 < cap < 1.12e12
