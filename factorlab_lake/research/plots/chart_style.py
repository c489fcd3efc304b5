"""Load altair, and define what all charts share: size, palette, units, titles and the bound of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

from factorlab_lake.errors import MissingExtra
from factorlab_lake.schema.limits import CHART_ROWS

if TYPE_CHECKING:
    import altair as alt

    Picture: TypeAlias = alt.Chart | alt.LayerChart | alt.VConcatChart

__all__ = [
    "GREY",
    "HEIGHT",
    "WIDTH",
    "Unit",
    "load_altair",
    "palette",
    "reason_counts",
    "thinned",
    "title",
    "unit_of",
]

WIDTH, HEIGHT = 640, 240  # pixels
GREY = "#6b6b6b"

# Okabe and Ito 2008: eight colours that people with any kind of colour blindness tell apart. Yellow is left
# out, because it is too pale for a line on white.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_DASHES: tuple[list[int], ...] = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
_AMOUNTS = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))

Unit: TypeAlias = tuple[float, str]
"""A divisor and its abbreviation, such as (1e9, "bn")."""


def load_altair() -> Any:
    """Return altair; raises :class:`MissingExtra` with the command that installs it."""
    try:
        import altair as alt
    except ImportError as error:
        raise MissingExtra(
            f"lake.plot draws with altair, which cannot be imported ({error}); install it with "
            'pip install "factorlab-lake[plot]", or draw the frames of the lake\'s methods yourself.',
            extra="plot",
        ) from None
    return alt


def title(text: str, *notes: str) -> Any:
    """Return a title with lines of notes below it: what was known, and what is left out."""
    alt = load_altair()
    return alt.TitleParams(
        text=text, subtitle=[note for note in notes if note], anchor="start", subtitleColor=GREY, offset=10
    )


def palette(names: Sequence[str]) -> tuple[Any, Any]:
    """Return the colour and the dash of each symbol; both repeat, but no pair of them before 28 symbols."""
    alt = load_altair()
    colours = [_COLOURS[place % len(_COLOURS)] for place in range(len(names))]
    dashes = [_DASHES[place // len(_COLOURS) % len(_DASHES)] for place in range(len(names))]
    legend = alt.Legend(title=None, orient="top") if len(names) > 1 else None
    domain = list(names)
    colour = alt.Color("symbol:N", scale=alt.Scale(domain=domain, range=colours), legend=legend)
    return colour, alt.StrokeDash("symbol:N", scale=alt.Scale(domain=domain, range=dashes), legend=legend)


def unit_of(values: pl.Series) -> Unit:
    """Return the unit in which the largest of some amounts has one to three digits before the point.

    >>> unit_of(pl.Series([2.1e12, -3.0])), unit_of(pl.Series([12.0]))
    ((1000000000000.0, 'tn'), (1.0, ''))
    """
    largest: Any = values.abs().max() or 0.0
    return next(((size, name) for size, name in _AMOUNTS if largest >= size), (1.0, ""))


def reason_counts(gaps: pl.DataFrame) -> pl.DataFrame:
    """Return each ``reason`` of rows without a value with its count, the commonest first."""
    reasons = gaps["reason"].fill_null("no reason").value_counts()
    return reasons.sort("count", "reason", descending=[True, False])


def thinned(rows: pl.DataFrame, *, kept: pl.Expr | None = None) -> tuple[pl.DataFrame, str]:
    """Return every n-th date of rows with a date, counted from the newest, and a note that says so.

    A chart has at most CHART_ROWS rows. ``kept`` selects rows that stay anyway.

    >>> days = pl.date_range(pl.date(2000, 1, 1), pl.date(2020, 1, 1), "1d", eager=True)
    >>> few, note = thinned(pl.DataFrame({"date": days}))
    >>> few.height, note, few["date"].max()
    (3653, 'Every 2nd date is drawn.', datetime.date(2020, 1, 1))
    """
    step = -(-rows.height // CHART_ROWS)
    if step <= 1:
        return rows, ""
    place = pl.col("date").rank("dense", descending=True) - 1
    drawn = place % step == 0
    some = rows.filter(drawn if kept is None else drawn | kept)
    if some.height > CHART_ROWS:
        some = rows.filter(place % (step + 1) == 0)
    ordinal = {2: "2nd", 3: "3rd"}.get(step, f"{step}th")
    return some, f"Every {ordinal} date is drawn."
