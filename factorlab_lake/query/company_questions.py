"""Define the questions about whole companies, for a lake and for a shared server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from factorlab_lake.query.arguments import DateLike, Dates, to_dates
from factorlab_lake.query.company_caps import CLASSES, company_caps
from factorlab_lake.query.explanations import Explanations, of_one_snapshot
from factorlab_lake.query.query_hints import QueryHints

if TYPE_CHECKING:
    import polars as pl

__all__ = ["CompanyQuestions"]


class CompanyQuestions(Explanations):
    """Answer for a company with all its listed classes."""

    @of_one_snapshot
    def company_market_caps(
        self,
        symbols: str | Iterable[str],
        dates: Dates = None,
        *,
        start: DateLike | None = None,
        end: DateLike | None = None,
        freq: str | None = None,
        vintage: str = "known",
    ) -> pl.DataFrame:
        """Return the market capitalisation of each symbol's whole company as known at each date.

        One row per symbol and date, in this order. ``company_market_cap`` is in ``currency``: the sum of each
        class's close times the shares of that class, over the symbols in ``classes``. They are those of one
        CIK that the company used on the day. A company with one class has its market cap.

        NULL with a ``reason`` where a class has no cap, or no count of its own from a cover page, or another
        currency. If two classes have one count, it may be the company's total:
        ``one_count_for_several_classes``. Where a class was not listed yet, ``symbol_history`` tells so.
        """
        names = self._symbols.names(symbols)
        days = to_dates(dates, start=start, end=end, freq=freq)
        classes = self.session.frame(CLASSES, {"symbols": names}, needs=QueryHints({}))
        every = list(dict.fromkeys([*names, *classes["class_symbol"].sort()]))
        return company_caps(self.market_caps(every, days, vintage=vintage), names, classes)

    def market_caps(self, symbols: list[str], dates: Dates = None, *, vintage: str = "known") -> pl.DataFrame:
        """Return market capitalisations; :class:`Questions` has this method."""
        raise NotImplementedError
