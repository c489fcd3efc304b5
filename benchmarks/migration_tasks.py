"""Run the tasks of the migration benchmark in separate processes: ours, the floor, and the pandas way."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

# Each task imports what it needs when it runs: the time of the imports is part of what is measured.

__all__ = ["floor", "migrate", "pandas", "validate"]


def migrate(cache: str, lake: str) -> dict[str, Any]:
    """Migrate the cache into a lake."""
    opened = import_module("factorlab_lake").open(lake)
    report = opened.migrate(cache)
    landed = {r["table"]: r["rows"] for r in opened.status().to_dicts()}["price_data"]
    return {"records": report.records, "landed": landed, "clean": report.clean}


def validate(cache: str, lake: str) -> dict[str, Any]:
    """Compare the cache with the lake."""
    report = import_module("factorlab_lake").open(lake).validate(cache)
    return {"records": report.records, "equal": report.equal, "clean": report.clean}


def floor(cache: str, _folder: str) -> int:
    """Unzip and parse every file on all cores, keep nothing: no migration can be faster than that."""
    polars = import_module("polars")

    def count(path: Path) -> int:
        frame = polars.read_json(gzip.decompress(path.read_bytes()), infer_schema_length=None)
        rows: int = frame["data"].explode().len()
        return rows

    with ThreadPoolExecutor() as pool:
        return sum(pool.map(count, Path(cache).rglob("*.json.gz")))


def pandas(cache: str, folder: str) -> int:
    """Read each file with json and write it as one Parquet file per symbol, as one does by hand."""
    pd = import_module("pandas")
    Path(folder).mkdir()
    rows = 0
    for path in sorted(Path(cache).rglob("*.json.gz")):
        frame = pd.DataFrame(json.loads(gzip.decompress(path.read_bytes()))["data"])
        frame["date"] = pd.to_datetime(frame["date"])
        frame.sort_values("date").to_parquet(Path(folder, f"{path.name.split('_')[0]}.parquet"), index=False)
        rows += len(frame)
    return rows
