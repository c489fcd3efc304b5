"""The logs of the Delta tables as files: which entries a table's versions are read by, and what is wrong.

A version is read from the newest checkpoint at or before it, and the entries after that; without one, from
the first entry on. The Delta library writes a checkpoint every hundred versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

__all__ = ["entries", "entry", "fault_of", "first_types", "number_of", "older", "replayed"]


def entry(log: Path, version: int) -> Path:
    """Return the entry of a version."""
    return log / f"{version:020d}.json"


def entries(log: Path) -> list[Path]:
    """Return the entries and checkpoints that are there, oldest first."""
    return sorted(p for p in log.glob("[0-9]*.*") if _is_json(p) or _is_checkpoint(p))


def number_of(path: Path) -> int:
    """Return the version that an entry or a checkpoint belongs to."""
    return int(path.name.partition(".")[0])


def replayed(log: Path, versions: Iterable[int]) -> set[Path]:
    """Return the entries and checkpoints by which some versions of a table are read, also those not there."""
    checkpoints = {number_of(p): p for p in entries(log) if _is_checkpoint(p)}
    needed: set[Path] = set()
    for version in versions:
        first = max((n for n in checkpoints if n <= version), default=0)
        needed |= {entry(log, n) for n in range(first, version + 1)}
        needed |= {checkpoints[first]} if first in checkpoints else set()
    return needed


def older(log: Path, versions: Iterable[int]) -> Iterator[Path]:
    """Yield the entries and checkpoints before the first by which any of some versions is read."""
    first = min(map(number_of, replayed(log, versions)), default=0)
    yield from (p for p in entries(log) if number_of(p) < first)


def first_types(log: Path) -> dict[str, str] | None:
    """Return the type of each column that the table had at first; None where the first entry is not there.

    Columns are only ever added, so every data file has these.
    """
    try:
        lines = entry(log, 0).read_text(encoding="utf-8").splitlines()
        [schema] = [
            action["metaData"]["schemaString"] for line in lines if "metaData" in (action := json.loads(line))
        ]
        return {field["name"]: str(field["type"]) for field in json.loads(schema)["fields"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def fault_of(path: Path) -> str:
    """Return what is wrong with an entry or a checkpoint, or nothing.

    An entry that was cut off between two lines still reads: whoever knows which files a version has
    compares them.
    """
    try:
        return _checkpoint_fault(path) if _is_checkpoint(path) else _entry_fault(path)
    except FileNotFoundError:
        return "is missing"


def _entry_fault(path: Path) -> str:
    try:
        lines = path.read_bytes().decode("utf-8").splitlines()
        for line in lines:
            json.loads(line)
    except ValueError:
        return "is cut short or damaged"
    return "" if lines else "is empty"


def _checkpoint_fault(path: Path) -> str:
    try:
        pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return "is cut short or damaged"
    return ""


def _is_json(path: Path) -> bool:
    return path.suffix == ".json" and path.stem.isdigit()


def _is_checkpoint(path: Path) -> bool:
    return path.suffix == ".parquet" and ".checkpoint" in path.name
