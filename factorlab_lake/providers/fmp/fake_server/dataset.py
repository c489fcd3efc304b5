"""What the fake vendor knows, and what of it can be known on a day."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

from factorlab_lake.providers.fmp.fake_server import encoding
from factorlab_lake.providers.fmp.fake_server.encoding import Record
from factorlab_lake.providers.fmp.fake_server.rebasing import as_traded, factor, rebased

__all__ = ["FakeDataset", "Shelves"]

Shelves = Mapping[tuple[str, str], Sequence[Record]]


@dataclass(frozen=True)
class FakeDataset:
    """Records by (dataset, symbol), seen as of ``today``.

    Datasets are called as in the lake (``income``, ``price``, …) and fields as its columns; whether a
    statement is a quarter or a year, it says itself. Prices and share counts on the shelves count every
    split up to ``basis``, and are answered on the basis of ``today``. Of a period with several records, the
    one accepted last is answered. Worlds do not change: :meth:`at` and :meth:`put` return others.
    """

    shelves: Shelves = field(repr=False)
    today: date
    basis: date

    @classmethod
    def of(
        cls, shelves: Shelves, today: date, *, basis: date | None = None, generation: str = "v3"
    ) -> FakeDataset:
        """Return a world of records as one generation of the API sends them, a list per (dataset, symbol).

        >>> bars = [{"date": "2021-03-31", "close": 122.15}]
        >>> world = FakeDataset.of({("price", "AAPL"): bars}, date(2021, 3, 31))
        >>> world.records("price", "AAPL")
        [{'date': '2021-03-31', 'close_price': 122.15}]
        """
        known = {key: encoding.read(key[0], records, generation) for key, records in shelves.items()}
        return cls(known, today, basis or today)

    def at(self, today: date) -> FakeDataset:
        """Return the same world on another day."""
        return replace(self, today=today)

    def put(
        self, dataset: str, symbol: str, records: Sequence[Record], *, generation: str = "v3"
    ) -> FakeDataset:
        """Return a world with these records in the place of what it had under the dataset and symbol."""
        more = {(dataset, symbol): encoding.read(dataset, records, generation)}
        return replace(self, shelves=ChainMap(more, self.shelves))  # type: ignore[arg-type]  # only read

    @cached_property
    def symbols(self) -> list[str]:
        """The symbols it knows anything of, sorted."""
        return sorted(self._symbols)

    def knows(self, symbol: str) -> bool:
        """Return whether it knows anything of a symbol."""
        return symbol in self._symbols

    @cached_property
    def _symbols(self) -> set[str]:
        return {symbol for _, symbol in self.shelves}

    def records(self, dataset: str, symbol: str) -> list[Record]:
        """Return what is known today, newest first."""
        if dataset in ("price_unadjusted", "price_adjusted", "eod"):
            return _BARS[dataset](self, symbol)
        known = self._known(dataset, symbol)
        if self.today == self.basis:
            return known
        ratio = factor(self._splits(symbol), self.basis.isoformat(), self.today.isoformat())
        if ratio != 1:
            known = [rebased(dataset, each, ratio) for each in known]
        return _dividends_to_date(known) if dataset == "price" else known

    def _known(self, dataset: str, symbol: str) -> list[Record]:
        """Return the records that were public today, one of each day or period, newest first."""
        known: dict[Any, Record] = {}
        today = self.today.isoformat()
        for each in sorted(self.shelves.get((dataset, symbol), ()), key=_public):
            if _public(each)[:10] <= today:
                known[_day(each), each.get("fiscal_period")] = each
        return sorted(known.values(), key=_day, reverse=True)

    def _splits(self, symbol: str) -> Sequence[Record]:
        return self.shelves.get(("split", symbol), ())

    def as_traded_bars(self, symbol: str) -> list[Record]:
        """Return the bars as traded on their day, without later splits."""
        splits, today = self._splits(symbol), self.today.isoformat()
        return [as_traded(bar, splits, today) for bar in self.records("price", symbol)]

    def adjusted_bars(self, symbol: str) -> list[Record]:
        """Return the bars adjusted for dividends."""
        return [_adjusted(bar) for bar in self.records("price", symbol)]

    def stored_bars(self, symbol: str) -> list[Record]:
        """Return the bars as this dataset stores them."""
        return self.records("price", symbol)


_BARS = {
    "price_unadjusted": FakeDataset.as_traded_bars,
    "price_adjusted": FakeDataset.adjusted_bars,
    "eod": FakeDataset.stored_bars,
}


def _day(record: Record) -> str:
    return str(record.get("fiscal_date") or record.get("date") or "")


def _public(record: Record) -> str:
    return str(record.get("accepted_at") or record.get("filing_date") or _day(record))


def _dividends_to_date(bars: list[Record]) -> list[Record]:
    """Take the dividends after the newest bar out of the adjusted closes: on that day the two are equal."""
    newest = next((bar for bar in bars if bar.get("adjusted_close")), None)
    if newest is None:
        return bars
    ratio = newest["close_price"] / newest["adjusted_close"]
    return [
        bar | {"adjusted_close": round(bar["adjusted_close"] * ratio, 4)}
        if bar.get("adjusted_close")
        else bar
        for bar in bars
    ]


def _adjusted(bar: Record) -> Record:
    close = bar["close_price"]
    ratio = bar.get("adjusted_close", close) / close
    prices = ("open_price", "high_price", "low_price", "close_price")
    return bar | {name: round(bar[name] * ratio, 4) for name in prices if bar.get(name) is not None}
