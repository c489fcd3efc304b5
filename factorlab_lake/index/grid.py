"""Place the symbols and days of a query in the groups and years of the tiles."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cached_property

import numpy as np

from factorlab_lake.index.answer_columns import Column, Numbers, Texts, Vocabulary
from factorlab_lake.index.closes import SYMBOLS_PER_TILE
from factorlab_lake.index.intervals import find_rows, find_rows_of_pairs
from factorlab_lake.index.tiles import Array, Tile

__all__ = ["Grid", "Pairs", "years_of"]


class Grid:
    """Hold sorted symbols and days; a row of an answer is one symbol and day, in this order.

    ``places`` are the places of the symbols in the index, -1 for an unknown one.
    """

    def __init__(self, symbols: Iterable[str], dates: Iterable[date], known: dict[str, int]) -> None:
        self.symbols = sorted(set(symbols))
        self.days: Array = np.unique(np.array(list(dates), "M8[D]").astype(np.int32))
        self.places: Array = np.array([known.get(s, -1) for s in self.symbols], np.int32)

    @property
    def shape(self) -> tuple[int, int]:
        """Return the numbers of symbols and days."""
        return len(self.symbols), len(self.days)

    @property
    def size(self) -> int:
        """Return the number of rows of an answer."""
        return len(self.symbols) * len(self.days)

    @cached_property
    def groups(self) -> list[tuple[int, Array, Array]]:
        """Return each group with the places of its symbols in ``symbols``, and their slots."""
        return _by_group(self.places)

    def spread(self, of_symbols: Array) -> Array:
        """Return values of the symbols as values of the rows."""
        return np.repeat(of_symbols, len(self.days))

    def rows_in(self, tile: Tile, vintage: str, part: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        """Return the valid rows of a tile for the symbols and slots of a group, as :func:`find_rows` does."""
        return find_rows(tile, vintage, part[1], part[0], self.days)

    @cached_property
    def years(self) -> list[tuple[int, int, int]]:
        """Return each year with the range of its days."""
        if not len(self.days):
            return []
        years = years_of(self.days)
        numbers, starts = np.unique(years, return_index=True)
        return list(zip(numbers.tolist(), starts.tolist(), [*starts[1:].tolist(), len(years)], strict=True))

    def keys(self, vocabulary: Vocabulary) -> dict[str, Column]:
        """Return symbol, date and day (since 1970-01-01) of each row."""
        codes = np.array([vocabulary.place(s) for s in self.symbols], np.int32)
        day = Numbers(np.tile(self.days, len(self.symbols)))
        return {"symbol": Texts(self.spread(codes)), "date": day, "day": day}


class Pairs:
    """Hold rows of any symbols and days, such as the day on which each fiscal period became available."""

    def __init__(self, symbols: list[str], days: Array, known: dict[str, int]) -> None:
        self.symbols = symbols
        self.days = days
        self.places: Array = np.array([known[s] for s in symbols], np.int32)

    @property
    def size(self) -> int:
        """Return the number of rows of an answer."""
        return len(self.symbols)

    @cached_property
    def groups(self) -> list[tuple[int, Array, Array]]:
        """Return each group with its rows, and the slots of their symbols."""
        return _by_group(self.places)

    @cached_property
    def years(self) -> Array:
        """Return the year of each row's day."""
        return years_of(self.days)

    def spread(self, of_symbols: Array) -> Array:
        """Return the values: there is a symbol for each row."""
        return of_symbols

    def rows_in(self, tile: Tile, vintage: str, part: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        """Return the valid rows of a tile for the rows and slots of a group."""
        rows, slots = part
        return find_rows_of_pairs(tile, vintage, slots, rows, self.days[rows])

    def keys(self, vocabulary: Vocabulary) -> dict[str, Column]:
        """Return symbol, date and day (since 1970-01-01) of each row."""
        codes = np.array([vocabulary.place(s) for s in self.symbols], np.int32)
        day = Numbers(self.days)
        return {"symbol": Texts(codes), "date": day, "day": day}


def years_of(days: Array) -> Array:
    """Return the years of days since 1970-01-01.

    >>> years_of(np.array([-1, 0, 365])).tolist()
    [1969, 1970, 1971]
    """
    years: Array = days.astype("M8[D]").astype("M8[Y]").astype(int) + 1970
    return years


def _by_group(places: Array) -> list[tuple[int, Array, Array]]:
    """Return each group of known places with their positions in the array, and their slots."""
    positions = np.flatnonzero(places >= 0)
    if not positions.size:
        return []
    positions = positions[np.argsort(places[positions], kind="stable")]
    places = places[positions]
    numbers, starts = np.unique(places // SYMBOLS_PER_TILE, return_index=True)
    parts = np.split(positions, starts[1:]), np.split(places % SYMBOLS_PER_TILE, starts[1:])
    return [(int(number), part, slots) for number, part, slots in zip(numbers, *parts, strict=True)]
