"""Compute factors as Factor Lab did: read the files of a symbol again for each date.

One symbol on one date takes four files: a close, a share count, four quarters and a balance sheet. Each is
read, unzipped and parsed. Caps are the package's own baseline. Only Python itself is imported.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from benchmarks.sources import Sources
from factorlab_lake.legacy import old_way

__all__ = ["Answers"]

_CLOSE = time(16)
_STALE = timedelta(days=200)
_Found = dict[str, list[Any]]


class Answers:
    """Read the cache's folder; no question reuses what another has read."""

    def __init__(self, sources: Sources) -> None:
        self._cache = Path(sources.cache)

    def market_caps(self, symbols: list[str], dates: list[date]) -> _Found:
        """Return symbol, date, market_cap."""
        rows = old_way.market_caps(self._cache, symbols, dates)
        return _columns(("symbol", "date", "market_cap"), rows)

    def factors(self, symbols: list[str], dates: list[date]) -> _Found:
        """Return Factor Lab's four, PE, PB, ROE and debt to equity, and the caps they follow from."""
        rows = [(symbol, day, *self._factors(symbol, day)) for symbol in symbols for day in dates]
        names = ("symbol", "date", "market_cap", "pe_ratio", "pb_ratio", "roe", "debt_to_equity")
        return _columns(names, rows)

    def _factors(self, symbol: str, day: date) -> tuple[float | None, ...]:
        cap = self._cap(symbol, day)
        profit = self._profit(symbol, day)
        sheet = self._newest("balance_sheets", f"{symbol}_balance_sheet_quarterly_limit60_v1.0", day)
        equity = sheet["totalStockholdersEquity"] if sheet else None
        book = equity if equity and equity > 0 else None
        return (
            cap,
            _over(cap, profit if profit and profit > 0 else None),
            _over(cap, book),
            _over(profit, book),
            _over(sheet["totalDebt"] if sheet else None, book),
        )

    def _cap(self, symbol: str, day: date) -> float | None:
        ((_, _, cap),) = old_way.market_caps(self._cache, [symbol], [day])
        return cap

    def _profit(self, symbol: str, day: date) -> float | None:
        """Return the sum of the newest four quarters known."""
        known = self._known("income_statements", f"{symbol}_income_statement_quarterly_limit60_v1.0", day)
        newest = sorted(known, key=_end)[-4:]
        if len(newest) < 4 or day - _end(newest[-1]) > _STALE:  # noqa: PLR2004 - quarters of a year
            return None
        return float(sum(statement["netIncome"] for statement in newest))

    def _newest(self, folder: str, name: str, day: date) -> dict[str, Any] | None:
        known = self._known(folder, name, day)
        newest = max(known, key=_end, default=None)
        return newest if newest and day - _end(newest) <= _STALE else None

    def _known(self, folder: str, name: str, day: date) -> list[dict[str, Any]]:
        body = gzip.decompress((self._cache / folder / f"{name}.json.gz").read_bytes())
        return [s for s in json.loads(body)["data"] if _available(s) <= day]


def _available(statement: dict[str, Any]) -> date:
    accepted = datetime.fromisoformat(statement["acceptedDate"])
    return accepted.date() + timedelta(days=accepted.time() > _CLOSE)


def _end(statement: dict[str, Any]) -> date:
    return date.fromisoformat(statement["date"])


def _over(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None else above / below


def _columns(names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> _Found:
    return dict(zip(names, (list(values) for values in zip(*rows, strict=True)), strict=True))
