"""One query against the way it was: the files of a symbol read again for each date."""

from __future__ import annotations

import calendar
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

import factorlab_lake as fl
from benchmarks.asking import Crew, Question, ask
from benchmarks.bars import bars, symbols, trading_days
from benchmarks.old_cache import write_balance, write_income, write_prices
from benchmarks.options import SAMPLE, Options
from benchmarks.peers import KEPT, OLD_WAY, PEERS
from benchmarks.results import Row
from benchmarks.sources import Sources
from benchmarks.statements import quarters

__all__ = ["run"]

_LAST_YEAR = 2023
_FETCHED_AT = datetime(_LAST_YEAR + 1, 1, 2, 22, tzinfo=UTC)


def run(options: Options) -> Iterator[Row]:
    """Ask for twelve month ends: of the sample's two symbols, and of a made-up cache with ten years each."""
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        grid = (["AAPL", "GOOGL"], _months(2020))
        caps = Question("sample cache, 2 symbols: caps at 12 month ends", "market_caps", grid)
        yield from _answered([caps], SAMPLE, Path(folder, "sample"), options)
        cache, tickers = Path(folder, "cache"), symbols(options.size.old_way_symbols)
        _write(cache, tickers, options.size.market_years)
        grid, origin = (tickers, _months(_LAST_YEAR)), f"made-up cache, {len(tickers)} symbols"
        questions = [
            Question(f"{origin}: caps at 12 month ends", "market_caps", grid),
            Question(f"{origin}: factors at 12 month ends", "factors", grid),
            # Factor Lab's own default: calculated once a week.
            Question(f"{origin}: factors at 52 week ends", "factors", (tickers, _weeks(_LAST_YEAR))),
        ]
        yield from _answered(questions, cache, Path(folder, "lake"), options)


def _answered(questions: list[Question], cache: Path, path: Path, options: Options) -> Iterator[Row]:
    fl.open(path).migrate(cache)
    sources = Sources(str(path), cache=str(cache))
    with Crew(sources) as crew:
        for question in questions:
            rows = list(ask(question, crew, (PEERS["ours"], KEPT, OLD_WAY), options.size.repeats))
            yield from rows
            yield _again(*rows[1:], options=options)
            yield _memory(rows[-1], options)


def _again(kept: Row, old: Row, *, options: Options) -> Row:
    """Return a row for the repeated question: ours from the result cache, the old way from its files."""
    assert kept.peer_figure is not None
    limit = options.target(0.001, "ratio") if old.question.endswith("factors at 12 month ends") else None
    return Row(f"{old.question}, asked again", "ms", kept.peer_figure, old.peer, old.peer_figure, limit)


def _memory(row: Row, options: Options) -> Row:
    """Return the peak memory of both as a row of its own, as there is a target for it."""
    assert row.used is not None
    assert row.their_used is not None
    limit, name = options.target(0.5, "ratio"), f"{row.question}, peak memory"
    return Row(name, "MB", row.used.peak_mb, row.peer, row.their_used.peak_mb, limit)


def _write(cache: Path, tickers: list[str], years: int) -> None:
    first = _LAST_YEAR + 1 - years
    days = trading_days(date(first, 1, 2), last=date(_LAST_YEAR, 12, 31))
    write_prices(cache, bars(tickers, days, seed=41), _FETCHED_AT)
    facts = quarters(tickers, first, years, seed=51)
    known = facts.filter(pl.col("filing_date") < _FETCHED_AT.date())
    write_income(cache, known, _FETCHED_AT)
    write_balance(cache, known, _FETCHED_AT)


def _months(year: int) -> list[date]:
    return [date(year, m, calendar.monthrange(year, m)[1]) for m in range(1, 13)]


def _weeks(year: int) -> list[date]:
    days = (date(year, 1, 1) + timedelta(days=i) for i in range(365))
    return [day for day in days if day.isoweekday() == 5]  # noqa: PLR2004 - Friday
