"""What was measured: rows of one table, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["Row", "Target", "as_json", "show", "write"]

_HEADER = ("question", "ours", "first", "peer", "theirs", "ratio", "target", "met", "answers")
_FIGURES = {"ours", "first", "theirs", "ratio", "target"}


@dataclass(frozen=True, slots=True)
class Target:
    """A limit for our figure, or for its ratio to the peer's."""

    limit: float
    of: Literal["ours", "ratio"] = "ours"
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One question and one peer. ``ours`` and ``theirs`` are in ``unit``; a rate's unit ends in "/s".

    ``answers`` says how the two answers compared; ``details`` go into the JSON only (single runs and the
    like). ``first`` is our first asking, where ``ours`` is the median of later ones.
    """

    question: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float | None = None
    target: Target | None = None
    answers: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    first: float | None = None

    @property
    def ratio(self) -> float | None:
        """Our time or size as a multiple of the peer's; below 1 we are the faster or the smaller."""
        if not self.theirs:
            return None
        return self.theirs / self.ours if self.unit.endswith("/s") else self.ours / self.theirs

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        value = self.ours if self.target.of == "ours" else self.ratio
        if value is None:
            return None
        return value >= self.target.limit if self.target.at_least else value <= self.target.limit


def show(rows: Iterable[Row]) -> None:
    """Print the rows as one table: text on the left, figures on the right of their columns."""
    table = [list(_HEADER), *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(_HEADER))]
    table.insert(1, ["-" * w for w in widths])
    for line in table:
        cells = (
            cell.rjust(width) if name in _FIGURES else cell.ljust(width)
            for cell, width, name in zip(line, widths, _HEADER, strict=True)
        )
        print("  ".join(cells).rstrip())


def as_json(rows: Iterable[Row], machine: dict[str, Any], size: str) -> str:
    """Return the rows and the machine's facts as JSON."""
    found = [
        {
            "question": r.question,
            "unit": r.unit,
            "ours": r.ours,
            "first": r.first,
            "peer": r.peer,
            "theirs": r.theirs,
            "ratio": r.ratio,
            "target": _target(r),
            "met": r.met,
            "answers": r.answers,
            "details": r.details,
        }
        for r in rows
    ]
    return json.dumps({"machine": machine, "size": size, "rows": found}, indent=1)


def write(path: Path, text: str) -> None:
    """Write the JSON; its folder is made when absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def _cells(row: Row) -> list[str]:
    met = {True: "yes", False: "NO", None: ""}[row.met]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    theirs = "" if row.theirs is None else _number(row.theirs, row.unit)
    return [
        row.question,
        _number(row.ours, row.unit),
        "" if row.first is None else _number(row.first, row.unit),
        row.peer,
        theirs,
        ratio,
        _target(row),
        met,
        row.answers,
    ]


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    sign = "≥" if row.target.at_least else "≤"
    limit = _number(row.target.limit, row.unit) if row.target.of == "ours" else f"{row.target.limit:g} x"
    return f"{sign} {limit}"


def _number(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004 - three figures
    return f"{value:,.{digits}f} {unit}"
