"""Find the symbols of which a lake or server has data, and warn about others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import polars as pl

from factorlab_lake.errors import SymbolNotHeldWarning, nearest_symbol
from factorlab_lake.query.arguments import to_symbols
from factorlab_lake.query.query_hints import QueryHints, QuerySession, RowFilter
from factorlab_lake.schema import TABLES, identifier

__all__ = ["ALL_SYMBOLS", "HeldSymbols"]

ALL_SYMBOLS = "all"

# A universe can name symbols of which the lake has no data.
_TABLES = [
    name
    for name, spec in TABLES.items()
    if not spec.derived and "symbol" in spec.key and "universe" not in spec.key
]
_MAX_NAMES = 5
# Frames between warnings.warn() and the caller of a method of Questions.
_OF_ROWS, _OF_GRID = 5, 6


class HeldSymbols:
    """Record which symbols are held.

    One with an answer is, and so is one in the read index. A query is only needed for others.
    """

    def __init__(
        self, session: Callable[[], QuerySession], indexed: Callable[[list[str]], Iterable[str]]
    ) -> None:
        self._session = session
        self._indexed = indexed
        self._held: set[str] = set()

    def names(self, symbols: str | Iterable[str]) -> list[str]:
        """Return the symbols of an argument as a list: one, several, or ``all`` that are held.

        The command line passes the one word in a list.
        """
        names = to_symbols(symbols)
        return self.every if names == [ALL_SYMBOLS] else names

    @cached_property
    def every(self) -> list[str]:
        """Return all held symbols in order, as of the first time that they were needed."""
        names = " UNION ".join(f"SELECT symbol FROM {identifier(name)}" for name in _TABLES)
        return sorted(self._session().frame(f"SELECT symbol FROM ({names}) AS held")["symbol"])

    def checked_grid(self, answer: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """Return a grid of answers; warn of symbols that are not held."""
        unseen = self._unseen(names)
        if unseen and not answer.is_empty():
            # Most grids have no reason at all, so there is nothing to filter.
            is_full = answer["reason"].null_count() == answer.height
            answered = answer if is_full else answer.filter(pl.col("reason").is_null())
            if missing := self._missing(unseen, answered):
                self._warn(missing, names, _OF_GRID)
        return answer

    def checked_rows(self, rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """Return the rows of an answer; warn of symbols that are not held."""
        unseen = self._unseen(names)
        if unseen and (missing := self._missing(unseen, rows)):
            self._warn(missing, names, _OF_ROWS)
        return rows

    def warn_of_missing(self, names: Sequence[str]) -> None:
        """Warn of the symbols among these that are not held."""
        if missing := self.missing(names):
            self._warn(missing, names, _OF_ROWS)

    def missing(self, names: Sequence[str]) -> list[str]:
        """Return the symbols among these that are not held; no warning."""
        return self._missing(self._unseen(names), pl.DataFrame({"symbol": []}))

    def describe_missing(self, missing: Sequence[str]) -> str:
        """Return a sentence that names symbols that are not held, each with the nearest held one."""
        parts = [f"{name!r}{nearest_symbol(name, self.every)}" for name in missing[:_MAX_NAMES]]
        more = f" and {len(missing) - _MAX_NAMES:,} more" if len(missing) > _MAX_NAMES else ""
        return f"The lake has no data of {', '.join(parts)}{more}."

    def _unseen(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self._held]

    def _missing(self, unseen: Sequence[str], answered: pl.DataFrame) -> list[str]:
        """Return which of these symbols are not held; ``answered`` has rows of others."""
        self._held.update(answered["symbol"].unique())
        if names := self._unseen(unseen):
            self._held.update(self._indexed(names))
        if names := self._unseen(names):
            rows = RowFilter(names)
            needs = QueryHints(dict.fromkeys(_TABLES, rows), names, short=True)
            self._held.update(self._session().frame(_HELD, {"symbols": names}, needs=needs)["symbol"])
        return self._unseen(names)

    def _warn(self, missing: Sequence[str], names: Sequence[str], frames: int) -> None:
        none_held = len(missing) == len(names)
        warning = SymbolNotHeldWarning(self.describe_missing(missing), none_held=none_held)
        warnings.warn(warning, stacklevel=frames)


_HELD = " UNION ".join(
    f"SELECT symbol FROM {identifier(name)} WHERE symbol IN (SELECT unnest($symbols::VARCHAR[]))"
    for name in _TABLES
)
