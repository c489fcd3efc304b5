"""The same market held by each peer in its own way; what takes long to make is kept from run to run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

import factorlab_lake as fl
from benchmarks.files import files_in
from benchmarks.market import Market
from benchmarks.options import Options
from benchmarks.peers import PEERS
from benchmarks.process import ran
from benchmarks.sources import Sources
from tests.unit.sync.postgres_server import server

__all__ = ["copies", "held", "serving"]

_COPIES = {"pandas": "parquet", "DuckDB, tables": "tables", "ArcticDB": "arctic"}  # by what makes them


def held(made: Market, options: Options, stack: ExitStack) -> Sources:
    """Return where everybody finds the market; the server stops when the stack is left."""
    lake = made.lake.path
    made.lake.catalog()
    served = "" if PEERS["PostgreSQL"].missing() else stack.enter_context(serving(made.lake))
    return Sources(str(lake), files_in(lake), url=served, **copies(lake, options))


def copies(lake: Path, options: Options) -> dict[str, str]:
    """Return where the copies of a lake are that peers need, made on the first run."""
    return {of: _copy(of, lake, options) for peer, of in _COPIES.items() if not PEERS[peer].missing()}


def _copy(of: str, lake: Path, options: Options) -> str:
    target = lake.with_name(f"{lake.name}-{of}")
    done = target.with_name(f"{target.name}.done")
    if options.fresh or not done.exists():
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        ran(f"benchmarks.peers.making:{of}", lake, target)
        done.touch()
    return str(target)


@contextmanager
def serving(lake: fl.Lake) -> Iterator[str]:
    """Start a server, sync the lake to it, and do what a server does by itself within minutes of a load."""
    with server() as running, running.database() as url:
        lake.sync(url)
        with psycopg.connect(url, autocommit=True) as con:
            con.execute("VACUUM ANALYZE")
        yield url
