"""The two clean samples speak of the same company on two split bases: their market caps must agree."""

from __future__ import annotations

import json
import gzip
from datetime import date

import pytest

from factorlab_lake.store import Lake
from tests.support import CACHE_2019, CACHE_2021


def _caps(lake: Lake) -> dict[date, float | None]:
    found = lake.market_caps("AAPL", start="2014-01-01", end="2019-12-31", freq="ME")
    return dict(found.select("date", "market_cap").rows())


def test_caches_taken_before_and_after_a_split_give_the_same_market_caps(
    lake_2019: Lake, lake_2021: Lake
) -> None:
    """For all 72 month-ends of 2014 to 2019, across two splits, both samples agree to a billionth, and none is NULL."""
    before, after = _caps(lake_2019), _caps(lake_2021)
    assert len(before) == 72
    assert before.keys() == after.keys()
    for day, cap in before.items():
        assert cap is not None, day
        assert after[day] == pytest.approx(cap, rel=1e-9), day


@pytest.mark.parametrize(("cache", "fixture"), [(CACHE_2019, "lake_2019"), (CACHE_2021, "lake_2021")])
def test_a_market_cap_is_close_times_shares_of_the_newest_filing(
    request: pytest.FixtureRequest, cache, fixture
) -> None:  # type: ignore[no-untyped-def]
    """Worked out from the JSON by hand for one day: the last close times the count of the newest filing known."""

    def read(name: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(gzip.decompress((cache / name).read_bytes()))["data"]
        return found

    bars = {b["date"]: b["close"] for b in read("price_data/AAPL_price_full_history_all_v2.0.json.gz")}
    statements = read("income_statements/AAPL_income_statement_quarterly_limit60_v1.0.json.gz")
    known = [s for s in statements if str(s["acceptedDate"]) < "2018-08-31 16:00:00"]
    newest = max(known, key=lambda s: str(s["date"]))
    cap = request.getfixturevalue(fixture).market_caps("AAPL", "2018-08-31")["market_cap"].item()
    assert cap == pytest.approx(bars["2018-08-31"] * newest["weightedAverageShsOut"], rel=1e-6)  # type: ignore[operator]
    assert 1.09e12 < cap < 1.12e12
