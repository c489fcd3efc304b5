"""Measure caps from TimescaleDB's compressed chunks beside the same server without the extension.

Both servers are those of the tests: TimescaleDB in WebAssembly, or the server that
``FACTORLAB_TEST_TIMESCALE_DSN`` names. Their ratio counts; the times in WebAssembly are no server's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import psycopg

import factorlab_lake as fl
from benchmarks.agreement import agreement
from benchmarks.grids import month_ends, moved, spread
from benchmarks.market import market
from benchmarks.options import Options
from benchmarks.results import Row
from benchmarks.shared import in_turns
from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.schema import identifiers, table
from factorlab_lake.server_lake import ServerLake, open_server_lake
from factorlab_lake.storage.commits import transaction
from factorlab_lake.storage.layout import create
from tests.unit.sync.timescale_server import timescale_database

__all__ = ["run"]

_PLAIN = "plain PostgreSQL"
_COUNTS = """
SELECT symbol, fiscal_date AS as_of_date, weighted_average_shares_outstanding AS shares,
       'cover_page' AS source, fiscal_date AS split_basis_date
FROM income_statements
"""


def run(options: Options) -> Iterator[Row]:
    """Sync the bars and share counts of the market to both servers, then ask both in turns."""
    made = market(options)
    lake = _bars_and_counts(made.lake, options.work / f"counts-{made.lake.path.name}")
    months, turns = month_ends(made.days), options.turns
    few = options.size.grid_symbols[0]
    with _synced(lake, plain=False) as ours, _synced(lake, plain=True) as plain:
        for count, dates in (
            (len(made.symbols), months),
            (few, months[-12:]),
            (len(made.symbols), months[-1:]),
        ):
            grids = [(spread(made.symbols, count, t, turns), moved(dates, t)) for t in range(turns)]
            yield from _measured(f"chunks: market caps {count} x {len(dates)}", grids, ours, plain)


def _measured(question: str, grids: list[Any], ours: ServerLake, plain: ServerLake) -> Iterator[Row]:
    def question_of(server: ServerLake) -> Any:
        return lambda turn: server.market_caps(*grids[turn])

    timings = in_turns({"ours": question_of(ours), _PLAIN: question_of(plain)}, list(range(len(grids))))
    left, right = timings["ours"], timings[_PLAIN]
    own = Row(question, "ms", left.median, details={"ours": left.details}, first=left.first)
    same = agreement(left.answer, right.answer, ["market_cap"])
    details = own.details | {"theirs": right.details}
    yield own
    yield replace(
        own, peer=_PLAIN, peer_figure=right.median, their_first=right.first, answers=same, details=details
    )


@contextmanager
def _synced(lake: fl.Lake, *, plain: bool) -> Iterator[ServerLake]:
    """Yield the lake on a server of its own, with its chunks compressed, or without the extension."""
    with timescale_database() as url:
        with psycopg.connect(url, autocommit=True) as con:
            if plain:
                con.execute("DROP EXTENSION timescaledb")
        lake.sync(url)
        with psycopg.connect(url, autocommit=True) as con:
            con.execute("VACUUM ANALYZE")
            if not plain:
                con.execute(
                    "SELECT compress_chunk(c, if_not_compressed => true) FROM show_chunks('price_data') c"
                )
        with open_server_lake(url, availability=CLOSE) as shared:
            yield shared


def _bars_and_counts(whole: fl.Lake, place: Path) -> fl.Lake:
    """Return a lake with all that caps need, but no statements; the first run writes it."""
    if place.exists():
        return fl.open(place)
    layout = create(place)
    years: pl.Series = whole.sql("SELECT DISTINCT year FROM price_data ORDER BY year")["year"]
    with transaction(layout, reason="bars and splits", program_version="benchmark") as tx:
        for year in years:
            query = f"SELECT {identifiers(table('price_data').names())} FROM price_data WHERE year = $year"
            tx.append("price_data", whole.sql(query, year=year))
        tx.append("splits", whole.sql("SELECT * FROM splits"))
    lake = fl.open(place)
    lake.load("shares_outstanding", whole.sql(_COUNTS))
    return lake
