"""Test that later fetches change no earlier answer, and that the order of fetches changes no answer.

The companies have cumulative figures, gaps and restatements, and half of them split their shares. The vendor
serves each period as filed last, and past shares and prices as counted after the split.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from tests.properties.companies import FIELDS, Filed, histories, record, versions
from tests.support import Entry, arrive, bar, examples

QUESTIONS = ("market_caps", "ttm", "factors")
PARTS = ("close_price", "shares_outstanding", "split_factor")  # may move with a split; their product may not
EVIDENCE = "split_evidence"  # a list of splits brings price and count to a proven basis
COMPANIES = 8
DAYS: list[date] = pl.date_range(date(2018, 6, 30), date(2021, 6, 30), "41d", eager=True).to_list()
RATIO = 4
Companies = dict[str, list[Filed]]


def companies_of(chance: Random) -> Companies:
    """Return companies by symbol; those whose symbol starts with S split."""
    symbols = [f"{'KS'[number % 2]}{number}" for number in range(COMPANIES)]
    return {symbol: histories(chance, FIELDS) for symbol in symbols}


def served(companies: Companies, on: date, split: date) -> list[Entry]:
    """Return what the vendor serves on a day: each period as filed last, shares and bars of its basis."""
    at = datetime.combine(on, time(22), tzinfo=UTC)
    entries = []
    for symbol, filed in companies.items():
        ratio = RATIO if symbol.startswith("S") and split <= on else 1
        public = versions(one for one in filed if one.day <= on)
        for kind in FIELDS:
            last = [filings[-1] for (of_kind, *_), filings in public.items() if of_kind == kind]
            records = [record(one, ratio) | {"symbol": symbol} for one in last]
            entries += [Entry(symbol, kind, records, cached_at=at)] if records else []
        # As traded, a share costs a fourth from the split on; the vendor divides what was before.
        closes = {
            day: (400 + 4 * number) / (RATIO if ratio > 1 or (symbol.startswith("S") and day >= split) else 1)
            for number, day in enumerate(DAYS)
            if day <= on
        }
        bars = [bar(day.isoformat(), close) for day, close in sorted(closes.items(), reverse=True)]
        entries.append(Entry(symbol, "price", bars, cached_at=at))
    return entries


def split_rows(companies: Companies, day: date) -> pl.DataFrame:
    """Return the splits of the companies that have one."""
    symbols = [symbol for symbol in companies if symbol.startswith("S")]
    return pl.DataFrame({"symbol": symbols}).with_columns(date=day, numerator=RATIO, denominator=1)


def answers(lake: Lake, symbols: list[str], until: date, vintage: str) -> dict[str, pl.DataFrame]:
    """Return what the lake says of every day up to one."""
    days = [day for day in DAYS if day <= until]
    return {name: getattr(lake, name)(symbols, days, vintage=vintage) for name in QUESTIONS}


@examples(1)
@given(seed=st.integers(0, 2**32))
def test_what_is_served_later_changes_no_earlier_answer(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Later filings and a split do not change an earlier answer, as known or as first filed."""
    chance, place = Random(seed), tmp_path_factory.mktemp("later")
    companies = companies_of(chance)
    day = chance.choice(DAYS[12:24])
    split = day + timedelta(days=chance.randint(1, 200))
    lake = fl.open(place / "lake")
    arrive(lake, place, *served(companies, day, split))
    before = {vintage: answers(lake, list(companies), day, vintage) for vintage in ("known", "first")}
    lake.load("splits", split_rows(companies, split))
    arrive(lake, place, *served(companies, split + timedelta(days=chance.randint(0, 400)), split))
    for vintage, rows in before.items():
        for name, now in answers(lake, list(companies), day, vintage).items():
            kept = pl.col("symbol").str.starts_with("K")
            assert_frame_equal(now.filter(kept), rows[name].filter(kept), check_exact=True)
            re_based = [each.filter(~kept).drop(*PARTS, EVIDENCE, strict=False) for each in (now, rows[name])]
            assert_frame_equal(*re_based, rel_tol=1e-9, abs_tol=1e-12)
            if EVIDENCE in now.columns:
                answered = now.filter(~kept).drop_nulls(EVIDENCE)
                assert set(answered[EVIDENCE]) == {"told"}


@examples(1)
@given(seed=st.integers(0, 2**32), order=st.permutations(range(3)))
def test_the_order_of_arrival_changes_no_answer(
    tmp_path_factory: pytest.TempPathFactory, seed: int, order: list[int]
) -> None:
    """Three fetches, the split known from the start or last: every answer of every vintage is the same."""
    chance, place = Random(seed), tmp_path_factory.mktemp("order")
    companies = companies_of(chance)
    days = sorted(chance.sample(DAYS[8:], 3))
    split = days[0] + timedelta(days=chance.randint(1, 300))
    fetches = [served(companies, day, split) for day in days]
    lakes = []
    for name, sequence in (("in time", [0, 1, 2]), ("otherwise", order if order != [0, 1, 2] else [2, 0, 1])):
        lake = fl.open(place / name)
        if name == "in time":
            lake.load("splits", split_rows(companies, split))
        for number in sequence:
            arrive(lake, Path(place), *fetches[number])
        if name == "otherwise":
            lake.load("splits", split_rows(companies, split))
        lakes.append(lake)
    for vintage in ("known", "first", "latest"):
        one, other = (answers(lake, list(companies), DAYS[-1], vintage) for lake in lakes)
        for question in QUESTIONS:
            assert_frame_equal(one[question], other[question], check_exact=True)
