"""Define the questions about whole companies, for a lake and for a shared server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from factorlab_lake.errors import InvalidInput
from factorlab_lake.query.arguments import DateLike, Dates, to_dates
from factorlab_lake.query.company_caps import CLASSES, FIRST_KNOWN, company_caps, with_classes
from factorlab_lake.query.explanations import Explanations, of_one_snapshot
from factorlab_lake.query.frame_columns import checked_columns, chosen_columns
from factorlab_lake.query.query_hints import QueryHints, RowFilter
from factorlab_lake.query.universes import members_within, of_members

if TYPE_CHECKING:
    import polars as pl

__all__ = ["CompanyQuestions"]

_ANSWER = "company_market_cap"


class CompanyQuestions(Explanations):
    """Answer for a company with all its listed classes."""

    @of_one_snapshot
    def company_market_caps(  # noqa: PLR0913 - all but two by name only
        self,
        symbols: str | Iterable[str] | None = None,
        dates: Dates = None,
        *,
        universe: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        freq: str | None = None,
        vintage: str = "known",
        currency: str | None = None,
        columns: Iterable[str] | None = None,
    ) -> pl.DataFrame:
        """Return the market capitalisation of each symbol's whole company as known at each date.

        One row per symbol and date, in this order. ``company_market_cap`` is in ``currency``: the sum of each
        class's close times the shares of that class, over the symbols in ``classes``. They are those of one
        CIK that the company used on the day. A company with one class has its market cap. A class counts from
        the day on which a bar, a count, a statement or a profile of it is known.

        NULL with a ``reason`` where a class has no cap, or no count of its own from a cover page, or another
        currency, or no profile with its currency while another class has one (``currency_unknown``). If two
        classes have one count, it may be the company's total:
        ``one_count_for_several_classes``. Where a class was not listed yet, ``symbol_history`` tells so.

        ``currency`` is the ISO code of one currency for all sums, to which each class is converted as by
        ``market_caps``; classes in different currencies add up then. ``universe`` and ``columns`` are those
        of ``market_caps`` too.
        """
        chosen = checked_columns(columns, _ANSWER)
        days = to_dates(dates, start=start, end=end, freq=freq)
        spells = None if universe is None else self._members(universe)
        if spells is None:
            names = self._symbols.names("" if symbols is None else symbols)
        elif symbols is None:
            names = members_within(spells, days)
        else:
            raise InvalidInput("Both symbols and universe are set; pass one of them.", universe=universe)
        classes = self._classes(names)
        caps = self.market_caps(with_classes(names, classes), days, vintage=vintage, currency=currency)
        rows = company_caps(caps, names, classes)
        rows = rows if spells is None else of_members(rows, spells)
        return rows.select(chosen_columns(chosen, rows.columns, key=("symbol", "date"), example=_ANSWER))

    def _classes(self, names: list[str]) -> pl.DataFrame:
        """Return the other classes of the company of each symbol, and the days on which each counts."""
        classes = self.session.frame(CLASSES, {"symbols": names}, needs=QueryHints({}))
        others = classes["class_symbol"].unique().sort().to_list()
        needs = QueryHints({"price_data": RowFilter(others)}, others)
        known = self.session.frame(FIRST_KNOWN, {"symbols": others}, needs=needs)
        return classes.join(known, on="class_symbol")

    def market_caps(
        self, symbols: list[str], dates: Dates = None, *, vintage: str = "known", currency: str | None = None
    ) -> pl.DataFrame:
        """Return market capitalisations; :class:`Questions` has this method."""
        raise NotImplementedError

    def _members(self, universe: str) -> pl.DataFrame:
        """Return the memberships of a universe; :class:`Questions` has this method."""
        raise NotImplementedError
