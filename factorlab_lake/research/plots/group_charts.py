"""Draw symbols beside each other: cross-sections by group, coverage, and the versions of statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from factorlab_lake.research.plots.chart_style import GREY, WIDTH, load_altair, title, unit_of
from factorlab_lake.schema.limits import CHART_ROWS, CHART_SYMBOLS, CHART_TAIL

if TYPE_CHECKING:
    from factorlab_lake.research.plots.chart_style import Picture

__all__ = ["coverage_map", "dot_strips", "version_lines"]

_ROW = 16  # pixels for each group or symbol
_LABEL, _LETTER = 240, 7  # pixels of the longest label, and of a letter
_GAPS_AS_NUMBERS = "A number counts what is missing between the first and the last."
_BLUE, _ORANGE = "#0072b2", "#d55e00"


def dot_strips(rows: pl.DataFrame, *, axis: str, by: str, heading: str, notes: tuple[str, ...]) -> Picture:
    """Return a strip of dots for each group, sorted by its median, with a bar at the median.

    ``rows`` are those of ``cross_section``. Values beyond the quantiles CHART_TAIL and 1 - CHART_TAIL are
    drawn at the edge, because one extreme ratio would squeeze all others; the tooltip has the value.
    """
    alt = load_altair()
    values = rows.filter(pl.col("value").is_not_null()).with_columns(pl.col("group").fill_null("unknown"))
    low, high = (values["value"].quantile(q) or 0.0 for q in (CHART_TAIL, 1 - CHART_TAIL))
    some = _of_edges(values, low, high)
    medians = values.group_by("group").agg(
        pl.col("value").median().alias("median"), pl.len().alias("companies")
    ).sort("median", "group")  # fmt: skip
    order = medians["group"].to_list()
    place = alt.X("drawn:Q", title=axis, scale=alt.Scale(zero=False, nice=True))
    dots = alt.Chart(some).mark_circle(size=34, opacity=0.55, color=_BLUE).encode(
        x=place, y=alt.Y("group:N", sort=order, title=None, axis=_labels(order)),
        tooltip=["symbol:N", "group:N", alt.Tooltip("value:Q", format=",.4~g"),
                 alt.Tooltip("percentile:Q", format=".0%"), alt.Tooltip("z_score:Q", format=".2f")],
    )  # fmt: skip
    bars = alt.Chart(medians.with_columns(pl.col("median").clip(low, high).alias("drawn"))).mark_tick(
        color=_ORANGE, thickness=3, size=_ROW - 2
    ).encode(
        x=place, y=alt.Y("group:N", sort=order),
        tooltip=["group:N", alt.Tooltip("median:Q", format=",.4~g"), "companies:Q"],
    )  # fmt: skip
    beyond = values.filter((pl.col("value") < low) | (pl.col("value") > high)).height
    text = f"{beyond} values lie beyond the edges of the chart and are drawn there." if beyond else ""
    shown = title(heading, *notes, f"A bar is the median of its {by}.", _missing(rows), text)
    picture: Picture = alt.layer(dots, bars)
    return picture.properties(width=WIDTH, height=max(60, _ROW * len(order)), title=shown)


def _of_edges(values: pl.DataFrame, low: float, high: float) -> pl.DataFrame:
    """Return at most CHART_ROWS rows, evenly by rank, with the place of each dot."""
    drawn = values.with_columns(pl.col("value").clip(low, high).alias("drawn")).sort("value", "symbol")
    return drawn.gather_every(-(-drawn.height // CHART_ROWS) or 1)


def _missing(rows: pl.DataFrame) -> str:
    gaps = rows.filter(pl.col("value").is_null())
    if gaps.is_empty():
        return ""
    reasons = (
        gaps["reason"].fill_null("no reason").value_counts().sort("count", "reason", descending=[True, False])
    )
    [(reason, count)] = reasons.head(1).rows()
    return f"{gaps.height:,} of {rows.height:,} symbols have no value; most often: {reason} ({count:,})."


def _counts_from() -> Any:
    """Return the axis of days, with room at the right for the text of the last mark."""
    alt = load_altair()
    axis = alt.Axis(format="%Y-%m-%d", tickCount=5, labelOverlap=True)
    return alt.X("available_date:T", title="counts from", axis=axis, scale=alt.Scale(padding=45))


def _labels(texts: list[str]) -> Any:
    """Return an axis of texts with room for them in any font: a viewer's may be wider than the writer's."""
    longest = min(_LABEL, _LETTER * max(map(len, texts), default=0))
    return load_altair().Axis(labelLimit=_LABEL, minExtent=longest, titlePadding=0)


def coverage_map(years: pl.DataFrame, *, heading: str, note: str) -> Picture:
    """Return a heat map of symbols by years: the share of the expected days or reports that is stored."""
    alt = load_altair()
    share = pl.col("held") / (pl.col("held") + pl.col("missing"))
    gaps = years.group_by("symbol").agg(pl.col("missing").sum().alias("gaps"))
    order = gaps.sort("gaps", "symbol", descending=[True, False])["symbol"].head(CHART_SYMBOLS).to_list()
    rows = years.with_columns(share.alias("share")).filter(pl.col("symbol").is_in(order)).head(CHART_ROWS)
    count = gaps.height
    part = f"{len(order)} of {count:,} symbols, those with most gaps." if count > len(order) else ""
    scale = alt.Scale(scheme="cividis", domain=[0, 1])  # the same for readers with any colour vision
    squares = alt.Chart(rows).mark_rect(stroke="white", strokeWidth=1).encode(
        x=alt.X("year:O", title=None), y=alt.Y("symbol:N", sort=order, title=None, axis=_labels(order)),
        color=alt.Color("share:Q", scale=scale, legend=alt.Legend(title="stored", format=".0%")),
        tooltip=["symbol:N", "year:O", alt.Tooltip("held:Q", title="stored"),
                 alt.Tooltip("missing:Q", title="missing between the first and the last"),
                 alt.Tooltip("first_date:T"), alt.Tooltip("last_date:T")],
    )  # fmt: skip
    is_dark = alt.condition("datum.share < 0.5", alt.value("white"), alt.value("black"))
    counts = squares.transform_filter("datum.missing > 0").mark_text(fontSize=10).encode(
        text=alt.Text("missing:Q", format=","), color=is_dark
    )  # fmt: skip
    height, heading = max(60, _ROW * len(order)), title(heading, note, _GAPS_AS_NUMBERS, part)
    picture: Picture = alt.layer(squares, counts)
    return picture.properties(width=WIDTH, height=height, title=heading)


def version_lines(rows: pl.DataFrame, *, axis: str, heading: str, notes: tuple[str, ...]) -> Picture:
    """Return a row for each fiscal period, with a mark at each day from which another figure counts.

    ``rows`` have the columns period, available_date, value, change, of_first (the ratio to the first figure
    minus 1) and currency.
    """
    alt = load_altair()
    size, unit = unit_of(rows["value"])
    currency = rows["currency"].drop_nulls().first() if rows["currency"].n_unique() == 1 else None
    some = rows.with_columns(pl.col("value") / size)
    order = rows["period"].unique(maintain_order=True).to_list()
    name = f"{axis} ({' '.join(filter(None, (unit, str(currency or 'reported currency'))))})"
    base = alt.Chart(some).encode(
        x=_counts_from(),
        y=alt.Y("period:N", sort=order, title=None, axis=_labels(order)),
        tooltip=["period:N", alt.Tooltip("available_date:T", title="counts from"),
                 alt.Tooltip("value:Q", title=name, format=",.5~g"), "change:N",
                 alt.Tooltip("of_first:Q", title="against the first", format="+.2%")],
    )  # fmt: skip
    kinds = alt.Scale(domain=["first figure", "restatement", "correction"], range=[_BLUE, _ORANGE, GREY])
    shapes = alt.Scale(domain=kinds.domain, range=["circle", "diamond", "square"])
    legend = alt.Legend(title=None, orient="top")
    marks = base.mark_point(filled=True, size=80, opacity=1).encode(
        color=alt.Color("change:N", scale=kinds, legend=legend),
        shape=alt.Shape("change:N", scale=shapes, legend=legend),
    )  # fmt: skip
    texts = base.transform_filter("datum.change != 'first figure'").mark_text(align="left", dx=8).encode(
        text=alt.Text("of_first:Q", format="+.2~%")
    )  # fmt: skip
    lines = base.mark_line(color=GREY, strokeWidth=1).encode(detail="period:N")
    height = max(60, (_ROW + 8) * len(order))
    shown = title(heading, f"Marks: {name}, at the day from which it counts.", *notes)
    picture: Picture = alt.layer(lines, marks, texts)
    return picture.properties(width=WIDTH, height=height, title=shown)
