"""One query against the way it was: the files of a symbol read again for each date."""

from __future__ import annotations

import calendar
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

import factorlab_lake as fl
from benchmarks.agreement import agreement
from benchmarks.bars import bars, symbols, trading_days
from benchmarks.old_cache import write_income, write_prices
from benchmarks.options import SAMPLE, Options
from benchmarks.results import Row
from benchmarks.statements import quarters
from benchmarks.timing import Timing, in_turns
from factorlab_lake.legacy import old_way

__all__ = ["run"]

_LAST_YEAR = 2023
_FETCHED_AT = datetime(_LAST_YEAR + 1, 1, 2, 22, tzinfo=UTC)


def run(options: Options) -> Iterator[Row]:
    """Ask for twelve month ends: of the sample's two symbols, and of a made-up cache with ten years each."""
    repeats = max(options.size.repeats // 2, 1)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        told = _told(SAMPLE, Path(folder, "sample"), (["AAPL", "GOOGL"], _months(2020)), repeats)
        yield from _rows("sample cache, 2 symbols", told)
        cache, tickers = Path(folder, "cache"), symbols(options.size.old_way_symbols)
        _write(cache, tickers, options.size.market_years)
        told = _told(cache, Path(folder, "lake"), (tickers, _months(_LAST_YEAR)), repeats)
        yield from _rows(f"made-up cache, {len(tickers)} symbols", told)


def _told(cache: Path, path: Path, asked: tuple[list[str], list[date]], repeats: int) -> dict[str, Timing]:
    lake = fl.open(path)
    lake.migrate(cache)
    return in_turns(
        {
            "ours": lambda: lake.market_caps(*asked),
            "opened": lambda: fl.open(path).market_caps(*asked),
            "old": lambda: old_way.market_caps(cache, *asked),
        },
        repeats,
    )


def _rows(origin: str, told: dict[str, Timing]) -> Iterator[Row]:
    old = told["old"]
    theirs = pl.DataFrame(old.answer, schema=["symbol", "date", "market_cap"], orient="row")
    for name, way in (("ours", ""), ("opened", ", opening the lake too")):
        ours = told[name]
        yield Row(
            f"{origin}: caps at 12 month ends{way}",
            "ms",
            ours.median,
            "files per date",
            old.median,
            answers=agreement(ours.answer, theirs, ["market_cap"]),
            details={"ours": ours.details, "theirs": old.details},
            first=ours.first,
        )


def _write(cache: Path, tickers: list[str], years: int) -> None:
    first = _LAST_YEAR + 1 - years
    days = trading_days(date(first, 1, 2), last=date(_LAST_YEAR, 12, 31))
    write_prices(cache, bars(tickers, days, seed=41), _FETCHED_AT)
    facts = quarters(tickers, first, years, seed=51)
    write_income(cache, facts.filter(pl.col("filing_date") < _FETCHED_AT.date()), _FETCHED_AT)


def _months(year: int) -> list[date]:
    return [date(year, m, calendar.monthrange(year, m)[1]) for m in range(1, 13)]
