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

import warnings
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import SecretStr

from factorlab_lake.errors import InvalidInput, LakeWarning
from factorlab_lake.legacy.cache_methods import CacheMethods
from factorlab_lake.legacy.fundamentals import newest_fundamentals
from factorlab_lake.legacy.pandas_frames import business_days, by_name, carried, load_pandas, side_by_side
from factorlab_lake.legacy.provider_arguments import (
    RATIOS,
    RECORD_LIMIT,
    LakeOrPlace,
    opened,
    place_and_key,
    record_kinds,
    spellings,
    to_range,
)
from factorlab_lake.legacy.ratio_records import ratio_records
from factorlab_lake.legacy.statement_records import statement_records
from factorlab_lake.query.arguments import DateLike, one_of, to_dates

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
    "adjClose": "adjusted_close",
    "vwap": "vwap",
    "volume": "volume",
    "adjusted_close": "adjusted_close",
    "adj_close": "adjusted_close",
}
_IS_ANNUAL = {"quarter": False, "quarterly": False, "annual": True}
_YEARS = range(1678, 2262)  # the full years that every pandas version supports
_ANY_DAY = date(2000, 1, 3)  # the index of an answer without rows begins somewhere


class FMPProvider(CacheMethods):
    """Serve Factor Lab's code from a lake, with pandas frames and with records in FMP's format.

    ``FMPProvider()`` uses the lake that ``fl.open()`` opens: of ``FACTORLAB_LAKE``, of the environment, or
    ``data/lake``. The first question opens it. ``place_or_key`` is an open lake, its path or address, or the
    provider's key: a text without a slash that names no lake. ``api_key=`` and ``lake=`` say which. Questions
    are answered from the lake alone, so they need no key; only :meth:`warm_cache` and
    :meth:`smart_preload_cache` use it, to fetch. Without one it is that of ``FMP_API_KEY``. No error,
    representation or pickle contains the key. ``cache_config`` has no effect, and a warning says so: a lake
    has no file cache.

    Queries use the lake's snapshot; ``provider.lake`` is that lake. A symbol in small letters is looked up in
    capitals, and answers use the caller's spelling. An unknown symbol gives a
    :class:`~factorlab_lake.errors.SymbolNotHeldWarning` that names it. Dates are dates, moments (their day in
    their own zone counts), or texts such as ``"2024-01-31"``, ``"2024/01/31"``, ``"2024-01-31 15:30:00"`` and
    ``"2024-01"`` (its first day). A start after the end gives an empty answer and a warning.

    Raises :class:`~factorlab_lake.errors.MissingExtra` without pandas,
    :class:`~factorlab_lake.errors.NotFound` where there is no lake, and
    :class:`~factorlab_lake.errors.InvalidInput` for invalid arguments.

    >>> FMPProvider(api_key="s3cret")
    FMPProvider()
    """

    name = "fmp"

    def __init__(
        self,
        place_or_key: LakeOrPlace | None = "",
        /,
        cache_config: Any = None,
        *,
        api_key: str | None = "",
        lake: LakeOrPlace | None = None,
    ) -> None:
        load_pandas()
        place, key = place_and_key(place_or_key, lake, api_key)
        self._key = SecretStr(key)
        self._lake = None if place is None else opened(place)
        if cache_config is not None:
            warnings.warn(
                "cache_config has no effect: answers come from the lake, which has no file cache. "
                "FACTORLAB_RESULT_CACHE_MB sets the memory for repeated answers.",
                LakeWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return "FMPProvider()" if self._lake is None else f"FMPProvider({self._lake!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the key: the other process reads it from its own environment."""
        return self.__dict__ | {"_key": SecretStr("")}

    def get_fundamental_factors(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike,
        end_date: DateLike,
        frequency: str = "daily",
        calculation_frequency: str = "W",
    ) -> dict[str, pd.DataFrame]:
        """Return ``{symbol: frame}`` with the factors ``PE_ratio, PB_ratio, ROE, Debt_Equity``.

        One row per business day (Monday to Friday, both ends included) as index ``date``; an unknown symbol
        has no row. The ``frequency`` ``weekly`` selects the Fridays of that frame, ``monthly`` and
        ``quarterly`` the last business day of each month or quarter. Values are fractions and multiples
        (float64) of ``lake.factors``, by the formulas of ``factors.csv``.

        ``calculation_frequency`` gives the dates of computation: ``D`` or ``B`` each business day, ``W``
        Fridays, ``M`` and ``Q`` the last day of each month and quarter. Each value lasts until the next such
        date; the first days have the values of the last date before the range. A missing value stays NaN
        until the next date; no other date's value fills it.
        """
        one_of(calculation_frequency, _STEPS, "calculation_frequency")
        span = to_range(start_date, end_date)
        first, last = (_ANY_DAY, _ANY_DAY) if span is None else _in_pandas_range(span)
        names = spellings(self.lake, symbols, "It has an empty frame.")
        index = business_days(first, last, frequency)
        no_rows = pl.DataFrame(schema=dict.fromkeys(_FACTORS, pl.Float64))
        nothing = carried(no_rows, index[:0], steps=[], columns=_FACTORS)
        held = [symbol for symbol in names.values() if symbol]
        if span is None or not held:
            return {name: nothing.copy() for name in names}
        steps = _calculation_dates(first, last, calculation_frequency)
        rows = self.lake.factors(held, steps).sort("symbol", "date")
        parts = {key: part for (key,), part in rows.partition_by("symbol", as_dict=True).items()}
        return {
            name: carried(parts[symbol], index, steps=steps, columns=_FACTORS) if symbol else nothing.copy()
            for name, symbol in names.items()
        }

    def get_prices(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        price_type: str = "close",
    ) -> pd.DataFrame:
        """Return daily prices: one float64 column per symbol, in the order of ``symbols``.

        One row per day on which any symbol traded, in order, as index ``date``; NaN where a symbol did not
        trade. A symbol without a price in the range has no column, and a warning names it. So
        ``prices.pct_change().dropna()`` is never empty because of an unknown symbol.

        Prices are per share in the symbol's currency, adjusted for every split in the lake. So no split
        appears as a jump, and a past value is not the price paid on that day. ``price_type``: open, high,
        low, close, vwap, volume (shares, adjusted for splits too), adjClose (also adjusted_close or
        adj_close; adjusted for dividends too). Columns and rules are those of ``adjusted_prices.sql``.
        """
        column = _PRICES[one_of(price_type, _PRICES, "price_type")]
        span = to_range(start_date, end_date)
        names = spellings(self.lake, symbols, "It has no column.")
        columns = {name: symbol for name, symbol in names.items() if symbol}
        held = list(dict.fromkeys(columns.values())) if span else []
        bars = self._bars(held, span or (None, None), column)
        frame = side_by_side(bars.select("symbol", "date", value=column), columns)
        if span and (without := [name for name in columns if name not in frame.columns]):
            what = f"{price_type} in the range" if start_date or end_date else price_type
            warnings.warn(f"{', '.join(without)}: no {what}, so no column.", LakeWarning, stacklevel=2)
        return frame

    def _bars(self, symbols: list[str], span: tuple[date | None, date | None], column: str) -> pl.DataFrame:
        bars = self.lake.prices(symbols, *span, adjusted=True)
        if column != "vwap":
            return bars
        # The function has no vwap; a bar's vwap and close have one split basis.
        stored = self.lake.prices(symbols, *span).select("symbol", "date", "vwap", stored="close_price")
        ratio = pl.when(pl.col("stored") > 0).then(pl.col("close_price") / pl.col("stored"))
        joined = bars.join(stored, on=["symbol", "date"], how="left")
        return joined.with_columns(vwap=pl.col("vwap") * ratio)

    def batch_fetch_statements(
        self,
        symbols: str | Iterable[str],
        statement_types: str | Iterable[str] | None = None,
        period: str = "quarter",
        limit: int | None = RECORD_LIMIT,
        use_cache: bool = True,  # noqa: FBT001, FBT002 - Factor Lab's own call
    ) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return ``{symbol: {statement type: records}}``, records newest first, at most ``limit`` of each.

        A record has FMP's v3 field names and formats; a field without a value is None. Each fiscal period
        appears once, in its newest version, so it includes later restatements; ``acceptedDate`` is the time
        at which a record became public. ``statement_types``: income_statement (or income), balance_sheet,
        cash_flow, financial_ratios; None is all four. ``period``: quarter or annual. ``limit=None`` returns
        all. An unknown symbol has empty lists.

        Records of ``financial_ratios`` are the provider's where the lake has its ratios of a symbol and
        period: ``source`` is the provider. All others are the lake's own, with ``source`` ``lake``: of twelve
        months, as of ``availableDate``, the day on which the period became available. No list has both.

        ``use_cache=False`` warns: nothing is fetched here, and :meth:`warm_cache` fetches newer data.
        """
        kinds = record_kinds(statement_types)
        annual = _IS_ANNUAL[one_of(period, _IS_ANNUAL, "period")]
        max_records = _checked_limit(limit)
        if not use_cache:
            text = (
                "use_cache=False fetches nothing: the lake answers. warm_cache(symbols) fetches newer data."
            )
            warnings.warn(text, LakeWarning, stacklevel=2)
        names = spellings(self.lake, symbols, "It has no records.")
        held = [symbol for symbol in names.values() if symbol]
        answer: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in names}
        datasets = sorted(set(kinds.values()) - {RATIOS})
        of_statements = statement_records(self.lake, held, datasets, annual=annual, limit=max_records)
        for kind, dataset in kinds.items():
            records = (
                ratio_records(self.lake, held, annual=annual, limit=max_records)
                if dataset == RATIOS
                else of_statements[dataset]
            )
            for name, symbol in names.items():
                answer[name][kind] = records.get(symbol or "", [])
        return answer

    def get_fundamentals(self, symbols: str | Iterable[str]) -> pd.DataFrame:
        """Return what is known of each symbol on the day of its last bar: one row per symbol.

        The index is ``symbol``, in the order of ``symbols``. Columns: ``date``; ``company_name``, ``sector``
        and ``industry`` where the lake has a profile; ``close`` and ``market_cap`` in ``currency``; and all
        factors of ``lake.factors``, four of them under Factor Lab's names. An unknown symbol, or one without
        a bar, has no row, and a warning names it.
        """
        names = spellings(self.lake, symbols, "It has no row.")
        rows = newest_fundamentals(self.lake, [symbol for symbol in names.values() if symbol])
        known = set(rows["symbol"])
        if without := [name for name, symbol in names.items() if symbol and symbol not in known]:
            warnings.warn(f"{', '.join(without)}: no bar, so no row.", LakeWarning, stacklevel=2)
        return by_name(rows, {n: s for n, s in names.items() if s and s in known}, _FACTORS)


def _in_pandas_range(span: tuple[date | None, date | None]) -> tuple[date, date]:
    first, last = span
    return _supported(first, "start_date"), _supported(last, "end_date")


def _supported(day: date | None, name: str) -> date:
    if day is None or day.year not in _YEARS:
        raise InvalidInput(
            f"{name} is {day}; expected a date of {_YEARS[0]} to {_YEARS[-1]}, such as '2024-01-31'.",
            given=day,
        )
    return day


def _calculation_dates(first: date, last: date, frequency: str) -> list[date]:
    """Return the calculation dates of a range, with at least the last one on or before its first day."""
    step, gap_days = _STEPS[frequency]
    return to_dates(None, start=first - timedelta(days=gap_days), end=last, freq=step)


def _checked_limit(value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InvalidInput(
            f"limit is {value!r}; expected a whole number from 1 on, or None for all.", given=value
        )
    limit: int | None = value
    return limit
