"""Questions to a lake of a thousand symbols and ten years, asked of everybody who holds the same data."""

from __future__ import annotations

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

__all__ = ["questions", "run"]

_YEARS = 10  # of statements: as many whatever the lake holds
_ALL_DAILY = 10_000_000  # cells up to which the cross product of all symbols and days is asked
_SLOW = ("PostgreSQL",)  # a look into the index for each cell: minutes for millions of them


def run(options: Options) -> Iterator[Row]:
    """Give the data to each peer that is installed, then ask everybody the same, in turns."""
    made = market(options)
    yield from _landing(made)
    with ExitStack() as stack:
        sources = held(made, options, stack)
        crew = stack.enter_context(Crew(sources, kept=options.size.name == "smoke"))
        for question in questions(made, options):
            yield from ask(question, crew, PEERS.values(), options.size.repeats)


def questions(made: Market, options: Options) -> Iterator[Question]:
    """Return the questions, small ones first; their targets are for the full size."""
    yield from _one_symbol(made, options)
    few, some = (spread(made.symbols, count) for count in options.size.grid_symbols)
    months, last = month_ends(made.days), made.days[-1]
    decade = months[-120:]
    at_most = options.target
    yield _caps(few, months[-12:], at_most(15))
    yield _caps(some, months[-60:])
    yield _caps(
        made.symbols,
        decade,
        ratios={
            "bare scan": at_most(4, "ratio"),
            "polars": at_most(0.4, "ratio"),
            "DuckDB, Parquet": at_most(0.25, "ratio"),
        },
    )
    yield _caps(made.symbols, [last], name=f"market caps of all {len(made.symbols):,} on one day")
    if len(made.symbols) * len(made.days) <= _ALL_DAILY:
        yield _caps(made.symbols, made.days, at_most(700), left_out=_SLOW)
    yield _factors(few, months[-12:])
    yield _factors(some, months[-60:], at_most(150))
    yield _factors(made.symbols, decade, at_most(1500))
    yield Question(f"ttm of all {len(made.symbols):,} on one day", "ttm", (made.symbols, [last]))


def _landing(made: Market) -> Iterator[Row]:
    taken = made.landing_s
    yield Row("land bars, 640 symbols at a time", "rows/s", made.bars / taken["price_data"], details=taken)
    rows = made.statements / sum(taken[name] for name in STATEMENT_TABLES.values())
    yield Row("land statements, a table at a time", "rows/s", rows, details=taken)
    yield Row("compact", "rows/s", (made.bars + made.statements) / taken["compaction"], details=taken)


def _one_symbol(made: Market, options: Options) -> Iterator[Question]:
    symbol, last = made.symbols[len(made.symbols) // 2], made.days[-1]
    year = (symbol, date(last.year, 1, 1), last)
    decade = (symbol, date(last.year + 1 - _YEARS, 1, 1), last)
    yield Question("one symbol's year of prices", "prices", year)
    yield Question("one symbol's year of statements", "statements", year, options.target(10))
    yield Question("one symbol's ten years of statements", "statements", decade)


def _caps(
    symbols: list[str],
    dates: list[date],
    limit: Target | None = None,
    *,
    ratios: dict[str, Target | None] | None = None,
    name: str = "",
    left_out: tuple[str, ...] = (),
) -> Question:
    name = name or f"market caps {len(symbols):,} x {len(dates):,}"
    return Question(name, "market_caps", (symbols, dates), limit, ratios or {}, left_out)


def _factors(symbols: list[str], dates: list[date], limit: Target | None = None) -> Question:
    return Question(f"factors {len(symbols):,} x {len(dates):,}", "factors", (symbols, dates), limit)
