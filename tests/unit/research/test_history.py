"""Test trends, seasons and forward returns against plain Python, and that later facts change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Any

import polars as pl
import pytest

from factorlab_lake.errors import InvalidInput, SymbolNotHeldWarning
from factorlab_lake.lake import Lake
from tests.support import copy_of
from tests.unit.query.lake_builder import LakeBuilder, filing, quarters

_ENDS = [f"{year}-{day}" for year in range(2014, 2020) for day in ("03-31", "06-30", "09-30", "12-31")]
_SEASON = [0.8, 1.0, 0.9, 1.3]
_REVENUES = [(100 + 3 * n) * _SEASON[n % 4] + (n * 7) % 5 for n in range(len(_ENDS))]
_DAY = "2020-02-15"
_BARS = {
    "2020-01-02": 10.0, "2020-01-03": 11.0, "2020-01-06": 12.0, "2020-01-07": 9.0, "2020-01-08": 15.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a company with six seasonal years, one with a loss in the year before, and two of bars."""
    cases = LakeBuilder()
    cases.statements("SEASON", "income", quarters(_ENDS, revenue=_REVENUES))
    cases.statements("LOSS", "income", quarters(_ENDS[-8:], revenue=[-5.0] * 4 + [10.0] * 4))
    # Of the year before, the last quarter was published after the middle of February.
    late = [filing("2018-12-31", "Q4", filed="2019-02-20", revenue=4.0)]
    early = quarters(_ENDS[-8:-5] + _ENDS[-4:], revenue=[1.0, 2.0, 3.0, 10.0, 10.0, 10.0, 10.0])
    cases.statements("LATE", "income", [*early, *late])
    cases.closes("ENDED", _BARS)
    cases.closes("LIVE", _BARS | {"2020-02-03": 20.0, "2020-03-02": 22.0})
    return cases.build(tmp_path_factory.mktemp("history"))


def _years() -> list[float]:
    """Return the sums of the calendar years, the newest first."""
    return [sum(_REVENUES[n : n + 4]) for n in range(0, len(_REVENUES), 4)][::-1]


def test_a_trend_follows_its_formulas(made: Lake) -> None:
    """Growth, acceleration, CAGR, slope and standard error are those that plain Python computes."""
    [row] = made.trends("revenue", "SEASON", _DAY).to_dicts()
    years = _years()
    assert (row["fiscal_date"], row["points"], row["reasons"]) == (date(2019, 12, 31), 6, None)
    assert row["value"] == pytest.approx(years[0])
    assert row["change"] == pytest.approx(years[0] - years[1])
    assert row["yoy"] == pytest.approx(years[0] / years[1] - 1)
    assert row["acceleration"] == pytest.approx(years[0] / years[1] - years[1] / years[2])
    assert row["cagr"] == pytest.approx((years[0] / years[5]) ** 0.2 - 1)
    xs, ys = range(6), years[::-1]
    slope, intercept = linear_regression(xs, ys)
    squares = sum((y - slope * x - intercept) ** 2 for x, y in zip(xs, ys, strict=True))
    assert row["slope"] == pytest.approx(slope)
    assert row["slope_standard_error"] == pytest.approx((squares / 4 / 17.5) ** 0.5)


def test_a_trend_has_a_reason_for_each_null(made: Lake) -> None:
    """A growth from a loss, and years that are not known, are NULL with their reasons."""
    [row] = made.trends("revenue", "LOSS", _DAY).to_dicts()
    reasons = json.loads(row["reasons"])
    assert (row["value"], row["change"], row["yoy"], row["cagr"]) == (40, 60, None, None)
    assert reasons["yoy"] == "1_years_before: not_positive"
    assert reasons["slope"] == "fewer_than_3_values"
    assert reasons["cagr"].startswith("5_years_before: ")
    [none] = made.trends("revenue", "LIVE", _DAY).to_dicts()
    assert (none["value"], none["points"], none["reason"]) == (None, 0, "ttm: no_statement_known")


def test_periods_are_compared_with_the_same_period_of_the_year_before(made: Lake) -> None:
    """A report that was late a year ago counts with its period, not with the quarter before."""
    [row] = made.trends("revenue", "LATE", _DAY, years=2).to_dicts()
    assert (row["value"], row["change"]) == (40, 40 - 10)


def test_a_trend_is_what_was_known(made: Lake, tmp_path: Path) -> None:
    """A trend and a season of a day are the same after later filings and restatements."""
    lake = copy_of(made, tmp_path / "lake")
    arguments = ("revenue", "SEASON", _DAY)
    before = lake.trends(*arguments), lake.seasonality(*arguments)
    later = LakeBuilder()
    later.statements("SEASON", "income", [filing("2019-12-31", "Q4", filed="2020-03-02", revenue=999.0)])
    later.statements("SEASON", "income", [filing("2018-06-30", "Q2", filed="2020-03-02", revenue=1.0)])
    later.statements("SEASON", "income", [filing("2020-03-31", "Q1", revenue=500.0)])
    later.add_to(lake, tmp_path)
    assert lake.trends(*arguments).equals(before[0])
    assert lake.seasonality(*arguments).equals(before[1])
    assert not lake.seasonality("revenue", "SEASON", "2020-06-30").equals(before[1])


def test_seasons_follow_their_formulas(made: Lake) -> None:
    """Shares, indexes and strength are those that plain Python computes over the newest five years."""
    rows = made.seasonality("revenue", "SEASON", _DAY)
    values = _REVENUES[-20:]
    assert rows["quarter_end_month"].to_list() == [3, 6, 9, 12]
    assert rows["quarters"].to_list() == [20] * 4
    shares = [fmean(values[y + q] / sum(values[y : y + 4]) for y in range(0, 20, 4)) for q in range(4)]
    assert rows["share"].to_list() == pytest.approx(shares)
    places = range(2, 18)
    average = {
        p: (values[p - 2] / 2 + values[p - 1] + values[p] + values[p + 1] + values[p + 2] / 2) / 4
        for p in places
    }
    ratios = [fmean(values[p] / average[p] for p in places if p % 4 == q) for q in range(4)]
    assert rows["seasonal_index"].to_list() == pytest.approx([ratio / fmean(ratios) for ratio in ratios])
    rest = {p: values[p] - average[p] for p in places}
    means = [fmean(rest[p] for p in places if p % 4 == q) for q in range(4)]
    left = [rest[p] - means[p % 4] + fmean(means) for p in places]
    spread = [fmean((v - fmean(part)) ** 2 for v in part) for part in (left, list(rest.values()))]
    assert rows["strength"].to_list() == pytest.approx([1 - spread[0] / spread[1]] * 4)


def test_a_season_has_reasons(made: Lake) -> None:
    """Eight quarters have no strength, a loss has no index, and a symbol of bars has one row."""
    rows = made.seasonality("revenue", ["LIVE", "LOSS"], _DAY)
    assert rows["symbol"].to_list() == ["LIVE", *["LOSS"] * 4]
    assert rows["reason"].to_list() == [
        "fewer_than_4_quarters",
        *["share: year_not_positive; seasonal_index: not_positive; strength: fewer_than_12_quarters"] * 4,
    ]
    balance = made.seasonality("earnings_yield", "SEASON", _DAY)
    assert balance["reason"].null_count() == 0


def _returns(lake: Lake, **more: Any) -> list[tuple[object, ...]]:
    rows = lake.forward_returns("ENDED", "2020-01-02", [1, 3, 9], **more)
    return rows.select("period", "forward_return", "start_price", "end_price", "reason").rows()


def test_a_return_begins_at_the_next_close(made: Lake) -> None:
    """The close of the date is not used, and a name that ends has the return to its last price."""
    assert _returns(made) == [
        (1, pytest.approx(12 / 11 - 1), 11, 12, None),
        (3, pytest.approx(15 / 11 - 1), 11, 15, None),
        (9, pytest.approx(15 / 11 - 1), 11, 15, "delisted"),
    ]
    loss = {"symbol": ["ENDED"], "date": ["2020-01-09"], "delisting_return": [-0.4]}
    assert _returns(made, delistings=loss)[2][1] == pytest.approx(15 / 11 * 0.6 - 1)
    assert _returns(made, delistings=loss)[0][1] == pytest.approx(12 / 11 - 1)


def test_reasons_of_returns(made: Lake) -> None:
    """A date after the last bar, a gap, and the future of the lake have their reasons."""
    days = ["2020-01-08", "2020-02-03", "2020-03-02"]
    rows = made.forward_returns(["ENDED", "LIVE", "SEASON"], days, 1)
    assert rows.select("symbol", "reason").rows() == [
        *[("ENDED", "not_traded_after_date")] * 3,
        *[("LIVE", "no_price_within_limit")] * 2, ("LIVE", "not_yet_known"),
        *[("SEASON", "no_prices")] * 3,
    ]  # fmt: skip
    assert rows["forward_return"].null_count() == 9


def test_later_bars_change_no_return(made: Lake, tmp_path: Path) -> None:
    """Bars and splits after the end of a period leave its return as it was."""
    lake = copy_of(made, tmp_path / "lake")
    before = lake.forward_returns("LIVE", "2020-01-02", [1, 3])["forward_return"].to_list()
    later = LakeBuilder()
    later.split("LIVE", "2020-04-01", 2, 1)
    later.traded("LIVE", {"2020-04-01": 11.0, "2020-04-02": 50.0})
    later.add_to(lake, tmp_path)
    assert lake.forward_returns("LIVE", "2020-01-02", [1, 3])["forward_return"].to_list() == pytest.approx(
        before
    )


def test_prices_without_dividends_are_adjusted_for_splits(lake: Lake) -> None:
    """The return is that of the price, and says that no dividends are held."""
    bars = {
        "symbol": ["A"] * 3,
        "date": ["2020-01-02", "2020-01-03", "2020-01-06"],
        "close_price": [10.0, 11, 12],
    }
    lake.load("price_data", bars | {"split_basis_date": bars["date"]})
    row = lake.forward_returns("A", "2020-01-02", 1).row(0, named=True)
    assert (row["forward_return"], row["price_source"], row["reason"]) == (
        pytest.approx(12 / 11 - 1), "close_price", "no_dividends_known",
    )  # fmt: skip


def test_a_bar_without_an_adjusted_close_changes_no_other_return(lake: Lake) -> None:
    """Only the returns that begin or end at it are NULL; the closes alone are another series."""
    bars = {
        "symbol": ["A"] * 5,
        "date": ["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08"],
        "close_price": [10.0, 11, 12, 13, 14],
        "adjusted_close": [9.0, 10, None, 13, 14],
    }
    lake.load("price_data", bars | {"split_basis_date": bars["date"]})
    days = ["2020-01-01", "2020-01-02", "2020-01-03"]
    rows = lake.forward_returns("A", days, [1, 2])
    assert rows.select("forward_return", "price_source", "reason").rows() == [
        (pytest.approx(10 / 9 - 1), "adjusted_close", None), (None, None, "adjusted_close_missing"),
        (None, None, "adjusted_close_missing"), (pytest.approx(13 / 10 - 1), "adjusted_close", None),
        (None, None, "adjusted_close_missing"), (None, None, "adjusted_close_missing"),
    ]  # fmt: skip
    closes = lake.forward_returns("A", days, 1, price="close_price")
    assert closes["forward_return"].to_list() == pytest.approx([0.1, 12 / 11 - 1, 13 / 12 - 1])
    assert set(closes["price_source"]) == {"close_price"}
    assert closes["reason"].null_count() == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda lake: lake.trends("revenue", ["SEASON", "SEASNO"], _DAY),
        lambda lake: lake.seasonality("revenue", ["SEASON", "SEASNO"], _DAY),
        lambda lake: lake.forward_returns(["SEASON", "SEASNO"], _DAY, 1),
        lambda lake: lake.cross_section("roe", _DAY, universe=["SEASON", "SEASNO"]),
        lambda lake: lake.industry_stats("roe", _DAY, universe=(n for n in ["SEASON", "SEASNO"])),
        lambda lake: lake.screen("roe > 0", _DAY, universe=["SEASON", "SEASNO"]),
    ],
)
def test_an_unknown_symbol_is_named(made: Lake, call: Callable[[Lake], Any]) -> None:
    """Every question about symbols warns of those that are not held, at the line of its caller."""
    with pytest.warns(SymbolNotHeldWarning, match="'SEASNO' .did you mean 'SEASON'") as warned:
        call(made)
    assert [Path(w.filename) for w in warned] == [Path(__file__)]


def test_wrong_arguments_are_refused(made: Lake) -> None:
    """Share counts, odd periods and unreadable delistings are errors with the next step."""
    with pytest.raises(InvalidInput, match="share_growth"):
        made.trends("shares", "SEASON", _DAY)
    with pytest.raises(InvalidInput, match="from 2 to 30"):
        made.trends("revenue", "SEASON", _DAY, years=1)
    with pytest.raises(InvalidInput, match="expected one of adjusted_close, close_price"):
        made.forward_returns("LIVE", _DAY, 1, price="close")
    with pytest.raises(InvalidInput, match="Neither symbols nor universe is set"):
        made.market_caps(dates=_DAY)
    with pytest.raises(InvalidInput, match="trading days from 1"):
        made.forward_returns("LIVE", _DAY, 0)
    with pytest.raises(InvalidInput, match="symbol, date and delisting_return"):
        made.forward_returns("LIVE", _DAY, 1, delistings={"symbol": ["LIVE"]})
    assert made.forward_returns("LIVE", [], 1).schema["forward_return"] == pl.Float64
