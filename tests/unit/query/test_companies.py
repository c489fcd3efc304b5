"""Test which company a symbol stands for on each day: inferred, loaded and fetched.

Every quarter has 100 of revenue in the old company's time and 7 in the new one's. The old company has 1,000
shares, the new one 10. Closes are 5.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from factorlab_lake.errors import LakeWarning
from factorlab_lake.lake import Lake
from tests.unit.query.lake_builder import LakeBuilder, filing, one

OLD, NEW = "0000000111", "0000000222"
ENDS = [f"{year}-{day}" for year in (2016, 2017, 2018, 2019) for day in ("03-31", "06-30", "09-30", "12-31")]


def reports(ends: Iterable[str], cik: Any, *, is_new: bool) -> list[dict[str, Any]]:
    """Return the statements of the old company or of the new one."""
    revenue, shares = (7, 10) if is_new else (100, 1000)
    return [
        filing(end, f"Q{int(end[5:7]) // 3}", cik=cik, revenue=revenue, weightedAverageShsOut=shares)
        for end in ends
    ]


def _days(first: str, last: str) -> dict[str, float]:
    """Return a close on every Wednesday: no two are more than seven days apart."""
    day, end, closes = date.fromisoformat(first), date.fromisoformat(last), {}
    while day <= end:
        closes[day.isoformat()] = 5.0
        day += timedelta(days=7)
    return closes


def add_two(
    builder: LakeBuilder,
    symbol: str,
    old: Any,
    new: Any,
    *bars: tuple[str, str],
    ends: tuple[int, int] = (8, 8),
) -> None:
    """Add an old and a new company: statements of both, the new one's from another fetch, and bars."""
    builder.statements(symbol, "income", reports(ENDS[: ends[0]], old, is_new=False))
    builder.statements(symbol, "income", reports(ENDS[ends[1] :], new, is_new=True))
    if bars:
        builder.closes(symbol, {day: close for span in bars for day, close in _days(*span).items()})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake with a symbol for each way in which a company can change."""
    builder = LakeBuilder()
    # The old one's last statement is known on 2018-01-30, the new one's first on 2018-04-30.
    add_two(builder, "REUSED", OLD, NEW, ("2017-01-02", "2018-02-05"), ("2018-03-11", "2019-12-29"))
    add_two(builder, "NULL_BEFORE", None, NEW, ("2017-01-02", "2018-02-05"), ("2018-03-11", "2019-12-29"))
    add_two(builder, "ZERO_BEFORE", "0", NEW, ("2017-01-02", "2018-02-05"), ("2018-03-11", "2019-12-29"))
    add_two(builder, "NULL_AFTER", OLD, None, ("2017-01-02", "2018-02-05"), ("2018-03-11", "2019-12-29"))
    add_two(builder, "SUCCESSOR", OLD, NEW, ("2017-01-02", "2019-12-29"))
    add_two(builder, "PADDED", "111", OLD, ("2017-01-02", "2018-02-05"), ("2018-03-11", "2019-12-29"))
    add_two(builder, "HALTED", OLD, OLD, ("2017-01-02", "2018-02-05"), ("2018-03-11", "2019-12-29"))
    add_two(builder, "CLOSE", OLD, NEW)  # without bars, periods a quarter apart
    add_two(builder, "APART", OLD, NEW, ends=(8, 11))  # without bars, period ends 366 days apart
    add_two(
        builder, "LATER_BARS", OLD, NEW, ("2018-09-02", "2019-12-29")
    )  # bars of the new company's time alone
    return builder.build(tmp_path_factory.mktemp("companies"))


def _kinds(lake: Lake, symbol: str) -> list[str | None]:
    rows = lake.sql("SELECT kind FROM company_history WHERE symbol = $s ORDER BY valid_from", s=symbol)
    return rows["kind"].to_list()


def _ttm(lake: Lake, symbol: str, day: str) -> tuple[float | None, str | None]:
    row = one(lake, "ttm", symbol, day)
    return row["revenue"], row["reason"]


@pytest.mark.parametrize("symbol", ["REUSED", "NULL_BEFORE", "ZERO_BEFORE", "NULL_AFTER"])
def test_a_gap_between_bars_separates_two_companies(made: Lake, symbol: str) -> None:
    """34 days pass without a bar between two companies, so no year and no cap has figures of both."""
    assert _ttm(made, symbol, "2018-02-05") == (400, None)
    assert _ttm(made, symbol, "2018-02-06") == (None, "company_changed")
    assert _ttm(made, symbol, "2018-04-29") == (None, "company_changed")
    assert _ttm(made, symbol, "2018-12-15") == (None, "quarter_missing")
    assert _ttm(made, symbol, "2019-02-15") == (28, None)
    factors = one(made, "factors", symbol, "2018-04-15")
    assert "company_changed" in factors["reasons"]


def test_the_companies_of_a_symbol_are_listed(made: Lake) -> None:
    """Derived rows say that they are inferred."""
    rows = made.sql("FROM company_history WHERE symbol = 'REUSED' ORDER BY valid_from").drop("symbol").rows()
    days = [date(2016, 4, 30), date(2018, 2, 6), date(2018, 4, 30), date(9999, 12, 31)]
    assert rows == [
        (f"cik:{OLD}", days[0], days[1], "inferred", None),
        (f"cik:{NEW}", days[2], days[3], "inferred", "reuse"),
    ]


@pytest.mark.parametrize("symbol", ["SUCCESSOR", "CLOSE", "LATER_BARS"])
def test_a_successor_continues_the_company(made: Lake, symbol: str) -> None:
    """Without a gap, the year crosses the change of the CIK: three quarters of 100 and one of 7."""
    assert _ttm(made, symbol, "2018-05-15") == (307, None)
    assert _kinds(made, symbol) == [None, "successor"]
    row = one(made, "ttm", symbol, "2018-05-15")
    assert row["company_id"] == f"cik:{NEW}"


def test_without_bars_a_long_gap_between_periods_separates_two_companies(made: Lake) -> None:
    """The old company's last facts are of 2018-01-30, the new one's first of 2019-01-30."""
    assert _ttm(made, "APART", "2018-01-30") == (400, None)
    assert _ttm(made, "APART", "2018-06-30") == (None, "company_changed")
    assert _kinds(made, "APART") == [None, "reuse"]


@pytest.mark.parametrize("symbol", ["PADDED", "HALTED"])
def test_one_company_stays_one(made: Lake, symbol: str) -> None:
    """A gap in trading, and a CIK without its zeros, are no other company."""
    assert _ttm(made, symbol, "2018-05-15") == (307, None)
    assert _kinds(made, symbol) == [None]


def test_new_bars_decide_about_the_companies(tmp_path: Path) -> None:
    """Bars come after the statements and show the gap, and the stored rows follow."""
    builder = LakeBuilder()
    add_two(builder, "X", OLD, NEW)
    add_two(builder, "OTHER", OLD, OLD)
    lake = builder.build(tmp_path)
    assert _kinds(lake, "X") == [None, "successor"]
    bars = LakeBuilder()
    for symbol in ("X", "OTHER"):
        bars.closes(symbol, _days("2017-01-02", "2018-02-05") | _days("2018-03-11", "2019-12-29"))
    bars.add_to(lake, tmp_path / "bars")
    assert _kinds(lake, "X") == [None, "reuse"]
    assert _kinds(lake, "OTHER") == [None]
    assert lake.verify(deep=True).clean


def _history(lake: Lake, **rows: list[Any]) -> None:
    lake.load("symbol_history", rows)


def test_a_loaded_history_overrules_the_inference(tmp_path: Path) -> None:
    """A user tells that one company continued over the gap, and of another symbol that two did not."""
    builder = LakeBuilder()
    add_two(builder, "ONE", OLD, NEW, ("2017-01-02", "2018-02-05"), ("2018-03-11", "2019-12-29"))
    add_two(builder, "TWO", OLD, NEW, ("2017-01-02", "2019-12-29"))
    lake = builder.build(tmp_path)
    _history(
        lake,
        symbol=["ONE", "TWO", "TWO"],
        company_id=["one", "old", "new"],
        valid_from=["2000-01-01", "2000-01-01", "2018-03-01"],
        valid_to=[None, "2018-03-01", None],
        kind=[None, None, "reuse"],
    )
    assert _ttm(lake, "ONE", "2018-05-15") == (307, None)
    assert _ttm(lake, "TWO", "2018-02-15") == (400, None)
    assert _ttm(lake, "TWO", "2018-05-15") == (None, "quarter_missing")
    assert one(lake, "ttm", "TWO", "2019-03-01")["company_id"] == "new"
    assert lake.sql("SELECT DISTINCT source FROM company_history").rows() == [("file",)]


def test_a_symbol_that_its_company_left_belongs_to_nobody_until_another_reports(tmp_path: Path) -> None:
    """After a rename the old symbol has no company; the next one begins with its first statement."""
    builder = LakeBuilder()
    add_two(builder, "FB", OLD, NEW, ("2017-01-02", "2019-12-29"))
    lake = builder.build(tmp_path)
    _history(
        lake, symbol=["FB"], company_id=[f"cik:{OLD}"], valid_from=["2012-05-18"], valid_to=["2018-02-20"]
    )
    assert _ttm(lake, "FB", "2018-02-19") == (400, None)
    assert _ttm(lake, "FB", "2018-03-15") == (None, "company_changed")
    assert one(lake, "market_caps", "FB", "2018-03-15")["reason"] == "company_changed"
    assert _ttm(lake, "FB", "2018-05-15") == (None, "quarter_missing")


@pytest.mark.parametrize("symbol", ["REUSED", "NULL_BEFORE", "ZERO_BEFORE", "NULL_AFTER"])
def test_no_cap_has_the_shares_of_another_company(made: Lake, symbol: str) -> None:
    """The new company's price never meets the old one's shares."""
    caps = made.market_caps(symbol, ["2018-02-05", "2018-04-15", "2018-04-30"])
    assert caps["market_cap"].to_list() == [5000, None, 50]
    assert caps["reason"].to_list() == [None, "company_changed", None]


def test_later_facts_turn_an_answer_into_null_and_into_nothing_else(tmp_path: Path) -> None:
    """The answers before the new company's first statement stay, or become NULL with company_changed."""
    days = pl.date_range(date(2017, 1, 2), date(2018, 4, 29), "7d", eager=True).to_list()
    builder = LakeBuilder()
    add_two(builder, "X", OLD, NEW, ("2017-01-02", "2018-02-05"), ("2018-03-11", "2018-04-29"), ends=(8, 16))
    lake = builder.build(tmp_path)
    before = lake.market_caps("X", days)
    later = LakeBuilder()
    later.statements("X", "income", reports(ENDS[8:], NEW, is_new=True))
    later.add_to(lake, tmp_path / "later")
    after = lake.market_caps("X", days)
    changed = after.filter(before["market_cap"].ne_missing(after["market_cap"]))
    assert changed["market_cap"].null_count() == changed.height > 0
    assert set(changed["reason"]) == {"company_changed"}


def test_of_two_companies_that_report_a_quarter_the_one_with_the_symbol_answers(tmp_path: Path) -> None:
    """Two sources have the quarters of 2017, each of its company: the later one counts from its day on."""
    builder = LakeBuilder()
    builder.statements("X", "income", reports(ENDS[4:], NEW, is_new=True))
    lake = builder.build(tmp_path)
    ends = [date.fromisoformat(end) for end in ENDS[:8]]
    old = pl.DataFrame({"symbol": "X", "fiscal_date": ends, "revenue": 100.0, "cik": OLD})
    labels = [f"Q{end.month // 3}" for end in ends]
    filed = [end + timedelta(days=30) for end in ends]
    rows: dict[str, Any] = {
        "fiscal_period": pl.Series(labels),
        "filing_date": pl.Series(filed),
        "reported_currency": pl.lit("USD"),
    }
    with pytest.warns(LakeWarning, match="4 rows of fmp have other values"):
        lake.load("income_statements", old.with_columns(**rows))
    starts, stops = ["2000-01-01", "2018-03-01"], ["2018-03-01", None]
    companies = [f"cik:{OLD}", f"cik:{NEW}"]
    _history(lake, symbol=["X", "X"], company_id=companies, valid_from=starts, valid_to=stops)
    for day, revenue in (("2018-02-28", 100), ("2018-03-01", 7), ("2019-12-31", 7)):
        answer = lake.refresh().quarters("X", as_of=day)
        assert answer["fiscal_date"].is_unique().all()
        of_2017 = answer.filter(pl.col("fiscal_date").dt.year() == 2017)["revenue"]
        assert of_2017.to_list() == [revenue] * 4
    assert lake.verify(deep=True).clean


def test_a_quarter_has_the_company_that_reported_it(tmp_path: Path) -> None:
    """One company files after it left the symbol, the other one before it takes the symbol."""
    builder = LakeBuilder()
    builder.statements("X", "income", reports(ENDS[:3], OLD, is_new=False))
    late = filing(ENDS[3], "Q4", cik=OLD, revenue=100, filed="2018-06-01")
    builder.statements("X", "income", [late])
    builder.statements("X", "income", reports(ENDS[4:], NEW, is_new=True))
    lake = builder.build(tmp_path)
    old, new = f"cik:{OLD}", f"cik:{NEW}"
    starts, stops = ["2000-01-01", "2018-03-01"], ["2018-03-01", None]
    _history(lake, symbol=["X", "X"], company_id=[old, new], valid_from=starts, valid_to=stops)
    for day, of_old, of_new in (("2018-02-28", 3, 0), ("2018-03-01", 3, 4), ("2019-12-31", 4, 11)):
        answer = lake.refresh().quarters("X", as_of=day)
        assert answer["company_id"].to_list() == [old] * of_old + [new] * of_new
        assert answer["revenue"].to_list() == [100] * of_old + [7] * of_new
    assert lake.verify(deep=True).clean
