"""Provide Factor Lab's ``FMPProvider`` on a lake: the same calls and shapes, with point-in-time values.

Values differ from those of Factor Lab's own class on purpose:

- There is no look-ahead. Trailing twelve months are those known on each calculation date; Factor Lab used the
  quarter's end and then filled backwards. Before the first known quarter the value is NaN. A filing accepted
  after 16:00 in New York counts from the next day on, unless the lake has another availability rule.
- A sum over four quarters has four. A missing quarter or item gives NaN, never a partial sum. Ratios, shares
  and per-share items are never summed.
- A ratio over a loss or over negative equity is NaN. So is a ratio of statements older than 200 days, or of a
  price older than ten.
- Shares are a count where the lake has one, and else the weighted average. Price and shares have one split
  basis, and so have all prices of a symbol.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from factorlab_lake.errors import InvalidInput
from factorlab_lake.ingest.record_frames import render
from factorlab_lake.legacy.pandas_frames import business_days, carried, load_pandas, side_by_side
from factorlab_lake.legacy.provider_arguments import LakeOrPlace, opened, statement_kinds, to_range
from factorlab_lake.query.arguments import DateLike, one_of, to_dates, to_symbols
from factorlab_lake.schema import identifier
from factorlab_lake.schema.tables import STATEMENT_TABLES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FMPProvider"]

_FACTORS = {
    "pe_ratio": "PE_ratio",
    "pb_ratio": "PB_ratio",
    "roe": "ROE",
    "debt_to_equity": "Debt_Equity",
}
# The lake's frequency, and the most days between two of its dates.
_STEPS = {
    "D": ("B", 3),
    "B": ("B", 3),
    "W": ("W", 7),
    "W-FRI": ("W", 7),
    "M": ("ME", 31),
    "ME": ("ME", 31),
    "Q": ("QE", 92),
    "QE": ("QE", 92),
}
_PRICES = {
    "open": "open_price",
    "high": "high_price",
    "low": "low_price",
    "close": "close_price",
    "volume": "volume",
    "adjusted_close": "adjusted_close",
    "adj_close": "adjusted_close",
}
_IS_ANNUAL = {"quarterly": False, "quarter": False, "annual": True}
_YEARS = range(1678, 2262)  # the full years that every pandas version supports
_ALL_STATEMENTS = ("income_statement", "balance_sheet", "cash_flow")

# The newest version of each fiscal period, newest period first.
_NEWEST = """
SELECT DISTINCT ON (symbol, fiscal_date, fiscal_period) * FROM {table}
WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) AND (fiscal_period = 'FY') = $annual
ORDER BY symbol, fiscal_date DESC, fiscal_period, version DESC
"""


class FMPProvider:
    """Serve Factor Lab's code from a lake, with pandas frames and with records in FMP's format.

    ``lake``: an open lake, or the path of one. Queries use the lake's snapshot; ``provider.lake`` is that
    lake. An unknown symbol has NaN or no records. Dates are texts such as ``"2024-01-31"``, dates, or
    midnights without a zone (as pandas writes dates).

    Raises :class:`~factorlab_lake.errors.MissingExtra` without pandas,
    :class:`~factorlab_lake.errors.NotFound` where there is no lake, and
    :class:`~factorlab_lake.errors.InvalidInput` for invalid arguments.
    """

    def __init__(self, lake: LakeOrPlace) -> None:
        load_pandas()
        self.lake = opened(lake)

    def __repr__(self) -> str:
        return f"FMPProvider({self.lake!r})"

    def get_fundamental_factors(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike,
        end_date: DateLike,
        frequency: str = "daily",
        calculation_frequency: str = "W",
    ) -> dict[str, pd.DataFrame]:
        """Return ``{symbol: frame}`` with the factors ``PE_ratio, PB_ratio, ROE, Debt_Equity``.

        One row per business day (Monday to Friday, both ends included) as index ``date``. The ``frequency``
        ``weekly`` selects the Fridays of that frame, ``monthly`` the last business day of each month. Values
        are fractions and multiples (float64) of ``lake.factors``, by the formulas of ``factors.csv``.

        ``calculation_frequency`` gives the dates of computation: ``D`` or ``B`` each business day, ``W``
        Fridays, ``M`` and ``Q`` the last day of each month and quarter. Each value lasts until the next such
        date; the first days have the values of the last date before the range. A missing value stays NaN
        until the next date; no other date's value fills it.
        """
        names = to_symbols(symbols)
        first, last = _closed_range(start_date, end_date)
        steps = _calculation_dates(first, last, calculation_frequency)
        index = business_days(first, last, frequency)
        rows = self.lake.factors(names, steps).sort("symbol", "date")
        by_symbol = {key: part for (key,), part in rows.partition_by("symbol", as_dict=True).items()}
        return {symbol: carried(by_symbol[symbol], index, steps=steps, columns=_FACTORS) for symbol in names}

    def get_prices(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        price_type: str = "close",
    ) -> pd.DataFrame:
        """Return daily prices: one float64 column per symbol, in the order of ``symbols``.

        One row per day on which any symbol traded, in order, as index ``date``; NaN where a symbol did not
        trade. Prices are per share in the symbol's currency, adjusted for every split in the lake. So no
        split appears as a jump, and a past value is not the price paid on that day. ``price_type``: open,
        high, low, close, volume (shares, adjusted for splits too), adjusted_close or adj_close (adjusted for
        dividends too). Columns and rules are those of ``adjusted_prices.sql``.
        """
        column = _PRICES[one_of(price_type, _PRICES, "price_type")]
        names = to_symbols(symbols)
        first, last = to_range(start_date, end_date)
        bars = self.lake.prices(names, first, last, adjusted=True)
        return side_by_side(bars.select("symbol", "date", value=column), names)

    def batch_fetch_statements(
        self,
        symbols: str | Iterable[str],
        statement_types: str | Iterable[str] = _ALL_STATEMENTS,
        period: str = "quarterly",
        limit: int | None = None,
    ) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return ``{symbol: {statement type: records}}``, records newest first, at most ``limit`` of each.

        A record has FMP's v3 field names and formats, and only the fields with a value. Each fiscal period
        appears once, in its newest version, so it includes later restatements; ``acceptedDate`` is the time
        at which a record became public. ``statement_types``: income_statement (or income), balance_sheet,
        cash_flow. ``period``: quarterly or annual.
        """
        names, kinds = to_symbols(symbols), statement_kinds(statement_types)
        annual = _IS_ANNUAL[one_of(period, _IS_ANNUAL, "period")]
        max_records = _checked_limit(limit)
        answer: dict[str, dict[str, list[dict[str, Any]]]] = {symbol: {} for symbol in names}
        for kind, dataset in kinds.items():
            query = _NEWEST.format(table=identifier(STATEMENT_TABLES[dataset]))
            rows = self.lake.session.frame(query, {"symbols": names, "annual": annual})
            parts = {key: part for (key,), part in rows.partition_by("symbol", as_dict=True).items()}
            for symbol in names:
                part = parts.get(symbol, rows.clear())
                newest = part if max_records is None else part.head(max_records)
                answer[symbol][kind] = render(newest, dataset, "v3")
        return answer


def _closed_range(start_date: DateLike, end_date: DateLike) -> tuple[date, date]:
    first, last = to_range(start_date, end_date)
    return _in_pandas_range(first, "start_date"), _in_pandas_range(last, "end_date")


def _in_pandas_range(day: date | None, name: str) -> date:
    if day is None or day.year not in _YEARS:
        raise InvalidInput(
            f"{name} is {day}; expected a date of {_YEARS[0]} to {_YEARS[-1]}, such as '2024-01-31'.",
            given=day,
        )
    return day


def _calculation_dates(first: date, last: date, frequency: str) -> list[date]:
    """Return the calculation dates of a range, with at least the last one on or before its first day."""
    step, gap_days = _STEPS[one_of(frequency, _STEPS, "calculation_frequency")]
    return to_dates(None, start=first - timedelta(days=gap_days), end=last, freq=step)


def _checked_limit(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InvalidInput(
            f"limit is {value!r}; expected a whole number from 1 on, or None for all.", given=value
        )
    limit: int | None = value
    return limit
