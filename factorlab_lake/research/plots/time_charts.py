"""Draw figures over time: one line per symbol, gaps with their reasons, and marks of filings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from factorlab_lake.research.plots.chart_style import (
    GREY,
    HEIGHT,
    WIDTH,
    load_altair,
    palette,
    reason_counts,
    thinned,
    title,
    unit_of,
)

if TYPE_CHECKING:
    from factorlab_lake.research.plots.chart_style import Picture

__all__ = ["Lines", "panels"]

_UNKNOWN = "currency unknown"
_REASONS = 2  # that the note of gaps names
_LONG_DAYS = 1_100  # more than three years: months would overlap


@dataclass(frozen=True, slots=True)
class Lines:
    """Describe a chart of lines: its title, notes, the name of the axis, and whether it shows amounts."""

    title: str
    notes: tuple[str, ...]
    axis: str
    is_amount: bool = False
    tooltip: tuple[str, ...] = ()


def panels(rows: pl.DataFrame, lines: Lines, filings: pl.DataFrame | None = None) -> Picture:
    """Return one chart for each currency of the rows, because amounts of several have no common axis.

    ``rows`` have the columns symbol, date, value, currency and reason, and those of the tooltip. ``filings``
    have symbol, date, fiscal_date and filing, and are drawn as marks.
    """
    alt = load_altair()
    drawn = [_panel(part, lines, name or _UNKNOWN, filings) for name, part in _by_currency(rows)]
    picture: Picture = drawn[0] if len(drawn) == 1 else alt.vconcat(*drawn)
    return picture


def _by_currency(rows: pl.DataFrame) -> list[tuple[str | None, pl.DataFrame]]:
    """Return the rows of each currency by name; rows without one go with others of the symbol."""
    of_symbol = pl.col("currency").drop_nulls().first().over("symbol")
    known = rows.with_columns(pl.coalesce("currency", of_symbol).alias("currency"))
    names = known["currency"].unique().sort(nulls_last=True).to_list() or [None]
    return [(name, known.filter(pl.col("currency").eq_missing(pl.lit(name)))) for name in names]


def _panel(rows: pl.DataFrame, lines: Lines, currency: str, filings: pl.DataFrame | None) -> Any:
    alt = load_altair()
    size, abbreviation = unit_of(rows["value"]) if lines.is_amount else (1.0, "")
    unit = " ".join(filter(None, (abbreviation, currency))) if lines.is_amount else ""
    axis = f"{lines.axis} ({unit})" if unit else lines.axis
    some, thinning = thinned(rows, kept=pl.col("value").is_null())
    base = _base(some.with_columns(pl.col("value") / size), lines, axis)
    symbols = some["symbol"].unique(maintain_order=True).to_list()
    colour, dash = palette(symbols)
    marks = [] if filings is None else _marks(filings, colour, alone=len(symbols) == 1)
    # Invisible circles, because the tooltip of a line is that of its first row.
    drawn = [
        base.mark_line(strokeWidth=1.8).encode(color=colour, strokeDash=dash),
        base.mark_circle(opacity=0, size=70).encode(color=colour),
    ]
    gaps = [_gaps(base, colour)] if some["value"].null_count() else []
    heading = title(lines.title, *lines.notes, _gap_note(rows), thinning)
    return alt.layer(*marks, *drawn, *gaps).properties(width=WIDTH, height=HEIGHT, title=heading)


def _base(rows: pl.DataFrame, lines: Lines, axis: str) -> Any:
    """Return a chart without marks: axes and tooltips."""
    alt = load_altair()
    tips = [
        alt.Tooltip("symbol:N"), alt.Tooltip("date:T"), alt.Tooltip("value:Q", title=axis, format=",.4~g"),
        *(_tooltip(name, rows) for name in lines.tooltip), alt.Tooltip("reason:N"),
    ]  # fmt: skip
    value = alt.Y("value:Q", title=axis, scale=alt.Scale(zero=False))
    return alt.Chart(rows).encode(x=_time(rows), y=value, tooltip=tips)


def _time(rows: pl.DataFrame) -> Any:
    """Return the axis of dates: years alone for a long time, else months with their year."""
    alt = load_altair()
    first, last = rows["date"].cast(pl.Int32).min(), rows["date"].cast(pl.Int32).max()  # days
    is_long = isinstance(first, int) and isinstance(last, int) and last - first > _LONG_DAYS
    axis = alt.Axis(format="%Y", tickCount="year") if is_long else alt.Axis(format="%b %Y", tickCount=8)
    return alt.X("date:T", title=None, axis=axis)


def _tooltip(name: str, rows: pl.DataFrame) -> Any:
    kind = "T" if rows.schema[name] == pl.Date else "Q" if rows.schema[name].is_numeric() else "N"
    return load_altair().Tooltip(f"{name}:{kind}", title=name.replace("_", " "))


def _gaps(base: Any, colour: Any) -> Any:
    """Return a cross at the foot of the chart for each date without a value."""
    foot = load_altair().value(HEIGHT - 5)
    crosses = base.transform_filter("!isValid(datum.value)")
    return crosses.mark_point(shape="cross", size=30, filled=True, opacity=0.8).encode(y=foot, color=colour)


def _gap_note(rows: pl.DataFrame) -> str:
    """Return how many values are missing, and the commonest reasons."""
    gaps = rows.filter(pl.col("value").is_null())
    if gaps.is_empty():
        return ""
    counts = reason_counts(gaps)
    named = ", ".join(f"{reason} ({count:,})" for reason, count in counts.head(_REASONS).rows())
    more = f" and {counts.height - _REASONS} more" if counts.height > _REASONS else ""
    return f"Crosses: {gaps.height:,} of {rows.height:,} values are missing: {named}{more}."


def _marks(filings: pl.DataFrame, colour: Any, *, alone: bool) -> list[Any]:
    """Return a mark at each date from which a filing counts: a triangle, or a diamond for a restatement.

    The filings of one symbol ``alone`` have a vertical line each too.
    """
    alt = load_altair()
    kinds = alt.Scale(domain=["filing", "restatement"], range=["triangle-up", "diamond"])
    counts, ends = (
        alt.Tooltip("date:T", title="counts from"),
        alt.Tooltip("fiscal_date:T", title="period end"),
    )
    base = alt.Chart(filings).encode(x="date:T", tooltip=["symbol:N", counts, ends, "filing:N"])
    shape = alt.Shape("filing:N", scale=kinds, legend=alt.Legend(title=None, orient="top"))
    signs = base.mark_point(filled=True, size=55, opacity=0.9).encode(
        y=alt.value(HEIGHT - 16), color=colour, shape=shape
    )
    return [base.mark_rule(color=GREY, opacity=0.22), signs] if alone else [signs]
