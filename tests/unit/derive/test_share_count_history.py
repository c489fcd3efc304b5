"""Test which share count is the best one on a day: its source, its plausibility and its age.

Prices are 2.0 on every day, so a market cap is twice the count. Counts and caps are worked out by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.unit.query.lake_builder import LakeBuilder, filing, one

CASES = LakeBuilder()
MILLION = 1_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("counts"))


def average(symbol: str, end: str, shares: float, period: str = "Q4", **items: Any) -> None:
    """Add a weighted average; without other items EPS confirms it."""
    checked = {"netIncome": shares / 2, "eps": 0.5}
    CASES.shares(symbol, end, shares, period, **(checked | items))


def prices(symbol: str, *days: str) -> None:
    """Add closes of 2.0."""
    CASES.closes(symbol, dict.fromkeys(days, 2.0))


def known(lake: Lake, symbol: str, *days: str, **options: Any) -> list[tuple[Any, Any, Any]]:
    """Return cap, source and reason of each day."""
    rows = lake.market_caps(symbol, list(days), **options)
    return list(rows.select("market_cap", "shares_source", "reason").iter_rows())


# --- preference -------------------------------------------------------------------------------------------

# The average of 2020-06-30 is public nine days before the cover page of the same filing season.
average("FLIP", "2020-03-31", 1000, "Q1", filed="2020-04-30")
CASES.count("FLIP", "cover_page", "2020-04-17", 990, filed="2020-04-30")
average("FLIP", "2020-06-30", 980, "Q2", filed="2020-07-22")
CASES.count("FLIP", "cover_page", "2020-07-17", 970, filed="2020-07-31")
# From here on cover pages are missing: 136 days after 2020-07-17 is 2020-11-30.
average("FLIP", "2020-09-30", 960, "Q3", filed="2020-10-30")
average("FLIP", "2020-12-31", 950, "Q4", filed="2021-01-30")
prices("FLIP", "2020-04-30", "2020-07-22", "2020-07-31", "2020-10-30", "2021-01-29", "2021-02-01")


def test_a_weighted_average_does_not_displace_a_cover_page_within_reach(made: Lake) -> None:
    """A cover page serves until another count is more than one quarter and 45 days newer."""
    days = ["2020-04-30", "2020-07-22", "2020-07-31", "2020-10-30", "2021-01-29", "2021-02-01"]
    assert known(made, "FLIP", *days) == [
        (1980, "cover_page", None),
        (1980, "cover_page", None),
        (1940, "cover_page", None),
        (1940, "cover_page", None),
        (1940, "cover_page", None),
        (1900, "weighted_average_proxy", None),
    ]


# A half-yearly reporter's cover page is in reach for 182 + 45 days, a balance sheet between the sources.
average("HALVES", "2019-06-30", 1000, "H1", filed="2019-08-30")
average("HALVES", "2019-12-31", 1000, "FY", filed="2020-02-28")
CASES.count("HALVES", "balance_sheet", "2019-12-31", 1010, filed="2020-02-28")
average("HALVES", "2020-06-30", 1020, "H1", filed="2020-08-28")
average("HALVES", "2020-12-31", 1030, "FY", filed="2021-02-26")
prices("HALVES", "2020-02-28", "2020-08-28", "2021-02-26")


def test_the_reach_of_a_better_source_follows_the_rhythm(made: Lake) -> None:
    """A balance sheet half a year older serves a half-yearly reporter; one of a year before does not."""
    assert known(made, "HALVES", "2020-02-28", "2020-08-28", "2021-02-26") == [
        (2020, "balance_sheet", None),
        (2020, "balance_sheet", None),
        (2060, "weighted_average_year_proxy", None),
    ]


def test_a_restated_cover_page_is_used_from_its_filing(tmp_path: Path) -> None:
    """Neither the average before nor the one after it takes its place."""
    cases = LakeBuilder()
    cases.count("R", "cover_page", "2020-10-16", 900, filed="2020-10-30")
    cases.shares("R", "2020-12-31", 1000, filed="2021-01-20")
    cases.closes("R", dict.fromkeys(["2021-01-20", "2021-01-29"], 2.0))
    lake = cases.build(tmp_path)
    later = LakeBuilder()
    later.count("R", "cover_page", "2020-10-16", 910, filed="2021-01-29")
    later.add_to(lake, tmp_path / "later")
    assert known(lake, "R", "2021-01-20", "2021-01-29") == [
        (1800, "cover_page", None),
        (1820, "cover_page", None),
    ]


# --- plausibility -----------------------------------------------------------------------------------------

# What cannot be, beside a checked average of 10 m: the next source is used.
WRONG = {
    "PLACEHOLDER": 100,
    "THOUSANDS": 10_100,
    "MILLIONS": 10_100_000 * 1000,
}
for _symbol, _count in WRONG.items():
    average(_symbol, "2020-12-31", 10 * MILLION, filed="2021-02-01")
    CASES.count(_symbol, "cover_page", "2021-01-15", _count, filed="2021-02-01")
    prices(_symbol, "2021-02-01")
    # Without any other count there is no market cap, or the count is believed where nothing contradicts it.
    CASES.count(f"{_symbol}_ALONE", "cover_page", "2021-01-15", _count, filed="2021-02-01")
    prices(f"{_symbol}_ALONE", "2021-02-01")
# Vendors serve negative averages. load refuses negative counts.
average("NEGATIVE", "2020-12-31", -12 * MILLION, filed="2021-02-01", netIncome=MILLION, eps=-1 / 12)
prices("NEGATIVE", "2021-02-01")
average("NEGATIVE_NOW", "2020-09-30", 12 * MILLION, "Q3", filed="2020-11-01")
average("NEGATIVE_NOW", "2020-12-31", -12 * MILLION, filed="2021-02-01", netIncome=MILLION, eps=None)
prices("NEGATIVE_NOW", "2021-02-01")


@pytest.mark.parametrize("symbol", WRONG)
def test_a_count_that_cannot_be_gives_way_to_the_next_source(made: Lake, symbol: str) -> None:
    """A count off by a factor of 30 from the checked average is not used."""
    assert known(made, symbol, "2021-02-01") == [(20 * MILLION, "weighted_average_proxy", None)]


def test_a_negative_count_is_not_used(made: Lake) -> None:
    """Minus twelve million shares are no market cap: the count before serves, or none."""
    implausible = (None, "weighted_average_proxy", "share_count_implausible")
    assert known(made, "NEGATIVE", "2021-02-01") == [implausible]
    assert known(made, "NEGATIVE_NOW", "2021-02-01") == [(24 * MILLION, "weighted_average_proxy", None)]


def test_a_count_that_nothing_contradicts_is_believed(made: Lake) -> None:
    """A hundred shares can be right: only other figures prove that they are not."""
    assert known(made, "PLACEHOLDER_ALONE", "2021-02-01") == [(200, "cover_page", None)]


# An average that net income / EPS contradicts: 10 m shares tagged as 10,000.
average("TAGGED", "2020-09-30", 10_000, "Q3", netIncome=5 * MILLION, eps=0.5)
CASES.count("TAGGED", "balance_sheet", "2020-12-31", 10 * MILLION, filed="2021-02-01")
prices("TAGGED", "2020-10-30", "2021-02-01")
# The same with a loss, and an average five times too large.
average("LOSS", "2020-12-31", 50 * MILLION, netIncome=-5 * MILLION, eps=-0.5, filed="2021-02-01")
prices("LOSS", "2021-02-01")


def test_an_average_that_eps_contradicts_is_not_used(made: Lake) -> None:
    """Without another count the answer is NULL with the reason; the next count is not judged by it."""
    assert known(made, "TAGGED", "2020-10-30", "2021-02-01") == [
        (None, "weighted_average_proxy", "share_count_implausible"),
        (20 * MILLION, "balance_sheet", None),
    ]
    assert known(made, "LOSS", "2021-02-01") == [(None, "weighted_average_proxy", "share_count_implausible")]


# Figures that check nothing: an EPS below two cents, none, a zero; preferred dividends of three quarters.
UNCHECKED: dict[str, dict[str, Any]] = {
    "TINY_EPS": {"netIncome": -100.0, "eps": -0.01},
    "NO_EPS": {"netIncome": 5.0, "eps": None},
    "ZERO_EPS": {"netIncome": 5.0, "eps": 0},
    "PREFERRED": {"netIncome": 20 * MILLION, "eps": 0.5},
    "BOTTOM_LINE": {"netIncome": 500 * MILLION, "bottomLineNetIncome": 5 * MILLION, "eps": 0.5},
}
for _symbol, _items in UNCHECKED.items():
    average(_symbol, "2020-12-31", 10 * MILLION, filed="2021-02-01", **_items)
    prices(_symbol, "2021-02-01")


@pytest.mark.parametrize("symbol", UNCHECKED)
def test_an_average_is_not_rejected_without_proof(made: Lake, symbol: str) -> None:
    """A tiny, missing or zero EPS proves nothing, and one of two incomes that agrees suffices."""
    assert known(made, symbol, "2021-02-01") == [(20 * MILLION, "weighted_average_proxy", None)]


# Growth: five times the shares in a year, and an initial offering within a quarter.
average("DILUTED", "2019-12-31", 10 * MILLION, filed="2020-02-01")
CASES.count("DILUTED", "cover_page", "2020-01-15", 10 * MILLION, filed="2020-02-01")
average("DILUTED", "2020-12-31", 25 * MILLION, filed="2021-02-01")
CASES.count("DILUTED", "cover_page", "2021-01-15", 50 * MILLION, filed="2021-02-01")
prices("DILUTED", "2021-02-01")
average("OFFERED", "2020-09-30", 2 * MILLION, "Q3", filed="2020-11-01")
average("OFFERED", "2020-12-31", 30 * MILLION, filed="2021-02-01")
CASES.count("OFFERED", "cover_page", "2021-01-15", 100 * MILLION, filed="2021-02-01")
prices("OFFERED", "2021-02-01")


def test_growth_is_no_fault(made: Lake) -> None:
    """The average of the same filing confirms a count that is fifty times that of the quarter before."""
    assert known(made, "DILUTED", "2021-02-01") == [(100 * MILLION, "cover_page", None)]
    assert known(made, "OFFERED", "2021-02-01") == [(200 * MILLION, "cover_page", None)]


# Two counts that contradict each other, and nothing that checks them; a third one decides.
CASES.shares("TWO", "2020-12-31", 10 * MILLION, filed="2021-02-01")
CASES.count("TWO", "cover_page", "2021-01-15", 10_000, filed="2021-02-01")
prices("TWO", "2021-02-01")
CASES.shares("THREE", "2020-12-31", 10 * MILLION, filed="2021-02-01")
CASES.count("THREE", "cover_page", "2021-01-15", 10_000, filed="2021-02-01")
CASES.count("THREE", "balance_sheet", "2020-12-31", 11 * MILLION, filed="2021-02-01")
prices("THREE", "2021-02-01")
CASES.count("ONE_SOURCE", "cover_page", "2020-10-15", 10 * MILLION, filed="2020-11-01")
CASES.count("ONE_SOURCE", "cover_page", "2021-01-15", 100, filed="2021-02-01")
CASES.count("ONE_SOURCE", "cover_page", "2021-04-15", 10 * MILLION, filed="2021-05-01")
CASES.count("ONE_SOURCE", "cover_page", "2021-07-15", 11 * MILLION, filed="2021-08-01")
CASES.traded("ONE_SOURCE", dict.fromkeys(["2020-11-02", "2021-02-01", "2021-08-02"], 2.0))


def test_of_two_contradictory_counts_none_is_used(made: Lake) -> None:
    """A third one decides, also the next count of the only source."""
    assert [row[::2] for row in known(made, "TWO", "2021-02-01")] == [(None, "share_count_implausible")]
    assert known(made, "THREE", "2021-02-01") == [(22 * MILLION, "balance_sheet", None)]
    assert [row[::2] for row in known(made, "ONE_SOURCE", "2020-11-02", "2021-02-01", "2021-08-02")] == [
        (20 * MILLION, None),
        (None, "share_count_implausible"),
        (22 * MILLION, None),
    ]


# 1:50 on 2021-01-04. The cover page of 2021-01-15 claims to count it, and does not.
average("CLAIMED", "2020-12-31", 10 * MILLION, filed="2021-02-01")
CASES.split("CLAIMED", "2021-01-04", 1, 50)
CASES.count("CLAIMED", "cover_page", "2021-01-15", 500 * MILLION, filed="2021-02-01")
prices("CLAIMED", "2021-02-01")
# The same split, counted: fifty times fewer shares are right.
CASES.count("COUNTED", "cover_page", "2020-10-15", 500 * MILLION, filed="2020-11-01")
CASES.split("COUNTED", "2021-01-04", 1, 50)
CASES.count("COUNTED", "cover_page", "2021-01-15", 10 * MILLION, filed="2021-02-01")
prices("COUNTED", "2021-02-01")


def test_counts_are_compared_on_one_split_basis(made: Lake) -> None:
    """A count that claims a split without it gives way; one that has it is not taken for an error."""
    assert known(made, "CLAIMED", "2021-02-01") == [(20 * MILLION, "weighted_average_proxy", None)]
    assert known(made, "COUNTED", "2021-02-01") == [(20 * MILLION, "cover_page", None)]


# A cover page is judged by what is known on the day: its average is public a month later.
CASES.count("LATER", "cover_page", "2021-01-15", 10_000, filed="2021-02-01")
average("LATER", "2020-12-31", 10 * MILLION, filed="2021-03-01")
prices("LATER", "2021-02-26", "2021-03-01")


def test_only_what_is_known_on_the_day_judges(made: Lake) -> None:
    """Later knowledge rejects the count from its own day on, and changes no answer of an earlier day."""
    assert known(made, "LATER", "2021-02-26", "2021-03-01") == [
        (20_000, "cover_page", None),
        (20 * MILLION, "weighted_average_proxy", None),
    ]


# --- hindsight --------------------------------------------------------------------------------------------

CASES.count("HINDSIGHT", "cover_page", "2020-10-16", 1000, filed="2020-10-30")
CASES.count("HINDSIGHT", "balance_sheet", "2020-12-31", 990, filed="2021-01-28")
CASES.count("HINDSIGHT", "cover_page", "2021-01-15", 980, filed="2021-01-28")
prices("HINDSIGHT", "2020-10-16", "2020-12-31", "2021-01-14", "2021-01-15")


def test_latest_counts_from_the_day_counted(made: Lake) -> None:
    """The newest count of a day serves from that day, weeks before it was public, and tells when it was."""
    days = ["2020-10-15", "2020-10-16", "2020-12-31", "2021-01-14", "2021-01-15"]
    prices_from = days[1:]
    assert [row[:2] for row in known(made, "HINDSIGHT", *prices_from, vintage="latest")] == [
        (2000, "cover_page"),
        (1980, "balance_sheet"),
        (1980, "balance_sheet"),
        (1960, "cover_page"),
    ]
    rows = made.market_caps("HINDSIGHT", prices_from, vintage="latest")
    assert rows["shares_available_date"].to_list() == [
        date(2020, 10, 30),
        *[date(2021, 1, 28)] * 3,
    ]
    assert [row[0] for row in known(made, "HINDSIGHT", *prices_from)] == [None, 2000, 2000, 2000]


# --- age --------------------------------------------------------------------------------------------------


def _reports(symbol: str, periods: Iterable[tuple[str, str, str]]) -> None:
    records = [
        filing(end, label, filed=filed, weightedAverageShsOut=1000, revenue=1)
        for end, label, filed in periods
    ]
    CASES.statements(symbol, "income", records)


_reports("BY_HALF", [("2018-12-31", "FY", "2019-02-20"), ("2019-06-30", "H1", "2019-07-27")])
_reports("BY_YEAR", [("2017-12-31", "FY", "2018-03-20"), ("2018-12-31", "FY", "2019-03-20")])
_reports("BY_QUARTER", [("2019-03-31", "Q1", "2019-04-27"), ("2019-06-30", "Q2", "2019-07-27")])
for _symbol in ("BY_HALF", "BY_YEAR", "BY_QUARTER"):
    CASES.row(
        "price_data",
        symbol=_symbol,
        date=date(2020, 1, 12),
        close_price=2.0,
        split_basis_date=date(2020, 1, 12),
    )


@pytest.mark.parametrize(
    ("symbol", "last_day"),
    [("BY_QUARTER", "2020-01-16"), ("BY_HALF", "2020-05-15"), ("BY_YEAR", "2020-05-14")],
)
def test_the_age_limit_of_a_count_follows_the_rhythm(made: Lake, symbol: str, last_day: str) -> None:
    """Counts serve 200 days from the period's end by the quarter, 320 by the half year, 500 by the year."""
    last = date.fromisoformat(last_day)
    rows = made.market_caps(symbol, [last, last.fromordinal(last.toordinal() + 1)])
    stale = [str(reason).endswith("share_count_stale") for reason in rows["reason"]]
    assert stale == [False, True]


def test_half_yearly_reporters_have_a_cap_until_the_next_report(tmp_path: Path) -> None:
    """The count of 2019-06-30 serves on 2020-01-31; the report of 2020-02-22 is the next."""
    cases = LakeBuilder()
    for end, label, filed in [
        ("2019-06-30", "H1", "2019-07-27 02:00:00"),
        ("2019-12-31", "FY", "2020-02-22 02:00:00"),
    ]:
        cases.shares("RIO.L", end, 1620e6, label, filed=filed)
    cases.closes("RIO.L", dict.fromkeys(["2020-01-16", "2020-01-31", "2020-02-21"], 50.0))
    lake = cases.build(tmp_path)
    for day in ("2020-01-16", "2020-01-31", "2020-02-21"):
        row = one(lake, "market_caps", "RIO.L", day)
        assert (row["shares_outstanding"], row["shares_fiscal_date"]) == (1620e6, date(2019, 6, 30))
        assert "share_count_stale" not in str(row["reason"])
