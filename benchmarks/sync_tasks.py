"""Run the tasks of the server benchmark in separate processes: ours, a bare copy, the pandas way."""

from __future__ import annotations

import statistics
import time
from importlib import import_module
from pathlib import Path
from typing import Any

# Each task imports what it needs before the clock runs: what is compared is the work with the server.

__all__ = ["bare", "first_load", "pandas", "resync"]

_PIECE = 1 << 18


def first_load(lake: str, url: str) -> dict[str, Any]:
    """Sync a lake to an empty database, the making of tables and the verification included."""
    _warm()
    opened = import_module("factorlab_lake").open(lake, create=False)
    started = time.perf_counter()
    report = opened.sync(url)
    return {"s": time.perf_counter() - started, "sent": report.sent, "clean": report.clean}


def bare(rows: str, url: str) -> dict[str, Any]:
    """Send the same rows, in the server's own binary form from a file, into the same empty table."""
    psycopg = import_module("psycopg")
    with psycopg.connect(url) as con, Path(rows).open("rb") as file:
        started = time.perf_counter()
        with con.cursor().copy("COPY price_data FROM STDIN (FORMAT binary)") as copy:
            while piece := file.read(_PIECE):
                copy.write(piece)
        con.commit()
        taken = time.perf_counter() - started
        return {"s": taken, "sent": con.execute("SELECT count(*) FROM price_data").fetchone()[0]}


def pandas(parquet: str, url: str, most: int) -> dict[str, Any]:
    """Write rows by ``DataFrame.to_sql``; where there are too many to wait for, the first of them."""
    pandas, sqlalchemy = import_module("pandas"), import_module("sqlalchemy")
    # What it writes of JSON is text, which the server does not take for jsonb; no bar of these has any.
    rows = pandas.read_parquet(parquet).head(most).drop(columns="extra")
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    types = {"stated_basis_date": sqlalchemy.Date()}  # without a value it would be written as text
    started = time.perf_counter()
    rows.to_sql("price_data", engine, if_exists="append", index=False, chunksize=10_000, dtype=types)
    taken = time.perf_counter() - started
    engine.dispose()
    return {"s": taken, "sent": len(rows)}


def resync(lake: str, url: str, changes: list[str]) -> dict[str, Any]:
    """Change the lake several times, in the ways named, and sync after each; return how long that took."""
    sharing = import_module("benchmarks.sync")
    opened = import_module("factorlab_lake").open(lake, create=False)
    opened.sync(url)
    taken: dict[str, list[float]] = {}
    sent: dict[str, int] = {}
    for number, change in enumerate(changes):
        sharing.change(opened, change, number)
        opened.refresh()
        started = time.perf_counter()
        report = opened.sync(url)
        taken.setdefault(change, []).append(time.perf_counter() - started)
        sent[change] = report.sent
    return {name: {"s": statistics.median(t), "runs": t, "sent": sent[name]} for name, t in taken.items()}


def _warm() -> None:
    for name in ("factorlab_lake.sync.registry", "factorlab_lake.sync.postgres.target"):
        import_module(name)
