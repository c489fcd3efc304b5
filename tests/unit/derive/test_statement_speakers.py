"""Test which provider's statements answer on which day, for a symbol of several providers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from tests.support import FETCHED, answer, income, writing

_CORRECTS = pytest.mark.filterwarnings("ignore:.* other values.*:factorlab_lake.errors.LakeWarning")
_ENDS = {"Q1": "03-31", "Q2": "06-30", "Q3": "09-30", "Q4": "12-31"}


def _quarters(first: int, last: int, revenue: float, days: int = 40, **fields: Any) -> list[dict[str, Any]]:
    """Return the quarters of some years, each filed some days after its end, with one revenue."""
    return [
        _quarter(f"{year}-{end}", period, revenue, days, **fields)
        for year in range(first, last + 1)
        for period, end in _ENDS.items()
    ]


def _quarter(end: str, period: str, revenue: float, days: int = 40, **fields: Any) -> dict[str, Any]:
    filed = date.fromisoformat(end) + timedelta(days=days)
    dates = {"fillingDate": str(filed), "acceptedDate": f"{filed} 08:00:00", "calendarYear": end[:4]}
    return income(end, period, **dates, revenue=revenue, **fields)


def _arrive(lake: Lake, **providers: list[dict[str, Any]]) -> Lake:
    with writing(lake) as tx:
        merge_batch(
            tx, [answer("income", rows, provider=name, at=FETCHED) for name, rows in providers.items()]
        )
    return lake.refresh()


def _ttm(lake: Lake, *days: str) -> list[tuple[float | None, str | None]]:
    rows = lake.ttm("AAPL", list(days))
    return list(zip(rows["revenue"], rows["statement_provider"], strict=True))


def test_another_provider_speaks_when_the_first_is_stale(lake: Lake) -> None:
    """The vendor's last quarter is fresh for 200 days, to 2018-07-19; then the SEC's answer."""
    _arrive(lake, fmp=_quarters(2015, 2017, 100.0), sec=_quarters(2015, 2019, 110.0))
    days = ("2017-06-01", "2018-07-19", "2018-07-20", "2020-06-01")
    assert _ttm(lake, *days) == [(400.0, "fmp"), (400.0, "fmp"), (440.0, "sec"), (440.0, "sec")]


def test_the_order_of_the_lake_decides(lake: Lake) -> None:
    """With the SEC first, it speaks as long as it is fresh."""
    lake.configure(provider_order=["sec", "fmp"])
    _arrive(lake, fmp=_quarters(2015, 2017, 100.0), sec=_quarters(2015, 2019, 110.0))
    assert _ttm(lake, "2017-06-01", "2018-07-20") == [(440.0, "sec"), (440.0, "sec")]


def test_a_provider_that_returns_speaks_again(lake: Lake) -> None:
    """The vendor lacks 2017: the SEC speaks from 201 days after 2016's end until 2018-05-10.

    Then the vendor has only one quarter of its year, so its own answer is missing a quarter.
    """
    vendor = [*_quarters(2014, 2016, 100.0), *_quarters(2018, 2019, 100.0)]
    _arrive(lake, fmp=vendor, sec=_quarters(2014, 2019, 110.0))
    days = ("2017-07-19", "2017-07-20", "2018-05-09", "2018-05-10", "2019-06-01")
    assert _ttm(lake, *days) == [
        (400.0, "fmp"),
        (440.0, "sec"),
        (440.0, "sec"),
        (None, "fmp"),
        (400.0, "fmp"),
    ]


@_CORRECTS
@pytest.mark.parametrize(("end", "period"), [("2018-03-31", "Q1"), ("2018-12-31", "FY")])
def test_one_loaded_statement_does_not_replace_a_vendor(lake: Lake, end: str, period: str) -> None:
    """A user loads one statement that the vendor lacks: the vendor's year is still the answer while fresh."""
    _arrive(lake, fmp=_quarters(2015, 2017, 100.0), sec=_quarters(2015, 2019, 110.0))
    lake.load("income_statements", _loaded([end], [period], 999.0))
    assert _ttm(lake, "2018-07-01", "2019-02-01") == [(400.0, "fmp"), (440.0, "sec")]


@pytest.mark.parametrize("end", ["2018-12-31", "2019-06-30"])
def test_one_loaded_statement_does_not_hide_stale_quarters(lake: Lake, end: str) -> None:
    """All are stale in 2022: the eight quarters of the newer vendor are the answer, not one loaded year."""
    _arrive(lake, fmp=_quarters(2015, 2016, 100.0), sec=_quarters(2017, 2018, 110.0))
    lake.load("income_statements", _loaded([end], ["FY"], 999.0))
    assert lake.quarters("AAPL", as_of="2022-01-03")["revenue"].to_list() == [110.0] * 8
    assert _ttm(lake, "2022-01-03") == [(None, "sec")]


def test_a_loaded_history_speaks(lake: Lake) -> None:
    """A user's statements of two years come first as soon as they reach back a year: from 2017-03-21 on."""
    _arrive(lake, fmp=_quarters(2015, 2019, 100.0))
    ends = [f"{year}-{day}" for year in (2016, 2017) for day in ("02-28", "05-31", "08-31", "11-30")]
    lake.load("income_statements", _loaded(ends, ["Q1", "Q2", "Q3", "Q4"] * 2, 120.0))
    days = ("2017-03-20", "2017-03-21", "2018-06-18", "2018-06-19")
    assert _ttm(lake, *days) == [(400.0, "fmp"), (480.0, "file"), (480.0, "file"), (400.0, "fmp")]


def _loaded(ends: list[str], periods: list[str], revenue: float) -> pl.DataFrame:
    """Return statements of a file, each filed 20 days after its end, so available a day later."""
    filed = [str(date.fromisoformat(end) + timedelta(days=20)) for end in ends]
    rows = {"fiscal_date": ends, "fiscal_period": periods, "filing_date": filed}
    same = {"symbol": "AAPL", "revenue": revenue, "reported_currency": "USD"}
    return pl.DataFrame(rows).with_columns(**{name: pl.lit(value) for name, value in same.items()})


@_CORRECTS
def test_a_correction_is_of_each_provider_that_has_the_filing(lake: Lake) -> None:
    """A user's 150 counts in the vendor's year and, where that is stale, in the SEC's."""
    _arrive(lake, fmp=_quarters(2015, 2017, 100.0), sec=_quarters(2015, 2019, 110.0))
    lake.load(
        "income_statements",
        _loaded(["2017-12-31"], ["Q4"], 150.0).with_columns(filing_date=pl.lit("2018-02-09")),
    )
    assert _ttm(lake, "2018-06-01", "2018-07-20") == [(450.0, "fmp"), (480.0, "sec")]


@_CORRECTS
@pytest.mark.parametrize("later", [[], ["2020-02-05"]])
def test_a_correction_leaves_a_provider_without_the_filing(lake: Lake, later: list[str]) -> None:
    """A user corrects an amendment of 2019 that only the SEC has: the vendor's year stays 400.

    Also if the vendor has another filing after it. The SEC's year is 3 x 110 + 130 from the amendment on.
    """
    lake.configure(provider_order=["fmp", "sec"])
    amended = [("sec", "2019-02-04", 120.0), *(("fmp", day, 105.0) for day in later)]
    rows = {"fmp": _quarters(2015, 2017, 100.0), "sec": _quarters(2015, 2018, 110.0)}
    for name, day, revenue in amended:
        dates = {"fillingDate": day, "acceptedDate": f"{day} 08:00:00", "calendarYear": "2017"}
        rows[name].append(income("2017-12-31", "Q4", revenue=revenue, **dates))
    _arrive(lake, **rows)
    correction = _loaded(["2017-12-31"], ["Q4"], 130.0).with_columns(filing_date=pl.lit("2019-02-04"))
    lake.load("income_statements", correction)
    days = ("2018-03-01", "2018-07-19", "2018-07-20", "2019-02-03", "2019-02-04")
    assert _ttm(lake, *days) == [
        (400.0, "fmp"),
        (400.0, "fmp"),
        (440.0, "sec"),
        (440.0, "sec"),
        (460.0, "sec"),
    ]
    before = lake.statements("AAPL", "2017-12-31", "2017-12-31", as_of="2019-02-03")
    assert sorted(before["source_provider"]) == ["fmp", "sec"]
    after = lake.statements("AAPL", "2017-12-31", "2017-12-31", as_of="2019-02-04")
    assert sorted(after["source_provider"]) == ["file", "fmp"]


def test_quarters_and_ratios_are_of_the_speaker(lake: Lake) -> None:
    """Each quarter is there once, of the speaker; a period of another one counts from its day."""
    _arrive(lake, fmp=_quarters(2015, 2017, 100.0), sec=_quarters(2015, 2018, 110.0, days=30))
    quarters = lake.quarters("AAPL", as_of="2018-07-19")
    assert quarters["revenue"].to_list() == [100.0] * 12
    assert set(lake.quarters("AAPL", as_of="2018-07-20")["revenue"]) == {110.0}
    ratios = lake.ratios("AAPL", start="2017-12-31").select("fiscal_date", "date", "statement_provider")
    assert [(str(end), str(day), name) for end, day, name in ratios.rows()] == [
        ("2017-12-31", "2018-02-09", "fmp"),
        ("2018-03-31", "2018-07-20", "sec"),
        ("2018-06-30", "2018-07-30", "sec"),
        ("2018-09-30", "2018-10-30", "sec"),
        ("2018-12-31", "2019-01-30", "sec"),
    ]


def test_one_provider_needs_no_order(lake: Lake) -> None:
    """A symbol of one provider keeps it over a gap, and when it is stale."""
    _arrive(lake, fmp=[*_quarters(2014, 2016, 100.0), *_quarters(2018, 2019, 100.0)])
    assert _ttm(lake, "2017-07-20", "2019-06-01") == [(None, "fmp"), (400.0, "fmp")]
