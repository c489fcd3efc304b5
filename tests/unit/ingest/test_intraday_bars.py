"""Test loads of minute bars, and the daily bars and market caps that follow from them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.schema.derived_tables import DERIVED_TABLES
from tests.support import ROOT
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.query.sample_company import sample_company

NEW_YORK = ZoneInfo("America/New_York")
DAYS = [date(2021, 2, day) for day in (1, 2, 3, 4, 5, 8, 9)]
SYMBOLS = ("ONE", "TWO")
_COLUMNS = "symbol, ts, date, open_price, high_price, low_price, close_price, volume, split_basis_date, day"


def minutes(day: date, symbol: str, start: time = time(9, 0), count: int = 450) -> pl.DataFrame:
    """Return the bars of a day from 9:00 to 16:30, whose prices tell day and minute."""
    first = datetime.combine(day, start, tzinfo=NEW_YORK)
    number = SYMBOLS.index(symbol) * 50 + day.day
    return pl.DataFrame(
        {
            "symbol": [symbol] * count,
            "ts": [first + timedelta(minutes=i) for i in range(count)],
            "open": [number + i / 1000 for i in range(count)],
            "high": [number + 0.5 + i / 1000 for i in range(count)],
            "low": [number - 0.5 + i / 1000 for i in range(count)],
            "close": [number + 0.25 + i / 1000 for i in range(count)],
            "volume": [100.0] * count,
        }
    )


def batches() -> Iterator[pl.DataFrame]:
    """Yield the bars of each day and symbol."""
    yield from (minutes(day, symbol) for day in DAYS for symbol in SYMBOLS)


def stored(lake: Lake) -> pl.DataFrame:
    """Return the content of the table."""
    return lake.sql(f"SELECT {_COLUMNS} FROM price_bars ORDER BY symbol, ts")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return an empty lake."""
    return fl.open(tmp_path / "lake")


def test_caps_from_minute_bars_equal_those_from_daily_bars(tmp_path: Path) -> None:
    """The close of a day is that of its last minute, on the split basis of the day."""
    made = LakeBuilder()
    for symbol in SYMBOLS:
        sample_company(made, symbol)
    by_minutes = made.build(tmp_path / "minutes")
    by_days = made.build(tmp_path / "days")
    by_minutes.load_bars(batches(), split_basis="own-day")
    by_minutes.load("price_data", by_minutes.daily_bars())
    closes = [
        {"symbol": s, "date": day, "close_price": minutes(day, s)["close"][419], "split_basis_date": day}
        for s in SYMBOLS
        for day in DAYS
    ]
    by_days.load("price_data", pl.DataFrame(closes))
    caps = by_minutes.market_caps(list(SYMBOLS), DAYS)
    assert_frame_equal(caps, by_days.market_caps(list(SYMBOLS), DAYS))
    assert caps["market_cap"].null_count() == 0


def test_daily_bars_are_those_of_regular_hours(lake: Lake) -> None:
    """A bar before 9:30 or from 16:00 on is part of the day with `regular_hours=False` alone."""
    lake.load_bars(minutes(DAYS[0], "ONE"), split_basis="own-day")
    [regular] = lake.daily_bars().rows()
    assert regular == ("ONE", DAYS[0], 1.03, 1.919, 0.53, 1.669, 39_000.0, DAYS[0])
    [every] = lake.daily_bars(regular_hours=False).rows()
    assert every == ("ONE", DAYS[0], 1.0, 1.949, 0.5, 1.699, 45_000.0, DAYS[0])


def test_a_half_day_ends_at_13(lake: Lake) -> None:
    """On the day after Thanksgiving, bars from 13:00 on are not part of the regular hours."""
    lake.load_bars(minutes(date(2020, 11, 27), "ONE"), split_basis="own-day")
    assert lake.daily_bars()["volume"].item() == 21_000


def test_daily_bars_of_a_range_have_both_ends(lake: Lake) -> None:
    """Only the files of the days are read."""
    lake.load_bars(batches(), split_basis="own-day")
    rows = lake.daily_bars("2021-02-02", "2021-02-04")
    assert rows["date"].unique().sort().to_list() == DAYS[1:4]


def test_the_order_of_the_batches_does_not_matter(tmp_path: Path) -> None:
    """Files by symbol, files by day and one shuffled frame have equal rows."""
    every = pl.concat(batches())
    orders = [
        batches(),
        [every.filter(symbol=s) for s in reversed(SYMBOLS)],
        every.sample(fraction=1, shuffle=True, seed=7),
    ]
    tables = []
    for number, order in enumerate(orders):
        made = fl.open(tmp_path / str(number))
        assert made.load_bars(order, split_basis="own-day").rows == every.height
        tables.append(stored(made))
    assert tables[0].height == every.height
    assert_frame_equal(tables[0], tables[1])
    assert_frame_equal(tables[0], tables[2])


def test_the_same_rows_change_nothing_and_another_value_replaces_one(lake: Lake) -> None:
    """A load of a day again has no snapshot; a corrected bar is one row."""
    lake.load_bars(batches(), split_basis="own-day")
    first = lake.snapshot.id
    lake.load_bars(list(batches())[3:5], split_basis="own-day")
    assert lake.snapshot.id == first
    before = stored(lake)
    corrected = minutes(DAYS[2], "TWO").slice(100, 1).with_columns(close=pl.lit(53.3))
    lake.load_bars(corrected, split_basis="own-day")
    after = stored(lake)
    assert after.height == before.height
    assert after.join(before, on=before.columns, how="anti", nulls_equal=True)["close_price"].to_list() == [
        53.3
    ]


def test_files_and_texts_have_the_times_of_new_york(lake: Lake, tmp_path: Path) -> None:
    """A time without an offset is New York's, in summer and winter; an offset counts."""
    texts = ["2021-02-01 09:30:00", "2021-02-01T14:31:00Z", "2021-02-01 09:32:00-05:00", "2021-07-01 09:30"]
    path = tmp_path / "bars.csv"
    path.write_text("ticker,timestamp,close\n" + "".join(f"0700,{text},10\n" for text in texts))
    lake.load_bars(path, split_basis="2021-08-01")
    hours = lake.sql("SELECT strftime(ts, '%m-%d %H:%M') AS t, symbol FROM price_bars ORDER BY ts").rows()
    assert hours == [(t, "0700") for t in ("02-01 14:30", "02-01 14:31", "02-01 14:32", "07-01 13:30")]
    parquet = tmp_path / "bars.parquet"
    minutes(DAYS[0], "ONE").with_columns(pl.col("ts").dt.replace_time_zone(None)).write_parquet(parquet)
    lake.load_bars([parquet], split_basis="own-day", time_zone="America/Chicago")
    assert (
        lake.sql("SELECT min(ts)::VARCHAR FROM price_bars WHERE symbol = 'ONE'").item()[:16]
        == "2021-02-01 15:00"
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"close": -1.0}, "5 rows with a price that is not positive"),
        ({"low": 99.0}, "5 rows whose high is below the low"),
        ({"volume": -1.0}, "5 rows with a negative volume"),
        ({"symbol": None}, "5 rows without a symbol"),
        ({"close": None}, "5 rows without a close"),
        ({"ts": "noon"}, "5 rows without a time that can be read"),
        ({"ts": 1612189800}, "expected timestamps"),
        ({"ts": "2121-01-01 10:00"}, "5 rows of the future"),
        ({"ts": "2021-02-01"}, "5 rows with a date alone"),
        ({"ts": "2021-02-01T00:00:00Z"}, "5 rows with a date alone"),
        ({"ts": datetime(2021, 2, 1, tzinfo=NEW_YORK)}, "5 rows with a date alone"),
    ],
)
def test_rows_that_are_no_bars_are_refused(
    lake: Lake, changed: dict[str, object], message: str, tmp_path: Path
) -> None:
    """One wrong batch loads nothing, and no temporary file stays, also of a load that was killed."""
    (lake.path / "_lake" / "load-killed").mkdir()
    wrong = minutes(DAYS[0], "ONE", count=5).with_columns(**{n: pl.lit(v) for n, v in changed.items()})
    with pytest.raises(InvalidInput, match=message):
        lake.load_bars([minutes(DAYS[1], "TWO"), wrong], split_basis="own-day")
    assert lake.snapshot.id == 0
    assert list(tmp_path.rglob("load-*")) == []


def test_the_report_counts_repeated_bars_and_weekends(lake: Lake) -> None:
    """The later of two bars of one start is used, and bars of a Saturday are stored; both are counted."""
    saturday = minutes(date(2021, 2, 6), "ONE", count=3)
    again = minutes(DAYS[0], "ONE", count=2).with_columns(volume=pl.lit(7.0))
    report = lake.load_bars([minutes(DAYS[0], "ONE", count=5), again, saturday], split_basis="own-day")
    assert (report.rows, report.days, report.repeated, report.weekend) == (10, 2, 2, 3)
    assert str(report).splitlines() == [
        "10 bars of 2 days", "2 repeat the symbol and start of a later row, which is the one used",
        "3 of a Saturday or Sunday",
    ]  # fmt: skip
    assert lake.sql("SELECT volume FROM price_bars ORDER BY ts LIMIT 3")["volume"].to_list() == [7, 7, 100]
    one = pl.DataFrame(
        {"symbol": ["TWO"] * 2, "ts": ["2021-02-01 00:00", "2021-02-01 00:01"], "close": [1.0] * 2}
    )
    assert str(lake.load_bars(one, split_basis="own-day")) == "2 bars of 1 day"


def test_a_basis_before_the_bars_and_a_missing_column_are_refused(lake: Lake) -> None:
    """Prices cannot count the splits of a day before theirs alone."""
    with pytest.raises(InvalidInput, match="5 rows after the split basis 2021-01-31"):
        lake.load_bars(minutes(DAYS[0], "ONE", count=5), split_basis="2021-01-31")
    with pytest.raises(InvalidInput, match="no column 'ts'; got symbol, open"):
        lake.load_bars(minutes(DAYS[0], "ONE").drop("ts"), split_basis="own-day")


def test_a_lake_has_the_table_from_its_first_load_on(tmp_path: Path) -> None:
    """A released lake without it is read, gets it, and its other tables stay as they are."""
    zipfile.ZipFile(ROOT / "tests" / "compat" / "lake_0_2.zip").extractall(tmp_path)
    lake = fl.open(next(tmp_path.rglob("_lake")).parent, create=False)
    assert "price_bars" not in lake.snapshot.tables
    assert lake.sql("SELECT * FROM price_bars").is_empty()
    assert lake.daily_bars().is_empty()
    before = lake.snapshot.tables
    lake.load_bars(batches(), split_basis="own-day")
    changed = {name for name, version in lake.snapshot.tables.items() if before.get(name) != version}
    assert changed - set(DERIVED_TABLES) == {"price_bars", "data_fetch_log"}
    assert lake.sql("SELECT count(*) FROM price_bars").item() == 6300


def test_the_table_is_verified_backed_up_compacted_and_rolled_back(lake: Lake, tmp_path: Path) -> None:
    """Minute bars are a table of the snapshot as any other."""
    lake.load_bars(batches(), split_basis="own-day")
    lake.compact()
    assert lake.verify(deep=True).findings == []
    lake.backup(tmp_path / "backup")
    restored = fl.restore(tmp_path / "backup", tmp_path / "restored")
    assert_frame_equal(stored(restored), stored(lake))
    lake.rollback(0)
    assert stored(lake).is_empty()
