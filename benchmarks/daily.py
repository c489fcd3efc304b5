"""Measure a nightly job: the bars of one day, of a thousand symbols, loaded into a lake of ten years.

The lake has half of the year already; each turn loads the next day. Ours is the whole of ``Lake.load``:
rows checked and merged, a commit, and ``lake.duckdb`` rewritten. The peers write the rows as they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl

from benchmarks.answering import Answering, Cost
from benchmarks.asking import in_turns, used, wall_ms
from benchmarks.bars import trading_days
from benchmarks.grids import spread
from benchmarks.holding import copies, serving
from benchmarks.market import Market, land_bars, landable, market
from benchmarks.options import Options
from benchmarks.peers import APPENDING, Peer
from benchmarks.results import Row
from benchmarks.seeded import uniform
from benchmarks.sources import Sources

__all__ = ["append", "run"]

_HALF_A_YEAR = 125
_SPLIT = date(2024, 2, 1)  # of those that split after the market's end


def run(options: Options) -> Iterator[Row]:
    """Append to copies, in turns; then look that ours has the rows, and that its single file shows them."""
    made = market(options)
    costs_by_peer = append(made, options, APPENDING)
    count, ours = options.size.asked_symbols, costs_by_peer["ours"]
    question = f"append a day of {count:,} bars"
    first, limit = ours[0].wall_ms, options.target(300)
    ours_row = Row(question, "ms", wall_ms(ours), target=limit, first=first, used=used(ours))
    yield ours_row
    yield from (_beside(ours_row, peer, costs_by_peer, count) for peer in APPENDING[1:])
    yield Row(f"{question}, the slowest turn", "ms", max(c.wall_ms for c in ours[1:] or ours))


def _beside(ours_row: Row, peer: Peer, costs_by_peer: dict[str, list[Cost]], count: int) -> Row:
    if peer.missing():
        said = f"skipped: {', '.join(peer.missing())} not installed"
        return replace(ours_row, peer=peer.name, target=None, answers=said)
    costs = costs_by_peer[peer.name]
    return replace(
        ours_row, peer=peer.name, peer_figure=wall_ms(costs), target=None,
        answers=f"rows: {count * len(costs):,}",
        their_first=costs[0].wall_ms, their_used=used(costs),
    )  # fmt: skip


def append(made: Market, options: Options, peers: tuple[Peer, ...]) -> dict[str, list[Cost]]:
    """Return what each turn took, by peer; the market itself stays what it is."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(dir=options.work)))
        lake = _linked(made.lake.path, folder / "lake")
        # So many turns that one of them finds more files than a handful, and puts them together.
        turns, symbols = 2 * options.size.repeats, spread(made.symbols, options.size.asked_symbols)
        days = trading_days(date(made.days[-1].year + 1, 1, 2), count=_HALF_A_YEAR + 1 + turns)
        land_bars(lake, landable(_bars(made, symbols, days[:_HALF_A_YEAR]), "price_data"))
        files = [_written(folder, _bars(made, symbols, [day])) for day in days[_HALF_A_YEAR:]]
        sources = _sources(made, lake, options, peers, stack)
        present = [p for p in peers if not p.missing()]
        costs_by_peer = {p.name: stack.enter_context(Answering(p, sources)) for p in present}
        for who in costs_by_peer.values():
            who.put("append", [files])
        in_turns(costs_by_peer, turns)
        _check(lake, days[_HALF_A_YEAR], len(symbols) * len(costs_by_peer["ours"].costs))
        return {name: who.costs for name, who in costs_by_peer.items()}


def _sources(
    made: Market, lake: Path, options: Options, peers: tuple[Peer, ...], stack: ExitStack
) -> Sources:
    """Return copies that may be written to."""
    names = {p.name for p in peers if not p.missing()}
    if names == {"ours"}:
        return Sources(str(lake))
    copied: dict[str, str] = {}
    for of, place in copies(made.lake.path, options).items():
        copied[of] = str(lake.with_name(of))
        if of != "parquet":  # a folder for new files is enough
            subprocess.run(["cp", "-r", "--sparse=always", place, copied[of]], check=True)
    url = stack.enter_context(serving(made.lake)) if "PostgreSQL" in names else ""
    return Sources(str(lake), {}, url=url, **copied)


def _linked(lake: Path, target: Path) -> Path:
    """Copy a lake by hard links: its data files are immutable."""

    def copy(source: str, to: str) -> str:
        if source.endswith(".parquet"):
            os.link(source, to)
            return to
        return str(shutil.copy2(source, to))

    return Path(shutil.copytree(lake, target, copy_function=copy))


def _bars(made: Market, symbols: list[str], days: list[date]) -> pl.DataFrame:
    """Return bars as traded, that go on where the market ended."""
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
    """Write a day's bars as a vendor hands them over, and return the file."""
    rows = bars.rename({"basis": "split_basis_date"}).drop("year", "unadjusted_volume")
    path = folder / f"{rows.item(0, 'date')}.parquet"
    rows.write_parquet(path)
    return str(path)


def _check(lake: Path, first: date, count: int) -> None:
    """Raise unless the single file shows every bar that was brought."""
    with duckdb.connect(str(lake / "lake.duckdb"), read_only=True) as con:
        count_row = con.execute("SELECT count(*) FROM price_data WHERE date >= $1", [first]).fetchone()
    if count_row != (count,):
        raise RuntimeError(f"lake.duckdb shows {count_row} of the {count} bars that were appended.")
