"""Measure a sync of bars to PostgreSQL: the first load beside a bare binary COPY, and a small change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import psycopg

import factorlab_lake as fl
from benchmarks.market import market
from benchmarks.options import Options
from benchmarks.process import Ran, ran
from benchmarks.results import Row
from factorlab_lake.schema import identifiers, table
from factorlab_lake.storage.commits import transaction
from factorlab_lake.storage.layout import create, find
from factorlab_lake.sync.postgres import ddl
from factorlab_lake.sync.protocol import ROW_HASH
from tests.unit.sync.postgres_server import Server, server

__all__ = ["change", "run"]

_TASK = "benchmarks.sync_tasks"
_PANDAS_ROWS = 200_000  # more of them take minutes; the time is scaled up
_PER_CHANGE = 1000  # one bar in so many
_COLUMNS = identifiers(table("price_data").names())
_COPY = "bare COPY BINARY"
_NEW, _CORRECTED = "added at the end", "corrected within a year"


@dataclass(frozen=True, slots=True)
class Setting:
    """Hold a lake of bars alone, its rows in other forms, and a server."""

    lake: Path
    parquet: Path
    bars: int
    work: Path
    server: Server
    options: Options


def run(options: Options) -> Iterator[Row]:
    """Measure the first load beside both peers, then a sync after a small change."""
    made = market(options)
    lake = _bars_alone(made.lake, options.work / f"bars-{made.lake.path.name}")
    parquet = lake.with_suffix(".parquet")
    bars: pl.DataFrame = fl.open(lake).sql(f"SELECT {_COLUMNS} FROM price_data ORDER BY year, symbol, date")
    bars.write_parquet(parquet)
    with server() as running:
        setting = Setting(lake, parquet, bars.height, options.work, running, options)
        with running.database() as url:
            ours = ran(f"{_TASK}:first_load", lake, url)
            binary = _binary(url, options.work / "bars.copy")
            yield from _resync(setting, url)
        yield from _first_load(setting, ours, binary)


def change(lake: fl.Lake, how: str, number: int) -> None:
    """Add a bar in a thousand at the end, or correct as many within the last year but one."""
    with transaction(find(lake.path), reason=how, program_version="benchmark") as tx:
        last = _last_year(lake)
        rows = tx.read("price_data", partitions=[last if how == _NEW else last - 1])
        some = rows.sort("date", "symbol").tail(max(_rows(lake) // _PER_CHANGE, 1))
        if how == _NEW:
            later = timedelta(days=100 * (number + 1))
            tx.append("price_data", some.with_columns(pl.col("date") + later))
            return
        key = list(table("price_data").key)
        corrected = some.with_columns(pl.col("close_price") + number + 1)
        tx.replace("price_data", pl.concat([rows.join(some, on=key, how="anti"), corrected]), [last - 1])


def _resync(setting: Setting, url: str) -> Iterator[Row]:
    times = setting.options.size.repeats
    copy = setting.work / "bars-changed"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(setting.lake, copy)
    times_by_change = ran(f"{_TASK}:resync", copy, url, [_NEW, _CORRECTED] * times).answer
    for how, taken in times_by_change.items():
        details = {"runs": taken["runs"], "of": setting.bars}
        yield Row(
            f"sync again, bars {how}", "s", taken["s"], answers=f"{taken['sent']:,} sent", details=details
        )


def _first_load(setting: Setting, ours: Ran, binary: Path) -> Iterator[Row]:
    with setting.server.database() as url:
        _make_table(url)
        floor = ran(f"{_TASK}:bare", binary, url)
    binary.unlink()
    with setting.server.database() as url:
        _make_table(url)
        old = ran(f"{_TASK}:pandas", setting.parquet, url, _PANDAS_ROWS)
    same = f"rows equal: {ours.answer['sent'] == floor.answer['sent'] == setting.bars}"
    scaled = old.answer["s"] * setting.bars / old.answer["sent"]
    own = Row("first load", "s", ours.answer["s"], answers=f"{setting.bars:,} bars")
    memory = Row("first load, peak memory", "MB", ours.peak_mb)
    yield from (own, memory)
    yield replace(own, peer=_COPY, peer_figure=floor.answer["s"], answers=same)
    details = {"rows": old.answer["sent"], "s": old.answer["s"]}
    said = f"scaled from {old.answer['sent']:,} rows"
    yield replace(own, peer="pandas to_sql", peer_figure=scaled, answers=said, details=details)
    yield replace(memory, peer=_COPY, peer_figure=floor.peak_mb)


def _bars_alone(whole: fl.Lake, place: Path) -> Path:
    """Return a lake with the bars of another; the first run writes it."""
    if not place.exists():
        layout = create(place)
        years = whole.sql("SELECT DISTINCT year FROM price_data ORDER BY year")["year"]
        with transaction(layout, reason="bars", program_version="benchmark") as tx:
            for year in years:
                rows = whole.sql(f"SELECT {_COLUMNS} FROM price_data WHERE year = $year", year=year)
                tx.append("price_data", rows)
    return place


def _binary(url: str, place: Path) -> Path:
    """Write the rows of the target as the server itself writes them."""
    rows = f'SELECT {_COLUMNS}, "{ROW_HASH}" FROM price_data ORDER BY year, symbol, date'
    statement = f"COPY ({rows}) TO STDOUT (FORMAT binary)".encode()
    with psycopg.connect(url) as con, place.open("wb") as file, con.cursor().copy(statement) as copy:
        for piece in copy:
            file.write(piece)
    return place


def _make_table(url: str) -> None:
    spec = table("price_data")
    with psycopg.connect(url) as con:
        for statement in (*ddl.create_table(spec), *ddl.indexes(spec)):
            con.execute(statement.encode())


def _last_year(lake: fl.Lake) -> int:
    year: int = lake.sql("SELECT max(year) AS y FROM price_data")["y"][0]
    return year


def _rows(lake: fl.Lake) -> int:
    rows: int = lake.sql("SELECT count(*) AS n FROM price_data")["n"][0]
    return rows
