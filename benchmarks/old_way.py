"""Compare with Factor Lab's old way, which reads the files of a symbol again for each date."""

from __future__ import annotations

import calendar
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

import factorlab_lake as fl
from benchmarks.bars import bars, symbols, trading_days
from benchmarks.comparison import Processes, Question, measure
from benchmarks.grids import moved, spread
from benchmarks.old_cache import write_balance, write_income, write_prices
from benchmarks.options import SAMPLE, Options
from benchmarks.peers import OLD_WAY, OURS, PEERS, with_index_sides
from benchmarks.results import Row
from benchmarks.sources import Sources
from benchmarks.statements import quarters

__all__ = ["LAST_YEAR", "months", "run", "weeks", "write_cache"]

_SAMPLED = ["AAPL", "GOOGL"]
LAST_YEAR = 2023
_FETCHED_AT = datetime(LAST_YEAR + 1, 1, 2, 22, tzinfo=UTC)


def run(options: Options) -> Iterator[Row]:
    """Measure the sample's two symbols, and those of a generated cache with ten years each."""
    turns = range(options.turns)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        dates = [moved(months(2020), turn) for turn in turns]
        caps = Question(
            "old way, the sample: caps 2 x 12", "market_caps", _pairs([_SAMPLED] * len(dates), dates)
        )
        yield from _measured([caps], SAMPLE, Path(folder, "sample"), options)
        cache, count = Path(folder, "cache"), options.size.old_way_symbols
        tickers = symbols(count * options.turns)
        write_cache(cache, tickers, options.size.market_years)
        some = [spread(tickers, count, turn, options.turns) for turn in turns]
        by_month, by_week = (
            [moved(days, turn) for turn in turns] for days in (months(LAST_YEAR), weeks(LAST_YEAR))
        )
        questions = [
            Question(f"old way: caps {count} x 12", "market_caps", _pairs(some, by_month)),
            Question(f"old way: factors {count} x 12", "factors", _pairs(some, by_month)),
            # Factor Lab calculates once a week by default.
            Question(f"old way: factors {count} x 52", "factors", _pairs(some, by_week)),
        ]
        yield from _measured(questions, cache, Path(folder, "lake"), options)


def _pairs(
    symbols_by_turn: list[list[str]], dates_by_turn: list[list[date]]
) -> tuple[tuple[list[str], list[date]], ...]:
    return tuple(zip(symbols_by_turn, dates_by_turn, strict=True))


def _measured(questions: list[Question], cache: Path, path: Path, options: Options) -> Iterator[Row]:
    fl.open(path).migrate(cache)
    sources = Sources(str(path), cache=str(cache))
    peers = with_index_sides((PEERS[OURS], OLD_WAY), options)
    with Processes(sources) as processes:
        for question in questions:
            rows = list(measure(question, processes, peers, options.size.repeats))
            yield from rows
            yield from _memory(rows)


def _memory(rows: list[Row]) -> Iterator[Row]:
    """Return the peak memory of both as rows of its own, as there is a target for it."""
    row = next(r for r in rows if r.peer == OLD_WAY.name)
    assert row.used is not None
    assert row.their_used is not None
    own = Row(f"{row.question}, peak memory", "MB", row.used.peak_mb)
    yield from (own, replace(own, peer=row.peer, peer_figure=row.their_used.peak_mb))


def write_cache(cache: Path, tickers: list[str], years: int) -> None:
    """Write bars, income statements and balance sheets of some years as Factor Lab's files."""
    first = LAST_YEAR + 1 - years
    days = trading_days(date(first, 1, 2), last=date(LAST_YEAR, 12, 31))
    write_prices(cache, bars(tickers, days, seed=41), _FETCHED_AT)
    facts = quarters(tickers, first, years, seed=51)
    known = facts.filter(pl.col("filing_date") < _FETCHED_AT.date())
    write_income(cache, known, _FETCHED_AT)
    write_balance(cache, known, _FETCHED_AT)


def months(year: int) -> list[date]:
    """Return the month ends of a year."""
    return [date(year, m, calendar.monthrange(year, m)[1]) for m in range(1, 13)]


def weeks(year: int) -> list[date]:
    """Return the Fridays of a year."""
    days = (date(year, 1, 1) + timedelta(days=i) for i in range(365))
    return [day for day in days if day.isoweekday() == 5]  # noqa: PLR2004 - Friday
