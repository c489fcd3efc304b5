"""What was measured: rows of one table, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["Row", "Target", "Used", "as_json", "show", "write"]

_HEADER = (
    "question, and who answers",
    "figure",
    "first",
    "CPU",
    "memory",
    "ratio",
    "target",
    "met",
    "answers",
)
_FIGURES = _HEADER[1:7]


@dataclass(frozen=True, slots=True)
class Target:
    """Set a limit for our figure, or for its ratio to the peer's."""

    limit: float
    of: Literal["ours", "ratio"] = "ours"
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Used:
    """What an answer took besides time: that of all cores, and the most memory its process ever had."""

    cpu_ms: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Row:
    """One question and one peer, or ours alone. Figures are in ``unit``; a rate's unit ends in "/s".

    ``answers`` says how the two answers compared, or why the peer gave none; ``details`` go into the JSON
    only (single runs and the like). ``first`` is the first asking, where ``ours`` is the
    median of later ones.
    """

    question: str
    unit: str
    ours: float
    peer: str = ""
    peer_figure: float | None = None
    target: Target | None = None
    answers: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    first: float | None = None
    used: Used | None = None
    their_first: float | None = None
    their_used: Used | None = None

    @property
    def ratio(self) -> float | None:
        """Our time or size as a multiple of the peer's; below 1 we are the faster or the smaller."""
        if not self.peer_figure:
            return None
        return self.peer_figure / self.ours if self.unit.endswith("/s") else self.ours / self.peer_figure

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
    """Print one table: a line for each question with our figures, below it one for each of its peers."""
    lines = [_HEADER, *(line for group in _by_question(rows) for line in _lines(group))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADER))]
    lines.insert(1, tuple("-" * w for w in widths))
    for line in lines:
        columns = (
            cell.rjust(width) if name in _FIGURES else cell.ljust(width)
            for cell, width, name in zip(line, widths, _HEADER, strict=True)
        )
        print("  ".join(columns).rstrip())


def as_json(rows: Iterable[Row], machine: dict[str, Any], size: str) -> str:
    """Return the rows and the machine's facts as JSON."""
    records = [
        {
            "question": r.question,
            "unit": r.unit,
            "ours": r.ours,
            "first": r.first,
            "used": None if r.used is None else asdict(r.used),
            "peer": r.peer,
            "theirs": r.peer_figure,
            "their_first": r.their_first,
            "their_used": None if r.their_used is None else asdict(r.their_used),
            "ratio": r.ratio,
            "target": _target(r),
            "met": r.met,
            "answers": r.answers,
            "details": r.details,
        }
        for r in rows
    ]
    return json.dumps({"machine": machine, "size": size, "rows": records}, indent=1)


def write(path: Path, text: str) -> None:
    """Write the JSON; its folder is made when absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def _by_question(rows: Iterable[Row]) -> Iterable[list[Row]]:
    """Put together the rows of a question that say the same of us, in the order of their first."""
    groups: dict[tuple[str, str, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.question, row.unit, row.ours), []).append(row)
    return groups.values()


def _lines(group: list[Row]) -> Iterator[tuple[str, ...]]:
    row = group[0]
    limits = [r for r in group if r.target and r.target.of == "ours"]
    same = "" if row.peer else row.answers
    yield (
        row.question,
        *_figures(row.unit, row.ours, row.first, row.used),
        "",
        *(_verdict(limits[0]) if limits else ("", "")),
        same,
    )
    for r in group:
        if r.peer:
            limit = _verdict(r) if r.target and r.target.of == "ratio" else ("", "")
            ratio = "" if r.ratio is None else f"{r.ratio:.2f} x"
            figures = _figures(r.unit, r.peer_figure, r.their_first, r.their_used)
            yield f"    {r.peer}", *figures, ratio, *limit, r.answers


def _figures(
    unit: str, value: float | None, first: float | None, used: Used | None
) -> tuple[str, str, str, str]:
    cpu = "" if used is None else _number(used.cpu_ms, "ms")
    memory = "" if used is None else _number(used.peak_mb, "MB")
    shown = ["" if v is None else _number(v, unit) for v in (value, first)]
    return shown[0], shown[1], cpu, memory


def _verdict(row: Row) -> tuple[str, str]:
    return _target(row), {True: "yes", False: "NO", None: ""}[row.met]


def _target(row: Row) -> str:
    if row.target is None:
        return ""
    sign = "≥" if row.target.at_least else "≤"
    limit = _number(row.target.limit, row.unit) if row.target.of == "ours" else f"{row.target.limit:g} x"
    return f"{sign} {limit}"


def _number(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004 - three figures
    return f"{value:,.{digits}f} {unit}"
