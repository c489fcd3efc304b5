"""Define the methods that show what an answer is made of, for a lake and for a shared server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar

from factorlab_lake.errors import InvalidInput
from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.query.arguments import DateLike, one_of, to_date, to_symbols
from factorlab_lake.query.generation_comparison import COUNTS, FETCHES, changed_items
from factorlab_lake.query.held_symbols import HeldSymbols
from factorlab_lake.query.provider_comparison import side_by_side
from factorlab_lake.query.query_hints import QueryHints, QuerySession, RowFilter
from factorlab_lake.schema.rules import LAST_DAY
from factorlab_lake.storage.interrupts import interrupts_raised

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Explanations", "of_one_snapshot"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Self = TypeVar("_Self", bound="Explanations")


def of_one_snapshot(method: Callable[Concatenate[_Self, _P], _R]) -> Callable[Concatenate[_Self, _P], _R]:
    """Return a method all of whose steps read one snapshot, also if another thread refreshes the lake."""

    @wraps(method)
    def run(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        return method(self._at_one_snapshot(), *args, **kwargs)

    return run


class Explanations:
    """Explain single answers, and compare the providers of their figures."""

    @property
    def session(self) -> QuerySession:
        """Return the session that runs SQL: DuckDB on the snapshot, or connections to a shared server."""
        raise NotImplementedError

    @cached_property
    def _symbols(self) -> HeldSymbols:
        return HeldSymbols(lambda: self.session, self._indexed_symbols)

    def _indexed_symbols(self, names: list[str]) -> list[str]:
        """Return the symbols that a read index has; a subclass can have one."""
        del names
        return []

    def _at_one_snapshot(self) -> Self:
        """Return an object that answers from the present snapshot; a lake that can move has another one."""
        return self

    @of_one_snapshot
    def explain_market_cap(self, symbol: str, day: DateLike) -> pl.DataFrame:
        """Return the inputs of a market capitalisation: price, share count and splits, and their product.

        One row per figure, the answer last. ``step`` names it; ``date`` is that of the bar, the count or the
        split. The other columns are ``value``, ``item``, ``available_date``, ``source``, and ``note``: the
        arithmetic or the reason for a NULL. ``accession`` and ``link`` are the number and the index page of
        the filing that published the count.
        """
        from factorlab_lake.query.explain import explain_market_cap  # DuckDB is slow to import

        [name] = to_symbols([symbol])
        self._symbols.warn_of_missing([name])
        with interrupts_raised():
            return explain_market_cap(self.session, name, to_date(day, "day"))

    @of_one_snapshot
    def explain_factor(self, factor: str, symbol: str, day: DateLike) -> pl.DataFrame:
        """Return the inputs of a factor: each input's figures with their statements, and the formula.

        One row per figure, the answer last. ``step`` names the input, and its last row is the value in the
        formula. The rows before it are the statements whose figures add up to it with their ``sign``. They
        have ``date``, ``period``, ``version``, ``available_date``, ``accepted_at`` and ``source``;
        ``accession`` and ``link`` are the number and the index page of the filing. An input that was
        converted to the currency of the price has its exchange rate before its value, with the rate's day.
        """
        from factorlab_lake.query.explain import explain_factor  # DuckDB is slow to import

        one_of(factor, FACTORS, "factor")
        [name] = to_symbols([symbol])
        self._symbols.warn_of_missing([name])
        with interrupts_raised():
            at = to_date(day, "day")
            return self._explained(explain_factor(self.session, factor, name, at), factor, name, at)

    def _explained(self, rows: pl.DataFrame, factor: str, symbol: str, day: date) -> pl.DataFrame:
        """Return an explanation with exchange rates; :class:`Questions` has them."""
        del factor, symbol, day
        return rows

    @of_one_snapshot
    def compare_providers(self, symbol: str, *, as_of: DateLike | None = None) -> pl.DataFrame:
        """Return the figures of each provider side by side, as known at the close of a day; by default, now.

        One row per statement type, fiscal period and item, in this order, with one column per provider. Ends
        of one label within 7 days are one period; ``fiscal_date`` is the earliest of them. ``difference`` is
        the largest value less the smallest, relative to the largest absolute value; NULL with one value.
        Which provider answers at a date is ``statement_provider`` of the answer.
        """
        day = LAST_DAY if as_of is None else to_date(as_of, "as_of")
        return side_by_side(self.statements(symbol, as_of=day))

    @of_one_snapshot
    def compare_generations(
        self, symbol: str, *, before: DateLike | None = None, after: DateLike | None = None
    ) -> pl.DataFrame:
        """Return what changed between two fetches of a symbol, by item.

        One row per provider, statement type, fiscal period and item with another value, in this order. Each
        provider is compared with itself: what its fetches had brought by the end of the days ``before`` and
        ``after`` (UTC). By default these are the last two days on which it was fetched. Share counts are of
        type ``shares``; their item is the source and their ``fiscal_date`` the day counted.

        ``before`` and ``after`` have the values, in the currency or count of the item, and ``difference``
        is relative to the larger. ``kind`` says why: ``original`` for a period that was not there before,
        else the ``change_kind`` of the newer row. ``mapping_before`` and ``mapping_after`` name the API
        generation or the mapping. ``filing_date``, ``link`` and ``fetched_at`` belong to the newer row. Bars
        are in :meth:`revisions`. Raises :class:`~factorlab_lake.errors.InvalidInput` if ``before`` is later
        than ``after``.
        """
        [name] = to_symbols([symbol])
        first = None if before is None else to_date(before, "before")
        last = None if after is None else to_date(after, "after")
        if first is not None and last is not None and first > last:
            raise InvalidInput(f"before is {first} and after is {last}: before is the later day; swap them.")
        needs = QueryHints({"shares_outstanding": RowFilter([name])}, short=True)
        counts, fetches = (
            self.session.frame(query, {"symbol": name}, needs=needs) for query in (COUNTS, FETCHES)
        )
        return changed_items(self.statements(name), counts, fetches, before=first, after=last)

    def statements(self, symbols: str, *, as_of: DateLike | None = None) -> pl.DataFrame:
        """Return statements; :class:`Questions` has this method."""
        raise NotImplementedError
