"""Define the methods of ``lake.plot``: each asks the lake, and returns an altair chart of the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from factorlab_lake.errors import InvalidInput, nearest
from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.query.arguments import DateLike, Dates, one_of, to_date, to_dates, to_symbols
from factorlab_lake.research.grids import Universe, figures
from factorlab_lake.research.plots.chart_style import load_altair
from factorlab_lake.research.plots.group_charts import coverage_map, dot_strips, version_lines
from factorlab_lake.research.plots.time_charts import Lines, panels
from factorlab_lake.schema import STATEMENT_TYPES, line_items
from factorlab_lake.schema.limits import CHART_NAMES, CHART_PERIODS
from factorlab_lake.schema.rules import LAST_DAY

if TYPE_CHECKING:
    from factorlab_lake.research.plots.chart_style import Picture

__all__ = ["Charts"]

_METHODS = dict(
    zip(STATEMENT_TYPES, ("income_statements", "balance_sheets", "cash_flows"), strict=True)
)  # by statement type
_FIGURE = "figure"  # the column of an input, whose own name no definition may have
_CAP_TIPS = ("close_price", "price_date", "shares_outstanding", "shares_source", "shares_available_date")
_PERIODS = {"annual": pl.col("fiscal_period") == "FY", "quarterly": pl.col("fiscal_period") != "FY"}


class Charts:
    """Draw charts of the lake's answers; each method returns an altair chart, which a notebook shows.

    ``chart.save("caps.svg")`` writes SVG, PNG or HTML, without a browser. Two charts go below each other
    with ``&`` and beside each other with ``|``. The title says what was known: the vintage, and the rule from
    which day a filing counts. Missing values are gaps; their reasons are in the tooltip and in the title. A
    chart has at most 4,500 rows: more dates are thinned out, and the title says so. Colours suit colour-blind
    readers.

    Every method raises :class:`~factorlab_lake.errors.MissingExtra` without the extra ``plot``. The charts
    work for a lake on a server too.
    """

    def __init__(self, lake: Any) -> None:
        self._lake = lake

    def __repr__(self) -> str:
        return f"Charts({self._lake!r})"

    def prices(
        self,
        symbols: str | Iterable[str],
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        adjusted: bool = True,
    ) -> Picture:
        """Draw the closes of each symbol, per share in the currency of the quote.

        With ``adjusted`` they are counted after every split in the lake, so that a split leaves no step: by
        hindsight, since a later split rescales earlier closes. Otherwise they are as stored.

        >>> import factorlab_lake as fl
        >>> chart = fl.open("data/lake").plot.prices("AAPL", "2020-07-01", "2020-09-30")
        >>> chart.to_dict()["title"]["text"]
        'Close of AAPL'
        """
        load_altair()
        rows = self._lake.prices(symbols, start, end, columns=["close_price", "currency", "split_basis_date"])
        note = "As stored: each close counts the splits up to its split_basis_date."
        if adjusted:
            closes = self._lake.prices(symbols, start, end, adjusted=True, columns=["close_price"])
            rows = rows.drop("close_price").join(
                closes, on=["symbol", "date"], how="left", maintain_order="left"
            )
            note = "Counted after every split in the lake: a later split rescales earlier closes."
        rows = rows.with_columns(pl.col("close_price").alias("value"), reason=pl.lit(None, pl.String))
        lines = Lines(f"Close of {_names(rows, symbols)}", (note,), "close per share", is_amount=True)
        return panels(rows, lines)

    def market_caps(  # noqa: PLR0913 - all but two by name only
        self,
        symbols: str | Iterable[str] | None = None,
        dates: Dates = None,
        *,
        universe: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        freq: str | None = None,
        vintage: str = "known",
    ) -> Picture:
        """Draw market caps as known at each date, one panel per currency; the arguments are the lake's.

        >>> import factorlab_lake as fl
        >>> plot = fl.open("data/lake").plot
        >>> chart = plot.market_caps(["AAPL", "GOOGL"], start="2020-01-31", end="2020-12-31", freq="ME")
        >>> chart.to_dict()["title"]["subtitle"][0]
        "As known at each date's close (filings count by the rule close)."
        """
        load_altair()
        rows = self._lake.market_caps(
            symbols, dates, universe=universe, start=start, end=end, freq=freq, vintage=vintage
        )
        rows = rows.with_columns(pl.col("market_cap").alias("value"))
        heading, notes = f"Market cap of {_names(rows, symbols)}", (self._known(vintage),)
        return panels(rows, Lines(heading, notes, "market cap", is_amount=True, tooltip=_CAP_TIPS))

    def factors(  # noqa: PLR0913 - all but two by name only
        self,
        factor: str,
        symbols: str | Iterable[str],
        dates: Dates = None,
        *,
        start: DateLike | None = None,
        end: DateLike | None = None,
        freq: str | None = None,
        vintage: str = "known",
        define: Mapping[str, str] | None = None,
        filings: bool = True,
    ) -> Picture:
        """Draw the history of a factor, with a mark at each day from which a statement counts.

        ``factor`` is a factor, an input of factors such as ``revenue``, or one of ``define``. A triangle is
        the first version of a period, a diamond a restatement. ``filings=False`` leaves the marks out. The
        dates are those of the lake's ``factors``.

        >>> import factorlab_lake as fl
        >>> plot = fl.open("data/lake").plot
        >>> plot.factors("pe_ratio", "AAPL", start="2019-01-31", end="2020-12-31", freq="ME").title.text
        'pe_ratio of AAPL (price to earnings)'
        """
        load_altair()
        days = to_dates(dates, start=start, end=end, freq=freq)
        [of_name], is_input = figures([factor], define).names, factor not in {*FACTORS, *(define or {})}
        own = {name: text for name, text in (define or {}).items() if name == factor}
        rows = self._lake.factors(
            symbols, days, vintage=vintage, factors=[_FIGURE if is_input else of_name],
            define={_FIGURE: factor} if is_input else own,
        )  # fmt: skip
        rows = _with_reason(rows, _FIGURE if is_input else factor)
        meaning = FACTORS[factor].meaning if factor in FACTORS else ""
        heading = f"{factor} of {_names(rows, symbols)}" + (f" ({meaning})" if meaning else "")
        tips = ("fiscal_date", "inputs_available_date", "age_days")
        lines = Lines(heading, (self._known(vintage),), factor, is_amount=is_input, tooltip=tips)
        marks = self._filings(rows, vintage) if filings and not rows.is_empty() else None
        return panels(rows.with_columns(currency=pl.lit("reported currency")), lines, marks)

    def cross_section(
        self,
        factor: str,
        date: DateLike,
        *,
        by: str = "industry",
        universe: Universe = None,
        define: Mapping[str, str] | None = None,
        vintage: str = "known",
    ) -> Picture:
        """Draw the values of a factor on a date in each industry (or sector, exchange), sorted by median.

        Symbols whose group is not known on the date are in the group ``unknown``. Those without a value are
        counted in the title with the commonest reason. Values beyond the 2nd and the 98th percentile are
        drawn at the edge; the tooltip has the value, the percentile and the z-score within the group.

        >>> import factorlab_lake as fl
        >>> chart = fl.open("data/lake").plot.cross_section("roe", "2020-12-31", by="sector")
        >>> chart.title.text
        'roe by sector on 2020-12-31 (return on equity)'
        """
        load_altair()
        day = to_date(date)
        rows = self._lake.cross_section(factor, day, by=by, universe=universe, define=define, vintage=vintage)
        meaning = FACTORS[factor].meaning if factor in FACTORS else ""
        heading = f"{factor} by {by} on {day}" + (f" ({meaning})" if meaning else "")
        return dot_strips(rows, axis=factor, by=by, heading=heading, notes=(self._known(vintage),))

    def coverage(
        self,
        symbols: str | Iterable[str] = "all",
        *,
        dataset: str = "price",
        period: str | None = None,
    ) -> Picture:
        """Draw which share of the expected days or reports of each year the lake has: a heat map.

        ``dataset`` is price, income, balance_sheet or cash_flow; ``period`` is quarterly or annual, by
        default quarterly for statements. The rows are those of the lake's ``coverage``, as stored in its
        snapshot. Of more than 60 symbols the chart has those with most gaps.

        >>> import factorlab_lake as fl
        >>> chart = fl.open("data/lake").plot.coverage()
        >>> chart.title.text
        'Days with bars, of those expected'
        """
        load_altair()
        one_of(dataset, ("price", *STATEMENT_TYPES), "dataset")
        kind = None if dataset == "price" else one_of(period or "quarterly", tuple(_PERIODS), "period")
        years = self._lake.coverage()
        names = self._lake.symbols()["symbol"].to_list() if symbols == "all" else to_symbols(symbols)
        rows = years.filter(
            pl.col("symbol").is_in(names),
            pl.col("dataset") == dataset,
            pl.col("period").eq_missing(pl.lit(kind)),
        )
        things = "Days with bars" if kind is None else f"{kind.capitalize()} reports ({dataset})"
        snapshot = getattr(self._lake, "snapshot", None)  # a server has none
        stored = f"Stored in snapshot {snapshot.id}" if snapshot else "Stored on the server"
        note = f"{stored}; a year without a cell has no data."
        return coverage_map(rows, heading=f"{things}, of those expected", note=note)

    def restatements(
        self, item: str, symbol: str, *, period: str = "annual", as_of: DateLike | None = None
    ) -> Picture:
        """Draw when the figures of a line item became known, and by how much later filings changed them.

        One row per fiscal period that was restated or corrected, the newest 30; without any, the newest
        periods with their first figure. ``item`` is an amount of a statement, such as ``revenue``; ``period``
        is annual or quarterly. ``as_of`` leaves out what became known after that day's close. Changes that
        follow from a split or from a more complete download are no restatements.

        >>> import factorlab_lake as fl
        >>> chart = fl.open("data/lake").plot.restatements("revenue", "AAPL")
        >>> chart.title.text, chart.title.subtitle[-1]
        ('Versions of revenue of AAPL', '0 of ... annual periods were restated or corrected.')
        """
        load_altair()
        of_period = _PERIODS[one_of(period, tuple(_PERIODS), "period")]
        method = getattr(self._lake, _METHODS[_statement_of(item)])
        rows = method(symbol, columns=[item, "reported_currency", "change_kind", "available_date"])
        last = LAST_DAY if as_of is None else to_date(as_of, "as_of")
        rows = rows.filter(of_period, pl.col("available_date") <= last)
        changes, note = _changes(rows, item, period)
        known = f"As known at the close of {last}." if as_of is not None else "As known now."
        notes = (f"{known} Filings count by the rule {self._lake.availability}.", note)
        heading = f"Versions of {item} of {', '.join(to_symbols([symbol]))}"
        return version_lines(changes, axis=item, heading=heading, notes=notes)

    def _known(self, vintage: str) -> str:
        rule = f"(filings count by the rule {self._lake.availability})"
        if vintage == "known":
            return f"As known at each date's close {rule}."
        if vintage == "first":
            return f"First version of every statement {rule}."
        return f"HINDSIGHT: the newest version of every statement {rule}."

    def _filings(self, rows: pl.DataFrame, vintage: str) -> pl.DataFrame:
        """Return the days within the rows' dates from which a statement of a symbol counts."""
        symbols, first, last = rows["symbol"].unique().to_list(), rows["date"].min(), rows["date"].max()
        stored: pl.DataFrame = self._lake.statements(symbols, columns=["available_date", "change_kind"])
        kinds = ["original"] if vintage == "first" else ["original", "restatement"]
        marks = stored.filter(
            pl.col("change_kind").is_in(kinds), pl.col("available_date").is_between(first, last)
        )
        is_new = pl.col("change_kind") == "original"
        filing = pl.when(is_new).then(pl.lit("filing")).otherwise(pl.lit("restatement")).alias("filing")
        of_days = marks.select("symbol", pl.col("available_date").alias("date"), "fiscal_date", filing)
        return of_days.unique().sort("symbol", "date", "fiscal_date", "filing")


def _names(rows: pl.DataFrame, symbols: Any) -> str:
    """Return the symbols of rows for a title, or the number of many; without rows the argument's."""
    names = rows["symbol"].unique(maintain_order=True).to_list() or to_symbols(symbols or [])
    return ", ".join(names) if len(names) <= CHART_NAMES else f"{len(names):,} symbols"


def _with_reason(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add the value of one factor, and the reason of its own."""
    own = pl.col("reasons").str.json_path_match(f"$.{name}")
    missing = pl.when(pl.col("value").is_null()).then(pl.coalesce(own, "reason"))
    return rows.with_columns(pl.col(name).fill_nan(None).alias("value")).with_columns(missing.alias("reason"))


def _statement_of(item: str) -> str:
    """Return the first statement type that has an item; raises for one that is no amount."""
    amounts = {
        column.name: kind
        for kind in reversed(STATEMENT_TYPES)
        for column in line_items(kind)
        if column.unit == "reported_currency"
    }
    if item not in amounts:
        raise InvalidInput(
            f"item is {item!r}; expected an amount of a statement, such as 'revenue'."
            f"{nearest(item, amounts)}",
            item=item,
        )
    return amounts[item]


def _changes(rows: pl.DataFrame, item: str, period: str) -> tuple[pl.DataFrame, str]:
    """Return the figures of restated periods that differ from the one before, and a note that counts them."""
    key = ["fiscal_date", "fiscal_period"]
    value = pl.col(item)
    known = rows.filter(value.is_not_null()).sort(*key, "version")
    differing = known.filter((value != value.shift(1).over(key)).fill_null(value=True))
    kind = pl.when(pl.col("change_kind") == "restatement").then(pl.lit("restatement"))
    named = differing.with_columns(
        value.alias("value"),
        pl.when(pl.int_range(pl.len()).over(key) == 0).then(pl.lit("first figure"))
        .otherwise(kind.otherwise(pl.lit("correction"))).alias("change"),
        (value / value.first().over(key) - 1).alias("of_first"),
        pl.format("{} {}", "fiscal_period", "fiscal_date").alias("period"),
        pl.col("reported_currency").alias("currency"),
    )  # fmt: skip
    restated = named.filter(pl.len().over(key) > 1)
    count, total = (frame.select(key).n_unique() for frame in (restated, named))
    shown = named if restated.is_empty() else restated
    newest = shown.select(key).unique().sort(key).tail(CHART_PERIODS)
    drawn = shown.join(newest, on=key, how="semi", maintain_order="left")
    note = f"{count:,} of {total:,} {period} periods were restated or corrected."
    return drawn.select("period", "available_date", "value", "change", "of_first", "currency"), note
