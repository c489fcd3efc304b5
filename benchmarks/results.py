"""Hold the measured figures; print them as one table and return them as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

__all__ = ["Limit", "Mode", "Row", "Used", "as_json", "number", "show", "write"]

Mode: TypeAlias = Literal["new", "again"]

_HEADER = (
    "question, and who answers",
    "figure",
    "again",
    "first",
    "CPU",
    "memory",
    "ratio",
    "ratio again",
    "target",
    "met/missed",
    "answers",
)
_RIGHT_ALIGNED = _HEADER[1:8]


@dataclass(frozen=True, slots=True)
class Limit:
    """Limit a figure in its unit, or our ratio to a peer in the unit "x"."""

    limit: float
    unit: str
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Return whether a value is within the limit."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        shown = f"{self.limit:g} x" if self.unit == "x" else number(self.limit, self.unit)
        return f"{'≥' if self.at_least else '≤'} {shown}"


@dataclass(frozen=True, slots=True)
class Used:
    """Hold the cost of an answer besides time: CPU time of all cores and the peak memory of its process."""

    cpu_ms: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Row:
    """Hold the figures of one question in one mode: ours, and those of one peer.

    Figures are in ``unit``; a rate's unit ends in "/s". ``first`` is the first run, where ``ours`` is the
    median of the later ones. ``mode`` is "new" where each run asks a question that the process has not
    answered before, and "again" where it repeats one. ``answers`` holds the result of comparing both answers,
    or the reason why the peer gave none. ``details`` are for the JSON alone, such as the single runs.
    """

    question: str
    unit: str
    ours: float
    peer: str = ""
    peer_figure: float | None = None
    answers: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    first: float | None = None
    used: Used | None = None
    their_first: float | None = None
    their_used: Used | None = None
    mode: Mode = "new"
    limits: tuple[Limit, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Return our time or size as a multiple of the peer's; below 1 ours is faster or smaller."""
        if not self.peer_figure:
            return None
        return self.peer_figure / self.ours if self.unit.endswith("/s") else self.ours / self.peer_figure

    def met(self, limit: Limit) -> bool | None:
        """Return whether a limit is met; None where its value was not measured."""
        value = self.limited(limit)
        return None if value is None else limit.met(value)

    def limited(self, limit: Limit) -> float | None:
        """Return the value that a limit is about: the ratio, the peer's figure, or ours without a peer."""
        if limit.unit == "x":
            return self.ratio
        return self.peer_figure if self.peer else self.ours


def show(rows: Iterable[Row]) -> None:
    """Print one table: a line for each question with our figures, and one for each of its peers below it."""
    lines = [_HEADER, *(line for group in _by_question(rows) for line in _lines(group))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADER))]
    lines.insert(1, tuple("-" * w for w in widths))
    for line in lines:
        columns = (
            cell.rjust(width) if name in _RIGHT_ALIGNED else cell.ljust(width)
            for cell, width, name in zip(line, widths, _HEADER, strict=True)
        )
        print("  ".join(columns).rstrip())


def as_json(rows: Iterable[Row], machine: dict[str, Any], size: str) -> str:
    """Return the rows and the machine's facts as JSON."""
    return json.dumps({"machine": machine, "size": size, "rows": [_record(r) for r in rows]}, indent=1)


def write(path: Path, text: str) -> None:
    """Write the JSON; create its folder where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def _record(row: Row) -> dict[str, Any]:
    limits = [{"limit": str(limit), "met": row.met(limit)} for limit in row.limits]
    return asdict(row) | {"ratio": row.ratio, "limits": limits}


def _by_question(rows: Iterable[Row]) -> Iterable[list[Row]]:
    """Group the rows of each question and unit, in the order of their first."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.question, row.unit), []).append(row)
    return groups.values()


def _lines(group: list[Row]) -> Iterator[tuple[str, ...]]:
    """Return our line, then a line for each peer, each with the figures of both modes."""
    new = next((r for r in group if r.mode == "new"), group[0])
    again = next((r.ours for r in group if r.mode == "again"), None)
    own = [r for r in group if not r.peer]
    yield (
        new.question,
        _cell(new.ours if new.mode == "new" else None, new.unit),
        _cell(again, new.unit),
        *_costs(new.unit, new.first, new.used),
        *("", ""),
        *_verdicts(own),
        next((r.answers for r in own), ""),
    )
    for peer in dict.fromkeys(r.peer for r in group if r.peer):
        yield _peer_line({r.mode: r for r in group if r.peer == peer})


def _peer_line(row_by_mode: dict[Mode, Row]) -> tuple[str, ...]:
    rows = list(row_by_mode.values())
    new, again = row_by_mode.get("new", rows[0]), row_by_mode.get("again")
    return (
        f"    {new.peer}",
        _cell(new.peer_figure if new.mode == "new" else None, new.unit),
        _cell(again.peer_figure if again else None, new.unit),
        *_costs(new.unit, new.their_first, new.their_used),
        _cell(new.ratio if new.mode == "new" else None, "x"),
        _cell(again.ratio if again else None, "x"),
        *_verdicts(rows),
        new.answers,
    )


def _costs(unit: str, first: float | None, used: Used | None) -> tuple[str, str, str]:
    cpu_ms, peak_mb = (used.cpu_ms, used.peak_mb) if used else (None, None)
    return _cell(first, unit), _cell(cpu_ms, "ms"), _cell(peak_mb, "MB")


def _verdicts(rows: list[Row]) -> tuple[str, str]:
    """Return the limits of one line, and whether each is met."""
    texts, verdicts = [], []
    for row in rows:
        for limit in row.limits:
            texts.append(f"{limit}{' again' if row.mode == 'again' else ''}")
            verdicts.append({True: "met", False: "missed", None: "not measured"}[row.met(limit)])
    return ", ".join(texts), ", ".join(verdicts)


def _cell(value: float | None, unit: str) -> str:
    return "" if value is None else number(value, unit)


def number(value: float, unit: str) -> str:
    """Return a figure with three digits and its unit."""
    if unit == "x" and value < 0.1:  # noqa: PLR2004 - such as a repeated question beside the old way
        return f"{value:.2g} x"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004 - three figures
    return f"{value:,.{digits}f} {unit}"
