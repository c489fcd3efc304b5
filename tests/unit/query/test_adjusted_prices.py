"""Test adjusted prices: bars of all split bases are on one basis, and closes include the dividends."""

from __future__ import annotations

import random
from datetime import date, timedelta
from math import isclose, prod
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from factorlab_lake.lake import Lake
from tests.support import CACHE_2021, Entry, bar, entries_of, migrate
from tests.unit.query.lake_builder import LakeBuilder

CASES = LakeBuilder()
THU, FRI, MON, TUE, WED = "2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08"
CLOSES = {THU: 100.0, FRI: 99.0, MON: 101.0, TUE: 100.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with every case of this file, each under its own symbol."""
    return CASES.build(tmp_path_factory.mktemp("adjusted"))


def _paid(symbol: str, **dividends: Any) -> None:
    """Add dividends as paid, by ex-date written as ``d2020_01_03``."""
    for day, amount in dividends.items():
        CASES.row(
            "dividends", symbol=symbol, date=date.fromisoformat(day[1:].replace("_", "-")), dividend=amount
        )


def _column(lake: Lake, symbol: str, name: str, *limits: str) -> list[Any]:
    return lake.prices(symbol, *limits, adjusted=True)[name].to_list()


# --- splits -----------------------------------------------------------------------------------------------


def test_apple_lines_up_across_its_split_of_2020(lake_2021: Lake) -> None:
    """On 2020-08-28 Apple closed at 499.23 after 44,109,029 shares, and split 4:1 on the next trading day."""
    rows = lake_2021.prices("AAPL", "2020-08-28", "2020-08-31", adjusted=True)
    shown = rows.select("date", "close_price", "volume", "split_factor").rows()
    assert shown == [
        (date(2020, 8, 28), 499.23 / 4, 44109029 * 4, 1),  # stored after the split
        (date(2020, 8, 31), 129.04, 210024091, 1),
    ]


@pytest.mark.parametrize(("symbol", "later"), [("AAPL", 1), ("GOOGL", 20)])
def test_bars_of_the_sample_are_those_of_its_files(lake_2021: Lake, symbol: str, later: int) -> None:
    """Each bar of the file, divided by the splits after it was taken: GOOGL's 20:1 of 2022, none of AAPL."""
    [records] = [
        envelope["data"]
        for path, envelope in entries_of(CACHE_2021)
        if path.startswith(f"price_data/{symbol}_price_full")
    ]
    columns = {"open": "open_price", "high": "high_price", "low": "low_price", "close": "close_price"}
    rows = lake_2021.prices(symbol, adjusted=True).to_dicts()
    assert len(rows) == len(records) > 1000
    for row, record in zip(rows, sorted(records, key=lambda r: str(r["date"])), strict=True):
        assert row["date"].isoformat() == record["date"]
        assert row["split_factor"] == 1 / later
        for right, ours in columns.items():
            assert row[ours] == record[right] / later
        assert row["volume"] == record["volume"] * later


def test_an_older_cache_gives_the_prices_of_a_newer_one(lake_2019: Lake, lake_2021: Lake) -> None:
    """Bars fetched before Apple's split and after it agree, but for the vendor's rounding to 4 decimals."""
    before, after = (
        lake.prices("AAPL", "2012-01-01", "2019-12-31", adjusted=True) for lake in (lake_2019, lake_2021)
    )
    assert set(before["split_factor"]) == {0.25}
    assert set(after["split_factor"]) == {1}
    assert before["date"].to_list() == after["date"].to_list()
    assert len(before) > 1900
    for name in ("open_price", "high_price", "low_price", "close_price"):
        assert (before[name] - after[name]).abs().max() <= 0.5e-4 * 1.25 + 1e-9  # type: ignore[operator]  # a number


CASES.traded("RAW", {THU: 90.0, FRI: 45.0, MON: 15.0})
CASES.split("RAW", FRI, 2, 1)
CASES.split("RAW", MON, 3, 1)
CASES.traded("MERGED", {THU: 1.0, FRI: 10.0})
CASES.split("MERGED", FRI, 1, 10)


def test_bars_as_traded_are_brought_to_the_newest_shares(made: Lake) -> None:
    """Each bar is divided by the splits after its day; fewer shares after a reverse split make it dearer."""
    assert _column(made, "RAW", "close_price") == [15, 15, 15]
    assert _column(made, "RAW", "split_factor") == [1 / 6, 1 / 3, 1]
    assert _column(made, "MERGED", "close_price") == [10, 10]
    assert _column(made, "MERGED", "split_factor") == [10, 1]


CASES.row(
    "price_data", symbol="WHOLE", date=date(2020, 1, 2), split_basis_date=date(2020, 1, 2), open_price=4.0,
    high_price=8.0, low_price=2.0, close_price=6.0, volume=100.0, adjusted_close=5.0,
)  # fmt: skip
CASES.split("WHOLE", "2020-06-01", 2, 1)  # after the last bar


def test_every_price_and_the_volume_are_adjusted(made: Lake) -> None:
    """Prices fall as the volume rises, also by a split that no bar has followed yet."""
    [row] = made.prices("WHOLE", adjusted=True).to_dicts()
    assert row == {
        "symbol": "WHOLE",
        "date": date(2020, 1, 2),
        "open_price": 2,
        "high_price": 4,
        "low_price": 1,
        "close_price": 3,
        "volume": 200,
        "adjusted_close": 2.5,  # the provider's, on the same basis
        "adjusted_close_source": "provider",
        "split_factor": 0.5,
        "dividend_factor": 5 / 6,
        "reason": None,
    }


# --- dividends --------------------------------------------------------------------------------------------

CASES.traded("PAYS", CLOSES)
_paid("PAYS", d2020_01_03=2.0, d2020_01_07=1.0)


def test_each_dividend_takes_its_share_of_the_close_before(made: Lake) -> None:
    """2 of 100 on Friday, 1 of 101 on Tuesday; the newest bar is as it is."""
    factors = [0.98 * (1 - 1 / 101), 1 - 1 / 101, 1 - 1 / 101, 1]
    assert _column(made, "PAYS", "dividend_factor") == pytest.approx(factors, rel=1e-14)
    closes = [close * factor for close, factor in zip(CLOSES.values(), factors, strict=True)]
    assert _column(made, "PAYS", "adjusted_close") == pytest.approx(closes, rel=1e-14)
    assert _column(made, "PAYS", "close_price") == list(CLOSES.values())
    assert set(_column(made, "PAYS", "adjusted_close_source")) == {"dividends"}
    assert set(_column(made, "PAYS", "reason")) == {None}


def test_the_range_asked_for_does_not_change_the_answer(made: Lake) -> None:
    """Dividends after the last day asked for count, so that answers to different ranges fit together."""
    whole = made.prices("PAYS", adjusted=True)
    assert made.prices("PAYS", FRI, MON, adjusted=True).equals(whole[1:3])
    assert made.prices("PAYS", None, THU, adjusted=True).equals(whole[:1])
    assert made.prices("PAYS", "2020-01-04", adjusted=True).equals(whole[2:])
    by_sql = made.sql("FROM adjusted_prices(['PAYS'], NULL, NULL) ORDER BY date")
    assert by_sql.equals(whole)
    by_text = made.sql("FROM adjusted_prices(['PAYS', 'NOBODY'], '2020-01-03', '2020-01-06') ORDER BY date")
    assert by_text.equals(whole[1:3])


# The same payments of half a (new) share's unit each, around a split 2:1 on Monday, told in three ways.
for _symbol in ("AS_PAID", "REBASED", "HALFWAY"):
    CASES.traded(_symbol, {THU: 100.0, FRI: 98.0, MON: 50.0, TUE: 49.0})
    CASES.split(_symbol, MON, 2, 1)
_paid("AS_PAID", d2020_01_03=1.0, d2020_01_07=0.5)
for _day in (FRI, TUE):
    CASES.row(
        "dividends", symbol="REBASED", date=date.fromisoformat(_day), dividend=0.0, adjusted_dividend=0.5,
        split_basis_date=date(2020, 2, 1),
    )  # fmt: skip
    CASES.row(
        "dividends", symbol="HALFWAY", date=date.fromisoformat(_day), dividend=7.0, adjusted_dividend=1.0,
        split_basis_date=date(2020, 1, 5),
    )  # fmt: skip
CASES.traded("BOTH", {THU: 100.0, FRI: 50.0})
CASES.split("BOTH", FRI, 2, 1)
_paid("BOTH", d2020_01_03=1.0)


@pytest.mark.parametrize("symbol", ["AS_PAID", "REBASED", "HALFWAY"])
def test_a_dividend_counts_on_its_own_split_basis(made: Lake, symbol: str) -> None:
    """As paid it is per share of its ex-date, an adjusted one per share of its basis; both name one sum."""
    assert _column(made, symbol, "close_price") == [50, 49, 50, 49]
    assert _column(made, symbol, "dividend_factor") == pytest.approx([0.99**2, 0.99, 0.99, 1], rel=1e-14)


def test_a_dividend_on_the_day_of_a_split_is_per_new_share(made: Lake) -> None:
    """The shares of an ex-date are those after a split of that day."""
    assert _column(made, "BOTH", "dividend_factor") == pytest.approx([1 - 1 / 50, 1], rel=1e-14)


CASES.traded("WEEKEND", CLOSES)
_paid("WEEKEND", d2020_01_04=9.9)  # a Saturday
CASES.traded("GAP", {THU: 100.0, "2020-03-02": 50.0})
_paid("GAP", d2020_01_10=10.0, d2020_02_10=20.0)
CASES.traded("OUTSIDE", CLOSES)
_paid("OUTSIDE", d2019_12_31=5.0, d2020_01_02=5.0, d2020_01_08=5.0, d2020_07_01=99999.0)
CASES.traded("FIRST", CLOSES)
_paid("FIRST", d2020_01_02=5.0, d2020_01_03=10.0)


def test_an_ex_date_without_a_bar_falls_between_the_bars_around_it(made: Lake) -> None:
    """On a Saturday Friday's close is what it is measured by; without bars for weeks, the last there is."""
    assert _column(made, "WEEKEND", "dividend_factor") == pytest.approx([0.9, 0.9, 1, 1], rel=1e-14)
    assert _column(made, "GAP", "dividend_factor") == pytest.approx([0.9 * 0.8, 1], rel=1e-14)


def test_dividends_outside_the_bars_change_nothing(made: Lake) -> None:
    """A dividend up to the first bar, or after the newest, does not adjust any bar."""
    assert _column(made, "OUTSIDE", "adjusted_close") == list(CLOSES.values())
    assert set(_column(made, "OUTSIDE", "adjusted_close_source")) == {"dividends"}
    assert _column(made, "FIRST", "dividend_factor") == pytest.approx([0.9, 1, 1, 1], rel=1e-14)


for _symbol, _amount in {"WIPED": 99.0, "UNKNOWN": None}.items():
    CASES.traded(_symbol, CLOSES)
    _paid(_symbol, d2020_01_06=_amount, d2020_01_07=1.01)


@pytest.mark.parametrize(
    ("symbol", "reason"),
    [
        ("WIPED", "dividend_not_below_close"),
        ("UNKNOWN", "dividend_missing"),
    ],
)
def test_before_a_dividend_that_cannot_be_there_is_no_adjusted_close(
    made: Lake, symbol: str, reason: str
) -> None:
    """The answer is NULL before a dividend of the whole price or more, or of an unknown amount."""
    assert _column(made, symbol, "reason") == [reason, reason, None, None]
    assert _column(made, symbol, "dividend_factor") == pytest.approx([None, None, 0.99, 1])
    assert _column(made, symbol, "adjusted_close") == pytest.approx([None, None, 101 * 0.99, 100])
    assert _column(made, symbol, "close_price") == list(CLOSES.values())


CASES.traded("SILENT", CLOSES)
CASES.traded("NEVER_PAYS", CLOSES)
_paid("NEVER_PAYS", d2020_01_06=0.0)


def test_without_dividends_or_a_provider_who_knows_them_prices_are_adjusted_for_splits(made: Lake) -> None:
    """A dividend of 0 distinguishes a company that paid nothing from one whose dividends are not loaded."""
    assert _column(made, "SILENT", "adjusted_close") == list(CLOSES.values())
    assert set(_column(made, "SILENT", "dividend_factor")) == {None}
    assert set(_column(made, "SILENT", "reason")) == {"no_dividends_known"}
    assert set(_column(made, "SILENT", "adjusted_close_source")) == {"splits"}
    assert _column(made, "NEVER_PAYS", "adjusted_close") == list(CLOSES.values())
    assert _column(made, "NEVER_PAYS", "reason") == [None] * 4


def test_a_bar_that_its_provider_did_not_adjust_is_on_no_other_basis(lake: Lake, tmp_path: Any) -> None:
    """The other bars stay on the provider's basis, and the bar without one is NULL with a reason."""
    bars = [bar(MON, 30.0, adjClose=29.5), bar(FRI, 20.0, adjClose=None), bar(THU, 10.0, adjClose=9.0)]
    migrate(lake, tmp_path, Entry("AAA", "price", bars))
    assert _column(lake, "AAA", "adjusted_close") == [9, None, 29.5]
    assert _column(lake, "AAA", "reason") == [None, "adjusted_close_missing", None]
    assert set(_column(lake, "AAA", "adjusted_close_source")) == {"provider"}


def test_known_dividends_come_before_the_providers_adjustment(lake: Lake, tmp_path: Any) -> None:
    """The provider's own close serves until dividends are loaded; market caps take neither."""
    migrate(
        lake, tmp_path, Entry("AAA", "price", [bar(FRI, 20.0, adjClose=19.0), bar(THU, 10.0, adjClose=9.0)])
    )
    assert _column(lake, "AAA", "adjusted_close") == [9, 19]
    assert _column(lake, "AAA", "dividend_factor") == [0.9, 0.95]
    lake.load("dividends", {"symbol": ["AAA"], "date": [FRI], "dividend": [5.0]})
    assert _column(lake, "AAA", "adjusted_close") == [5, 20]
    assert set(_column(lake, "AAA", "adjusted_close_source")) == {"dividends"}
    assert lake.market_caps("AAA", FRI)["close_price"].to_list() == [20]


# --- many histories, against plain Python -----------------------------------------------------------------

DICE = random.Random(20200831)
HISTORIES: dict[str, tuple[dict[date, float], dict[date, float], dict[date, int]]] = {}
for _number in range(12):
    _days = [date(2018, 11, 1) + timedelta(days=n) for n in range(500)]
    _dividends = {day: round(DICE.uniform(0.1, 3), 2) for day in DICE.sample(_days, 12)}
    _splits = {day: DICE.choice([2, 3, 5]) for day in DICE.sample(_days, _number % 3)}
    _traded = {  # prices as traded step by each split, and move less on other days
        day: round(DICE.uniform(400, 460) / prod(r for ex_date, r in _splits.items() if ex_date <= day), 2)
        for day in _days
        if DICE.random() < 0.6
    }
    HISTORIES[f"DICE{_number}"] = _traded, _dividends, _splits
    CASES.traded(f"DICE{_number}", {day.isoformat(): close for day, close in _traded.items()})
    for _date, _sum in _dividends.items():
        CASES.row("dividends", symbol=f"DICE{_number}", date=_date, dividend=_sum)
    for _date, _ratio in _splits.items():
        CASES.split(f"DICE{_number}", _date.isoformat(), _ratio, 1)


@pytest.mark.parametrize("symbol", HISTORIES)
def test_a_history_is_what_walking_back_through_it_gives(made: Lake, symbol: str) -> None:
    """From the newest bar back, each dividend between two bars lowers all before it."""
    traded, dividends, splits = HISTORIES[symbol]

    def shares(day: date) -> int:
        """Newest shares that one share of the day has become."""
        return prod(ratio for ex_date, ratio in splits.items() if ex_date > day)

    expected, factor, later = {}, 1.0, max(traded)
    for day in sorted(traded, reverse=True):
        close = traded[day] / shares(day)
        for ex_date, amount in dividends.items():
            if day < ex_date <= later:
                factor *= 1 - amount / shares(ex_date) / close
        expected[day], later = close * factor, day
    rows = made.prices(symbol, adjusted=True)
    assert rows["date"].to_list() == sorted(expected)
    for day, value in rows.select("date", "adjusted_close").rows():
        assert isclose(value, expected[day], rel_tol=1e-12)


@pytest.mark.first_cases(3)
@pytest.mark.parametrize("symbol", HISTORIES)
def test_a_part_of_a_history_is_that_part_of_the_whole(made: Lake, symbol: str) -> None:
    """Asked for one year, the dividends and bars of later years count as they do in the whole."""
    whole = made.prices(symbol, adjusted=True)
    for start, end in (("2018-11-11", "2018-12-31"), ("2019-02-01", "2019-11-30")):
        first, last = date.fromisoformat(start), date.fromisoformat(end)
        part = made.prices(symbol, start, end, adjusted=True)
        assert_frame_equal(part, whole.filter(whole["date"].is_between(first, last)), rel_tol=1e-14)
