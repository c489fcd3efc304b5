"""Measure the methods for research on 505 symbols and 59 month ends of a synthetic market.

The result cache is off, and each run has other dates. Each symbol of the market has a sector and an industry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from statistics import median

import polars as pl

import factorlab_lake as fl
from benchmarks.market import Market, market
from benchmarks.options import Options
from benchmarks.results import Row
from factorlab_lake.factors.formulas import FACTORS

__all__ = ["run"]

_SYMBOLS = 505
_SECTORS, _INDUSTRIES = 11, 60
_LAST_YEAR = 2023
_FIRST_MONTH, _MONTHS = (2018, 12), 59
_CONDITION = "pe_ratio < 15 and roe > 0.05 and revenue > 0"


def run(options: Options) -> Iterator[Row]:
    """Ask each question several times, and return the median of the runs after the first."""
    size = replace(options.size, market_symbols=min(_SYMBOLS, options.size.market_symbols))
    made = market(replace(options, size=size))
    made.lake.load("company_profiles", _profiles(made))
    made.lake.result_cache.limit_bytes = 0
    for name, question in _questions(made.lake).items():
        if options.only in name:
            times, rows = _timed(question, options.turns)
            yield Row(
                f"research: {name}", "ms", median(times[1:]), answers=f"{rows:,} rows", first=times[0],
                details={"runs_ms": times},
            )  # fmt: skip


def _questions(lake: fl.Lake) -> dict[str, Callable[[int], pl.DataFrame]]:
    """Return each question as a function of the number of the run."""
    every, sector = list(FACTORS), f"{_CONDITION} and sector == 'S1'"
    return {
        "screen of one date": lambda n: lake.screen(_CONDITION, _day(n)),
        "screen of one date with a sector": lambda n: lake.screen(sector, _day(n)),
        "cross_section of 23 factors, all dates": lambda n: lake.cross_section(every, _months(n)),
        "cross_section of 23 factors by industry, all dates": lambda n: lake.cross_section(
            every, _months(n), by="industry"
        ),
        "industry_stats of 23 factors, all dates": lambda n: lake.industry_stats(every, _months(n)),
        "trends of all symbols": lambda n: lake.trends("revenue", "all", _day(n)),
        "seasonality of all symbols": lambda n: lake.seasonality("revenue", "all", _day(n)),
        "forward_returns of all symbols": lambda n: lake.forward_returns("all", _day(n), [1, 5, 21]),
    }


def _timed(question: Callable[[int], pl.DataFrame], turns: int) -> tuple[list[float], int]:
    times, rows = [], 0
    for turn in range(max(turns, 2)):
        started = time.perf_counter()
        rows = question(turn).height
        times.append(1000 * (time.perf_counter() - started))
    return times, rows


def _profiles(made: Market) -> pl.DataFrame:
    count = len(made.symbols)
    return pl.DataFrame(
        {
            "symbol": made.symbols,
            "currency": ["USD"] * count,
            "sector": [f"S{n % _SECTORS}" for n in range(count)],
            "industry": [f"I{n % _INDUSTRIES}" for n in range(count)],
            "fetched_at": ["2014-01-02T12:00:00Z"] * count,
        }
    )


def _day(turn: int) -> date:
    return date(_LAST_YEAR - turn % 2, 6 + turn // 2 % 6, 15)


def _months(turn: int) -> list[date]:
    """Return one day of each month, another one in each run."""
    year, month = _FIRST_MONTH
    places = (year * 12 + month - 1 + n for n in range(_MONTHS))
    return [date(place // 12, place % 12 + 1, 28 - turn % 20) for place in places]
