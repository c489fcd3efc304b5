"""Each trap in the records of the old cache, on a small cache that has it."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.support import EARLIER, FETCHED, LATER, Entry, assert_keys_unique, bar, income

# Expired entries; the day of the fetch.


@pytest.mark.parametrize("ttl", [0, 3600, "forever"])
def test_an_expired_entry_is_read_like_any_other(lake: Lake, cache: Path, ttl: Any) -> None:
    """History does not expire: the time-to-live is ignored."""
    Entry("AAPL", "income", [income("2019-09-28")], cached_at=EARLIER, envelope={"_ttl": ttl}).write(cache)
    assert lake.migrate(cache).clean
    assert lake.sql("SELECT fetched_at, split_basis_date FROM income_statements").rows() == [
        (EARLIER, date(2019, 12, 31))
    ]


@pytest.mark.parametrize(
    "at",
    [None, "", "yesterday", "2021-03-31", 0, -5, 10**18, math.nan, math.inf, 86400 * 365, [1617228000]],
    ids=str,
)
def test_an_entry_without_a_time_of_fetching_is_a_fault(lake: Lake, cache: Path, at: Any) -> None:
    """Without the day of the fetch the split basis is unknown, so the file is reported as a fault."""
    entry = Entry("AAPL", "income", [income()], cached_at=at)
    entry.write(cache)
    [(path, reason)] = lake.migrate(cache, dry_run=True).faults
    assert path == entry.path
    assert "_cached_at" in reason
    assert "split basis" in reason


def test_an_entry_fetched_in_the_future_is_a_fault(lake: Lake, cache: Path) -> None:
    """A clock that was wrong by years would make a row the newest forever."""
    Entry("AAPL", "income", [income()], cached_at=datetime.now(UTC) + timedelta(days=40)).write(cache)
    assert len(lake.migrate(cache, dry_run=True).faults) == 1


def test_the_time_of_fetching_may_be_written_in_several_ways(lake: Lake, cache: Path) -> None:
    """The time may be seconds since 1970 as a whole number, a fraction or text."""
    ways: dict[str, Any] = {"A": 1617228000, "B": 1617228000.0, "C": "1617228000", "D": 1617228000.25}
    for symbol, at in ways.items():
        Entry(symbol, "income", [income(symbol=symbol)], cached_at=at).write(cache)
    assert lake.migrate(cache).clean
    rows = dict(lake.sql("SELECT symbol, fetched_at FROM income_statements").rows())
    assert rows == {symbol: datetime.fromtimestamp(float(at), UTC) for symbol, at in ways.items()}


# The same quarter in several files.


def test_a_quarter_in_several_files_is_one_row_and_a_changed_one_a_version(lake: Lake, cache: Path) -> None:
    """Files of different limits overlap: equal rows are one, different ones are versions in order of time."""
    for limit, at, revenue in ((8, EARLIER, 1), (20, EARLIER + timedelta(hours=1), 1), (60, FETCHED, 2)):
        entry = Entry("AAPL", "income", [income("2019-09-28", revenue=revenue)], cached_at=at, limit=limit)
        entry.write(cache)
    report = lake.migrate(cache)
    assert (report.records, report.equal, report.new) == (3, 1, {"income_statements": 2})
    assert lake.sql("SELECT version, revenue FROM income_statements ORDER BY version").rows() == [
        (1, 1.0),
        (2, 2.0),
    ]
    assert_keys_unique(lake)


# Ratios of a year filed as quarterly.


def test_ratios_filed_as_quarterly_have_the_period_of_each_record(lake: Lake, cache: Path) -> None:
    """The name says quarterly, the records say FY: the records are right."""
    ratios = [
        {
            "symbol": "AAPL",
            "date": "2020-09-26",
            "calendarYear": "2020",
            "period": "FY",
            "currentRatio": 1.36,
        },
        {
            "symbol": "AAPL",
            "date": "2020-06-27",
            "calendarYear": "2020",
            "period": "Q3",
            "currentRatio": 1.47,
        },
    ]
    Entry("AAPL", "ratios", ratios).write(cache)
    assert lake.migrate(cache).clean
    rows = lake.sql(
        "SELECT fiscal_date::VARCHAR, fiscal_period, fiscal_year, metrics FROM vendor_ratios ORDER BY 1 DESC"
    )
    assert [(*row[:3], json.loads(row[3])) for row in rows.rows()] == [
        ("2020-09-26", "FY", 2020, {"currentRatio": 1.36}),
        ("2020-06-27", "Q3", 2020, {"currentRatio": 1.47}),
    ]
    assert lake.validate(cache).clean


def test_an_annual_file_in_which_records_name_no_period_is_of_years(lake: Lake, cache: Path) -> None:
    """Where the records are silent, annual in the name means FY; quarterly cannot say which quarter."""
    Entry("AAPL", "income", [income() | {"period": None}], period="annual", limit=4).write(cache)
    quarterly = Entry("AAPL", "income", [income() | {"period": None}])
    quarterly.write(cache)
    report = lake.migrate(cache)
    assert report.rejects == [(quarterly.path, 0, "period: missing")]
    assert lake.sql("SELECT fiscal_period FROM income_statements").rows() == [("FY",)]


# Records that were changed before they were written.


def test_records_that_were_changed_on_their_way_are_the_same_content(lake: Lake, cache: Path) -> None:
    """Ints as floats, a T in times, links nulled, a bare NaN: no version of its own, and nothing lost."""
    sent = income(link="https://example.org/i", finalLink="https://example.org/f", otherExpenses=11)
    changed = sent | {
        "revenue": float(sent["revenue"]),
        "acceptedDate": sent["acceptedDate"].replace(" ", "T"),
        "link": None,
        "finalLink": None,
        "otherExpenses": math.nan,
    }
    Entry("AAPL", "income", [sent], limit=8).write(cache)
    spoilt = Entry("AAPL", "income", [changed], cached_at=LATER)
    assert "NaN" in spoilt.text()
    spoilt.write(cache)
    assert lake.migrate(cache).clean
    rows = lake.sql(
        "SELECT revenue, link, final_link, other_expenses, accepted_at, fetched_at FROM income_statements"
    )
    assert rows.rows() == [
        (64698000000.0, "https://example.org/i", "https://example.org/f", 11.0,
         datetime(2020, 10, 29, 22, 6, 25, tzinfo=UTC), FETCHED)
    ]  # fmt: skip
    assert lake.validate(cache).clean


# Price files updated in place.


def test_a_price_file_updated_in_place_lands_each_day_once_on_its_basis(lake: Lake, cache: Path) -> None:
    """Unordered, repeated, and with a day on two split bases: the re-based bar is current."""
    bars = [
        bar("2020-08-31", 129.04, volume=225702700, unadjustedVolume=225702700),
        bar("2020-08-28", 499.23, volume=46907479, unadjustedVolume=46907479),
        bar("2020-08-31", 129.04, volume=225702700, unadjustedVolume=225702700),
        bar("2020-08-28", 124.8075, volume=187629916, unadjustedVolume=46907479),
        bar("2020-08-27", 125.01, volume=155552400, unadjustedVolume=38888100),
    ]
    Entry("AAPL", "price", bars, cached_at=FETCHED).write(cache)
    report = lake.migrate(cache)
    assert (report.records, report.equal, report.rejected) == (5, 1, 1)
    assert lake.sql(
        "SELECT date::VARCHAR, close_price, split_basis_date::VARCHAR FROM price_data ORDER BY 1"
    ).rows() == [
        ("2020-08-27", 125.01, "2021-03-31"),
        ("2020-08-28", 124.8075, "2021-03-31"),
        ("2020-08-31", 129.04, "2021-03-31"),
    ]
    [(reason, record)] = lake.sql("SELECT reason, record FROM rejected_records").rows()
    assert "another record of the response" in reason
    assert json.loads(record)["close"] == 499.23
    validated = lake.validate(cache)
    assert (validated.differs, validated.rejected) == (0, 1)


_OLD_BASIS = [bar("2020-08-25", 400.0), bar("2020-08-26", 404.0)]
_LAST_OLD = [bar("2020-08-27", 408.0), bar("2020-08-28", 412.0)]
_LAST_REBASED = [bar("2020-08-27", 102.0, volume=4000), bar("2020-08-28", 103.0, volume=4000)]
_AFTER = [bar("2020-08-31", 104.0), bar("2020-09-01", 105.0)]


@pytest.mark.first_cases(2)
@pytest.mark.parametrize(
    "bars",
    [
        [*_OLD_BASIS, *_LAST_REBASED, *_AFTER],
        [*_AFTER, *_LAST_REBASED, *_OLD_BASIS],
        [*_OLD_BASIS, *_LAST_OLD, *_LAST_REBASED, *_AFTER],
        [*_OLD_BASIS, *_LAST_OLD, *_AFTER],
    ],
    ids=["last days re-based", "the same, newest first", "last days on both bases", "only extended"],
)
def test_bars_left_on_the_old_basis_are_not_valued_on_the_new_one(
    lake: Lake, cache: Path, bars: list[dict[str, Any]]
) -> None:
    """A history extended after a split, its past re-based in part or not at all, has the right caps."""
    statement = income(
        "2020-06-27",
        "Q3",
        acceptedDate="2020-07-30 18:00:00",
        netIncome=0.74 * 4_000_000,  # earnings per share of 0.74
        weightedAverageShsOut=4_000_000,
    )
    Entry("AAPL", "price", bars).write(cache)
    Entry("AAPL", "income", [statement]).write(cache)
    lake.migrate(cache)
    lake.load("splits", {"symbol": ["AAPL"], "date": ["2020-08-31"], "numerator": [4], "denominator": [1]})
    caps = lake.market_caps("AAPL", ["2020-08-25", "2020-08-26", "2020-08-28", "2020-08-31", "2020-09-01"])
    assert caps["market_cap"].to_list() == [
        close * 4_000_000 for close in (100.0, 101.0, 103.0, 104.0, 105.0)
    ]


# Zeros and fillers.


def test_a_zero_is_stored_as_sent(lake: Lake, cache: Path) -> None:
    """Zero may mean "not reported"; the lake keeps what was sent and leaves the judgement to the question."""
    Entry("GOOG", "income", [income(symbol="GOOG", weightedAverageShsOut=0, eps=0, cik="0000000000")]).write(
        cache
    )
    assert lake.migrate(cache).clean
    rows = lake.sql("SELECT weighted_average_shares_outstanding, eps, cik FROM income_statements")
    assert rows.rows() == [(0.0, 0.0, None)]
    assert lake.validate(cache).clean


def test_the_label_of_the_year_is_the_fiscal_year(lake: Lake, cache: Path) -> None:
    """Apple's quarter to December 2020 is of its fiscal year 2021, as text, a whole number or a fraction."""
    for symbol, label in {"A": "2021", "B": 2021, "C": 2021.0}.items():
        Entry(symbol, "income", [income("2020-12-26", "Q1", symbol=symbol, calendarYear=label)]).write(cache)
    assert lake.migrate(cache).clean
    assert lake.sql("SELECT fiscal_year FROM income_statements").rows() == [(2021,)] * 3
    assert lake.validate(cache).clean


# Acceptance in New York, the evening before.


def test_an_evening_acceptance_counts_from_the_next_day(lake: Lake, cache: Path) -> None:
    """A statement accepted at 18:03 on the 27th and filed on the 28th is available on the 28th."""
    record = income("2020-12-26", "Q1", fillingDate="2021-01-28", acceptedDate="2021-01-27 18:03:06")
    Entry("AAPL", "income", [record]).write(cache)
    lake.migrate(cache)
    rows = lake.sql("SELECT accepted_at, accepted_date, filing_date, available_date FROM income_statements")
    assert rows.rows() == [
        (datetime(2021, 1, 27, 23, 3, 6, tzinfo=UTC), date(2021, 1, 27), date(2021, 1, 28), date(2021, 1, 28))
    ]


# Fiscal years that end on any day.


def test_fiscal_years_may_end_on_any_day_of_the_week(lake: Lake, cache: Path) -> None:
    """52/53-week years end on varying Saturdays; each end is a period of its own."""
    ends = ["2017-09-30", "2018-09-29", "2019-09-28", "2020-09-26"]
    Entry("AAPL", "income", [income(day, "FY", calendarYear=day[:4]) for day in ends], period="annual").write(
        cache
    )
    assert lake.migrate(cache).clean
    rows = lake.sql("SELECT fiscal_date, version FROM income_statements ORDER BY 1").rows()
    assert rows == [(date.fromisoformat(day), 1) for day in ends]


# First filings that are years late.


def test_a_period_first_filed_years_late_stands_in_its_place(lake: Lake, cache: Path) -> None:
    """A quarter that first appears in a filing a year later is known from then on, and the older one."""
    late = income(
        "2015-06-30",
        "Q2",
        symbol="GOOGL",
        fillingDate="2016-08-04",
        acceptedDate="2016-08-04 16:30:00",
        revenue=1,
    )
    timely = income(
        "2016-06-30",
        "Q2",
        symbol="GOOGL",
        fillingDate="2016-08-04",
        acceptedDate="2016-07-28 16:05:00",
        revenue=2,
    )
    Entry("GOOGL", "income", [timely, late]).write(cache)
    lake.migrate(cache)
    early = lake.statements("GOOGL", types=["income"], as_of="2016-08-04")
    assert early["fiscal_date"].to_list() == [date(2016, 6, 30)]
    both = lake.statements("GOOGL", types=["income"], as_of="2016-08-05")
    assert both["fiscal_date"].to_list() == [date(2015, 6, 30), date(2016, 6, 30)]
