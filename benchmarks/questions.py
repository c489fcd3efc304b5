"""Measure questions to a lake of a thousand symbols and ten years, and to each peer with the same data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date

from benchmarks.asking import Crew, Question, ask
from benchmarks.grids import month_ends, spread
from benchmarks.holding import held
from benchmarks.market import Market, market
from benchmarks.options import Options
from benchmarks.peers import PEERS
from benchmarks.results import Row, Target
from factorlab_lake.schema import STATEMENT_TABLES

__all__ = ["every_day", "large", "run", "small"]

_YEARS = 10  # of statements: as many whatever the lake holds
_SLOW = ("PostgreSQL",)  # a look into the index for each cell: minutes for millions of them
_ALL = ("ours, other symbols",)  # a question about all symbols leaves no others


def run(options: Options) -> Iterator[Row]:
    """Give the data to each peer that is installed, then ask everybody the same, in turns."""
    made = market(options)
    yield from _landing(made)
    with ExitStack() as stack:
        sources = held(made, options, stack)
        crew = stack.enter_context(Crew(sources, kept=options.size.name == "smoke"))
        every = [*small(made, options), *large(made), every_day(made, options)]
        for question in every:
            print(f"  {question.name}", file=sys.stderr, flush=True)
            yield from ask(question, crew, PEERS.values(), options.size.repeats)


def small(made: Market, options: Options) -> Iterator[Question]:
    """Return questions whose answers have as many rows whatever the lake holds."""
    yield from _one_symbol(made, options)
    few, some = (spread(made.symbols, count) for count in options.size.grid_symbols)
    many = spread(made.symbols, options.size.asked_symbols)
    months = month_ends(made.days)[-12 * options.size.market_years :]
    at_most = options.target
    yield _caps(few, months[-12:], at_most(15))
    yield _caps(some, months[-60:])
    peers = {"bare scan": 4, "polars": 0.4, "DuckDB, Parquet": 0.25}
    ratios = {name: at_most(limit, "ratio") for name, limit in peers.items()}
    yield _caps(many, months, ratios=ratios, left_out=_ALL)
    yield _factors(few, months[-12:])
    yield _factors(some, months[-60:], at_most(150))
    yield _factors(many, months, at_most(1500), left_out=_ALL)
    decade = (some, _first_day(made), made.days[-1])
    yield Question(f"ratios of {len(some):,} symbols, ten years", "ratios", decade)


def large(made: Market) -> Iterator[Question]:
    """Return questions about all symbols on one day."""
    last_day = (made.symbols, [made.days[-1]])
    yield Question("market caps of all on one day", "market_caps", last_day, left_out=_ALL)
    yield Question("ttm of all on one day", "ttm", last_day)


def every_day(made: Market, options: Options) -> Question:
    """Return the question about every cell there is."""
    return _caps(made.symbols, made.days, options.target(700), left_out=(*_SLOW, *_ALL))


def _landing(made: Market) -> Iterator[Row]:
    taken = made.landing_s
    yield Row("land bars, 640 symbols at a time", "rows/s", made.bars / taken["price_data"], details=taken)
    rows = made.statements / sum(taken[name] for name in STATEMENT_TABLES.values())
    yield Row("land statements, a table at a time", "rows/s", rows, details=taken)
    yield Row("compact", "rows/s", (made.bars + made.statements) / taken["compaction"], details=taken)


def _one_symbol(made: Market, options: Options) -> Iterator[Question]:
    symbol, last = made.symbols[len(made.symbols) // 2], made.days[-1]
    year = (symbol, date(last.year, 1, 1), last)
    decade = (symbol, _first_day(made), last)
    yield Question("one symbol's year of prices", "prices", year)
    yield Question("one symbol's year of statements", "statements", year, options.target(10))
    yield Question("one symbol's ten years of statements", "statements", decade)


def _first_day(made: Market) -> date:
    return date(made.days[-1].year + 1 - _YEARS, 1, 1)


def _caps(
    symbols: list[str],
    dates: list[date],
    limit: Target | None = None,
    *,
    ratios: dict[str, Target | None] | None = None,
    left_out: tuple[str, ...] = (),
) -> Question:
    name = f"market caps {len(symbols):,} x {len(dates):,}"
    return Question(name, "market_caps", (symbols, dates), limit, ratios or {}, left_out)


def _factors(
    symbols: list[str],
    dates: list[date],
    limit: Target | None = None,
    *,
    left_out: tuple[str, ...] = (),
) -> Question:
    name = f"factors {len(symbols):,} x {len(dates):,}"
    return Question(name, "factors", (symbols, dates), limit, left_out=left_out)
