"""Hold the columns of an answer: numbers with a mask, and texts as places in one list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from factorlab_lake.index.tiles import Array

__all__ = ["Column", "Mask", "Numbers", "Texts", "Vocabulary"]

Mask: TypeAlias = Any  # an array of booleans, or one boolean for all rows


@dataclass(slots=True)
class Numbers:
    """Hold numbers, days or booleans; ``known`` tells the rows that are not NULL, None if all are known.

    ``computed`` numbers can be NaN, which stored ones are not.
    """

    values: Any
    known: Mask | None = None
    computed: bool = False

    @property
    def mask(self) -> Mask:
        """Return the rows that are not NULL."""
        return np.True_ if self.known is None else self.known

    def take(self, rows: Array) -> Numbers:
        """Return some rows."""
        known = None if self.known is None else _take(self.known, rows)
        return Numbers(_take(self.values, rows), known, self.computed)


@dataclass(slots=True)
class Texts:
    """Hold texts as their places in a vocabulary, -1 for NULL."""

    codes: Any

    @property
    def mask(self) -> Mask:
        """Return the rows that are not NULL."""
        return np.greater_equal(self.codes, 0)

    def take(self, rows: Array) -> Texts:
        """Return some rows."""
        return Texts(_take(self.codes, rows))


Column: TypeAlias = Numbers | Texts


def _take(values: Any, rows: Array) -> Any:
    return values[rows] if np.ndim(values) else values


class Vocabulary:
    """List the texts of one answer; equal texts have one place."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """Return the place of a text, and add a new one."""
        place = self._places.setdefault(text, len(self.texts))
        if place == len(self.texts):
            self.texts.append(text)
        return place

    def places(self, texts: list[str], used: Array) -> Array:
        """Return the places of texts from a list, given by their places there, -1 for NULL."""
        in_use = np.zeros(len(texts) + 1, np.bool_)
        in_use[used] = True
        in_use[-1] = False
        places = np.full(len(texts) + 1, -1, np.int32)
        listed = np.flatnonzero(in_use)
        places[listed] = [self.place(texts[i]) for i in listed.tolist()]
        return places[used]

    def changed(self, codes: Any, change: Callable[[str], str]) -> Any:
        """Return the codes of changed texts; each distinct text is changed once."""
        new = {c: self.place(change(self.texts[c])) if c >= 0 else -1 for c in set(np.ravel(codes).tolist())}
        return np.array([new[c] for c in np.ravel(codes).tolist()], np.int32).reshape(np.shape(codes))

    def joined(self, left: Any, right: Any) -> Any:
        """Return the codes of the concatenated texts, -1 where one is NULL; each pair is joined once."""
        known = (left >= 0) & (right >= 0)
        both = np.flatnonzero(known)
        lefts, rights = (
            codes[both].tolist() if np.ndim(codes) else [int(codes)] * both.size for codes in (left, right)
        )
        pairs = list(zip(lefts, rights, strict=True))
        new = {pair: self.place(self.texts[pair[0]] + self.texts[pair[1]]) for pair in set(pairs)}
        codes = np.full(np.shape(known), -1, np.int32)
        codes.flat[both] = [new[pair] for pair in pairs]
        return codes


def _listed(codes: Any, rows: Array) -> list[int]:
    return codes[rows].tolist() if np.ndim(codes) else [int(codes)] * rows.size
