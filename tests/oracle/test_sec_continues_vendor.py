"""Test an old cache of a vendor that SEC's filings continue: its answers go on, and none looks ahead."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.lake import Lake
from tests.oracle import apple
from tests.oracle.trailing import trailing
from tests.sec_lakes import fetch_apple
from tests.support import copy_of

_FIRST_FETCH = date(2021, 4, 5)  # some days after the cache was written
_LAST_OF_VENDOR = date(2021, 7, 14)  # 200 days after its last quarter, which ended on 2020-12-26
_WEEKS = [date(2021, 1, 29) + timedelta(weeks=n) for n in range(264)]  # up to February 2026
_EARLIER = [date(2014, 1, 31) + timedelta(days=29 * n) for n in range(90)] + [_FIRST_FETCH]


@pytest.fixture(scope="module")
def steps(lake_2021: Lake, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Lake]:
    """Return the vendor's lake after a first fetch from SEC, and after the last one."""
    lake = copy_of(lake_2021, Path(tmp_path_factory.mktemp("continued")) / "lake")
    fetch_apple(lake, _FIRST_FETCH)
    first = lake.at(lake.snapshot.id)
    fetch_apple(lake)
    return first, lake


def test_the_cache_alone_becomes_stale(lake_2021: Lake) -> None:
    """Without SEC, no trailing year is there from 200 days after the last quarter on."""
    rows = lake_2021.ttm("AAPL", [_LAST_OF_VENDOR, _LAST_OF_VENDOR + timedelta(days=1)])
    assert rows["revenue"].is_null().to_list() == [False, True]


def test_answers_go_on_without_a_gap(steps: tuple[Lake, Lake]) -> None:
    """Each week has a trailing year: the vendor's while it is fresh, then that of SEC's filings."""
    rows = steps[1].ttm("AAPL", _WEEKS)
    assert rows["revenue"].null_count() == rows["net_income"].null_count() == 0
    is_of_vendor = pl.Series([day <= _LAST_OF_VENDOR for day in _WEEKS])
    providers = pl.select(pl.when(is_of_vendor).then(pl.lit("fmp")).otherwise(pl.lit("sec"))).to_series()
    assert rows["statement_provider"].to_list() == providers.to_list()
    continued = rows.filter(statement_provider="sec")
    for kind, item in (("income", "revenue"), ("income", "net_income"), ("cash_flow", "operating_cash_flow")):
        expected = [trailing(apple.statements(kind), item, day).value for day in continued["date"]]
        assert continued[item].to_list() == expected


def test_factors_that_need_no_price_go_on(steps: tuple[Lake, Lake]) -> None:
    """Returns and margins have no gap where the next provider begins, on the very day."""
    days = [_LAST_OF_VENDOR + timedelta(days=n) for n in range(-3, 5)]
    rows = steps[1].factors("AAPL", days)
    assert rows["statement_provider"].to_list() == ["fmp"] * 4 + ["sec"] * 4
    for name in ("roe", "roa", "net_margin", "current_ratio", "revenue_growth_yoy"):
        assert rows[name].null_count() == 0, name


@pytest.mark.parametrize("question", ["ttm", "factors", "market_caps"])
def test_later_filings_change_nothing_earlier(steps: tuple[Lake, Lake], question: str) -> None:
    """The answers up to the first fetch are the same after five more years of filings."""
    before, after = (getattr(lake, question)("AAPL", _EARLIER) for lake in steps)
    assert_frame_equal(after, before)
    assert before[{"ttm": "revenue", "factors": "roe", "market_caps": "market_cap"}[question]].count() > 85


def test_the_vendors_answers_stay_its_own(lake_2021: Lake, steps: tuple[Lake, Lake]) -> None:
    """Where the vendor speaks, SEC's filings beside it change no sum: parts of two providers never mix."""
    alone, beside = (lake.ttm("AAPL", _EARLIER) for lake in (lake_2021, steps[1]))
    assert beside["statement_provider"].unique().to_list() == ["fmp"]
    assert_frame_equal(beside, alone)


def test_rows_of_two_providers_are_no_versions_of_each_other(
    lake_2021: Lake, steps: tuple[Lake, Lake]
) -> None:
    """SEC's 247 periods and 32 restatements stand beside the vendor's rows, which stay as they were."""
    query = "SELECT change_kind, count(*) FROM financial_statements WHERE symbol = 'AAPL' AND {} GROUP BY 1"
    kinds = dict(steps[1].sql(query.format("source_provider = 'sec'")).rows())
    assert kinds == {"original": 247, "restatement": 32}
    of_vendor = query.format("source_provider = 'fmp'")
    assert steps[1].sql(of_vendor).rows() == lake_2021.sql(of_vendor).rows() != []


def test_the_order_of_the_lake_decides_who_speaks(steps: tuple[Lake, Lake], tmp_path: Path) -> None:
    """With SEC first, its filings answer where both are fresh; an answer has figures of one provider."""
    lake = copy_of(steps[1], tmp_path / "lake")
    lake.configure(provider_order=["sec", "fmp"])
    days = [date(2019, 2, 28), date(2020, 11, 30), date(2021, 3, 31)]
    rows = lake.refresh().ttm("AAPL", days)
    assert rows["statement_provider"].to_list() == ["sec"] * 3
    expected = [trailing(apple.statements("cash_flow"), "operating_cash_flow", day).value for day in days]
    assert rows["operating_cash_flow"].to_list() == expected
    assert steps[1].ttm("AAPL", days)["statement_provider"].to_list() == ["fmp"] * 3


def test_a_count_of_hindsight_is_used_from_the_day_counted(steps: tuple[Lake, Lake]) -> None:
    """The cover page of 2020-10-30 counts 2020-10-16: `latest` uses it from then, `known` from the filing."""
    query = "FROM shares_as_of(['AAPL'], $days::DATE[], vintage := $v) ORDER BY date"
    days = [date(2020, 10, 15), date(2020, 10, 16), date(2020, 10, 29), date(2020, 10, 30)]
    used = {
        vintage: steps[1].sql(query, days=days, v=vintage)["shares_outstanding"].to_list()
        for vintage in ("known", "latest")
    }
    before, cover, balance = 4_275_634_000, 17_001_802_000, 16_976_763_000
    assert used["known"] == [before, before, before, cover]
    assert used["latest"] == [balance, cover, cover, cover]
