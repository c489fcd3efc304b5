"""Test how daily bars merge: one current row per day, its revisions, and the split basis of each."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from factorlab_lake.lake import Lake
from tests.support import (
    EARLIER,
    FETCHED,
    LATER,
    Entry,
    answer,
    arrive,
    assert_keys_unique,
    assert_same_content,
    bar,
    content,
    landed,
)

_DAY = timedelta(days=1)
_CURRENT = "SELECT date::VARCHAR, close_price, fetched_at FROM price_data ORDER BY date"
_REVISED = "SELECT date::VARCHAR, close_price, fetched_at, change_kind FROM price_revisions ORDER BY 1, 3"


def _bars(at: Any, *bars: dict[str, Any], symbol: str = "AAPL") -> Entry:
    return Entry(symbol, "price", list(bars), cached_at=at)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_the_current_bar_is_the_one_fetched_last(lake: Lake, tmp_path: Path, order: tuple[int, int]) -> None:
    """In either order of reading, the newest bar is current and the other is a revision with its reason."""
    files = [_bars(EARLIER, bar("2019-01-02", 157.0)), _bars(FETCHED, bar("2019-01-02", 157.5))]
    for i in order:
        arrive(lake, tmp_path, files[i])
    assert lake.sql(_CURRENT).rows() == [("2019-01-02", 157.5, FETCHED)]
    assert lake.sql(_REVISED).rows() == [("2019-01-02", 157.0, EARLIER, "vendor_revision")]


def test_an_equal_bar_fetched_again_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    """A bar with equal or missing values does not change the row."""
    arrive(lake, tmp_path, _bars(EARLIER, bar("2019-01-02", 157.0)))
    before = content(lake)["price_data"]
    arrive(lake, tmp_path, _bars(FETCHED, bar("2019-01-02", 157.0)))
    arrive(lake, tmp_path, _bars(LATER, bar("2019-01-02", 157.0, volume=None, adjClose=...)))
    assert content(lake)["price_data"].equals(before)
    assert lake.sql(_REVISED).is_empty()


def test_only_the_days_that_changed_are_revised(lake: Lake, tmp_path: Path) -> None:
    """When a history is fetched again, equal bars stay, changed bars are revised and new days are added."""
    days = ["2018-12-31", "2019-01-02", "2019-01-03"]
    arrive(lake, tmp_path, _bars(EARLIER, *(bar(day, 10.0) for day in days)))
    arrive(
        lake,
        tmp_path,
        _bars(FETCHED, bar(days[0], 10.0), bar(days[1], 11.0), bar(days[2], 10.0), bar("2019-01-04", 12.0)),
    )
    assert lake.sql(_CURRENT).rows() == [
        (days[0], 10.0, EARLIER), (days[1], 11.0, FETCHED),
        (days[2], 10.0, EARLIER), ("2019-01-04", 12.0, FETCHED),
    ]  # fmt: skip
    assert lake.sql(_REVISED).rows() == [(days[1], 10.0, EARLIER, "vendor_revision")]


@pytest.mark.first_cases(3)
@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (bar("2019-01-02", 400.0), bar("2019-01-02", 100.0, volume=4000), "split_rebase"),
        (bar("2019-01-02", 30.0), bar("2019-01-02", 20.0, volume=1500), "split_rebase"),
        (bar("2019-01-02", 1.0), bar("2019-01-02", 10.0, volume=100), "split_rebase"),
        (bar("2019-01-02", 500.6), bar("2019-01-02", 71.5143, volume=7000), "split_rebase"),
        (bar("2019-01-02", 100.0), bar("2019-01-02", 100.0, adjClose=97.5), "adjusted_close_rebase"),
        (bar("2019-01-02", 100.0), bar("2019-01-02", 100.0, vwap=99.9), "adjusted_close_rebase"),
        (bar("2019-01-02", 100.0), bar("2019-01-02", 100.1), "vendor_revision"),
        (bar("2019-01-02", 400.0), bar("2019-01-02", 100.0, open=400.0), "vendor_revision"),
        (bar("2019-01-02", 100.0), bar("2019-01-02", 100.0, volume=1001), "vendor_revision"),
    ],
    ids=["4:1", "3:2", "1:10", "7:1 rounded", "dividend", "other item", "price", "close only", "volume"],
)
def test_a_superseded_bar_says_why(
    lake: Lake, tmp_path: Path, old: dict[str, Any], new: dict[str, Any], kind: str
) -> None:
    """change_kind distinguishes splits, dividends and corrections."""
    arrive(lake, tmp_path, _bars(EARLIER, old))
    arrive(lake, tmp_path, _bars(FETCHED, new))
    assert lake.sql("SELECT change_kind FROM price_revisions").rows() == [(kind,)]


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (2, 1, 0)], ids=str)
def test_a_bar_that_comes_back_is_current_again_in_any_order(
    lake: Lake, tmp_path: Path, order: tuple[int, ...]
) -> None:
    """For contents X, Y, X the newest X is current, and both earlier contents are revisions."""
    files = [
        _bars(EARLIER, bar("2019-01-02", 1.0)),
        _bars(FETCHED, bar("2019-01-02", 2.0)),
        _bars(LATER, bar("2019-01-02", 1.0)),
    ]
    for i in order:
        arrive(lake, tmp_path, files[i])
    assert lake.sql(_CURRENT).rows() == [("2019-01-02", 1.0, LATER)]
    assert lake.sql("SELECT split_basis_date FROM price_data").item() == LATER.date()
    assert lake.sql("SELECT close_price, fetched_at FROM price_revisions ORDER BY fetched_at").rows() == [
        (1.0, EARLIER), (2.0, FETCHED),
    ]  # fmt: skip


def test_a_fetch_that_lacked_a_day_confirms_nothing_of_it(lake: Lake, tmp_path: Path) -> None:
    """A newer history without a day does not confirm the bar of that day."""
    around = [bar("2019-01-02", 5.0), bar("2019-01-04", 5.0)]
    arrive(lake, tmp_path, _bars(EARLIER, bar("2019-01-03", 1.0), *around))
    arrive(lake, tmp_path, _bars(LATER, *around))
    arrive(lake, tmp_path, _bars(FETCHED, bar("2019-01-03", 2.0)))
    result = lake.sql("SELECT close_price FROM price_data WHERE date = '2019-01-03'")
    assert result.item() == 2.0


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (2, 1, 0)], ids=str)
def test_three_generations_of_bars_end_the_same_in_any_order(
    lake: Lake, tmp_path: Path, order: tuple[int, ...]
) -> None:
    """The current bar and the revisions are the same for any order of arrival."""
    files = [
        _bars(EARLIER, bar("2019-01-02", 400.0)),
        _bars(EARLIER + _DAY, bar("2019-01-02", 404.0)),
        _bars(FETCHED, bar("2019-01-02", 101.0, volume=4000)),
    ]
    for i in order:
        arrive(lake, tmp_path, files[i])
    assert lake.sql(_CURRENT).rows() == [("2019-01-02", 101.0, FETCHED)]
    assert lake.sql(_REVISED).rows() == [
        ("2019-01-02", 400.0, EARLIER, "vendor_revision"),
        ("2019-01-02", 404.0, EARLIER + _DAY, "split_rebase"),
    ]


def test_bars_carry_the_day_of_their_fetch_as_split_basis(lake_both: Lake) -> None:
    """split_basis_date is the day of the fetch, for current and superseded bars."""
    current = lake_both.sql("SELECT DISTINCT split_basis_date FROM price_data WHERE symbol = 'AAPL'")
    earlier = lake_both.sql("SELECT DISTINCT split_basis_date FROM price_revisions")
    assert current.rows() == [(date(2021, 3, 31),)]
    assert earlier.rows() == [(date(2019, 12, 31),)]


def test_the_split_of_2020_superseded_every_bar_of_the_older_sample(lake_both: Lake) -> None:
    """Every bar of the older sample is a revision of kind split_rebase, at four times the current price."""
    result = lake_both.sql(
        "SELECT count(*) AS n, count(DISTINCT change_kind) AS kinds, any_value(r.change_kind) AS kind, "
        "max(abs(r.close_price / 4 - p.close_price)) AS off "
        "FROM price_revisions r JOIN price_data p USING (symbol, date)"
    ).row(0, named=True)
    assert (result["n"], result["kinds"], result["kind"]) == (2516, 1, "split_rebase")
    assert result["off"] <= 1e-4
    assert_keys_unique(lake_both)


def test_a_correction_changes_one_year_and_symbol_only(lake: Lake, tmp_path: Path) -> None:
    """The correction does not change the symbol's other years or other symbols."""
    days = ["2018-12-31", "2019-01-02", "2020-01-02"]
    for symbol in ("AAA", "BBB"):
        arrive(lake, tmp_path, _bars(EARLIER, *(bar(day, 10.0) for day in days[:2]), symbol=symbol))
    arrive(lake, tmp_path, _bars(FETCHED, *(bar(day, 20.0) for day in days[1:]), symbol="BBB"))
    result = lake.sql("SELECT symbol, date::VARCHAR, close_price, year FROM price_data ORDER BY ALL").rows()
    assert result == [
        ("AAA", "2018-12-31", 10.0, 2018), ("AAA", "2019-01-02", 10.0, 2019),
        ("BBB", "2018-12-31", 10.0, 2018), ("BBB", "2019-01-02", 20.0, 2019),
        ("BBB", "2020-01-02", 20.0, 2020),
    ]  # fmt: skip
    assert lake.sql("SELECT symbol, date::VARCHAR FROM price_revisions").rows() == [("BBB", "2019-01-02")]


def test_three_contents_of_a_day_in_one_file_have_keys_of_their_own(lake: Lake, tmp_path: Path) -> None:
    """A file with three contents of one day gives one bar; the other two are rejected with the reason."""
    arrive(lake, tmp_path, _bars(FETCHED, *(bar("2019-01-02", close) for close in (1.0, 2.0, 3.0))))
    assert lake.sql("SELECT close_price FROM price_data").rows() == [(3.0,)]
    assert lake.sql("SELECT position FROM rejected_records ORDER BY 1").rows() == [(0,), (1,)]
    assert_keys_unique(lake)


def test_a_stub_beside_the_real_bar_is_rejected(lake: Lake, tmp_path: Path) -> None:
    """A bar with zeros and the close of the day before loses to the real one, whatever their order."""
    real = bar("2024-08-13", 221.27), bar("2024-08-14", 224.4)
    stub = bar("2024-08-14", 227.06, open=0, high=0, low=0, volume=0)
    at = datetime(2024, 8, 15, 12, tzinfo=UTC)
    for symbol, bars in (("AAPL", [stub, *real]), ("MSFT", [*real, stub])):
        arrive(lake, tmp_path, Entry(symbol, "price", bars, at))
    closes = lake.sql("SELECT close_price FROM price_data WHERE date = DATE '2024-08-14'")
    assert closes["close_price"].to_list() == [224.4, 224.4]
    assert lake.sql("SELECT symbol, position FROM rejected_records ORDER BY 1").rows() == [
        ("AAPL", 0),
        ("MSFT", 2),
    ]
    reasons = lake.sql("SELECT reason FROM rejected_records")["reason"]
    assert all(reason.endswith("the same symbol and date and is more complete") for reason in reasons)
    assert lake.sql("SELECT * FROM price_revisions").is_empty()


def test_of_two_complete_bars_one_is_chosen_by_its_values(lake: Lake, tmp_path: Path) -> None:
    """The reason says so: none of the two is more complete, and no data tells which one is right."""
    days = [bar("2024-08-14", close) for close in (224.4, 227.06)]
    arrive(lake, tmp_path, Entry("AAPL", "price", days, datetime(2024, 8, 15, 12, tzinfo=UTC)))
    reason = lake.sql("SELECT reason FROM rejected_records").item()
    assert reason.endswith("the same symbol and date and was chosen by its values")


def test_a_bar_without_trades_beside_none_is_stored(lake: Lake, tmp_path: Path) -> None:
    """A stub that is the only bar of its day contradicts nothing."""
    arrive(lake, tmp_path, _bars(FETCHED, bar("2019-01-02", 1.0, open=0, high=0, low=0, volume=0)))
    assert lake.sql("SELECT count(*) AS n FROM price_data").item() == 1
    assert lake.sql("SELECT * FROM rejected_records").is_empty()


def test_a_repeated_bar_with_fewer_values_is_no_contradiction(lake: Lake, tmp_path: Path) -> None:
    """The same bar once more, or without its volume, loses nothing when it is dropped."""
    again = bar("2019-01-02", 1.0, volume=None)
    arrive(lake, tmp_path, _bars(FETCHED, again, bar("2019-01-02", 1.0), bar("2019-01-02", 1.0)))
    assert lake.sql("SELECT volume FROM price_data").item() > 0
    assert lake.sql("SELECT * FROM rejected_records").is_empty()


def test_the_order_of_records_in_a_file_does_not_matter() -> None:
    """Any order of records gives the same tables, also with repeated and conflicting days."""
    bars = [
        bar("2019-01-02", 400.0),
        bar("2019-01-03", 404.0),
        bar("2019-01-02", 100.0, volume=4000),
        bar("2019-01-03", 404.0),
    ]
    expected = landed([answer("price", bars)])
    for order in permutations(bars):
        result = landed([answer("price", list(order))])
        assert_same_content(result, expected, but=("fetch_id", "position"))
