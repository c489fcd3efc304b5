"""No look-ahead: what is filed, fetched or split later changes no answer about an earlier day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.support import Entry, bar, examples, migrate
from tests.unit.query.lake_builder import filing

QUESTIONS = ("market_caps", "ttm", "factors")
SPLIT = "BBB"  # served again after its split
HALF_SPLIT = "CCC"  # its statements are, its bars are not
SYMBOLS = ("AAA", SPLIT, HALF_SPLIT, "DDD", "EEE")
ENDS: list[date] = (
    pl.date_range(date(2018, 3, 31), date(2020, 6, 30), "3mo", eager=True).dt.month_end().to_list()
)
MONTHS: list[date] = (
    pl.date_range(date(2018, 4, 30), date(2020, 12, 31), "1mo", eager=True).dt.month_end().to_list()
)

_PROVED_LATER = {(evidence, "told") for evidence in ("assumed", "inferred", "observed")}


@dataclass(frozen=True)
class Filed:
    """One filing of one quarter. Amendments are further filings of the same quarter."""

    quarter: int
    delay_days: int
    revenue: int
    net_income: int
    shares: int
    equity: int

    @property
    def day(self) -> date:
        """The day on which it is public, in the morning."""
        return ENDS[self.quarter] + timedelta(days=self.delay_days)

    def records(self, symbol: str, shares_ratio: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return its income statement and balance sheet, shares as re-based by the vendor."""
        end, label, filed = ENDS[self.quarter].isoformat(), f"Q{self.quarter % 4 + 1}", self.day.isoformat()
        income = filing(
            end,
            label,
            filed=filed,
            symbol=symbol,
            revenue=self.revenue,
            netIncome=self.net_income,
            weightedAverageShsOut=self.shares * shares_ratio,
        )
        sheet = filing(
            end, label, filed=filed, symbol=symbol, totalStockholdersEquity=self.equity, totalAssets=1000
        )
        return income, sheet


def filings(quarters: Any, delays: Any) -> st.SearchStrategy[Filed]:
    """Return a strategy for filings of some quarters, some days after their ends."""
    amounts = st.integers(-50, 100)
    return st.builds(Filed, quarters, delays, st.integers(1, 1000), amounts, st.integers(0, 50), amounts)


@st.composite
def histories(draw: st.DrawFn) -> list[Filed]:
    """Draw filings: each quarter within four months or never, and some amended up to two years later."""
    first = [draw(filings(st.just(number), st.integers(20, 120))) for number in range(len(ENDS))]
    kept = [filed for filed in first if draw(st.integers(0, 9)) > 0]
    later = draw(st.lists(filings(st.integers(0, len(ENDS) - 1), st.integers(121, 700)), max_size=5))
    return list({(filed.quarter, filed.delay_days): filed for filed in kept + later}.values())


def served(on: date, companies: list[list[Filed]], splits: dict[str, int]) -> list[Entry]:
    """Return what the vendor serves on a day: each quarter as filed last, shares and prices re-based."""
    at = datetime.combine(on, time(22), tzinfo=UTC)
    entries = []
    for symbol, company in zip(SYMBOLS, companies, strict=True):
        ratio = splits.get(symbol, 1)
        known = sorted((filed for filed in company if filed.day <= on), key=lambda filed: filed.day)
        last = {filed.quarter: filed for filed in known}
        if last:
            incomes, sheets = zip(*(filed.records(symbol, ratio) for filed in last.values()), strict=True)
            entries.append(Entry(symbol, "income", list(incomes), cached_at=at))
            entries.append(Entry(symbol, "balance_sheet", list(sheets), cached_at=at))
        closes = {day: (400 + 4 * number) / ratio for number, day in enumerate(MONTHS) if day <= on}
        bars = [bar(day.isoformat(), close) for day, close in sorted(closes.items(), reverse=True)]
        if not (splits and symbol == HALF_SPLIT):
            entries.append(Entry(symbol, "price", bars, cached_at=at))
    return entries


def answers(lake: Lake, until: date) -> dict[str, pl.DataFrame]:
    """Return the answers about every month-end up to a day."""
    days = [day for day in MONTHS if day <= until]
    return {question: getattr(lake, question)(SYMBOLS, days) for question in QUESTIONS}


@examples(8)
@given(
    companies=st.lists(histories(), min_size=len(SYMBOLS), max_size=len(SYMBOLS)),
    day=st.dates(date(2019, 1, 31), date(2020, 9, 30)),
    later=st.integers(1, 700),
    ratio=st.sampled_from([2, 4, 20]),
)
def test_what_comes_later_changes_no_earlier_answer(
    tmp_path_factory: pytest.TempPathFactory,
    companies: list[list[Filed]],
    day: date,
    later: int,
    ratio: int,
) -> None:
    """A second fetch brings quarters, amendments, bars and a split; earlier days keep their answers.

    What split is served on another basis: price, shares and factor may move, their product may not. The
    evidence of the factor may only move to what a list tells.
    """
    place = tmp_path_factory.mktemp("later")
    lake = fl.open(place / "lake")
    migrate(lake, place, *served(day, companies, {}))
    before = answers(lake, day)
    splits = {SPLIT: ratio, HALF_SPLIT: ratio}
    lake.load("splits", pl.concat(_split(symbol, day + timedelta(days=1), ratio) for symbol in splits))
    migrate(lake, place, *served(day + timedelta(days=later), companies, splits))
    for question, rows in answers(lake, day).items():
        assert_frame_equal(_but_split(rows), _but_split(before[question]), check_exact=True)
        assert_frame_equal(_of_split(rows), _of_split(before[question]), rel_tol=1e-9, abs_tol=0)
        if "split_evidence" in rows.columns:
            evidence = zip(before[question]["split_evidence"], rows["split_evidence"], strict=True)
            assert {(old, new) for old, new in evidence if old != new} <= _PROVED_LATER


def _but_split(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(~pl.col("symbol").is_in([SPLIT, HALF_SPLIT]))


def _of_split(rows: pl.DataFrame) -> pl.DataFrame:
    parts = ["close_price", "shares_outstanding", "split_factor", "split_evidence"]
    return rows.filter(pl.col("symbol").is_in([SPLIT, HALF_SPLIT])).drop(parts, strict=False)


def _split(symbol: str, day: date, ratio: int) -> pl.DataFrame:
    return pl.DataFrame([{"symbol": symbol, "date": day, "numerator": ratio, "denominator": 1}])


def test_a_split_that_is_loaded_late_puts_raw_prices_right(lake: Lake, tmp_path: Path) -> None:
    """As-traded bars beside re-based shares are wrong until the split is known, then right for every day."""
    shares = filing("2020-12-31", symbol="RAW", weightedAverageShsOut=4000, revenue=1)
    migrate(lake, tmp_path, Entry("RAW", "income", [shares]))
    day = date(2021, 2, 1)
    bars = pl.DataFrame([{"symbol": "RAW", "date": day, "close_price": 8.0, "split_basis_date": day}])
    lake.load("price_data", bars)
    assert lake.market_caps("RAW", day)["market_cap"].to_list() == [32_000]
    lake.load("splits", _split("RAW", date(2021, 3, 1), 4))
    assert lake.market_caps("RAW", day)["market_cap"].to_list() == [8000]
