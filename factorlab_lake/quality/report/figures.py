"""Prepare tables and charts for the report's template: texts, colours and coordinates, but no HTML.

The template escapes every text. So nothing here marks a text as safe.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

__all__ = [
    "Cell",
    "HeatCell",
    "HeatMap",
    "HtmlTable",
    "StepChart",
    "heat_map",
    "html_table",
    "number",
    "step_chart",
]

_SEVERITIES = ("error", "warning", "info")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM, _TOP = 760, 200, 90, 10, 24, 12
_LEVELS = 5  # the level of a heat map cell with all days or reports; the style sheet has their colours
_LONG = 40  # characters of a text that needs a wide column


@dataclass(frozen=True, slots=True)
class Cell:
    """Hold the text of a table cell and its CSS class."""

    text: str
    css: str = ""


@dataclass(frozen=True, slots=True)
class HtmlTable:
    """Hold the header and the rows of a table."""

    header: list[Cell]
    rows: list[list[Cell]]


@dataclass(frozen=True, slots=True)
class HeatCell:
    """Hold a cell of a heat map: its text and tooltip, its level, and whether something is missing."""

    text: str
    title: str
    level: int
    incomplete: bool


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Hold a table of symbols by years; a year without data has None."""

    years: list[int]
    rows: list[tuple[str, list[HeatCell | None]]]


@dataclass(frozen=True, slots=True)
class StepChart:
    """Hold the SVG coordinates and labels of a step line over time."""

    width: int
    height: int
    left: int
    right: int
    top: int
    base: int
    path: str
    points: list[tuple[float, float]]
    largest: str
    start: str
    end: str


def number(value: float | None) -> str:
    """Format a number with separators: integers and large values without decimals, others to 4 digits.

    >>> number(1234567), number(0.37402), number(None), number(2.5e11), number(float("inf"))
    ('1,234,567', '0.374', '', '250,000,000,000', 'inf')
    """
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004


def html_table(rows: pl.DataFrame) -> HtmlTable:
    """Return a frame as a table; underscores in the header become spaces."""
    header = [
        Cell(name.replace("_", " "), "number" if kind.is_numeric() else "")
        for name, kind in zip(rows.columns, rows.dtypes, strict=True)
    ]
    return HtmlTable(header, [list(map(_cell, row)) for row in rows.iter_rows()])


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, int | float):
        return Cell(number(value), "number")
    if isinstance(value, datetime):
        return Cell(f"{value:%Y-%m-%d %H:%M}", "date")
    if isinstance(value, date):
        return Cell(str(value), "date")
    text = "" if value is None else str(value)
    css = "long" if len(text) > _LONG else ""
    return Cell(text, text if text in _SEVERITIES else css)


def heat_map(rows: pl.DataFrame, *, full: int) -> HeatMap:
    """Return a table of symbols by years, in the order of the rows' symbols.

    ``rows`` have the columns symbol, year, held and missing. A cell shows ``held`` and is the darker the
    nearer it is to ``full``.
    """
    by_place = {(row["symbol"], row["year"]): row for row in rows.iter_rows(named=True)}
    years = sorted({year for _, year in by_place})
    symbols = dict.fromkeys(symbol for symbol, _ in by_place)
    return HeatMap(years, [(s, [_heat_cell(by_place.get((s, y)), full) for y in years]) for s in symbols])


def _heat_cell(row: dict[str, Any] | None, full: int) -> HeatCell | None:
    if row is None:
        return None
    share = min(1.0, max(0.0, row["held"] / full))
    title = f"{row['symbol']} {row['year']}: {row['held']:,} stored"
    if row["missing"]:
        title += f", {row['missing']:,} missing"
    return HeatCell(f"{row['held']:,}", title, round(share * _LEVELS), row["missing"] > 0)


def step_chart(points: Sequence[tuple[datetime, int]]) -> StepChart:
    """Return a step line of row counts over time; ``points`` are sorted by time and not empty."""
    start, end = points[0][0], points[-1][0]
    largest = max(1, *(rows for _, rows in points))
    seconds = max((end - start).total_seconds(), 1.0)
    base = _HEIGHT - _BOTTOM

    def corner(moment: datetime, rows: int) -> tuple[float, float]:
        across = (_WIDTH - _LEFT - _RIGHT) * ((moment - start).total_seconds() / seconds)
        return round(_LEFT + across, 1), round(_TOP + (base - _TOP) * (1 - rows / largest), 1)

    corners = [corner(*point) for point in points]
    first, *rest = corners
    path = f"M{first[0]} {first[1]}" + "".join(f"H{x}V{y}" for x, y in rest)
    return StepChart(
        width=_WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        top=_TOP,
        base=base,
        path=path,
        points=corners,
        largest=f"{largest:,}",
        start=f"{start:%Y-%m-%d %H:%M}",
        end=f"{end:%Y-%m-%d %H:%M} UTC",
    )
