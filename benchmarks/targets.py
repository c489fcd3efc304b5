"""Read the targets of ``targets.csv`` and add them to the measured rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from benchmarks.results import Limit, Mode, Row

__all__ = ["Target", "targets", "with_limits"]

_FILE = Path(__file__).resolve().parent / "targets.csv"
_LIMIT = re.compile(r"(?P<sign>[<>])= (?P<limit>[\d.]+) (?P<unit>\S+)")


@dataclass(frozen=True, slots=True)
class Target:
    """Set a limit for one line of the table: ours, or that of a peer.

    A limit in the line's own unit is for its figure; a limit in "x" is for our ratio to that peer.
    """

    question: str
    mode: Mode
    peer: str
    limit: Limit


def targets() -> list[Target]:
    """Return the targets; they hold for the full size on two idle cores."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return [_target(record) for record in csv.DictReader(file)]


def with_limits(rows: Iterable[Row], limited_by: Iterable[Target]) -> list[Row]:
    """Return the rows with their limits; raise where a limit has another unit than its row."""
    limits: dict[tuple[str, str, str], list[Limit]] = {}
    for target in limited_by:
        limits.setdefault((target.question, target.mode, target.peer), []).append(target.limit)
    return list(_limited(rows, limits))


def _limited(rows: Iterable[Row], limits: dict[tuple[str, str, str], list[Limit]]) -> Iterator[Row]:
    for row in rows:
        own = tuple(limits.get((row.question, row.mode, row.peer), ()))
        if any(limit.unit not in (row.unit, "x") for limit in own):
            raise ValueError(f"{row.question!r} is measured in {row.unit}; its targets: {own}.")
        yield replace(row, limits=own)


def _target(record: dict[str, str]) -> Target:
    parts = _LIMIT.fullmatch(record["limit"])
    if parts is None or record["mode"] not in ("new", "again"):
        raise ValueError(f"{_FILE.name}: expected a mode and a limit such as '<= 4 ms', got {record}.")
    limit = Limit(float(parts["limit"]), parts["unit"], at_least=parts["sign"] == ">")
    return Target(record["question"], cast("Mode", record["mode"]), record["peer"], limit)
