"""Create datasets of seeded synthetic companies; each company is computed on first use."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

from factorlab_lake.providers.fmp.sample_server.records_by_symbol import Record
from tests.fakes.fmp.dataset import FakeDataset
from tests.fakes.fmp.synthetic_bars import SyntheticCompany, bars_of, caps_of, dividends_of, splits_of
from tests.fakes.fmp.synthetic_statements import ratios_of, statements_of

__all__ = ["synthetic_dataset"]

_START, _END = date(2019, 1, 1), date(2021, 3, 31)
_WEEKEND = (5, 6)
_DAYS_BEFORE_SPLITS = 30
_SPLITS = ((2, 1), (3, 1), (4, 1), (1, 10))
_PLACES = (("Technology", "Software"), ("Healthcare", "Biotechnology"), ("Energy", "Oil & Gas"))


def synthetic_dataset(
    symbols: int | Sequence[str], *, seed: int = 1, start: date = _START, end: date = _END
) -> FakeDataset:
    """Return a dataset of companies, by number or name, from ``start`` to ``end``, its ``today``.

    All records of a company agree with each other. A company depends on the seed and its name alone. On an
    earlier day (:meth:`FakeDataset.at`), later records are absent and later splits do not count.

    >>> dataset = synthetic_dataset(2)
    >>> dataset.symbols
    ['M000', 'M001']
    >>> dataset.records("income", "M000")[0]["fiscal_date"] < "2021-03-31"
    True
    """
    names = [f"M{i:03d}" for i in range(symbols)] if isinstance(symbols, int) else list(symbols)
    return FakeDataset(_SyntheticRecords(names, seed, start, end), end, end)


class _SyntheticRecords(Mapping[tuple[str, str], Sequence[Record]]):
    """Compute records on demand, and cache the companies used last."""

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


def _company(symbol: str, seed: int, start: date, end: date) -> SyntheticCompany:
    numbers = random.Random(f"{seed} {symbol}")
    calendar = [start + timedelta(i) for i in range((end - start).days + 1)]
    days = [day for day in calendar if day.weekday() not in _WEEKEND]
    later = days[_DAYS_BEFORE_SPLITS:]
    ex_dates = sorted(numbers.sample(later, min(len(later), numbers.choice((0, 0, 1, 2)))))
    return SyntheticCompany(
        symbol=symbol,
        seed=numbers.randrange(1 << 30),
        days=days,
        splits=[(day, *numbers.choice(_SPLITS)) for day in ex_dates],
        year_end_month=numbers.choice((6, 9, 12, 12)),
        shares=numbers.randrange(20, 900) * 1_200_000,
        first_close=numbers.uniform(20, 250),
        revenue=numbers.randrange(100, 20_000) * 1_000_000,
        dividend_yield=numbers.choice((0, 0, 0.003, 0.005, 0.008)),
    )


def _profile_of(company: SyntheticCompany) -> list[Record]:
    numbers, last = company.random_numbers("profile"), bars_of(company)[-1]
    sector, industry = numbers.choice(_PLACES)
    cusip = numbers.randrange(10**9)
    cap = caps_of(company)[-1]["market_cap"]
    return [
        {
            "symbol": company.symbol, "company_name": f"{company.symbol} Made-up Corporation",
            "cik": company.cik, "price": last["close_price"], "market_cap": cap,
            "beta": round(numbers.uniform(0.4, 2), 3), "last_dividend": 0, "change": last["change"],
            "range": f"{last['low_price']}-{last['high_price']}",
            "change_percentage": last["change_percent"], "volume": last["volume"],
            "average_volume": last["volume"], "currency": "USD", "isin": f"US{cusip:09d}0",
            "cusip": f"{cusip:09d}", "exchange_name": "NASDAQ Global Select", "exchange": "NASDAQ",
            "industry": industry, "sector": sector, "website": "https://example.com", "country": "US",
            "description": "A company that does not exist, made for tests.", "ceo": "A. Person",
            "full_time_employees": str(numbers.randrange(100, 90_000)), "phone": "000", "zip": "00000",
            "address": "1 Nowhere Street", "city": "Nowhere", "state": "CA", "dcf_diff": 0.0,
            "dcf": last["close_price"], "image": "https://example.com/logo.png", "default_image": False,
            "ipo_date": company.days[0].isoformat(), "is_etf": False, "is_adr": False,
            "is_fund": False, "is_actively_trading": True,
        }
    ]  # fmt: skip


_MAKERS: dict[str, Callable[[SyntheticCompany], list[Record]]] = {
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
