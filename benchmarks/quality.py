"""Measure how many known faults of daily bars ``quality`` finds, and what else it reports.

With ``--prices`` the known faults are those of ``known_faults.csv``, about the S&P 500's bars of 2013 to 2018
(CC0). ``listed`` are those that plain comparisons find in that file, without the rules. A rule found the
others first, and a second source confirmed them: days without bars, spin-offs, a day at another symbol's
prices. Without ``--prices`` the bars are generated, and some of them are faulty.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl

import factorlab_lake as fl
from benchmarks.bars import bars, symbols, trading_days
from benchmarks.options import Options
from benchmarks.results import Limit, Row

__all__ = ["run"]

_KNOWN = Path(__file__).resolve().parent / "known_faults.csv"
_FIRST = date(2017, 1, 3)
_UNIT = "findings"
_KEPT_OR_NOT: tuple[Literal["semi"], Literal["anti"]] = ("semi", "anti")
_OF_A_FINDING = ["rule", "symbol", "date"]
_PRICES = ["open", "high", "low", "close"]


def run(options: Options) -> Iterator[Row]:
    """Load the bars, run every rule on them, and compare what is found with what is known."""
    rows, known = _bars(options)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        lake = fl.open(Path(folder) / "lake")
        started = time.perf_counter()
        lake.load("price_data", _as_loaded(rows))
        loaded = time.perf_counter()
        findings = lake.quality()
        done = time.perf_counter()
    yield Row(f"quality: load {rows.height:,} bars", "s", loaded - started)
    yield Row(f"quality: every rule on {rows.height:,} bars", "s", done - loaded)
    yield from _compared(findings, known)


def _compared(findings: pl.DataFrame, known: pl.DataFrame) -> Iterator[Row]:
    listed, confirmed = known.filter("listed"), known.filter(~pl.col("listed"))
    hit, missed = (listed.join(findings, on=_OF_A_FINDING, how=how) for how in _KEPT_OR_NOT)
    unlisted = findings.join(listed, on=_OF_A_FINDING, how="anti")
    true, others = (unlisted.join(confirmed, on=_OF_A_FINDING, how=how) for how in _KEPT_OR_NOT)
    for rule in sorted({*findings["rule"], *known["rule"]}):
        all_, hits, faults, more, rest = (
            f.filter(rule=rule).height for f in (findings, hit, listed, true, others)
        )
        said = f"{hits} of {faults} listed faults, {more} confirmed since, {rest} others"
        yield Row(f"quality: {rule}", _UNIT, all_, answers=said)
    every = Limit(listed.height, _UNIT, at_least=True)  # the count is that of the data, so no fixed target
    yield Row("quality: listed faults found", _UNIT, hit.height, limits=(every,),
              details={"missed": missed.cast(pl.String).rows()})  # fmt: skip
    yield Row("quality: confirmed since", _UNIT, true.height)
    yield Row("quality: others, false alarms among them", _UNIT, others.height,
              details={"others": _as_texts(others)})  # fmt: skip


def _as_texts(findings: pl.DataFrame) -> list[tuple[str, ...]]:
    return findings.select(*_OF_A_FINDING, "detail").cast(pl.String).rows()


def _as_loaded(rows: pl.DataFrame) -> pl.DataFrame:
    """Return bars as a lake takes them, adjusted for splits up to the last day."""
    prices = [pl.col(name).alias(f"{name}_price") for name in _PRICES]
    basis = pl.lit(rows["date"].max()).alias("split_basis_date")
    return rows.select("symbol", "date", *prices, pl.col("volume").cast(pl.Float64), basis)


def _bars(options: Options) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return bars, and their known faults as rule, symbol and date."""
    if options.prices:
        return pl.read_parquet(options.prices), pl.read_csv(_KNOWN, try_parse_dates=True)
    size = options.size
    days = trading_days(_FIRST, count=size.cache_days)
    return _spoilt(bars(symbols(size.cache_symbols), days, seed=3), days)


def _spoilt(rows: pl.DataFrame, days: list[date]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Remove an open, zero a volume, halve one close, and halve all prices of a symbol from a day on."""
    first, second, third = symbols(3)
    of = {name: pl.col("symbol") == name for name in (first, second, third)}
    quarter, half = days[len(days) // 4], days[len(days) // 2]
    at = {day: pl.col("date") == day for day in (quarter, half)}
    halved = [
        pl.when(of[third] & (pl.col("date") >= half)).then(pl.col(n) / 2).otherwise(pl.col(n)).alias(n)
        for n in _PRICES
    ]
    spoilt = rows.with_columns(halved).with_columns(
        open=pl.when(~(of[first] & at[quarter])).then("open"),
        volume=pl.when(of[first] & at[half]).then(0).otherwise("volume"),
        close=pl.when(of[second] & at[quarter]).then(pl.col("close") / 2).otherwise("close"),
    )
    known = [
        ("bar_incomplete", first, quarter), ("bar_without_volume", first, half),
        ("bar_spike", second, quarter), ("unapplied_split", third, half),
    ]  # fmt: skip
    return spoilt, pl.DataFrame(known, schema=_OF_A_FINDING, orient="row").with_columns(listed=True)
