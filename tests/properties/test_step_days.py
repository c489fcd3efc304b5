"""Test splits that lists tell up to a week too early or too late: caps are those of the right day.

Each company has one split of at least 2:1, or its inverse, and prices as traded that move a little each day.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import factorlab_lake as fl
from factorlab_lake.lake import Lake
from factorlab_lake.schema.rules import SAME_SPLIT_DAYS
from tests.support import examples

COMPANIES = 12
SHARES = 84_000_000  # before the split
RATIOS = [(2, 1), (3, 1), (7, 1), (20, 1), (1, 2), (1, 10)]
DAYS = [day for n in range(60) if (day := date(2020, 7, 1) + timedelta(days=n)).weekday() < 5]


@dataclass(frozen=True)
class Company:
    """A split on a trading day, the day for which it is told, and caps by day."""

    real: date
    listed: date
    numerator: int
    denominator: int
    caps: dict[date, float]

    def close(self, day: date) -> float:
        """Return the close as traded."""
        ratio = self.numerator / self.denominator if day >= self.real else 1
        return self.caps[day] / SHARES / ratio


def company(chance: Random) -> Company:
    """Return a company whose bars begin before both days and end after both."""
    real = chance.choice(
        [day for day in DAYS if DAYS[0] + timedelta(days=12) < day < DAYS[-1] - timedelta(days=9)]
    )
    listed = real + timedelta(days=chance.randint(-SAME_SPLIT_DAYS, SAME_SPLIT_DAYS))
    caps, cap = {}, SHARES * chance.uniform(20, 500)
    for day in DAYS:
        cap *= chance.uniform(0.97, 1.03)
        caps[day] = cap
    return Company(real, listed, *chance.choice(RATIOS), caps)


def load_bars(lake: Lake, world: dict[str, Company], days: list[date], until: date) -> None:
    """Load the bars of some days, as traded; of companies whose step is awaited then, up to their step."""
    last = {s: of.real if of.listed <= until < of.real else until for s, of in world.items()}
    rows = [(s, day, of.close(day)) for s, of in world.items() for day in days if day <= last[s]]
    bars = pl.DataFrame(rows, schema=["symbol", "date", "close_price"], orient="row")
    lake.load("price_data", bars, split_basis="own-day")


def load_splits(lake: Lake, world: dict[str, Company]) -> None:
    """Load the splits for their told days."""
    rows = [(symbol, of.listed, of.numerator, of.denominator) for symbol, of in world.items()]
    names = ["symbol", "date", "numerator", "denominator"]
    lake.load("splits", pl.DataFrame(rows, schema=names, orient="row"))


def wrong_caps(lake: Lake, world: dict[str, Company], until: date) -> list[tuple[str, date, float, float]]:
    """Return the caps up to a day that differ from the right ones."""
    caps = lake.market_caps(list(world), [day for day in DAYS if day <= until])
    rows = caps.select("symbol", "date", "market_cap").rows()
    # A close may be put on the whole cent that explains it.
    return [
        (symbol, day, cap, world[symbol].caps[day])
        for symbol, day, cap in rows
        if cap != pytest.approx(world[symbol].caps[day], rel=1e-4)
    ]


@examples(8)
@given(seed=st.integers(0, 2**32), is_list_first=st.booleans())
def test_a_split_told_for_a_wrong_day_gives_the_caps_of_the_right_one(
    tmp_path_factory: pytest.TempPathFactory, seed: int, *, is_list_first: bool
) -> None:
    """Caps are right from the bar of the step on, also those of days before; later bars change none."""
    chance = Random(seed)
    world = {f"C{number}": company(chance) for number in range(COMPANIES)}
    cut = chance.choice(DAYS[9:-1])
    lake = fl.open(tmp_path_factory.mktemp("steps") / "lake")
    counts = {"symbol": list(world), "as_of_date": "2020-06-10", "source": "cover_page", "shares": SHARES}
    rows = pl.DataFrame(counts | {"filing_date": "2020-06-15"})
    lake.load("shares_outstanding", rows, split_basis="own-day")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="price_data")  # of a step that the told day lacks so far
        if is_list_first:
            load_splits(lake, world)
        load_bars(lake, world, DAYS, cut)
        if not is_list_first:
            load_splits(lake, world)
        assert wrong_caps(lake, world, cut) == []
        load_bars(lake, world, [day for day in DAYS if day > cut], DAYS[-1])
    assert wrong_caps(lake, world, DAYS[-1]) == []
    assert lake.quality(rules=["unapplied_split", "split_without_step"]).is_empty()
