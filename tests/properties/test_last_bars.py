"""Random gaps in bars: a cap is made of the last bar within ten days, whichever way it is looked up."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from tests.support import examples
from tests.unit.query.lake_builder import LakeBuilder

SYMBOLS = [f"S{number}" for number in range(6)]
DAYS = [date(2018, 11, 1) + timedelta(days=day) for day in range(800)]  # three years' files
PRICE_AGE_DAYS = 10
COLUMNS = ["symbol", "date", "price_date", "price_age_days"]


def traded(chance: Random) -> list[date]:
    """Return the days on which a symbol traded: from some day to some other, with gaps long and short."""
    first, last = sorted(chance.sample(DAYS, 2))
    days = []
    day = first
    while day <= last:
        days.append(day)
        day += timedelta(days=chance.choice([1, 1, 1, 3, 9, 10, 11, 12, 40]))
    return days


def cases_of(chance: Random) -> tuple[LakeBuilder, dict[str, list[date]]]:
    """Return symbols with bars on some split basis, splits, and share counts, with the days of the bars."""
    cases, bars = LakeBuilder(), {}
    for symbol in SYMBOLS:
        bars[symbol] = traded(chance)
        for day in bars[symbol]:
            basis = chance.choice([day, DAYS[-1]])
            close = chance.randint(100, 50_000) / 100
            cases.row("price_data", symbol=symbol, date=day, close_price=close, split_basis_date=basis)
        for day in chance.sample(DAYS, chance.randint(0, 2)):
            cases.split(symbol, day.isoformat(), *chance.choice([(2, 1), (1, 10), (3, 2)]))
        for day in chance.sample(DAYS, chance.randint(1, 4)):
            cases.count(symbol, "cover_page", day.isoformat(), 1000.0, filed=day.isoformat())
    return cases, bars


def question(chance: Random) -> tuple[list[str], list[date]]:
    """Return symbols, one of them unknown at times, and days, some of them beyond all bars."""
    symbols = chance.sample([*SYMBOLS, "NOBODY"], chance.randint(1, 4))
    first = chance.randrange(len(DAYS))
    beyond = [DAYS[-1] + timedelta(days=days) for days in (5, 10, 11)]
    days = [*DAYS[first : first + chance.randint(1, 400)], *beyond]
    return symbols, chance.sample(days, chance.randint(1, min(40, len(days))))


@examples(2)
@pytest.mark.filterwarnings("ignore:.* without the step of its:factorlab_lake.errors.LakeWarning")
@given(seed=st.integers(0, 2**32))
def test_rows_in_memory_and_files_give_the_same_last_bars(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """A session that keeps more with each question, SQL over the files, and the days counted one by one."""
    chance = Random(seed)
    cases, bars = cases_of(chance)
    lake = cases.build(tmp_path_factory.mktemp("bars"))
    fresh = fl.open(lake.path, create=False)
    for _ in range(6):
        symbols, days = question(chance)
        caps = lake.market_caps(symbols, days)
        query = "FROM market_caps($symbols::VARCHAR[], $days::DATE[]) ORDER BY symbol, date"
        assert_frame_equal(caps, fresh.sql(query, symbols=symbols, days=days), check_exact=True)
        expected = []
        for symbol, day in product(sorted(symbols), sorted(days)):
            before = [bar for bar in bars.get(symbol, []) if bar <= day <= bar + timedelta(PRICE_AGE_DAYS)]
            last = max(before, default=None)
            expected.append((symbol, day, last, None if last is None else (day - last).days))
        schema = {name: caps.schema[name] for name in COLUMNS}
        assert_frame_equal(caps.select(COLUMNS), pl.DataFrame(expected, schema=schema, orient="row"))
