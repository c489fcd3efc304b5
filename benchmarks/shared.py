"""Measure questions to a PostgreSQL server of a thousand symbols and ten years, beside the synced lake."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeAlias

import polars as pl
import psycopg

import factorlab_lake as fl
from benchmarks.agreement import agreement
from benchmarks.grids import month_ends, moved, spread
from benchmarks.market import Market, market
from benchmarks.options import Options
from benchmarks.results import Mode, Row
from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.server_lake import ServerLake, open_server_lake
from tests.unit.sync.postgres_server import server

__all__ = ["Grid", "Timing", "grids", "in_turns", "run"]

# Written by hand: index look-ups of the last close and the newest share count for each (symbol, date) pair.
# It ignores splits between their bases, other sources of share counts, restatements and reasons.
_BY_HAND = """
SELECT s.symbol, d.date, p.close_price * i.weighted_average_shares_outstanding AS market_cap
FROM unnest($symbols::text[]) AS s (symbol) CROSS JOIN unnest($dates::date[]) AS d (date)
LEFT JOIN LATERAL (
    SELECT close_price FROM price_data b
    WHERE b.symbol = s.symbol AND b.date <= d.date AND b.date >= d.date - 10
    ORDER BY b.date DESC LIMIT 1) p ON true
LEFT JOIN LATERAL (
    SELECT weighted_average_shares_outstanding FROM income_statements q
    WHERE q.symbol = s.symbol AND q.fiscal_date <= d.date AND q.fiscal_date >= d.date - 200
      AND q.available_date <= d.date
    ORDER BY q.fiscal_date DESC LIMIT 1) i ON true
"""
_COUNT = "SELECT count(*) AS n FROM market_caps($symbols::text[], $dates::date[])"
_COMPARED = {"market_caps": "market_cap", "ttm": "revenue", "factors": "pe_ratio"}

_Peers: TypeAlias = Mapping[str, Callable[[int], Any]]  # each answers the question of one turn


@dataclass(frozen=True, slots=True)
class Grid:
    """Hold a question to the server: its function, and the symbols and dates of each turn."""

    function: str
    pairs: tuple[tuple[list[str], list[date]], ...]

    @property
    def name(self) -> str:
        """Return the name of the question."""
        symbols, dates = self.pairs[0]
        return f"server: {self.function.replace('_', ' ')} {len(symbols)} x {len(dates)}"


@dataclass(frozen=True, slots=True)
class Timing:
    """Hold the times of one question in ms, first and later runs, and its last answer."""

    first: float
    later: tuple[float, ...]
    answer: Any

    @property
    def median(self) -> float:
        """Return the median of the later runs."""
        return statistics.median(self.later)

    @property
    def details(self) -> dict[str, Any]:
        """Return the single runs for the JSON."""
        return {"first": self.first, "later": self.later, "fastest": min(self.later)}


def run(options: Options) -> Iterator[Row]:
    """Sync the market to a server of its own, then measure both with the same questions."""
    made = market(options)
    made.lake.result_cache.limit_bytes = 0  # the server caches no answers either
    with server() as running, running.database() as url:
        made.lake.sync(url)
        with open_server_lake(url, availability=CLOSE) as shared:
            _settle(url)
            for grid in grids(made, options):
                yield from _measured(grid, _peers(grid, made.lake, shared), options.size.repeats)


def grids(made: Market, options: Options) -> list[Grid]:
    """Return the questions; each turn is about other symbols and dates."""
    few, some = options.size.grid_symbols
    months = month_ends(made.days)
    sizes = (
        ("market_caps", len(made.symbols), months),
        ("market_caps", few, months[-12:]),
        ("ttm", some, months[-60:]),
        ("factors", some, months[-60:]),
    )
    turns = options.turns
    return [
        Grid(name, tuple((spread(made.symbols, n, t, turns), moved(dates, t)) for t in range(turns)))
        for name, n, dates in sizes
    ]


def _peers(grid: Grid, lake: fl.Lake, shared: ServerLake) -> _Peers:
    def method(store: fl.Lake | ServerLake) -> Callable[[int], pl.DataFrame]:
        function: Callable[[list[str], list[date]], pl.DataFrame] = getattr(store, grid.function)
        return lambda turn: function(*grid.pairs[turn])

    def statement(text: str) -> Callable[[int], Any]:
        return lambda turn: shared.sql(text, symbols=grid.pairs[turn][0], dates=grid.pairs[turn][1])

    peers: dict[str, Callable[[int], Any]] = {"ours": method(shared), "lake": method(lake)}
    if grid.function == "market_caps":
        peers |= {"by hand": statement(_BY_HAND), "rows not sent": statement(_COUNT)}
    return peers


def _measured(grid: Grid, peers: _Peers, repeats: int) -> Iterator[Row]:
    new = in_turns(peers, list(range(1 + repeats)))
    same = agreement(new["ours"].answer, new["lake"].answer, [_COMPARED[grid.function]])
    yield from _rows(grid.name, new, "new", same)
    yield from _rows(grid.name, in_turns(peers, [repeats] * (1 + repeats)), "again", "")


def _rows(question: str, timings: dict[str, Timing], mode: Mode, same: str) -> Iterator[Row]:
    ours = timings["ours"]
    own = Row(question, "ms", ours.median, details={"ours": ours.details}, first=ours.first, mode=mode)
    yield own
    for name, timing in timings.items():
        if name != "ours":
            yield replace(
                own, peer=name, peer_figure=timing.median, their_first=timing.first,
                answers=same if name == "lake" else "", details=own.details | {"theirs": timing.details},
            )  # fmt: skip


def in_turns(peers: _Peers, turns: list[int]) -> dict[str, Timing]:
    """Answer the question of each turn, each of the peers once per turn."""
    times: dict[str, list[float]] = {name: [] for name in peers}
    answers: dict[str, Any] = {}
    for turn in turns:
        for name, answer in peers.items():
            started = time.perf_counter()
            answers[name] = answer(turn)
            times[name].append((time.perf_counter() - started) * 1000)
    return {n: Timing(t[0], tuple(t[1:]), answers[n]) for n, t in times.items()}


def _settle(url: str) -> None:
    """Vacuum and analyze the tables, as a server does by itself within minutes of a load."""
    with psycopg.connect(url, autocommit=True) as con:
        con.execute("VACUUM ANALYZE")
