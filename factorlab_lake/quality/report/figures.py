"""Tables and figures as HTML and SVG, with every text escaped: a page of them needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from html import escape
from typing import Any

import polars as pl

__all__ = ["growth_chart", "heat_map", "number", "table", "tiles"]

_SEVERITIES = ("error", "warning", "info")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 1180, 220, 90, 24, 12


def number(value: float | None) -> str:
    """Return a number as people read it.

    >>> number(1234567), number(0.37402), number(None), number(2.5e11), number(float("inf"))
    ('1,234,567', '0.374', '', '250,000,000,000', 'inf')
    """
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004


def tiles(figures: Sequence[tuple[str, str]]) -> str:
    """Return large figures with what they are below."""
    return "".join(f'<div class="tile"><b>{escape(v)}</b>{escape(name)}</div>' for name, v in figures)


def table(rows: pl.DataFrame, *, empty: str) -> str:
    """Return a frame as a table, or what to say where it has no rows."""
    if rows.is_empty():
        return f'<p class="soft">{escape(empty)}</p>'
    numeric = [kind.is_numeric() for kind in rows.dtypes]
    names = (name.replace("_", " ") for name in rows.columns)
    head = "".join(
        f"<th{_class('number' if n else '')}>{escape(name)}</th>"
        for name, n in zip(names, numeric, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows.iter_rows())
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def heat_map(rows: pl.DataFrame, *, share: Callable[[dict[str, Any]], float]) -> str:
    """Return a table of symbols by years, each cell the darker the larger the ``share`` of it that is there.

    ``rows`` have symbol, year, held and missing; a cell shows how many are held, and marks what is missing.
    """
    cells = {(row["symbol"], row["year"]): row for row in rows.iter_rows(named=True)}
    years = sorted({year for _, year in cells})
    head = "".join(f"<th>{year}</th>" for year in years)
    body = "".join(
        f"<tr><td>{escape(symbol)}</td>{''.join(_heat(cells.get((symbol, y)), share) for y in years)}</tr>"
        for symbol in dict.fromkeys(symbol for symbol, _ in cells)
    )
    return f'<div class="scroll"><table class="heat"><tr><th>symbol</th>{head}</tr>{body}</table></div>'


def growth_chart(points: Sequence[tuple[datetime, int]]) -> str:
    """Return a step line of rows over time; the points are in order of time."""
    start, end = points[0][0], points[-1][0]
    most = max(1, *(rows for _, rows in points))
    seconds = max((end - start).total_seconds(), 1.0)

    def place(moment: datetime, rows: int) -> tuple[float, float]:
        across = (_WIDTH - _LEFT - 10) * ((moment - start).total_seconds() / seconds)
        return _LEFT + across, _TOP + (_HEIGHT - _BOTTOM - _TOP) * (1 - rows / most)

    corners = [place(*point) for point in points]
    steps = [f"M{corners[0][0]:.1f} {corners[0][1]:.1f}"]
    steps += [f"H{x:.1f}V{y:.1f}" for x, y in corners[1:]]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1769aa"/>' for x, y in corners)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="rows over time">'
        f"{_axes(start, end, most)}"
        f'<path d="{"".join(steps)}" fill="none" stroke="#1769aa" stroke-width="2"/>{dots}</svg>'
    )


def _axes(start: datetime, end: datetime, most: int) -> str:
    base = _HEIGHT - _BOTTOM
    style = 'font-size="12" fill="#5b6b7b"'
    lines = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y}" y2="{y}" stroke="#dde3e9"/>' for y in (_TOP, base)
    )
    return (
        f'{lines}<text x="{_LEFT - 8}" y="{_TOP + 5}" text-anchor="end" {style}>{most:,}</text>'
        f'<text x="{_LEFT - 8}" y="{base}" text-anchor="end" {style}>0</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}" {style}>{start:%Y-%m-%d %H:%M}</text>'
        f'<text x="{_WIDTH - 10}" y="{_HEIGHT - 6}" text-anchor="end" {style}>{end:%Y-%m-%d %H:%M} UTC</text>'
    )


def _heat(row: dict[str, Any] | None, share: Callable[[dict[str, Any]], float]) -> str:
    if row is None:
        return "<td></td>"
    part = min(1.0, max(0.0, share(row)))
    red, green, blue = (round(255 - (255 - full) * (0.12 + 0.68 * part)) for full in (90, 160, 210))
    colour = f"rgb({red},{green},{blue})"
    gap, title = "", f"{row['symbol']} {row['year']}: {row['held']:,} held"
    if row["missing"]:
        gap, title = ";box-shadow:inset 0 -3px #b3261e", f"{title}, {row['missing']:,} missing"
    return f'<td class="cell" style="background:{colour}{gap}" title="{escape(title)}">{row["held"]:,}</td>'


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, int | float):
        return f'<td class="number">{number(value)}</td>'
    if isinstance(value, datetime):
        return f'<td class="date">{value:%Y-%m-%d %H:%M}</td>'
    if isinstance(value, date):
        return f'<td class="date">{value}</td>'
    text = "" if value is None else str(value)
    return f"<td{_class(text if text in _SEVERITIES else '')}>{escape(text)}</td>"


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
