"""Questions to a lake of a thousand symbols and ten years: market caps, factors, one symbol's rows."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

import factorlab_lake as fl
from benchmarks import by_polars
from benchmarks.agreement import agreement
from benchmarks.by_duckdb import Plain
from benchmarks.files import Files, files_in
from benchmarks.market import Market, market
from benchmarks.options import Options
from benchmarks.results import Row, Target
from benchmarks.timing import Timing, in_turns
from factorlab_lake.schema import STATEMENT_TABLES

__all__ = ["month_ends", "run"]

_FACTORS = ["market_cap", "pe_ratio", "pb_ratio", "roe", "net_margin"]
_Asked = tuple[list[str], list[date]]


@dataclass(frozen=True, slots=True)
class Setting:
    """The market, and those who answer besides the lake."""

    market: Market
    files: Files
    plain: Plain
    repeats: int

    @property
    def lake(self) -> fl.Lake:
        """The lake, opened anew for each question, so that the first asking is a first one."""
        return fl.open(self.market.lake.path)


def run(options: Options) -> Iterator[Row]:
    """Ask each question once and then several times more, ours and the peers' in turns."""
    made = market(options)
    files = files_in(made.lake.path)
    setting = Setting(made, files, Plain(files), options.size.repeats)
    yield from _landing(made)
    months = month_ends(made.days)
    few, some = options.size.grid_symbols
    everyone = made.symbols
    yield from _caps(setting, (everyone, months), options.target(120), options.target(0.5, "ratio"))
    yield from _caps(setting, (everyone[:few], months[-12:]), options.target(20))
    yield from _caps(setting, (everyone, made.days), options.target(700))
    yield from _factors(setting, (everyone[:few], months[-12:]), None)
    yield from _factors(setting, (everyone[:some], months[-60:]), options.target(150))
    yield from _factors(setting, (everyone, months), options.target(1500))
    yield from _one_symbol(setting, options.target(10))


def _landing(made: Market) -> Iterator[Row]:
    taken = made.landing_s
    yield Row("land bars, a year at a time", "rows/s", made.bars / taken["price_data"], details=taken)
    rows = made.statements / sum(taken[name] for name in STATEMENT_TABLES.values())
    yield Row("land statements, a table at a time", "rows/s", rows, details=taken)


def _caps(
    setting: Setting, asked: _Asked, limit: Target | None, by_ratio: Target | None = None
) -> Iterator[Row]:
    symbols, dates = asked
    lake, plain = setting.lake, setting.plain
    told = in_turns(
        {
            "ours": lambda: lake.market_caps(symbols, dates),
            "polars": lambda: by_polars.market_caps(setting.files, symbols, dates),
            "DuckDB ASOF JOIN": lambda: plain.market_caps(symbols, dates),
            "bare scan": lambda: plain.scan(min(dates), max(dates)),
        },
        setting.repeats,
    )
    name = f"market caps {_size(asked)}"
    yield _row(name, told, "bare scan", limit)
    for peer, target in (("polars", by_ratio), ("DuckDB ASOF JOIN", None)):
        same = agreement(told["ours"].answer, told[peer].answer, ["market_cap"])
        yield _row(name, told, peer, target, same)


def _factors(setting: Setting, asked: _Asked, limit: Target | None) -> Iterator[Row]:
    symbols, dates = asked
    lake = setting.lake
    told = in_turns(
        {
            "ours": lambda: lake.factors(symbols, dates),
            "polars": lambda: by_polars.factors(setting.files, symbols, dates),
        },
        setting.repeats,
    )
    same = agreement(told["ours"].answer, told["polars"].answer, _FACTORS)
    yield _row(f"factors {_size(asked)}", told, "polars", limit, same)


def _one_symbol(setting: Setting, limit: Target | None) -> Iterator[Row]:
    symbol = setting.market.symbols[len(setting.market.symbols) // 2]
    last = setting.market.days[-1]
    first = date(last.year, 1, 1)
    lake, files = setting.lake, setting.files
    rows: list[tuple[str, Callable[[], Any], Callable[[], Any], Target | None]] = [
        (
            "prices",
            lambda: lake.prices(symbol, first, last),
            lambda: by_polars.bars(files, symbol, first, last),
            None,
        ),
        (
            "statements",
            lambda: lake.statements(symbol, first, last),
            lambda: by_polars.statements(files, symbol, first, last),
            limit,
        ),
    ]
    for name, ours, polars, target in rows:
        told = in_turns({"ours": ours, "polars": polars}, setting.repeats)
        same = _same_rows(told["ours"].answer, told["polars"].answer)
        yield _row(f"one symbol's year of {name}", told, "polars", target, same)


def _same_rows(ours: pl.DataFrame, theirs: pl.DataFrame | list[pl.DataFrame]) -> str:
    """Compare a range of rows: as many, and where both have the columns, the same content."""
    parts = theirs if isinstance(theirs, list) else [theirs]
    count = sum(p.height for p in parts)
    if ours.height != count:
        raise RuntimeError(f"Ours has {ours.height} rows, the peer's {count}.")
    if isinstance(theirs, pl.DataFrame) and not ours.select(theirs.columns).equals(theirs):
        raise RuntimeError("The rows differ.")
    return f"equal: {count}"


def _row(name: str, told: dict[str, Timing], peer: str, target: Target | None, same: str = "") -> Row:
    ours, theirs = told["ours"], told[peer]
    details = {"ours": ours.details, "theirs": theirs.details}
    return Row(name, "ms", ours.median, peer, theirs.median, target, same, details, first=ours.first)


def _size(asked: _Asked) -> str:
    symbols, dates = asked
    return f"{len(symbols):,} x {len(dates):,}"


def month_ends(days: list[date]) -> list[date]:
    """Return the last day of each month that has any of the days."""
    months = sorted({(d.year, d.month) for d in days})
    return [date(y, m, calendar.monthrange(y, m)[1]) for y, m in months]
