"""Provide Factor Lab's ``DatabaseProvider`` on a lake, with polars frames."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from factorlab_lake.legacy.provider_arguments import (
    LakeOrPlace,
    opened,
    statement_kinds,
    to_day,
    to_days,
    to_range,
)
from factorlab_lake.query.arguments import DateLike, Dates
from factorlab_lake.schema import STATEMENT_TYPES

__all__ = ["DatabaseProvider"]


class DatabaseProvider:
    """Serve Factor Lab's code that works on a database.

    ``connection``: the path of a lake, or an open lake. Queries use the lake's snapshot; ``provider.lake`` is
    that lake. Frames are polars; ``frame.to_pandas()`` converts them. Dates are texts such as
    ``"2024-01-31"``, dates, or midnights without a zone; ``None`` leaves an end open. Raises
    :class:`~factorlab_lake.errors.NotFound` and :class:`~factorlab_lake.errors.InvalidInput`.
    """

    def __init__(self, connection: LakeOrPlace) -> None:
        self.lake = opened(connection)

    def __repr__(self) -> str:
        return f"DatabaseProvider({self.lake!r})"

    def get_financial_statements(
        self,
        symbol: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        statement_types: str | Iterable[str] = STATEMENT_TYPES,
        *,
        as_of: DateLike | None = None,
    ) -> pl.DataFrame:
        """Return the statements whose fiscal period ends between two dates (both included).

        One row per symbol, statement type and fiscal period, in this order, with the columns of
        ``financial_statements``; line items are in ``metrics`` (JSON, in ``reported_currency``). Each row is
        the newest version, with later restatements; with ``as_of`` it is the newest at that day's close.
        ``statement_types``: income_statement (or income), balance_sheet, cash_flow. An unknown symbol has no
        rows. ``lake.statements`` returns every version.
        """
        first, last = to_range(start_date, end_date)
        known = date.max if as_of is None else to_day(as_of, "as_of")
        kinds = statement_kinds(statement_types).values()
        return self.lake.statements(symbol, first, last, types=kinds, as_of=known)

    def get_financial_ratios(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
    ) -> pl.DataFrame:
        """Return the ratios of each fiscal period that ends between two dates (both included).

        One row per symbol and fiscal period end, in this order, with the columns of ``financial_ratios``. The
        ratios are those of the day on which the period became available (``date``), so they contain no later
        price or statement. They are fractions and multiples; a missing one is NULL with a ``reason``. An
        unknown symbol has no rows.
        """
        return self.lake.ratios(symbols, *to_range(start_date, end_date))

    def calculate_market_caps_batch(self, symbols: str | Iterable[str], dates: Dates) -> pl.DataFrame:
        """Return the point-in-time market capitalisation of each symbol at each date.

        One row per symbol and date, in this order, from one query; columns and units are those of
        ``lake.market_caps``. A missing ``market_cap`` is NULL with a ``reason``.
        """
        return self.lake.market_caps(symbols, to_days(dates))
