"""Random split histories: market values and share growth are the same on whatever basis a figure is.

Companies whose vendor lists a split late, on a wrong day, not at all or wrongly, and loses acceptance times,
are fetched several times in any order: each split ends with the right status, and caps are true.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import factorlab_lake as fl
from factorlab_lake.ingest.batches import merge_batch
from tests.properties import generations
from tests.properties.generations import FETCHES
from tests.support import examples, writing
from tests.unit.query.lake_builder import LakeBuilder, filing

COMPANIES = 25
ENDS = (date(2019, 3, 31), date(2019, 6, 30), date(2019, 9, 30), date(2019, 12, 31))
LATER_ENDS = tuple(end.replace(year=2020) for end in ENDS)
FIRST, LAST = date(2019, 3, 1), date(2022, 12, 31)
ASKED = [date(2020, 2, 3), date(2020, 8, 10), date(2021, 2, 3)]
RATIOS = [(2, 1), (3, 2), (7, 1), (20, 1), (1, 10), (1, 8)]


@dataclass(frozen=True)
class Split:
    """One share becomes so many on a day."""

    day: date
    numerator: int
    denominator: int


def between(splits: list[Split], after: date, until: date) -> Fraction:
    """Return how many shares of ``until`` one share of ``after`` has become."""
    product = Fraction(1)
    for split in splits:
        if after < split.day <= until:
            product *= Fraction(split.numerator, split.denominator)
    return product


def day_between(chance: Random, first: date, last: date) -> date:
    """Return a day from the first to the last."""
    return first + timedelta(days=chance.randint(0, (last - first).days))


@dataclass(frozen=True)
class Company:
    """Splits, and shares and prices as they are counted after the last of them."""

    splits: list[Split]
    shares: dict[date, int]
    prices: dict[date, Fraction]

    def on_basis_of(self, day: date) -> Fraction:
        """Return how many of the last shares one share of a day is."""
        return between(self.splits, day, LAST)


def company(chance: Random) -> Company:
    """Return a company with up to three splits, its own counts and its own prices."""
    days = {day_between(chance, FIRST, LAST) for _ in range(chance.randint(0, 3))}
    splits = [Split(day, *chance.choice(RATIOS)) for day in sorted(days)]
    usual = chance.randint(1000, 100_000)  # counts stay near it: others are implausible, or look like splits
    shares = {end: 84 * usual * chance.randint(99, 102) for end in ENDS + LATER_ENDS}
    cents = chance.randint(100, 50_000)  # prices stay near it: a fall by half would look like a split
    prices = {day: Fraction(cents * chance.randint(95, 105), 10_000) for day in ASKED}
    return Company(splits, shares, prices)


def add(cases: LakeBuilder, symbol: str, of: Company, chance: Random) -> None:
    """Add it: each count as served on some day after its filing, prices as traded or as served later."""
    for split in of.splits:
        cases.split(symbol, split.day.isoformat(), split.numerator, split.denominator)
    for number, (end, count) in enumerate(of.shares.items()):
        filed = end + timedelta(days=30)
        served = datetime.combine(day_between(chance, filed, LAST), time(18), tzinfo=UTC)
        on_that_day = count / of.on_basis_of(served.date())
        counted = float(on_that_day)
        record = filing(end.isoformat(), f"Q{number % 4 + 1}", weightedAverageShsOut=counted, revenue=1)
        cases.statements(symbol, "income", [record], fetched=served)
    later = chance.choice([None, day_between(chance, ASKED[-1], LAST)])
    for day, price in of.prices.items():
        basis = later or day
        close = float(price * of.on_basis_of(basis))
        cases.row("price_data", symbol=symbol, date=day, close_price=close, split_basis_date=basis)


@examples(1)
@given(seed=st.integers(0, 2**32))
def test_no_basis_changes_a_market_value_or_the_growth_of_shares(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Splits of all kinds, before and after each figure: price times shares is what it was on one basis.

    A price may be put on the whole cent that explains it, by half of its fourth decimal at most.
    """
    chance = Random(seed)
    companies = {f"C{number}": company(chance) for number in range(COMPANIES)}
    cases = LakeBuilder()
    for symbol, of in companies.items():
        add(cases, symbol, of, chance)
    lake = cases.build(tmp_path_factory.mktemp("splits"))
    caps = lake.market_caps(list(companies), ASKED).to_dicts()
    growth = lake.factors(list(companies), ASKED[-1]).to_dicts()
    assert (len(caps), len(growth)) == (len(ASKED) * COMPANIES, COMPANIES)
    for row in caps:
        of = companies[row["symbol"]]
        known = max(end for end in of.shares if end + timedelta(days=30) <= row["date"])
        cent = 5.01e-5 / row["close_price"]
        assert row["market_cap"] == pytest.approx(
            float(of.prices[row["date"]] * of.shares[known]), rel=1e-12 + cent
        ), row
    for row in growth:
        of = companies[row["symbol"]]
        now, then = of.shares[LATER_ENDS[-1]], of.shares[ENDS[-1]]
        assert row["share_growth"] == pytest.approx((now - then) / then, rel=1e-9, abs=1e-12), row


def events_after(company: generations.Company, last: date) -> list[tuple[str, str, date | None]]:
    """Return status, source and listed day of the split events of a company after the fetch of a day."""
    day = company.split_day
    if last < day or not company.kind.startswith("split"):
        return []
    is_first = last == min(fetch.date() for fetch in FETCHES if fetch.date() >= day)
    wrong = day + timedelta(days=3)
    events: dict[str, list[tuple[str, str, date | None]]] = {
        "split_told": [("applied", "provider", day)],
        "split_moved": [("applied", "provider", day), ("retracted", "provider", wrong)],
        "split_not_told": [("applied", "inferred", None)],
        "split_retracted": [("retracted", "provider", day)],
    }
    if is_first:
        events["split_moved"] = [("applied", "provider", wrong)]
        events["split_retracted"] = [("rejected", "provider", day)]
    return events[company.kind]


@examples(3)
@given(seed=st.integers(0, 2**32), fetches=st.integers(2, len(FETCHES)))
def test_each_split_has_its_status_after_fetches_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, fetches: int
) -> None:
    """Two to four fetches that arrive in any order: the events are right, and so are all caps."""
    chance = Random(seed)
    world = [c for c in generations.companies(chance) if c.kind.startswith(("split", "acceptance"))]
    lake = fl.open(tmp_path_factory.mktemp("events") / "lake")
    for number in chance.sample(range(fetches), fetches):
        with writing(lake) as tx:
            merge_batch(tx, [r for c in world for r in generations.served(c, FETCHES[number])])
    lake.refresh()
    last = FETCHES[fetches - 1].date()
    query = "SELECT status, source, date, ratio FROM split_events WHERE symbol = $one ORDER BY date, event"
    days = [day for day in generations.DAYS if day <= last]
    caps = lake.market_caps([c.symbol for c in world], days)
    for company in world:
        rows = lake.sql(query, one=company.symbol).rows()
        known = [(status, source, None if source == "inferred" else day) for status, source, day, _ in rows]
        assert known == events_after(company, last), (company, rows)
        assert all(ratio == company.ratio[0] / company.ratio[1] for *_, ratio in rows)
        for row in caps.filter(symbol=company.symbol).drop_nulls("market_cap").iter_rows(named=True):
            right = generations.true_caps(company, row["date"])
            assert any(abs(row["market_cap"] - each) <= 1e-9 * each for each in right), (company, row)
