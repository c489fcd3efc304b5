"""Seeded companies: as many as a test or a benchmark needs, each made when it is first asked for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

from factorlab_lake.providers.fmp.fake_server.companies import Company
from factorlab_lake.providers.fmp.fake_server.dataset import FakeDataset
from factorlab_lake.providers.fmp.fake_server.encoding import Record
from factorlab_lake.providers.fmp.fake_server.synthetic_bars import bars_of, caps_of, dividends_of, splits_of
from factorlab_lake.providers.fmp.fake_server.synthetic_statements import ratios_of, statements_of

__all__ = ["synthetic_dataset"]

_START, _END = date(2019, 1, 1), date(2021, 3, 31)
_WEEKEND = (5, 6)
_DAYS_BEFORE_SPLITS = 30
_SPLITS = ((2, 1), (3, 1), (4, 1), (1, 10))
_PLACES = (("Technology", "Software"), ("Healthcare", "Biotechnology"), ("Energy", "Oil & Gas"))


def synthetic_dataset(
    symbols: int | Sequence[str], *, seed: int = 1, start: date = _START, end: date = _END
) -> FakeDataset:
    """Return a world of made-up companies, by number or name, from ``start`` to ``end``, its ``today``.

    Quarters, years, ratios, bars, splits, dividends, profile and market caps of a company agree with each
    other; equal arguments give equal companies, whichever others are made. Seen from an earlier day
    (:meth:`FakeDataset.at`) what came later is not there, and splits that came later are not yet counted.

    >>> world = synthetic_dataset(2)
    >>> world.symbols
    ['M000', 'M001']
    >>> world.records("income", "M000")[0]["fiscal_date"] < "2021-03-31"
    True
    """
    listed = [f"M{i:03d}" for i in range(symbols)] if isinstance(symbols, int) else list(symbols)
    return FakeDataset(_Made(listed, seed, start, end), end, end)


class _Made(Mapping[tuple[str, str], Sequence[Record]]):
    """Shelves that are filled on demand, and hold on to the companies asked for last."""

    def __init__(self, symbols: list[str], seed: int, start: date, end: date) -> None:
        self._symbols = dict.fromkeys(symbols)
        self._company = lru_cache(64)(lambda symbol: _company(symbol, seed, start, end))

    def __getitem__(self, key: tuple[str, str]) -> Sequence[Record]:
        dataset, symbol = key
        if symbol not in self._symbols or dataset not in _MAKERS:
            raise KeyError(key)
        return _MAKERS[dataset](self._company(symbol))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((dataset, symbol) for symbol in self._symbols for dataset in _MAKERS)

    def __len__(self) -> int:
        return len(self._symbols) * len(_MAKERS)


def _company(symbol: str, seed: int, start: date, end: date) -> Company:
    dice = random.Random(f"{seed} {symbol}")  # noqa: S311 - reproducible on purpose
    calendar = [start + timedelta(i) for i in range((end - start).days + 1)]
    days = [day for day in calendar if day.weekday() not in _WEEKEND]
    later = days[_DAYS_BEFORE_SPLITS:]
    ex_dates = sorted(dice.sample(later, min(len(later), dice.choice((0, 0, 1, 2)))))
    return Company(
        symbol=symbol,
        seed=dice.randrange(1 << 30),
        days=days,
        splits=[(day, *dice.choice(_SPLITS)) for day in ex_dates],
        year_end_month=dice.choice((6, 9, 12, 12)),
        shares=dice.randrange(20, 900) * 1_200_000,
        first_close=dice.uniform(20, 250),
        revenue=dice.randrange(100, 20_000) * 1_000_000,
        dividend_yield=dice.choice((0, 0, 0.003, 0.005, 0.008)),
    )


def _profile_of(company: Company) -> list[Record]:
    dice, last = company.dice("profile"), bars_of(company)[-1]
    sector, industry = dice.choice(_PLACES)
    number = dice.randrange(10**9)
    cap = caps_of(company)[-1]["market_cap"]
    return [
        {
            "symbol": company.symbol, "company_name": f"{company.symbol} Made-up Corporation",
            "cik": company.cik, "price": last["close_price"], "market_cap": cap,
            "beta": round(dice.uniform(0.4, 2), 3), "last_dividend": 0, "change": last["change"],
            "range": f"{last['low_price']}-{last['high_price']}",
            "change_percentage": last["change_percent"], "volume": last["volume"],
            "average_volume": last["volume"], "currency": "USD", "isin": f"US{number:09d}0",
            "cusip": f"{number:09d}", "exchange_name": "NASDAQ Global Select", "exchange": "NASDAQ",
            "industry": industry, "sector": sector, "website": "https://example.com", "country": "US",
            "description": "A company that does not exist, made for tests.", "ceo": "A. Nobody",
            "full_time_employees": str(dice.randrange(100, 90_000)), "phone": "000", "zip": "00000",
            "address": "1 Nowhere Street", "city": "Nowhere", "state": "CA", "dcf_diff": 0.0,
            "dcf": last["close_price"], "image": "https://example.com/logo.png", "default_image": False,
            "ipo_date": company.days[0].isoformat(), "is_etf": False, "is_adr": False,
            "is_fund": False, "is_actively_trading": True,
        }
    ]  # fmt: skip


_MAKERS: dict[str, Callable[[Company], list[Record]]] = {
    "income": lambda company: statements_of(company, "income"),
    "balance_sheet": lambda company: statements_of(company, "balance_sheet"),
    "cash_flow": lambda company: statements_of(company, "cash_flow"),
    "ratios": ratios_of,
    "price": bars_of,
    "split": splits_of,
    "dividend": dividends_of,
    "profile": _profile_of,
    "market_cap": caps_of,
}
