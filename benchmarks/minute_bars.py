"""Measure ``Lake.load_bars`` of twenty million minute bars, and compare caps from minute and daily bars.

The bars come from a generator, a day at a time, as a vendor's daily files do. The load runs in a process of
its own, whose peak memory includes the libraries.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

import factorlab_lake as fl
from benchmarks.bars import symbols, trading_days
from benchmarks.options import Options
from benchmarks.process import peak_mb, ran
from benchmarks.results import Row
from benchmarks.seeded import normal

__all__ = ["load", "run"]

_MINUTES = 390
_YEAR = 2023
_DAYS = {"full": 102}


def run(options: Options) -> Iterator[Row]:
    """Load the bars of 505 symbols (of the smoke size: fewer), and compare the caps."""
    count, days = options.size.cache_symbols, _DAYS.get(options.size.name, 5)
    with TemporaryDirectory(dir=options.work) as folder:
        done = ran("benchmarks.minute_bars:load", count, days, folder)
        rows = done.answer["rows"]
        yield Row("minute bars", "rows", rows)
        yield Row("load of minute bars", "bars/s", rows / done.answer["load_s"], answers=_compared(folder))
        yield Row("load of minute bars, peak memory", "MB", done.answer["peak_mb"])
        yield Row("daily bars of minute bars", "s", done.answer["daily_s"])


def load(count: int, days: int, folder: str) -> dict[str, Any]:
    """Load the bars, and daily bars from them; return the number of rows, the times and the memory."""
    lake, names, dates = fl.open(Path(folder) / "minutes"), symbols(count), _days(days)
    started = time.perf_counter()
    lake.load_bars((_bars(names, day) for day in dates), split_basis="own-day")
    loaded, peak = time.perf_counter(), peak_mb()
    lake.load("price_data", lake.daily_bars())
    facts = {"load_s": loaded - started, "peak_mb": peak, "daily_s": time.perf_counter() - loaded}
    return facts | {"rows": lake.sql("SELECT count(*) FROM price_bars").item()}


def _compared(folder: str) -> str:
    """Compare the caps of the lake with those of another, which has the same closes as daily bars alone."""
    by_minutes = fl.open(Path(folder) / "minutes")
    names = by_minutes.sql("SELECT DISTINCT symbol FROM price_data ORDER BY symbol")["symbol"].to_list()
    dates = by_minutes.sql("SELECT DISTINCT date FROM price_data ORDER BY date")["date"].to_list()
    by_days = fl.open(Path(folder) / "days")
    closes = [
        _bars(names, day).group_by("symbol").agg(pl.col("close").last(), date=pl.lit(day)) for day in dates
    ]
    by_days.load("price_data", pl.concat(closes).rename({"close": "close_price"}), split_basis="own-day")
    counts = {
        "symbol": names, "as_of_date": [date(_YEAR - 1, 12, 31)] * len(names),
        "source": ["cover_page"] * len(names),
        "shares": [1e6 + n for n in range(len(names))], "filing_date": [date(_YEAR, 1, 1)] * len(names),
        "split_basis_date": [date(_YEAR, 1, 1)] * len(names),
    }  # fmt: skip
    caps = []
    for lake in (by_minutes, by_days):
        lake.load("shares_outstanding", counts)
        caps.append(lake.market_caps(names, dates[2:]))
    if not caps[0].equals(caps[1]) or caps[0]["market_cap"].null_count():
        raise RuntimeError("Caps from minute bars differ from those from daily bars.")
    return f"equal: {caps[0].height:,} caps"


def _days(count: int) -> list[date]:
    return trading_days(date(_YEAR, 1, 3), last=date(_YEAR, 12, 31))[:count]


def _bars(names: list[str], day: date) -> pl.DataFrame:
    """Return the minute bars of a day; the same names and day have the same bars."""
    first = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
    if day > date(_YEAR, 3, 12):  # New York's summer time; the benchmark ends before it does
        first -= timedelta(hours=1)
    starts = pl.Series([first + timedelta(minutes=n) for n in range(_MINUTES)])
    moves = normal(len(names) * _MINUTES, seed=day.toordinal()) / 100
    number = pl.int_range(len(names), dtype=pl.Int64).repeat_by(_MINUTES).explode()
    close = (50 + pl.col("number") % 100 + pl.col("moves")).round(2)
    return (
        pl.select(number=number)
        .with_columns(moves=moves, symbol=pl.Series(names).gather(pl.select(number).to_series()))
        .with_columns(ts=pl.concat([starts] * len(names)), close=close)
        .select(
            "symbol", "ts", "close", open="close", high=pl.col("close") + 0.05, low=pl.col("close") - 0.05,
            volume=pl.lit(100.0),
        )
    )  # fmt: skip
