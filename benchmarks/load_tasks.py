"""Run the tasks of the load benchmark in separate processes: ours, polars and deltalake.

The time of a task is that of the call alone, without imports and without reading a caller's frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import deltalake
import polars as pl

import factorlab_lake as fl

__all__ = ["file", "frame", "write_delta", "write_parquet"]


def frame(bars: str, target: str) -> dict[str, Any]:
    """Load a frame."""
    rows = pl.read_parquet(bars)
    return _loaded(rows, target) | {"frame_mb": rows.estimated_size() / 1e6}


def file(bars: str, target: str) -> dict[str, Any]:
    """Load a Parquet file."""
    return _loaded(bars, target) | {"frame_mb": 0}


def write_parquet(bars: str, target: str) -> dict[str, Any]:
    """Write a frame to one Parquet file."""
    rows = pl.read_parquet(bars)
    return _timed(lambda: rows.write_parquet(target)) | {"rows": rows.height}


def write_delta(bars: str, target: str) -> dict[str, Any]:
    """Write a frame to a Delta table that is partitioned by year, as the lake's is."""
    rows = pl.read_parquet(bars).with_columns(year=pl.col("date").dt.year())
    took = _timed(lambda: deltalake.write_deltalake(target, rows, partition_by=["year"]))
    return took | {"rows": int(deltalake.DeltaTable(target).count())}


def _loaded(source: pl.DataFrame | str, target: str) -> dict[str, Any]:
    lake = fl.open(target)
    took = _timed(lambda: lake.load("price_data", source))
    rows = {r["table"]: r["rows"] for r in lake.status().to_dicts()}["price_data"]
    return took | {"rows": rows}


def _timed(call: Callable[[], object]) -> dict[str, float]:
    started, cpu_started = time.perf_counter(), time.process_time()
    call()
    return {"call_s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu_started}
