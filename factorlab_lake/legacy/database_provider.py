"""Provide Factor Lab's ``DatabaseProvider`` on a lake, with frames of pandas or polars."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from factorlab_lake.legacy.pandas_frames import checked_frames, to_frames
from factorlab_lake.legacy.provider_arguments import (
    LakeOrPlace,
    default_lake,
    opened,
    spellings,
    statement_kinds,
    to_days,
    to_range,
)
from factorlab_lake.query.arguments import DateLike, Dates, to_date

__all__ = ["DatabaseProvider"]


class DatabaseProvider:
    """Serve Factor Lab's code that works on a database: a lake in a folder, or on a server.

    ``connection`` is an open lake, or the path or address of one; by default the lake of ``fl.open()``.
    Queries use the lake's snapshot; ``provider.lake`` is that lake. ``frames`` is ``pandas`` or ``polars``.
    JSON columns of pandas frames have dicts, as with ``pandas.read_sql`` on PostgreSQL, and dates are
    ``datetime64``; those of polars frames have texts and dates.

    Symbols and dates have the forms of :class:`FMPProvider`, and rows have the lake's spelling; ``None``
    leaves an end open. A symbol of which the lake has no data gives a
    :class:`~factorlab_lake.errors.SymbolNotHeldWarning`, and a start after the end an empty answer. Raises
    :class:`~factorlab_lake.errors.NotFound`, :class:`~factorlab_lake.errors.InvalidInput` and
    :class:`~factorlab_lake.errors.MissingExtra`.
    """

    def __init__(self, connection: LakeOrPlace | None = None, *, frames: str = "pandas") -> None:
        self.frames = checked_frames(frames, "DatabaseProvider")
        self.lake = default_lake() if connection is None else opened(connection)

    def __repr__(self) -> str:
        return f"DatabaseProvider({self.lake!r}, frames={self.frames!r})"

    def get_financial_statements(
        self,
        symbol: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
        statement_types: str | Iterable[str] | None = None,
        *,
        as_of: DateLike | None = None,
    ) -> Any:
        """Return the statements whose fiscal period ends between two dates (both included).

        One row per symbol, statement type and fiscal period, in this order, with the columns of
        ``financial_statements``; line items are in ``metrics`` (in ``reported_currency``). Each row is
        the newest version, with later restatements; with ``as_of`` it is the newest at that day's close.
        ``statement_types``: income_statement (or income), balance_sheet, cash_flow; None is all. An unknown
        symbol has no rows. ``lake.statements`` returns every version.
        """
        span = to_range(start_date, end_date)
        known = date.max if as_of is None else to_date(as_of, "as_of")
        kinds = list(statement_kinds(statement_types).values())
        names = self._symbols(symbol)
        first, last = span or (None, None)
        rows = self.lake.statements(names if span else [], first, last, types=kinds, as_of=known)
        return to_frames(rows, self.frames)

    def get_financial_ratios(
        self,
        symbols: str | Iterable[str],
        start_date: DateLike | None = None,
        end_date: DateLike | None = None,
    ) -> Any:
        """Return the ratios of each fiscal period that ends between two dates (both included).

        One row per symbol and fiscal period end, in this order, with the columns of ``financial_ratios``. The
        ratios are those of the day on which the period became available (``date``), so they contain no later
        price or statement. They are fractions and multiples; a missing one is NULL with a ``reason``. An
        unknown symbol has no rows.
        """
        span = to_range(start_date, end_date)
        names = self._symbols(symbols)
        first, last = span or (None, None)
        return to_frames(self.lake.ratios(names if span else [], first, last), self.frames)

    def calculate_market_caps_batch(self, symbols: str | Iterable[str], dates: Dates) -> Any:
        """Return the point-in-time market capitalisation of each symbol at each date.

        One row per symbol and date, in this order, from one query; columns and units are those of
        ``lake.market_caps``. A missing ``market_cap`` is NULL with a ``reason``, also of an unknown symbol.
        """
        days = to_days(dates)
        return to_frames(self.lake.market_caps(self._symbols(symbols), days), self.frames)

    def _symbols(self, symbols: str | Iterable[str]) -> list[str]:
        """Return symbols in the lake's spelling; unknown ones stay, and the lake names them in a warning."""
        return [symbol or name for name, symbol in spellings(self.lake, symbols).items()]
