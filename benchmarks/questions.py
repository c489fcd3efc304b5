"""Measure questions to a lake of a thousand symbols and ten years, and to each peer with the same data.

Each run of a question is about symbols and dates that its process has not answered before, with the result
cache off. Then the last question is repeated with the result cache on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from functools import partial
from typing import Any

from benchmarks.comparison import Processes, Question, measure
from benchmarks.copies import all_sources
from benchmarks.grids import month_ends, moved, spread
from benchmarks.market import Market, market
from benchmarks.options import Options
from benchmarks.peers import PEERS, with_index_sides
from benchmarks.results import Row
from factorlab_lake.schema import STATEMENT_TABLES

__all__ = ["every_day", "large", "questions", "run", "small"]

_YEARS = 10  # of statements: the same number in a longer market
_FIRST_YEAR_KNOWN = 15  # months: before them ours names the newest quarter, and the peers return no row
_SLOW = ("PostgreSQL",)  # a look-up in the index for each pair: minutes for millions of pairs


def run(options: Options) -> Iterator[Row]:
    """Measure the questions with each peer that is installed, in turns."""
    made = market(options)
    yield from _building(made)
    peers = with_index_sides(PEERS.values(), options)
    with ExitStack() as stack:
        sources = all_sources(made, options, stack)
        processes = stack.enter_context(Processes(sources, reused=options.size.name == "smoke"))
        for question in (q for q in questions(made, options) if options.only in q.name):
            print(f"  {question.name}", file=sys.stderr, flush=True)
            yield from measure(question, processes, peers, options.size.repeats)


def questions(made: Market, options: Options) -> list[Question]:
    """Return all questions."""
    return [*small(made, options), *large(made, options), every_day(made, options)]


def small(made: Market, options: Options) -> Iterator[Question]:
    """Return questions whose answers have the same number of rows in a larger lake."""
    few, some = options.size.grid_symbols
    many = options.size.many_symbols
    months = month_ends(made.days)[-12 * options.size.market_years :]
    grid = partial(_grid, made, options)
    yield from _one_symbol(made, options)
    yield grid("market_caps", few, months[-12:])
    yield grid("market_caps", some, months[-60:])
    yield grid("market_caps", many, months)
    yield grid("ttm", 1, made.days[-1:])
    yield grid("ttm", some, months[_FIRST_YEAR_KNOWN:][-60:])
    yield grid("factors", few, months[-12:])
    yield grid("factors", some, months[-60:])
    yield grid("factors", many, months)
    for kind, count in (("ratios", some), ("quarters", min(10, few))):
        yield _question(f"{kind} of {count} symbols", kind, options, partial(_decade, made, options, count))


def large(made: Market, options: Options) -> Iterator[Question]:
    """Return questions about all symbols on one day."""
    for kind in ("market_caps", "ttm", "factors"):
        yield _grid(made, options, kind, len(made.symbols), made.days[-1:])


def every_day(made: Market, options: Options) -> Question:
    """Return the question about all symbols on all days.

    No other days exist, so each run moves all of them by one day. Most days are those of the run before.
    """
    return _grid(made, options, "market_caps", len(made.symbols), made.days, left_out=_SLOW)


def _building(made: Market) -> Iterator[Row]:
    taken = made.building_s
    yield Row("merge bars, 640 symbols at a time", "rows/s", made.bars / taken["price_data"], details=taken)
    rows = made.statements / sum(taken[name] for name in STATEMENT_TABLES.values())
    yield Row("merge statements, a table at a time", "rows/s", rows, details=taken)
    yield Row("compact", "rows/s", (made.bars + made.statements) / taken["compaction"], details=taken)


def _one_symbol(made: Market, options: Options) -> Iterator[Question]:
    for kind, years, label in (
        ("prices", 1, "one symbol's year of prices"),
        ("statements", 1, "one symbol's year of statements"),
        ("statements", 10, "one symbol's ten years of statements"),
    ):
        last = made.days[-1]
        span = (date(last.year + 1 - years, 1, 1), last)
        symbols = [spread(made.symbols, 1, turn, options.turns)[0] for turn in range(options.turns)]
        yield Question(label, kind, tuple((symbol, *span) for symbol in symbols))


def _grid(
    made: Market,
    options: Options,
    kind: str,
    count: int,
    dates: list[date],
    *,
    left_out: tuple[str, ...] = (),
) -> Question:
    """Return a question about so many symbols at each of the dates."""
    name = f"{kind.replace('_', ' ')} {count} x {len(dates)}"

    def arguments(turn: int) -> tuple[Any, ...]:
        return spread(made.symbols, count, turn, options.turns), moved(dates, turn)

    return _question(name, kind, options, arguments, left_out)


def _decade(made: Market, options: Options, count: int, turn: int) -> tuple[Any, ...]:
    last = made.days[-1]
    return spread(made.symbols, count, turn, options.turns), date(last.year + 1 - _YEARS, 1, 1), last


def _question(
    name: str,
    kind: str,
    options: Options,
    arguments: Callable[[int], tuple[Any, ...]],
    left_out: tuple[str, ...] = (),
) -> Question:
    return Question(name, kind, tuple(arguments(turn) for turn in range(options.turns)), left_out)
