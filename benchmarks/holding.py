"""The same market held by each peer in its own way; what takes long to make is kept from run to run."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from benchmarks.files import files_in
from benchmarks.market import Market
from benchmarks.options import Options
from benchmarks.peers import PEERS
from benchmarks.process import ran
from benchmarks.sources import Sources

__all__ = ["held"]

_MADE = {"pandas": "parquet", "DuckDB, tables": "tables.duckdb", "ArcticDB": "arctic"}


def held(made: Market, options: Options, stack: ExitStack) -> Sources:
    """Return where everybody finds the market; the server stops when the stack is left."""
    lake = made.lake.path
    made.lake.catalog()
    copies = {name: _copy(name, lake, options) for name in _MADE if not PEERS[name].missing()}
    return Sources(
        str(lake),
        files_in(lake),
        tables=copies["DuckDB, tables"],
        parquet=copies.get("pandas", ""),
        arctic=copies.get("ArcticDB", ""),
        url="" if PEERS["PostgreSQL"].missing() else _on_server(made, stack),
    )


def _copy(name: str, lake: Path, options: Options) -> str:
    target = lake.with_name(f"{lake.name}-{_MADE[name]}")
    done = target.with_name(f"{target.name}.done")
    if options.fresh or not done.exists():
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        ran(f"benchmarks.peers.{PEERS[name].module}:make", lake, target)
        done.touch()
    return str(target)


def _on_server(made: Market, stack: ExitStack) -> str:
    """Start a server of our own and sync the market to it: tables with an index by symbol and day."""
    postgres = PEERS["PostgreSQL"].load()
    url: str = stack.enter_context(postgres.serving(made.lake))
    return url
