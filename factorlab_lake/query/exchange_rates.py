"""Look up exchange rates of pairs of currencies: of a day, and on average over twelve months.

A rate is the price of one unit of ``base`` in ``quote``. Of each day it is the loaded rate of the pair, else
the inverse of the other direction, else the rate through the euro from two rates of that day. A later rate
never changes the answer about an earlier day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from factorlab_lake.query.query_hints import QueryHints, QuerySession
from factorlab_lake.schema.rules import ECB_BASE, FX_RATE_AGE_LIMIT_DAYS

__all__ = ["ExchangeRates", "MeanRate", "read_rates"]

_READ = (
    "SELECT base, quote, date, rate FROM fx_rates WHERE base IN (SELECT unnest($codes::VARCHAR[])) "
    "AND quote IN (SELECT unnest($codes::VARCHAR[]))"
)
_RATES = {"date": pl.Date, "rate": pl.Float64}


class MeanRate(NamedTuple):
    """Hold the mean of the rates published after ``first`` up to ``last``, a year later."""

    rate: float
    first: date
    last: date


def read_rates(session: QuerySession, currencies: Iterable[str]) -> pl.DataFrame:
    """Return the loaded rates between some currencies and the euro: ``base, quote, date, rate``."""
    codes = sorted({ECB_BASE, *currencies})
    return session.frame(_READ, {"codes": codes}, needs=QueryHints({}))


class ExchangeRates:
    """Answer from the rows of ``fx_rates``."""

    def __init__(self, rates: pl.DataFrame) -> None:
        self._rates = rates
        self._pairs: dict[tuple[str, str], pl.DataFrame] = {}

    def of_pair(self, base: str, quote: str) -> pl.DataFrame:
        """Return ``date`` and ``rate`` of a pair, in the order of dates.

        >>> day = [date(2020, 1, 2)] * 2
        >>> of_euro = {"base": ["EUR", "EUR"], "quote": ["USD", "GBP"], "date": day, "rate": [1.2, 0.9]}
        >>> ExchangeRates(pl.DataFrame(of_euro)).of_pair("GBP", "USD")["rate"].round(4).to_list()
        [1.3333]
        """
        if (base, quote) not in self._pairs:
            through = self._direct(ECB_BASE, base).join(
                self._direct(ECB_BASE, quote), on="date", suffix="_quote"
            )
            cross = through.select("date", rate=pl.col("rate_quote") / pl.col("rate"))
            every = pl.concat([self._direct(base, quote), cross])
            self._pairs[base, quote] = every.unique("date", keep="first", maintain_order=True).sort("date")
        return self._pairs[base, quote]

    def on_days(self, base: str, quote: str, days: pl.Series) -> pl.DataFrame:
        """Return ``rate`` and ``rate_date`` of each day, both NULL without a rate of the last days."""
        if base == quote:
            return pl.DataFrame({"rate": [1.0] * days.len(), "rate_date": days})
        rates = self.of_pair(base, quote).with_columns(rate_date="date")
        requested = pl.DataFrame({"date": days}).with_row_index("place").sort("date")
        limit = timedelta(days=FX_RATE_AGE_LIMIT_DAYS)
        nearest = requested.join_asof(rates, on="date", strategy="backward", tolerance=limit)
        return nearest.sort("place").select("rate", "rate_date")

    def mean(self, base: str, quote: str, end: date) -> MeanRate | None:
        """Return the mean of a pair's rates over the twelve months up to a day; None with a gap in them."""
        rates = self.of_pair(base, quote)
        start = pl.select(pl.lit(end).dt.offset_by("-1y")).item()
        window = rates.filter((pl.col("date") > start) & (pl.col("date") <= end))
        days = np.array([start, *window["date"], end], "datetime64[D]").astype(int)
        if window.is_empty() or np.diff(days).max() > FX_RATE_AGE_LIMIT_DAYS:
            return None
        return MeanRate(float(np.mean(window["rate"].to_numpy())), start, end)

    def _direct(self, base: str, quote: str) -> pl.DataFrame:
        """Return the loaded rates of a pair, then the inverse ones of the other direction."""
        rows = self._rates
        straight = rows.filter((pl.col("base") == base) & (pl.col("quote") == quote))
        inverse = rows.filter((pl.col("base") == quote) & (pl.col("quote") == base))
        both = [straight.select("date", "rate"), inverse.select("date", rate=1.0 / pl.col("rate"))]
        return pl.concat([pl.DataFrame(schema=_RATES), *both]).unique(
            "date", keep="first", maintain_order=True
        )
