"""Market capitalisation: close x shares x factor, from what was known, one row per symbol and date."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from tests.support import Entry, bar, migrate, without_index
from tests.unit.query.lake_builder import LakeBuilder, filing, one

CASES = LakeBuilder()

COLUMNS = [
    "symbol",
    "date",
    "market_cap",
    "currency",
    "close_price",
    "price_date",
    "shares_outstanding",
    "shares_source",
    "split_factor",
    "split_evidence",
    "shares_fiscal_date",
    "shares_available_date",
    "price_age_days",
    "shares_age_days",
    "multi_class",
    "company_id",
    "statement_provider",
    "reason",
]


@pytest.fixture(scope="module", params=["stored", "computed"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file; its counts are stored, or computed by the session."""
    lake = CASES.build(tmp_path_factory.mktemp("caps"))
    assert lake.session._stale == frozenset()
    return lake if request.param == "stored" else without_index(lake, None)


# --- the grid ---------------------------------------------------------------------------------------------

CASES.shares("GRID", "2020-12-31", 1000)
CASES.closes("GRID", {"2021-02-26": 2.0, "2021-03-01": 3.0})


def test_each_symbol_and_date_gets_one_row_in_order(made: Lake) -> None:
    """The answer is the grid of what was asked, sorted by symbol and date, unknown symbols included."""
    rows = made.market_caps(["NOBODY", "GRID"], ["2021-03-01", "2021-02-26"])
    assert rows.select("symbol", "date").rows() == [
        ("GRID", date(2021, 2, 26)),
        ("GRID", date(2021, 3, 1)),
        ("NOBODY", date(2021, 2, 26)),
        ("NOBODY", date(2021, 3, 1)),
    ]
    assert rows["market_cap"].to_list() == [2000, 3000, None, None]


def test_columns_are_the_documented_ones(made: Lake) -> None:
    """The columns come in the documented order: the answer first, the reason last."""
    assert made.market_caps("GRID", "2021-03-01").columns == COLUMNS


def test_a_symbol_or_date_asked_twice_gets_one_row(made: Lake) -> None:
    """Repeats in the request do not multiply rows."""
    rows = made.market_caps(["GRID", "GRID"], ["2021-03-01", "2021-03-01", date(2021, 3, 1)])
    assert rows["market_cap"].to_list() == [3000]


def test_repeats_in_sql_get_one_row_too(made: Lake) -> None:
    """The SQL function returns one row for repeated arguments, with and without a bar on the day."""
    rows = made.sql(
        "FROM market_caps(['GRID', 'GRID', 'NOBODY', 'NOBODY'], $days::DATE[]) ORDER BY symbol, date",
        days=["2021-03-01", "2021-03-07", "2021-03-01", "2021-03-07"],
    )
    assert rows["market_cap"].to_list() == [3000, 3000, None, None]


def test_an_unknown_symbol_says_what_is_not_known(made: Lake) -> None:
    """An unknown symbol has neither a price nor a share count."""
    row = one(made, "market_caps", "NOBODY", "2021-03-01")
    assert row["reason"] == "no_price_within_limit; no_share_count_known"
    assert {name for name, value in row.items() if value is not None} == {
        "symbol",
        "date",
        "reason",
        "multi_class",
    }


def test_an_empty_lake_answers_with_reasons(lake: Lake) -> None:
    """A lake without data answers as for unknown symbols."""
    assert one(lake, "market_caps", "AAPL", "2021-03-01")["reason"] == (
        "no_price_within_limit; no_share_count_known"
    )


# --- age --------------------------------------------------------------------------------------------------

CASES.shares("WEEKEND", "2020-12-31", 1000)
CASES.closes("WEEKEND", {"2021-02-26": 2.0})  # a Friday


@pytest.mark.parametrize(
    ("day", "cap", "age_days", "reason"),
    [
        ("2021-02-25", None, None, "no_price_within_limit"),
        ("2021-02-26", 2000, 0, None),
        ("2021-02-28", 2000, 2, None),
        ("2021-03-08", 2000, 10, None),
        ("2021-03-09", None, None, "no_price_within_limit"),
    ],
)
def test_a_price_serves_ten_days_and_no_longer(
    made: Lake, day: str, cap: float | None, age_days: int | None, reason: str | None
) -> None:
    """The last bar on or before the date is used, over weekends and up to ten calendar days."""
    row = one(made, "market_caps", "WEEKEND", day)
    assert (row["market_cap"], row["price_age_days"], row["reason"]) == (cap, age_days, reason)


CASES.shares("QUARTER", "2020-06-30", 1000, "Q2")
CASES.closes("QUARTER", {"2021-01-16": 2.0, "2021-01-17": 2.0})
CASES.shares("YEAR", "2019-09-30", 1000, "FY")
CASES.closes("YEAR", {"2021-02-11": 2.0, "2021-02-12": 2.0})


def _days_after(end: str, days: int) -> str:
    return (date.fromisoformat(end) + timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("symbol", "end", "limit"), [("QUARTER", "2020-06-30", 200), ("YEAR", "2019-09-30", 500)]
)
def test_a_share_count_serves_until_its_limit(made: Lake, symbol: str, end: str, limit: int) -> None:
    """A quarterly reporter's count serves 200 days after it, a yearly one's 500."""
    last, after = (one(made, "market_caps", symbol, _days_after(end, limit + more)) for more in (0, 1))
    assert (last["market_cap"], last["shares_age_days"], last["reason"]) == (2000, limit, None)
    assert (after["market_cap"], after["shares_age_days"], after["reason"]) == (
        None,
        limit + 1,
        "share_count_stale",
    )


def test_limits_are_arguments_of_the_sql_function(made: Lake) -> None:
    """Who wants other limits names them in SQL."""
    query = "FROM market_caps([$s], [$d::DATE], price_age_limit := {}, shares_age_limit := {})"
    wide = made.sql(query.format(11, 201), s="QUARTER", d="2021-01-28")
    assert wide["reason"].to_list() == ["share_count_stale"]
    assert made.sql(query.format(11, 212), s="QUARTER", d="2021-01-28")["market_cap"].to_list() == [2000]
    assert made.sql(query.format(10, 212), s="QUARTER", d="2021-01-28")["market_cap"].to_list() == [None]


# --- what was known ---------------------------------------------------------------------------------------

FILED: dict[str, tuple[dict[str, Any], str]] = {
    "MORNING": ({"filed": "2021-02-01 08:01:40"}, "2021-02-01"),
    "AT_CLOSE": ({"filed": "2021-02-01 16:00:00"}, "2021-02-01"),
    "PAST_CLOSE": ({"filed": "2021-02-01 16:00:01"}, "2021-02-02"),
    "EVENING": ({"filed": "2021-02-01 18:03:06"}, "2021-02-02"),
    "DAY_ONLY": ({"filed": "2021-02-01", "acceptedDate": ...}, "2021-02-02"),
    "UNDATED": ({"fillingDate": ..., "acceptedDate": ...}, "2021-03-16"),  # 75 days after the period's end
}
for _symbol, (_when, _) in FILED.items():
    CASES.shares(_symbol, "2020-12-31", 1000, **_when)
    CASES.closes(_symbol, dict.fromkeys(["2021-01-29", "2021-02-01", "2021-02-02", "2021-03-15"], 2.0))


@pytest.mark.parametrize(("symbol", "known"), [(symbol, known) for symbol, (_, known) in FILED.items()])
def test_a_count_is_used_from_the_first_close_after_it_became_public(
    made: Lake, symbol: str, known: str
) -> None:
    """The count is not used the day before, and is used with its date on that day."""
    before, since = (one(made, "market_caps", symbol, _days_after(known, days)) for days in (-1, 0))
    assert (before["market_cap"], before["reason"]) == (None, "no_share_count_known")
    assert (since["market_cap"], since["shares_available_date"].isoformat()) == (2000, known)


CASES.statements(
    "AMENDED",
    "income",
    [
        filing("2020-09-30", "Q3", weightedAverageShsOut=900, revenue=1),
        filing("2020-12-31", "Q4", weightedAverageShsOut=1000, revenue=1),
    ],
)
CASES.statements(
    "AMENDED",
    "income",
    [filing("2020-09-30", "Q3", filed="2021-02-15", weightedAverageShsOut=800, revenue=2)],
)
CASES.closes("AMENDED", {"2021-01-04": 2.0, "2021-02-15": 2.0})


def test_a_late_amendment_of_an_old_quarter_does_not_displace_the_current_one(made: Lake) -> None:
    """The largest period end known comes first, whatever was filed last."""
    row = one(made, "market_caps", "AMENDED", "2021-02-15")
    assert (row["market_cap"], row["shares_fiscal_date"]) == (2000, date(2020, 12, 31))
    assert one(made, "market_caps", "AMENDED", "2021-01-04")["market_cap"] == 1800


CASES.statements("RESTATED", "income", [filing("2020-12-31", weightedAverageShsOut=1000, revenue=1)])
CASES.statements(
    "RESTATED", "income", [filing("2020-12-31", filed="2021-02-15", weightedAverageShsOut=1100, revenue=1)]
)
CASES.closes("RESTATED", {"2021-02-12": 2.0, "2021-02-15": 2.0})


def test_a_restated_count_is_used_from_its_own_acceptance(made: Lake) -> None:
    """The day before, the count first filed holds."""
    rows = made.market_caps("RESTATED", ["2021-02-14", "2021-02-15"])
    assert rows["market_cap"].to_list() == [2000, 2200]
    assert rows["shares_available_date"].to_list() == [date(2021, 1, 30), date(2021, 2, 15)]


# --- which count ------------------------------------------------------------------------------------------

CASES.shares("ZERO", "2020-12-31", 0)
CASES.closes("ZERO", {"2021-02-01": 2.0})
CASES.shares("ZERO_NOW", "2020-09-30", 1000, "Q3")
CASES.shares("ZERO_NOW", "2020-12-31", 0)
CASES.closes("ZERO_NOW", {"2021-02-01": 2.0})


def test_zero_shares_are_missing_shares(made: Lake) -> None:
    """A count of 0 gives NULL and says so, never a market capitalisation of 0."""
    row = one(made, "market_caps", "ZERO", "2021-02-01")
    assert (row["market_cap"], row["shares_outstanding"]) == (None, None)
    assert row["reason"] == "shares_reported_as_zero_or_missing"


def test_a_zero_gives_way_to_the_last_real_count(made: Lake) -> None:
    """A newer quarter without a count leaves the one before in use."""
    row = one(made, "market_caps", "ZERO_NOW", "2021-02-01")
    assert (row["market_cap"], row["shares_fiscal_date"]) == (2000, date(2020, 9, 30))


def test_goog_has_no_market_cap_and_says_why(lake_2021: Lake) -> None:
    """The vendor reports 0 shares of this class; the other class's are not borrowed."""
    row = one(lake_2021, "market_caps", "GOOG", "2021-03-31")
    assert (row["market_cap"], row["reason"]) == (None, "shares_reported_as_zero_or_missing")


def test_classes_of_one_company_are_flagged(lake_2021: Lake) -> None:
    """GOOG and GOOGL are marked as one company; AAPL and an unknown symbol are not."""
    rows = lake_2021.market_caps(["AAPL", "GOOG", "GOOGL", "NOBODY"], "2021-03-31")
    assert rows["multi_class"].to_list() == [False, True, True, False]


CASES.shares("SOURCES", "2020-12-31", 1004, "FY")
CASES.shares("SOURCES", "2020-12-31", 1003, "Q4", filed="2021-02-01")
CASES.count("SOURCES", "balance_sheet", "2020-12-31", 1002, filed="2021-02-02")
CASES.count("SOURCES", "cover_page", "2020-12-31", 1001, filed="2021-02-03")
CASES.closes("SOURCES", {"2021-02-01": 1.0})


@pytest.mark.parametrize(
    ("day", "cap", "source"),
    [
        ("2021-01-31", None, None),
        ("2021-02-01", 1003, "weighted_average_proxy"),
        ("2021-02-02", 1002, "balance_sheet"),
        ("2021-02-03", 1001, "cover_page"),
    ],
)
def test_the_better_source_of_one_day_is_preferred_once_known(
    made: Lake, day: str, cap: float | None, source: str | None
) -> None:
    """Cover page before balance sheet before the weighted average, which is labelled as a proxy."""
    row = one(made, "market_caps", "SOURCES", day)
    assert row["market_cap"] == cap
    assert source is None or row["shares_source"] == source


CASES.shares("YEAR_ONLY", "2020-12-31", 1004, "FY")
CASES.closes("YEAR_ONLY", {"2021-02-01": 1.0})
CASES.shares("BOTH", "2020-12-31", 1004, "FY", filed="2021-02-02")
CASES.shares("BOTH", "2020-12-31", 1003, "Q4", filed="2021-02-01")
CASES.closes("BOTH", {"2021-02-01": 1.0})


def test_a_quarters_average_goes_before_the_years_of_the_same_day(made: Lake) -> None:
    """Also when the year's was filed later; alone, the year's serves."""
    assert one(made, "market_caps", "YEAR_ONLY", "2021-02-03")["market_cap"] == 1004
    assert one(made, "market_caps", "BOTH", "2021-02-03")["market_cap"] == 1003


CASES.count("NEWER", "cover_page", "2020-10-16", 900, filed="2020-10-30")
CASES.shares("NEWER", "2020-12-31", 1000)
CASES.count("NEWER", "cover_page", "2021-01-15", 1100, filed="2021-02-01")
CASES.closes("NEWER", {"2021-01-29": 2.0, "2021-02-01": 2.0})


def test_a_newer_average_does_not_displace_the_last_cover_page(made: Lake) -> None:
    """The average of 12-31 is public two days before the next cover page, and the last one is in reach."""
    rows = made.market_caps("NEWER", ["2021-01-29", "2021-01-30", "2021-02-01"])
    assert rows["market_cap"].to_list() == [1800, 1800, 2200]
    assert rows["shares_source"].to_list() == ["cover_page"] * 3


@pytest.mark.parametrize("shares", [0, -1000])
def test_a_zero_of_the_better_source_gives_way(tmp_path: Path, shares: float) -> None:
    """A cover page without a count is refused, and does not hide the weighted average of the same day."""
    builder = LakeBuilder()
    builder.shares("NO_COVER", "2020-12-31", 1000)
    builder.closes("NO_COVER", {"2021-02-01": 2.0})
    lake = builder.build(tmp_path / "made")
    cover = LakeBuilder()
    cover.count("NO_COVER", "cover_page", "2020-12-31", shares, filed="2021-01-30")
    with pytest.raises(InvalidInput, match="is not positive"):
        cover.add_to(lake, tmp_path)
    assert one(lake, "market_caps", "NO_COVER", "2021-02-01")["market_cap"] == 2000


CASES.row(
    "shares_outstanding",
    symbol="ACCEPTED",
    source="cover_page",
    as_of_date=date(2021, 1, 15),
    shares=1000.0,
    filing_date=date(2021, 1, 28),
    split_basis_date=date(2021, 1, 27),
)
CASES.closes("ACCEPTED", {"2021-01-28": 2.0, "2021-01-29": 2.0})


def test_a_loaded_count_is_known_from_the_day_after_its_filing(made: Lake) -> None:
    """A count given with its filing date alone follows the rule that statements follow."""
    rows = made.market_caps("ACCEPTED", ["2021-01-28", "2021-01-29"])
    assert rows["market_cap"].to_list() == [None, 2000]


# --- which close ------------------------------------------------------------------------------------------

CASES.shares("DIVIDEND", "2020-12-31", 1000)
CASES.row(
    "price_data",
    symbol="DIVIDEND",
    date=date(2021, 2, 1),
    close_price=2.0,
    adjusted_close=1.5,
    split_basis_date=date(2021, 2, 1),
)


def test_the_dividend_adjusted_close_is_not_used(made: Lake) -> None:
    """Market capitalisation is of the price as quoted."""
    assert one(made, "market_caps", "DIVIDEND", "2021-02-01")["market_cap"] == 2000


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("close", [{"close": 0}, {"close": None}, {}], ids=["zero", "null", "absent"])
def test_a_bar_without_a_close_leaves_the_last_close_in_use(
    lake: Lake, tmp_path: Path, close: dict[str, Any]
) -> None:
    """A day whose close is 0 or absent has none; it neither counts as free nor hides the close before."""
    bars = [{"date": "2021-02-02", "open": 3.0, "volume": 10} | close, bar("2021-02-01", 2.0)]
    shares = filing("2020-12-31", symbol="GAP", weightedAverageShsOut=1000, revenue=1)
    migrate(lake, tmp_path, Entry("GAP", "price", bars), Entry("GAP", "income", [shares]))
    row = one(lake, "market_caps", "GAP", "2021-02-02")
    assert (row["market_cap"], row["price_date"]) == (2000, date(2021, 2, 1))
