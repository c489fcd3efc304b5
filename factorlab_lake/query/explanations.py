"""Define the methods that show what an answer is made of, for a lake and for a shared server."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar

from factorlab_lake.factors.formulas import FACTORS
from factorlab_lake.query.arguments import DateLike, one_of, to_date, to_symbols
from factorlab_lake.query.held_symbols import HeldSymbols
from factorlab_lake.query.provider_comparison import side_by_side
from factorlab_lake.query.query_hints import QuerySession
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
        self._symbols.warn_of_missing(name)
        with interrupts_raised():
            return explain_market_cap(self.session, name, to_date(day, "day"))

    @of_one_snapshot
    def explain_factor(self, factor: str, symbol: str, day: DateLike) -> pl.DataFrame:
        """Return the inputs of a factor: each input's figures with their statements, and the formula.

        One row per figure, the answer last. ``step`` names the input, and its last row is the value in the
        formula. The rows before it are the statements whose figures add up to it with their ``sign``. They
        have ``date``, ``period``, ``version``, ``available_date``, ``accepted_at`` and ``source``;
        ``accession`` and ``link`` are the number and the index page of the filing.
        """
        from factorlab_lake.query.explain import explain_factor  # DuckDB is slow to import

        one_of(factor, FACTORS, "factor")
        [name] = to_symbols([symbol])
        self._symbols.warn_of_missing(name)
        with interrupts_raised():
            return explain_factor(self.session, factor, name, to_date(day, "day"))

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

    def statements(self, symbols: str, *, as_of: DateLike | None = None) -> pl.DataFrame:
        """Return statements; :class:`Questions` has this method."""
        raise NotImplementedError
