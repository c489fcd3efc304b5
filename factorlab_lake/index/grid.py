"""Place the symbols and days of a query in the groups and years of the tiles."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cached_property

import numpy as np

from factorlab_lake.index.answer_columns import Column, Numbers, Texts, Vocabulary
from factorlab_lake.index.closes import SYMBOLS_PER_TILE
from factorlab_lake.index.tiles import Array

__all__ = ["Grid"]


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

    @cached_property
    def groups(self) -> list[tuple[int, Array, Array]]:
        """Return each group with the rows of its symbols in an answer by symbol, and their slots."""
        rows = np.flatnonzero(self.places >= 0)
        if not rows.size:
            return []
        rows = rows[np.argsort(self.places[rows], kind="stable")]
        places = self.places[rows]
        numbers, starts = np.unique(places // SYMBOLS_PER_TILE, return_index=True)
        return [
            (int(number), part, slots)
            for number, part, slots in zip(
                numbers,
                np.split(rows, starts[1:]),
                np.split(places % SYMBOLS_PER_TILE, starts[1:]),
                strict=True,
            )
        ]

    @cached_property
    def years(self) -> list[tuple[int, int, int]]:
        """Return each year with the range of its days."""
        if not len(self.days):
            return []
        years = self.days.astype("M8[D]").astype("M8[Y]").astype(int) + 1970
        numbers, starts = np.unique(years, return_index=True)
        return list(zip(numbers.tolist(), starts.tolist(), [*starts[1:].tolist(), len(years)], strict=True))

    def keys(self, vocabulary: Vocabulary) -> dict[str, Column]:
        """Return symbol, date and day (since 1970-01-01) of each row."""
        symbols, days = self.shape
        codes = np.array([vocabulary.place(s) for s in self.symbols], np.int32)
        day = Numbers(np.tile(self.days, symbols))
        return {"symbol": Texts(np.repeat(codes, days)), "date": day, "day": day}
