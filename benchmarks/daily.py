"""Measure a nightly job: load the bars of one day, of a thousand symbols, into a lake of ten years.

The lake has half of the year already; each turn loads the next day. Ours is the whole of ``Lake.load``: it
checks and merges the rows, commits, and rewrites all that follows from them, such as ``lake.duckdb``. The
peers write the rows as they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl

from benchmarks.bars import trading_days
from benchmarks.comparison import run_new, skipped, used, wall_ms
from benchmarks.copies import copies, serving
from benchmarks.grids import spread
from benchmarks.market import Market, complete, market, merge_bars
from benchmarks.options import Options
from benchmarks.peer_process import Cost, PeerProcess
from benchmarks.peers import APPENDING, OURS, Peer, with_index_sides
from benchmarks.results import Row
from benchmarks.seeded import uniform
from benchmarks.sources import Sources

__all__ = ["append", "run"]

_HALF_A_YEAR = 125
_SPLIT = date(2024, 2, 1)  # the day of the splits after the market's end


def run(options: Options) -> Iterator[Row]:
    """Append to copies of the lake in turns; then check that ours and its single file have the rows."""
    made, peers = market(options), with_index_sides(APPENDING, options)
    costs_by_peer = append(made, options, peers)
    count, ours = options.size.many_symbols, costs_by_peer[OURS]
    question = f"append a day of {count} bars"
    own = Row(question, "ms", wall_ms(ours), first=ours[0].wall_ms, used=used(ours))
    yield own
    yield from (_beside(own, p, costs_by_peer, count) for p in peers if p.name != OURS)
    yield Row(f"{question}, the slowest turn", "ms", max(c.wall_ms for c in ours[1:] or ours))


def _beside(own: Row, peer: Peer, costs_by_peer: dict[str, list[Cost]], count: int) -> Row:
    if peer.missing():
        return skipped(own, peer)
    costs = costs_by_peer[peer.name]
    return replace(
        own, peer=peer.name, peer_figure=wall_ms(costs), answers=f"rows: {count * len(costs):,}",
        their_first=costs[0].wall_ms, their_used=used(costs),
    )  # fmt: skip


def append(made: Market, options: Options, peers: Sequence[Peer]) -> dict[str, list[Cost]]:
    """Return the cost of each turn by peer; the market itself stays as it is."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(dir=options.work)))
        # More turns than for a question: one of them finds enough small files to merge them.
        turns, symbols = 2 * options.turns - 1, spread(made.symbols, options.size.many_symbols)
        days = trading_days(date(made.days[-1].year + 1, 1, 2), count=_HALF_A_YEAR + turns)
        present = [p for p in peers if not p.missing()]
        lakes = {p.name: folder / f"lake{i}" for i, p in enumerate(present) if p.module == peers[0].module}
        for lake in lakes.values():
            _copy(made.lake.path, lake)
            merge_bars(lake, complete(_bars(made, symbols, days[:_HALF_A_YEAR]), "price_data"))
        files = [_written(folder, _bars(made, symbols, [day])) for day in days[_HALF_A_YEAR:]]
        sources = _sources(made, lakes[OURS], options, present, stack)
        running: dict[str, PeerProcess] = {}
        for peer in present:
            own = replace(sources, lake=str(lakes.get(peer.name, lakes[OURS])))
            running[peer.name] = stack.enter_context(PeerProcess(peer, own))
            running[peer.name].set_question("append", [[file] for file in files])
        run_new(running, turns - 1)
        for name, lake in lakes.items():
            _check(lake, days[_HALF_A_YEAR], len(symbols) * len(running[name].new))
        return {name: process.new for name, process in running.items()}


def _sources(made: Market, lake: Path, options: Options, peers: list[Peer], stack: ExitStack) -> Sources:
    """Return copies that may be written to."""
    names = {p.name for p in peers}
    if all(p.module == peers[0].module for p in peers):
        return Sources(str(lake))
    copied: dict[str, str] = {}
    for of, place in copies(made.lake.path, options).items():
        copied[of] = str(lake.with_name(of))
        if of != "parquet":  # an empty folder for new files is enough
            subprocess.run(["cp", "-r", "--sparse=always", place, copied[of]], check=True)
    url = stack.enter_context(serving(made.lake)) if "PostgreSQL" in names else ""
    return Sources(str(lake), {}, url=url, **copied)


def _copy(lake: Path, target: Path) -> None:
    """Copy a lake by hard links: its data files are immutable."""

    def copy(source: str, to: str) -> str:
        if source.endswith(".parquet"):
            os.link(source, to)
            return to
        return str(shutil.copy2(source, to))

    shutil.copytree(lake, target, copy_function=copy)


def _bars(made: Market, symbols: list[str], days: list[date]) -> pl.DataFrame:
    """Return bars as traded that continue the market."""
    last = made.lake.prices(symbols, made.days[-1], made.days[-1]).select("symbol", level="close_price")
    splits = made.lake.sql("SELECT symbol, numerator FROM splits WHERE date = $day", day=_SPLIT)
    rows = last.join(splits, on="symbol", how="left").join(pl.DataFrame({"date": days}), how="cross")
    ratio = pl.when(pl.col("date") >= _SPLIT).then("numerator").otherwise(1.0).fill_null(1.0)
    noise = 0.99 + 0.02 * uniform(rows.height, days[0].toordinal())
    close = (pl.col("level") / ratio * noise).round(2).clip(lower_bound=0.01)
    return rows.select("symbol", "date", close_price=close).with_columns(
        basis="date", year=pl.col("date").dt.year(), volume=pl.lit(1e6), unadjusted_volume=pl.lit(1e6),
        **{f"{name}_price": pl.col("close_price") for name in ("open", "high", "low")},
    )  # fmt: skip


def _written(folder: Path, bars: pl.DataFrame) -> str:
    """Write a day's bars in a vendor's form and return the path."""
    rows = bars.rename({"basis": "split_basis_date"}).drop("year", "unadjusted_volume")
    path = folder / f"{rows.item(0, 'date')}.parquet"
    rows.write_parquet(path)
    return str(path)


def _check(lake: Path, first: date, count: int) -> None:
    """Raise unless the single file shows every appended bar."""
    with duckdb.connect(str(lake / "lake.duckdb"), read_only=True) as con:
        count_row = con.execute("SELECT count(*) FROM price_data WHERE date >= $1", [first]).fetchone()
    if count_row != (count,):
        raise RuntimeError(f"lake.duckdb shows {count_row} of the {count} bars that were appended.")
