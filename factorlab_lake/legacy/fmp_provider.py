"""Factor Lab's ``FMPProvider`` on a lake: the same calls and shapes, the values as they were known.

What differs from Factor Lab's own class, on purpose:

- Nothing is known early. Trailing twelve months are those known on each calculation date, where Factor Lab
  asked as of the quarter's end and then filled backwards. Before the first known quarter there is NaN. A
  filing accepted after 16:00 in New York counts from the next day on, unless the lake was opened with
  another rule of availability.
- A sum over four quarters has four. A missing quarter or item gives NaN, never a partial sum; ratios, shares
  and per-share items are never summed.
- A ratio over a loss or over negative equity is NaN. So is one of statements more than 200 days old, or of a
  price more than ten.
- Shares are a count where the lake has one, and the weighted average only where it has none. Price and
  shares meet on one split basis, and so do all prices of a symbol.
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
# The lake's step, and the most days from one to the next.
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
_YEARS = range(1678, 2262)  # the whole ones that every pandas can hold
_ALL_STATEMENTS = ("income_statement", "balance_sheet", "cash_flow")

# The newest version of each fiscal period, newest period first.
_NEWEST = """
SELECT DISTINCT ON (symbol, fiscal_date, fiscal_period) * FROM {table}
WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) AND (fiscal_period = 'FY') = $annual
ORDER BY symbol, fiscal_date DESC, fiscal_period, version DESC
"""


class FMPProvider:
    """Serves Factor Lab's code from a lake, in pandas frames and in records as the provider sends them.

    ``lake``: an open lake, or the path of one. Asks the snapshot that the lake is at; ``provider.lake`` is
    that lake. Every symbol asked for gets an answer: one that the lake does not hold has NaN, or no records.
    Dates are texts such as ``"2024-01-31"``, dates, or midnights without a zone (as pandas writes dates).

    Raises :class:`~factorlab_lake.errors.MissingExtra` without pandas,
    :class:`~factorlab_lake.errors.NotFound` where there is no lake, and
    :class:`~factorlab_lake.errors.InvalidInput` for arguments that cannot be meant.
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

        One row per business day (Monday to Friday, both ends included) as index ``date``; with ``frequency``
        ``weekly`` or ``monthly`` only the Fridays, or the last business day of each month, of the same frame.
        Plain fractions and multiples, float64: those of ``lake.factors``, by the formulas of ``factors.csv``.

        Computed on the dates of ``calculation_frequency`` and carried to the days up to the next one: ``D``
        or ``B`` each business day, ``W`` Fridays, ``M`` and ``Q`` the last day of each month and quarter.
        The first days have the values of the last such date before the range. What could not be computed
        is NaN until the next date; nothing is filled from an earlier or a later one.
        """
        wanted = to_symbols(symbols)
        first, last = _closed_range(start_date, end_date)
        steps = _calculation_dates(first, last, calculation_frequency)
        index = business_days(first, last, frequency)
        rows = self.lake.factors(wanted, steps).sort("symbol", "date")
        of_symbol = {key: part for (key,), part in rows.partition_by("symbol", as_dict=True).items()}
        return {symbol: carried(of_symbol[symbol], index, steps=steps, columns=_FACTORS) for symbol in wanted}

    def get_prices(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        price_type: str = "close",
    ) -> pd.DataFrame:
        """Return daily prices side by side: one column per symbol in the order asked, as float64.

        One row per day on which any of them traded, in order, as index ``date``; NaN where a symbol did not
        trade. Per share in the symbol's currency, as counted after every split the lake holds, so that no
        split shows as a jump; the level of a past day is then no price that was paid on it. ``price_type``:
        open, high, low, close, volume (shares, adjusted for splits too), adjusted_close or adj_close (which
        counts dividends too). Columns and rules are those of ``adjusted_prices.sql``.
        """
        column = _PRICES[one_of(price_type, _PRICES, "price_type")]
        wanted = to_symbols(symbols)
        first, last = to_range(start_date, end_date)
        bars = self.lake.prices(wanted, first, last, adjusted=True)
        return side_by_side(bars.select("symbol", "date", value=column), wanted)

    def batch_fetch_statements(
        self,
        symbols: str | Iterable[str],
        statement_types: str | Iterable[str] = _ALL_STATEMENTS,
        period: str = "quarterly",
        limit: int | None = None,
    ) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return ``{symbol: {statement type: records}}``, records newest first, at most ``limit`` of each.

        A record has FMP's v3 field names and formats, and only the fields that have a value: each fiscal
        period once, in its newest version. That is what the provider would serve now, so it knows later
        restatements; ``acceptedDate`` says when a record became public. ``statement_types``:
        income_statement (or income), balance_sheet, cash_flow. ``period``: quarterly or annual.
        """
        wanted, kinds = to_symbols(symbols), statement_kinds(statement_types)
        annual = _IS_ANNUAL[one_of(period, _IS_ANNUAL, "period")]
        most = _limit(limit)
        answer: dict[str, dict[str, list[dict[str, Any]]]] = {symbol: {} for symbol in wanted}
        for kind, dataset in kinds.items():
            query = _NEWEST.format(table=identifier(STATEMENT_TABLES[dataset]))
            rows = self.lake.sql(query, symbols=wanted, annual=annual)
            found = {key: part for (key,), part in rows.partition_by("symbol", as_dict=True).items()}
            for symbol in wanted:
                part = found.get(symbol, rows.clear())
                answer[symbol][kind] = render(part if most is None else part.head(most), dataset, "v3")
        return answer


def _closed_range(start_date: DateLike, end_date: DateLike) -> tuple[date, date]:
    first, last = to_range(start_date, end_date)
    return _within_reason(first, "start_date"), _within_reason(last, "end_date")


def _within_reason(day: date | None, name: str) -> date:
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


def _limit(given: Any) -> int | None:
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
        raise InvalidInput(
            f"limit is {given!r}; expected a whole number from 1 on, or None for all.", given=given
        )
    limit: int | None = given
    return limit
