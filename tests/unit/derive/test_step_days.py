"""Test splits that a list tells for a wrong day, while prices as traded step on another one.

Right values are computed by hand: 1 m shares, and a split on Monday 2020-08-31. A share costs 400 before it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from factorlab_lake.ingest.batches import merge_batch
from factorlab_lake.lake import Lake
from tests.support import answer, writing

_REAL = date(2020, 8, 31)
_SHARES = 1_000_001.0  # a round million may be any other count near it
_DAYS = [day for n in range(22) if (day := date(2020, 8, 19) + timedelta(days=n)).weekday() < 5]
_WRONG = [date(2020, 8, 24), date(2020, 8, 28), date(2020, 9, 1), date(2020, 9, 5), date(2020, 9, 7)]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="price_data")  # of a step that the told day lacks so far
        yield


def _closes(ratio: float = 4, steps: tuple[date, ...] = (_REAL,)) -> dict[date, float]:
    return {day: 400 / ratio ** sum(step <= day for step in steps) for day in _DAYS}


def _load(lake: Lake, closes: dict[date, float], basis: str = "own-day") -> None:
    bars = {"symbol": "AAPL", "date": list(closes), "close_price": list(closes.values())}
    lake.load("price_data", pl.DataFrame(bars), split_basis=basis)


def _in_turn(lake: Lake, closes: dict[date, float]) -> list[tuple[date, float]]:
    """Load the bars before Thursday, 27 August, and return those of the days on which something happens."""
    first = date(2020, 8, 27)
    _load(lake, {day: close for day, close in closes.items() if day < first})
    return [(day, close) for day, close in closes.items() if first <= day <= date(2020, 9, 8)]


def _tell(lake: Lake, *days: date, numerator: int = 4, denominator: int = 1) -> None:
    rows = {"symbol": "AAPL", "date": list(days), "numerator": numerator, "denominator": denominator}
    lake.load("splits", pl.DataFrame(rows))


def _serve(lake: Lake, month: int, *days: date) -> None:
    with writing(lake) as tx:
        splits = [{"date": day.isoformat(), "numerator": 4, "denominator": 1} for day in days]
        merge_batch(tx, [answer("split", splits, at=datetime(2020, month, 2, tzinfo=UTC))])
    lake.refresh()


def _count(
    lake: Lake, shares: float = _SHARES, counted: str = "2020-05-10", filed: str = "2020-05-15"
) -> None:
    row = {"symbol": "AAPL", "as_of_date": counted, "source": "cover_page", "shares": shares}
    lake.load("shares_outstanding", pl.DataFrame(row | {"filing_date": filed, "split_basis_date": filed}))


def _caps(lake: Lake, days: list[date] = _DAYS) -> set[float]:
    """Return the different caps of some days in millions, rounded."""
    return {round(cap / 1e6, 2) for cap in lake.market_caps("AAPL", days)["market_cap"]}


def _steps(lake: Lake) -> list[date]:
    return lake.quality(rules=["unapplied_split"])["date"].to_list()


def _from(lake: Lake) -> list[date | None]:
    query = "SELECT prices_from FROM split_events ORDER BY date, event"
    return [day for (day,) in lake.sql(query).rows()]


@pytest.mark.parametrize("ratio", [(4, 1), (2, 1), (1, 10)], ids=str)
@pytest.mark.parametrize("listed", _WRONG, ids=str)
def test_a_split_of_a_wrong_day_applies_on_the_day_of_the_step(
    lake: Lake, listed: date, ratio: tuple[int, int]
) -> None:
    """The day may be a weekend's, and the list may come before the bars or after them."""
    numerator, denominator = ratio
    _count(lake)
    _load(lake, _closes(numerator / denominator))
    assert len(_caps(lake)) == 2
    _tell(lake, listed, numerator=numerator, denominator=denominator)
    assert (_caps(lake), _steps(lake), _from(lake)) == ({400.0}, [], [_REAL])


@pytest.mark.parametrize("listed", _WRONG, ids=str)
def test_the_bars_may_come_after_the_list(lake: Lake, listed: date) -> None:
    """The bars of the step decide as soon as they are known."""
    _count(lake)
    _tell(lake, listed)
    _load(lake, _closes())
    assert (_caps(lake), _steps(lake), _from(lake)) == ({400.0}, [], [_REAL])


@pytest.mark.parametrize("listed", [date(2020, 9, 1), date(2020, 9, 5)], ids=str)
def test_a_step_before_the_told_day_counts_from_its_own_bar_on(lake: Lake, listed: date) -> None:
    """No later bar changes an answer: on each evening, the caps of all days until then are right."""
    _count(lake)
    _tell(lake, listed)
    for day, close in _in_turn(lake, _closes()):
        _load(lake, {day: close})
        assert _caps(lake, [d for d in _DAYS if d <= day]) == {400.0}, day


def test_a_step_after_the_told_day_corrects_the_days_between(lake: Lake) -> None:
    """Bars that come day by day give the caps of one load from the bar of the step on."""
    _count(lake)
    _tell(lake, date(2020, 8, 28))
    for day, close in _in_turn(lake, _closes()):
        _load(lake, {day: close})
        if day >= _REAL:
            assert _caps(lake, [d for d in _DAYS if d <= day]) == {400.0}, day
    assert lake.sql("SELECT count(*) FROM price_data WHERE split_basis_date <> date").item() == 0


def test_an_older_split_keeps_its_day(lake: Lake) -> None:
    """The basis of the bars before both splits is that of the older one's time, also day by day."""
    _count(lake)
    _tell(lake, date(2020, 8, 20), numerator=2)
    _tell(lake, _REAL - timedelta(days=3))
    closes = {day: close * 2 if day < date(2020, 8, 20) else close for day, close in _closes().items()}
    for day, close in _in_turn(lake, closes):
        _load(lake, {day: close})
    assert _caps(lake) == {800.0}


@pytest.mark.parametrize("newer", [0, 1])
def test_a_split_told_on_both_days_applies_on_the_day_of_the_step(lake: Lake, newer: int) -> None:
    """Whichever list is the newer one, and also where one list has both days."""
    days = [_REAL, date(2020, 9, 2)]
    _count(lake)
    _load(lake, _closes())
    _serve(lake, 9, *days)
    assert (_caps(lake), _steps(lake)) == ({400.0}, [])
    _serve(lake, 10, days[newer])
    assert (_caps(lake), _steps(lake)) == ({400.0}, [])


def test_a_retracted_split_no_longer_applies(lake: Lake) -> None:
    """The step alone is no split."""
    _count(lake)
    _load(lake, _closes())
    _serve(lake, 9, date(2020, 9, 2))
    _serve(lake, 10)
    assert (_caps(lake), _steps(lake), _from(lake)) == ({400.0, 100.0}, [_REAL], [None])


def test_corrected_bars_decide_again(lake: Lake) -> None:
    """Wrong bars of two days moved the split away from its right day, until they are corrected."""
    wrong = [date(2020, 8, 28)]
    _count(lake)
    _load(lake, _closes() | dict.fromkeys(wrong, 100.0))
    _tell(lake, _REAL)
    assert _from(lake) == [wrong[0]]
    _load(lake, dict.fromkeys(wrong, 400.0))
    assert (_caps(lake), _from(lake)) == ({400.0}, [_REAL])
    _load(lake, {day: 400.0 for day in _DAYS if _REAL <= day < date(2020, 9, 2)})
    assert (_caps(lake), _from(lake)) == ({400.0}, [date(2020, 9, 2)])


def test_counts_of_a_window_around_both_days_do_not_hold_it(lake: Lake) -> None:
    """One count of two filings shows the split between May and November, and so does not decide."""
    _count(lake)
    _count(lake, 4 * _SHARES, filed="2020-11-01")
    _load(lake, _closes())
    _tell(lake, date(2020, 9, 2))
    assert (_caps(lake), _from(lake)) == ({400.0}, [_REAL])


def test_counts_that_exclude_the_step_keep_the_told_day(lake: Lake) -> None:
    """The count of a filing on the day of the step is still the old one."""
    _count(lake)
    _count(lake, _SHARES, counted="2020-08-31", filed="2020-09-01")
    _count(lake, 4 * _SHARES, counted="2020-08-31", filed="2020-11-01")
    _load(lake, _closes())
    _tell(lake, date(2020, 9, 3))
    assert _from(lake) == [date(2020, 9, 3)]


_AMBIGUOUS: dict[str, dict[str, Any]] = {
    "a small ratio": {"closes": _closes(1.5), "ratio": (3, 2)},
    "two steps": {"closes": _closes(4, (_REAL, date(2020, 9, 3)))},
    "a step that returns": {"closes": _closes(4, ()) | {_REAL: 100.0}},
    "the told day steps too": {"closes": _closes(4, (_REAL, date(2020, 9, 2)))},
    "the told day may step": {"closes": _closes() | {d: 70.0 for d in _DAYS if d >= date(2020, 9, 2)}},
    "a step up": {"closes": {day: close if day < _REAL else 1600.0 for day, close in _closes().items()}},
    "another ratio": {"closes": _closes(2)},
    "a larger step than the split and a day's move": {"closes": _closes(5.2)},
    "eight days": {"listed": date(2020, 9, 8)},
    "no bar before the told day": {"listed": date(2020, 8, 27), "first": date(2020, 8, 27)},
    "a gap of eleven days": {"without": (date(2020, 8, 21), date(2020, 8, 30))},
}


@pytest.mark.parametrize("case", _AMBIGUOUS)
def test_ambiguous_bars_leave_the_told_day(lake: Lake, case: str) -> None:
    """The split stays on the told day, and the step remains a finding where it is one."""
    usual: dict[str, Any] = {"closes": _closes(), "ratio": (4, 1), "listed": date(2020, 9, 2)}
    of = usual | {"first": _DAYS[0]} | _AMBIGUOUS[case]
    start, end = of.get("without", (date.max, date.min))
    closes = {d: close for d, close in of["closes"].items() if d >= of["first"] and not start <= d <= end}
    numerator, denominator = of["ratio"]
    _count(lake)
    _load(lake, closes)
    _tell(lake, of["listed"], numerator=numerator, denominator=denominator)
    assert _from(lake) == [of["listed"]]
    if case in ("a small ratio", "another ratio", "eight days"):
        assert _steps(lake) == [_REAL]


def test_two_told_splits_around_one_step_stay(lake: Lake) -> None:
    """The step may be that of either one."""
    days = [date(2020, 8, 26), date(2020, 9, 4)]
    _count(lake)
    _load(lake, _closes())
    _tell(lake, *days)
    assert _from(lake) == days


def test_adjusted_bars_move_nothing(lake: Lake) -> None:
    """Bars on a later basis than their own day count the split, so a step in them is another one."""
    _count(lake)
    _load(lake, _closes(), basis="2020-12-31")
    _tell(lake, date(2020, 9, 2))
    assert _from(lake) == [date(2020, 9, 2)]


_ONE_SIDE = {
    "before the step": (_REAL, "2020-08-30", "own-day", date(2020, 9, 2)),
    "after the step": (_REAL, "own-day", "2020-09-20", date(2020, 8, 28)),
    "after the told day": (date(2020, 9, 2), "own-day", "2020-09-20", date(2020, 9, 2)),
}


@pytest.mark.parametrize("side", _ONE_SIDE)
def test_bars_of_one_side_on_a_later_basis_move_nothing(lake: Lake, side: str) -> None:
    """Both days are compared with bars as traded alone: the other basis may have been stated wrongly."""
    border, basis_before, basis_after, listed = _ONE_SIDE[side]
    closes = _closes()
    _count(lake)
    _load(lake, {day: close for day, close in closes.items() if day < border}, basis=basis_before)
    _load(lake.refresh(), {day: close for day, close in closes.items() if day >= border}, basis=basis_after)
    _tell(lake.refresh(), listed)
    assert _from(lake) == [listed]


def test_without_bars_the_told_day_holds(lake: Lake) -> None:
    """A split without bars applies on the day for which it was told."""
    _tell(lake, date(2020, 9, 2))
    assert _from(lake) == [date(2020, 9, 2)]
