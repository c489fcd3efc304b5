"""Copy a market into the store of each peer; a copy that takes long to write is cached between runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

import factorlab_lake as fl
from benchmarks.market import Market, files_in
from benchmarks.options import Options
from benchmarks.peers import PEERS
from benchmarks.process import ran
from benchmarks.sources import Sources
from tests.unit.sync.postgres_server import server

__all__ = ["all_sources", "copies", "serving"]

_COPIES = {"pandas over Parquet": "parquet", "DuckDB ASOF, own tables": "tables", "ArcticDB": "arctic"}


def all_sources(made: Market, options: Options, stack: ExitStack) -> Sources:
    """Return where each peer finds the market; the server stops when the stack is closed."""
    lake = made.lake.path
    made.lake.catalog()
    url = "" if PEERS["PostgreSQL"].missing() else stack.enter_context(serving(made.lake))
    return Sources(str(lake), files_in(lake), url=url, **copies(lake, options))


def copies(lake: Path, options: Options) -> dict[str, str]:
    """Return the paths of the copies that peers need; the first run writes them."""
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
    """Start a server, sync the lake to it and vacuum it, as a server does by itself within minutes."""
    with server() as running, running.database() as url:
        lake.sync(url)
        with psycopg.connect(url, autocommit=True) as con:
            con.execute("VACUUM ANALYZE")
        yield url
