"""Answers kept for when the same question comes again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from sys import getsizeof

import polars as pl

from factorlab_lake.schema.rules import RESULT_CACHE_MB
from factorlab_lake.settings import configured

__all__ = ["ResultCache", "shared_results"]

_LARGEST_SHARE = 2  # an answer of more than one part in so many would leave room for little else


class ResultCache:
    """Answers by their questions, in memory and up to a size; the least recently used go first.

    A question is told by its snapshot, function and arguments. A snapshot never changes, so what is kept is
    never stale. Threads may share one. ``hits`` counts the questions that were answered from here, ``misses``
    those that were not; ``size_bytes`` is what the answers take.

    >>> cache = ResultCache(2**20)
    >>> first, again = (cache.answer(("ttm", "AAPL"), lambda: pl.DataFrame({"eps": [3.3]})) for _ in range(2))
    >>> cache.hits, cache.misses
    (1, 1)
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.hits = 0
        self.misses = 0
        self.size_bytes = 0
        self._kept: OrderedDict[tuple[Hashable, ...], pl.DataFrame] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return (
            f"ResultCache(answers={len(self._kept)}, hits={self.hits}, misses={self.misses}, "
            f"size_bytes={self.size_bytes}, limit_bytes={self.limit_bytes})"
        )

    def answer(self, question: tuple[Hashable, ...], make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """Return the answer that is kept, or make it, and keep it where it is not too large."""
        with self._lock:
            kept = self._kept.get(question)
            if kept is not None:
                self._kept.move_to_end(question)
                self.hits += 1
                return kept.clone()  # the rows are shared; what the caller does to its frame is not
            self.misses += 1
        made = make()
        self._keep(question, made)
        return made

    def clear(self) -> None:
        """Forget every answer; the counts stay."""
        with self._lock:
            self._kept.clear()
            self.size_bytes = 0

    def _keep(self, question: tuple[Hashable, ...], made: pl.DataFrame) -> None:
        size = _size_bytes(question, made)
        if size > self.limit_bytes // _LARGEST_SHARE:
            return
        with self._lock:
            if question in self._kept:  # another thread was asked the same meanwhile
                return
            self._kept[question] = made.clone()
            self.size_bytes += size
            while self.size_bytes > self.limit_bytes:
                self.size_bytes -= _size_bytes(*self._kept.popitem(last=False))


def _size_bytes(question: tuple[Hashable, ...], answer: pl.DataFrame) -> int:
    """Return what both take; the symbols and dates of a question may be many."""
    return int(answer.estimated_size()) + sum(map(getsizeof, question))


@cache
def shared_results() -> ResultCache:
    """Return the answers that this process keeps, of all lakes together, as large as the setting says."""
    size_mb = configured("result_cache_mb")
    return ResultCache((RESULT_CACHE_MB if size_mb is None else size_mb) * 2**20)
