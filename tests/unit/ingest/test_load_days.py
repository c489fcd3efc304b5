"""Test how a load reads days, moments and acceptances."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from factorlab_lake.errors import LakeWarning
from factorlab_lake.lake import Lake
from tests.unit.ingest.user_rows import PLAIN_BAR, SHARES, refused


def test_a_share_count_is_not_available_before_it_was_public(lake: Lake) -> None:
    """An accepted count can be used from the next close, one with a filing date from the next day."""
    for symbol, more in (
        ("A", {"accepted_at": [datetime(2020, 10, 29, 22, 6, tzinfo=UTC)]}),
        ("B", {"filing_date": ["2020-10-30"]}),
        ("C", {}),
    ):
        lake.load("shares_outstanding", SHARES | {"symbol": [symbol]} | more)
    result = lake.sql(
        "SELECT symbol, available_date::VARCHAR, availability_basis FROM shares_outstanding ORDER BY 1"
    )
    assert result.rows() == [
        ("A", "2020-10-30", "accepted"), ("B", "2020-10-31", "filing_date"), ("C", "2020-12-30", "estimated"),
    ]  # fmt: skip


def test_a_moment_without_a_zone_is_refused(lake: Lake) -> None:
    """A naive acceptance time is rejected, because its time zone is unknown."""
    rows = pl.DataFrame(SHARES | {"accepted_at": [datetime(2020, 10, 29, 18, 6)]})  # noqa: DTZ001
    assert "time zone" in str(refused(lake, "shares_outstanding", rows))


@pytest.mark.parametrize("day", ["20240507", "2024/05/07", " 20240507 "])
def test_days_with_the_year_first_need_no_dashes(lake: Lake, day: str) -> None:
    """They have one reading, and a question accepts the first too; 05/07/2024 has two."""
    for other in ("05/07/2024", "20241305", "2024/0507"):
        assert f"'{other}' is not a date" in str(refused(lake, "price_data", PLAIN_BAR | {"date": [other]}))
    assert lake.load("price_data", PLAIN_BAR | {"date": [day]}) == 1
    assert lake.prices("A")["date"].to_list() == [date(2024, 5, 7)]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "Pacific/Auckland"])
def test_dates_with_a_time_zone_keep_their_own_day(lake: Lake, zone: str) -> None:
    """Frames of yfinance date bars by midnight of the exchange, which is the day before in UTC for Tokyo."""
    days = [datetime(2024, 5, day) for day in (7, 8, 9, 10, 13)]  # noqa: DTZ001  # the zone follows
    frame = pl.DataFrame({"date": days}).with_columns(
        pl.col("date").dt.replace_time_zone(zone), symbol=pl.lit("7203.T"), close_price=pl.lit(100.0),
        split_basis_date=pl.lit("2024-05-14"),
    )  # fmt: skip
    lake.load("price_data", frame)
    loaded = lake.sql("SELECT date FROM price_data ORDER BY date")["date"]
    assert loaded.to_list() == [day.date() for day in days]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_a_time_of_day_that_tells_no_day_is_refused(lake: Lake, zone: str | None) -> None:
    """15:00 in UTC is the next day in Tokyo: without an exchange's zone a time of day tells no date."""
    at = pl.Series([datetime(2024, 5, 6, 15)]).dt.replace_time_zone(zone)  # noqa: DTZ001
    fault = refused(lake, "price_data", pl.DataFrame(PLAIN_BAR | {"date": at}))
    assert "expected" in str(fault) or "not a date" in str(fault)


@pytest.mark.parametrize(
    "text", ["2024-05-06 15:30", "2024-05-06T15:00:00Z", "2024-05-06 15:30:00+00:00", "2024-05-06x"]
)
def test_a_text_with_a_time_of_day_is_refused_as_a_moment_is(lake: Lake, text: str) -> None:
    """Its time was dropped without a word, so a close of Tokyo in UTC was of the day before."""
    fault = refused(lake, "price_data", PLAIN_BAR | {"date": [text]})
    assert f"date: '{text}' is not a date such as 2024-12-31" in str(fault)


@pytest.mark.parametrize(
    "text",
    ["2024-05-06", " 2024-05-06 00:00:00.000", "2024-05-06T00:00Z", "2024-05-06 00:00:00+09:00",
     "2024-05-06 15:30:00-04:00"],
)  # fmt: skip
def test_a_text_that_tells_a_day_is_that_day(lake: Lake, text: str) -> None:
    """Midnight means its day, and a time with the zone of an exchange the day there."""
    lake.load("price_data", PLAIN_BAR | {"date": [text]})
    assert lake.sql("SELECT date FROM price_data").item() == date(2024, 5, 6)


def test_a_future_fetch_is_shown_as_it_was_written(lake: Lake) -> None:
    """A day without a time was shown as the last second of New York's day in UTC."""
    fault = refused(lake, "price_data", PLAIN_BAR | {"fetched_at": ["2100-01-01"]})
    assert "fetched_at: 2100-01-01 is in the future" in str(fault)


def test_naive_midnights_are_dates(lake: Lake) -> None:
    """A pandas index of days has midnights without a zone."""
    at = pl.Series([datetime(2024, 5, 6)])  # noqa: DTZ001
    lake.load("price_data", pl.DataFrame(PLAIN_BAR | {"date": at}))
    assert lake.sql("SELECT date FROM price_data").item() == date(2024, 5, 6)


def test_offsets_of_acceptances_count(lake: Lake, tmp_path: Path) -> None:
    """SEC writes acceptances with Z: 15:30Z is 11:30 in New York, 14:30-07:00 is after the close."""
    path = tmp_path / "shares.csv"
    path.write_text(
        "symbol,as_of_date,source,shares,split_basis_date,accepted_at\n"
        "A,2023-07-21,cover_page,1000000,2023-07-21,2023-08-03T15:30:00.000Z\n"
        "B,2023-07-21,cover_page,1000000,2023-07-21,2023-08-03T14:30:00-07:00\n"
        "D,2023-07-21,cover_page,1000000,2023-07-21,2023-08-03T16:10:00Z\n"
        "E,2023-07-21,cover_page,1000000,2023-07-21,2023-07-20T16:10:00Z\n"
    )
    with pytest.warns(LakeWarning, match="accepted_at"):
        lake.load("shares_outstanding", path)
    days = lake.sql("SELECT symbol, available_date::VARCHAR, accepted_at FROM shares_outstanding ORDER BY 1")
    assert days.rows() == [
        ("A", "2023-08-03", datetime(2023, 8, 3, 15, 30, tzinfo=UTC)),
        ("B", "2023-08-04", datetime(2023, 8, 3, 21, 30, tzinfo=UTC)),
        ("D", "2023-08-03", datetime(2023, 8, 3, 16, 10, tzinfo=UTC)),
        ("E", "2023-10-04", None),  # accepted before the count: unknown, so estimated
    ]
