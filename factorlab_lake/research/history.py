"""Define the methods about the past and the future of a figure: trends, seasons and returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.functions.sql_placeholders import ttm_columns
from factorlab_lake.query.arguments import DateLike, Dates, one_of, to_date, to_dates
from factorlab_lake.query.explanations import of_one_snapshot
from factorlab_lake.query.query_hints import QueryHints
from factorlab_lake.query.questions import Questions
from factorlab_lake.research.grids import Figures, figures, with_reasons
from factorlab_lake.research.returns import (
    PRICES,
    checked_delistings,
    checked_periods,
    forward_returns,
)
from factorlab_lake.research.samples import (
    MONTHS,
    Sample,
    by_symbol,
    checked_years,
    months_before,
    refuse_shares,
)
from factorlab_lake.research.seasons import SCHEMA as SEASONS
from factorlab_lake.research.seasons import seasons
from factorlab_lake.research.trends import SCHEMA as TRENDS
from factorlab_lake.research.trends import are_years_apart, is_near, trend
from factorlab_lake.schema import identifier
from factorlab_lake.schema.rules import END_OF_TIME

__all__ = ["FigureHistory"]

_AROUND_MONTHS = 4  # the months around an anniversary, of which the earliest is past the last one
_CURRENCIES = (
    "SELECT symbol, valid_from, income_currency AS currency FROM fundamentals_history "
    "WHERE of_vintage = 'known' AND symbol IN (SELECT unnest($symbols::VARCHAR[]))"
)
_NEWEST_DAY = "SELECT MAX(date) AS day FROM price_data"


class FigureHistory(Questions):
    """Follow a figure through the years, and prices after a date."""

    @of_one_snapshot
    def trends(
        self,
        factor: str,
        symbols: str | Iterable[str],
        as_of: DateLike,
        *,
        years: int = 5,
        define: Mapping[str, str] | None = None,
    ) -> pl.DataFrame:
        """Return the growth and the trend of a factor or line item, as known at a date's close.

        One row per symbol, in order. The points are the newest value and those of the same fiscal period up
        to ``years`` years before, each as it was known then. Flows are trailing twelve months, so seasons do
        not matter. A factor with a price has the values of the same day of each year.

        - ``change`` and ``yoy``: value - value a year before, and that in relation to it
        - ``acceleration``: ``yoy`` - ``yoy`` of the year before
        - ``cagr``: (value / value ``years`` before) ** (1 / ``years``) - 1
        - ``slope``, ``slope_standard_error``: of the least-squares line through the points, per year

        A growth from a value that is not positive is NULL. ``reasons`` (JSON) has the cause of each NULL, and
        ``reason`` why nothing is known. ``factor`` is a factor, an input of factors, or one of ``define``.
        """
        chosen, day, count = figures([factor], define), to_date(as_of, "as_of"), checked_years(years)
        refuse_shares(chosen)
        names = self._symbols.names(symbols)
        months = months_before(day, count * MONTHS + _AROUND_MONTHS)
        samples = self._samples(chosen, names, months[::MONTHS])
        if all(item.statement_type for item in chosen.factors[0].inputs):
            # A report can be published earlier or later in one year than in another.
            shifted = [name for name, of_years in samples.items() if not are_years_apart(of_years)]
            near = [day for place, day in enumerate(months) if is_near(place)]
            samples |= self._samples(chosen, shifted, near) if shifted else {}
        rows = [trend(name, samples[name], months, count) for name in sorted(samples)]
        self._symbols.warn_of_missing(names)
        return pl.DataFrame(rows, schema=TRENDS)

    @of_one_snapshot
    def seasonality(
        self,
        factor: str,
        symbols: str | Iterable[str],
        as_of: DateLike,
        *,
        years: int = 5,
        define: Mapping[str, str] | None = None,
    ) -> pl.DataFrame:
        """Return the seasonal pattern of a line item or factor, as known at a date's close.

        One row per symbol and quarter of its year, in order of the month in which the quarter ends. The
        quarters are the newest ones without a gap, up to ``years`` years. Flows are those of single quarters,
        as :meth:`quarters` has them; other figures are the last value that was known of each quarter.

        - ``share``: mean share of the quarter in its year; NULL unless the figure is a flow
        - ``seasonal_index``: mean ratio to the centred moving average of four quarters; 1 is average
        - ``strength``: share of the variance that the season explains, from 0 to 1

        ``reason`` says why a figure is NULL: an index needs 8 quarters, and a strength 12.
        """
        chosen, day, count = figures([factor], define), to_date(as_of, "as_of"), checked_years(years)
        names = self._symbols.names(symbols)
        is_flow = factor in ttm_columns()
        if is_flow:
            samples = self._quarter_samples(factor, names, day)
        else:
            refuse_shares(chosen)
            every = self._samples(chosen, names, months_before(day, count * MONTHS + _AROUND_MONTHS))
            samples = {name: _of_quarters(of_months) for name, of_months in every.items()}
        rows = [row for n, s in samples.items() for row in seasons(n, s, day, count, is_flow=is_flow)]
        self._symbols.warn_of_missing(names)
        return pl.DataFrame(rows, schema=SEASONS)

    @of_one_snapshot
    def forward_returns(
        self,
        symbols: str | Iterable[str],
        dates: Dates,
        periods: int | Iterable[int] = (1, 5, 21),
        *,
        price: str = "adjusted_close",
        delistings: Any = None,
    ) -> pl.DataFrame:
        """Return the returns after each date, from the next close on.

        One row per symbol, date and period, in this order. A period is a number of bars of the symbol.
        ``forward_return`` is ``end_price / start_price - 1``; the start is the first close after the date, so
        a figure known at the date's close can be traded. Prices are ``adjusted_close``, which reinvests
        dividends; a symbol whose dividends are not held has prices adjusted for splits alone, and the
        reason ``no_dividends_known``. All bars of a symbol have the same ``price_source``; a return whose
        first or last bar lacks this price is NULL, with the reason of the bar. ``price="close_price"``
        uses prices adjusted for splits alone for all symbols.

        A symbol that stopped trading has the return to its last price, with the reason ``delisted``.
        ``delistings`` is a frame of ``symbol, date, delisting_return``: the return after the last price, such
        as -1.0 for a worthless share, which is compounded. A return in the future of the lake is NULL:
        ``not_yet_known``. Do not select symbols by these returns: they are hindsight.
        """
        counts, losses = checked_periods(periods), checked_delistings(delistings)
        one_of(price, PRICES, "price")
        names, days = self._symbols.names(symbols), to_dates(dates)
        order = pl.DataFrame({"symbol": names}, schema={"symbol": pl.String})
        pairs = order.join(pl.DataFrame({"date": days}, schema={"date": pl.Date}), how="cross")
        bars = self._bars(names, min(days, default=END_OF_TIME), END_OF_TIME)
        self._symbols.warn_of_missing(names)
        newest = self.session.frame(_NEWEST_DAY, needs=QueryHints())["day"].item()
        pairs = pairs.sort("symbol", "date")
        return forward_returns(bars, pairs, counts, price=price, newest=newest, delistings=losses)

    def _samples(self, chosen: Figures, names: list[str], days: list[date]) -> dict[str, list[Sample]]:
        """Return each symbol's values at some days, each as known on its day."""
        answer = self._unchecked("factor_inputs", names, days, vintage="known", chosen=chosen.factors)
        [name], [reason] = chosen.names, with_reasons(chosen.names)
        values = chosen.named(answer).select(
            "symbol", "date", pl.col(name).alias("value"), reason.alias("reason")
        )
        facts = answer.select("symbol", "date", "fiscal_date", "company_id")
        rows = values.join(facts, on=["symbol", "date"])
        if name in FACTORS:  # ratios have no currency
            return by_symbol(rows.with_columns(currency=pl.lit(None, pl.String)))
        currencies = self.session.frame(_CURRENCIES, {"symbols": names}, needs=QueryHints(symbols=names))
        dated = rows.sort("date").join_asof(
            currencies.sort("valid_from"), left_on="date", right_on="valid_from", by="symbol",
            check_sortedness=False,
        )  # fmt: skip
        return by_symbol(dated)

    def _quarter_samples(self, item: str, names: list[str], day: date) -> dict[str, list[Sample]]:
        rows = self.session.frame(
            "SELECT symbol, fiscal_date AS date, fiscal_date, company_id, reported_currency AS currency, "
            f"{identifier(item)} AS value, reason FROM quarters($symbols::VARCHAR[], $as_of::DATE)",
            {"symbols": names, "as_of": day},
            needs=QueryHints(symbols=names),
        )
        samples = by_symbol(rows)
        return {name: samples.get(name, []) for name in sorted(names)}


def _of_quarters(samples: list[Sample]) -> list[Sample]:
    """Return the newest sample of each fiscal period; a missing value at the end stays."""
    kept: dict[date | None, Sample] = {}
    for sample in samples:
        kept.setdefault(sample.fiscal_date, sample)
    return list(kept.values())
