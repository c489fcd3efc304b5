"""Factor Lab's ``DatabaseProvider`` on a lake: its three questions, answered as polars frames."""

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
    """Serves Factor Lab's code that works on a database.

    ``connection``: the path of a lake, or an open one. Asks the snapshot that the lake is at;
    ``provider.lake`` is that lake. Frames are polars; ``frame.to_pandas()`` is one call away. Dates are
    texts such as ``"2024-01-31"``, dates, or midnights without a zone; ``None`` leaves an end open.
    Raises :class:`~factorlab_lake.errors.NotFound` and :class:`~factorlab_lake.errors.InvalidInput`.
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

        One row per symbol, statement type and fiscal period, ordered so, with the columns of
        ``financial_statements``; line items are in ``metrics`` (JSON, in ``reported_currency``). Each in its
        newest version, which knows later restatements; with ``as_of`` as it was known at that day's close.
        ``statement_types``: income_statement (or income), balance_sheet, cash_flow. A symbol that the lake
        does not hold has no rows. Every version is in ``lake.statements``.
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

        One row per symbol and fiscal period end, ordered so, with the columns of ``financial_ratios``: each
        as computed on the day on which the period became available (``date``), so that no later price or
        statement is in it. Fractions and multiples; NULL with a ``reason`` where one cannot be known. A
        symbol that the lake does not hold has no rows.
        """
        return self.lake.ratios(symbols, *to_range(start_date, end_date))

    def calculate_market_caps_batch(self, symbols: str | Iterable[str], dates: Dates) -> pl.DataFrame:
        """Return the market capitalisation of each symbol as it could be computed at each date.

        One row per symbol and date, ordered so, in one query for all; columns and units are those of
        ``lake.market_caps``. ``market_cap`` is NULL with a ``reason`` where it cannot be known.
        """
        return self.lake.market_caps(symbols, to_days(dates))
