"""Measure questions to a PostgreSQL server of a thousand symbols and ten years, beside the synced lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import polars as pl
import psycopg

import factorlab_lake as fl
from benchmarks.agreement import agreement
from benchmarks.grids import month_ends
from benchmarks.market import market
from benchmarks.options import Options
from benchmarks.results import Row, Target
from benchmarks.timing import Timing, in_turns
from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.server_lake import ServerLake, open_server_lake
from tests.unit.sync.postgres_server import server

__all__ = ["run"]

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
_ONLY_ASKED = "SELECT count(*) AS n FROM market_caps($symbols::text[], $dates::date[])"


def run(options: Options) -> Iterator[Row]:
    """Sync the market to a server of its own, then ask both the same."""
    made = market(options)
    made.lake.result_cache.limit_bytes = 0  # every asking is computed again, as the server does
    with server() as running, running.database() as url:
        made.lake.sync(url)
        with open_server_lake(url, availability=CLOSE) as shared:
            _settle(url)
            yield from _questions(options, made.lake, shared, (made.symbols, month_ends(made.days)))


def _questions(
    options: Options, lake: fl.Lake, shared: ServerLake, grid: tuple[list[str], list[date]]
) -> Iterator[Row]:
    symbols, months = grid
    few, some = options.size.grid_symbols
    repeats = options.size.repeats
    yield from _caps(lake, shared, (symbols, months), repeats, options.target(1500))
    yield from _caps(lake, shared, (symbols[:few], months[-12:]), repeats, None)
    for name in ("ttm", "factors"):
        grid = symbols[:some], months[-60:]
        timings = in_turns({"ours": _ask(shared, name, grid), "lake": _ask(lake, name, grid)}, repeats)
        column = {"ttm": "revenue", "factors": "pe_ratio"}[name]
        same = agreement(timings["ours"].answer, timings["lake"].answer, [column])
        yield _row(f"server: {name} {_size(grid)}", timings, "lake", same=same)


def _caps(
    lake: fl.Lake, shared: ServerLake, grid: tuple[list[str], list[date]], repeats: int, limit: Target | None
) -> Iterator[Row]:
    parameters = {"symbols": grid[0], "dates": grid[1]}
    timings = in_turns(
        {
            "ours": _ask(shared, "market_caps", grid),
            "lake": _ask(lake, "market_caps", grid),
            "by hand": lambda: shared.sql(_BY_HAND, **parameters),
            "rows not sent": lambda: shared.sql(_ONLY_ASKED, **parameters),
        },
        repeats,
    )
    name = f"server: market caps {_size(grid)}"
    same = agreement(timings["ours"].answer, timings["lake"].answer, ["market_cap"])
    yield _row(name, timings, "lake", limit, same)
    yield _row(name, timings, "by hand")
    yield _row(name, timings, "rows not sent")


def _ask(
    store: fl.Lake | ServerLake, name: str, grid: tuple[list[str], list[date]]
) -> Callable[[], pl.DataFrame]:
    question: Callable[[list[str], list[date]], pl.DataFrame] = getattr(store, name)
    return lambda: question(*grid)


def _settle(url: str) -> None:
    """Do what a server does by itself within minutes of a load: count rows, note which pages are settled."""
    with psycopg.connect(url, autocommit=True) as con:
        con.execute("VACUUM ANALYZE")


def _row(
    name: str, timings: dict[str, Timing], peer: str, target: Target | None = None, same: str = ""
) -> Row:
    ours, peer_timing = timings["ours"], timings[peer]
    details = {"ours": ours.details, "theirs": peer_timing.details}
    return Row(name, "ms", ours.median, peer, peer_timing.median, target, same, details, first=ours.first)


def _size(grid: tuple[list[str], list[date]]) -> str:
    return f"{len(grid[0]):,} x {len(grid[1]):,}"
