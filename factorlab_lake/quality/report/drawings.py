"""Lay out the charts of the summary: boxes and labels with their coordinates, but no HTML.

A chart is 380 units wide, so that its texts stay readable on a telephone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Drawing", "bar_list", "columns"]

_WIDTH = 380
_TOP, _BASE, _FOOT = 18, 150, 20  # above the highest column, its foot, and the room for labels
_ROW, _BAR, _LETTER = 24, 14, 6.8  # height of a row and its bar, and the width of a letter
_GAP = 0.25  # of a column, to the next one
_MOST_LABELS = 10  # below columns, so that years do not overlap


@dataclass(frozen=True, slots=True)
class Box:
    """Hold a filled rectangle and its tooltip."""

    x: float
    y: float
    width: float
    height: float
    css: str
    title: str


@dataclass(frozen=True, slots=True)
class Label:
    """Hold a text and the place of its anchor."""

    x: float
    y: float
    text: str
    css: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Hold a chart of the summary; ``summary`` says its values to those who do not see it."""

    heading: str
    note: str
    summary: str
    height: float
    boxes: list[Box]
    labels: list[Label]
    keys: list[tuple[str, str]] = field(default_factory=list)
    base: float | None = None
    width: int = _WIDTH


def columns(
    heading: str,
    note: str,
    names: Sequence[str],
    series: Sequence[tuple[str, Sequence[int]]],
) -> Drawing:
    """Return stacked columns with their sum above each; ``series`` are counts by name of a part.

    >>> chart = columns("Symbols", "by year", ["2019", "2020"], [("complete", [3, 4]), ("with gaps", [1, 0])])
    >>> [label.text for label in chart.labels], chart.summary
    (['4', '2019', '4', '2020'], '2019: 3 complete, 1 with gaps; 2020: 4 complete, 0 with gaps')
    """
    totals = [sum(values) for values in zip(*(counts for _, counts in series), strict=True)]
    largest, step = max(totals, default=0) or 1, _WIDTH / max(len(names), 1)
    every = -(-len(names) // _MOST_LABELS) or 1
    boxes: list[Box] = []
    labels: list[Label] = []
    for place, name in enumerate(names):
        left, base = place * step + step * _GAP / 2, float(_BASE)
        for part, (kind, counts) in enumerate(series):
            height = (_BASE - _TOP) * counts[place] / largest
            css, title = ("main", "second")[part % 2], f"{name}: {counts[place]:,} {kind}".strip()
            base -= height
            if counts[place]:
                size = (round(step * (1 - _GAP), 1), round(height, 1))
                boxes.append(Box(round(left, 1), round(base, 1), *size, css, title))
        if (len(names) - 1 - place) % every == 0:
            middle = round((place + 0.5) * step, 1)
            labels.append(Label(middle, round(base - 5, 1), f"{totals[place]:,}", "middle strong"))
            labels.append(Label(middle, _BASE + 15, name, "middle"))
    keys = [(kind, ("main", "second")[part % 2]) for part, (kind, _) in enumerate(series) if len(series) > 1]
    return Drawing(heading, note, _values(names, series), _BASE + _FOOT, boxes, labels, keys, _BASE)


def _values(names: Sequence[str], series: Sequence[tuple[str, Sequence[int]]]) -> str:
    return "; ".join(
        f"{name}: " + ", ".join(f"{counts[place]:,} {kind}".strip() for kind, counts in series)
        for place, name in enumerate(names)
    )


def bar_list(heading: str, note: str, rows: Sequence[tuple[str, int, str]]) -> Drawing:
    """Return a horizontal bar for each row of a name, a count and a CSS class, with the count behind it."""
    if not rows:
        return Drawing(heading, note, "none", _ROW, [], [Label(0, 16, "none", "strong")])
    largest = max(count for _, count, _ in rows) or 1
    left = min(_WIDTH * 0.55, _LETTER * max(len(name) for name, _, _ in rows) + 8)
    room = _WIDTH - left - _LETTER * len(f"{largest:,}") - 12
    boxes, labels = [], []
    for place, (name, count, css) in enumerate(rows):
        top, width = place * _ROW, max(2.0, room * count / largest)
        boxes.append(Box(round(left, 1), top + 5, round(width, 1), _BAR, css, f"{name}: {count:,}"))
        labels.append(Label(0, top + 16, _shortened(name, left)))
        labels.append(Label(round(left + width + 6, 1), top + 16, f"{count:,}", "strong"))
    summary = "; ".join(f"{name}: {count:,}" for name, count, _ in rows)
    return Drawing(heading, note, summary, len(rows) * _ROW, boxes, labels)


def _shortened(name: str, width: float) -> str:
    most = int(width / _LETTER)
    return name if len(name) <= most else f"{name[: most - 1]}…"
