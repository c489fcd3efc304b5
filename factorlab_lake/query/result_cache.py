"""Cache the answers of repeated queries."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from sys import getsizeof

import polars as pl

from factorlab_lake.schema.limits import RESULT_CACHE_MB
from factorlab_lake.settings import configured

__all__ = ["ResultCache", "shared_results"]

_LARGEST_SHARE = 2  # an answer larger than half the cache would evict nearly all others


class ResultCache:
    """Cache answers in memory up to a size; the least recently used are evicted first.

    The key of a query is its snapshot, function and arguments. A snapshot never changes, so a cached answer
    is never stale. Threads can share a cache. ``hits`` and ``misses`` count the queries that were and were
    not answered from it; ``size_bytes`` is the size of the answers.

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
        self._is_changing = False
        self._answers: OrderedDict[tuple[Hashable, ...], pl.DataFrame] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return (
            f"ResultCache(answers={len(self._answers)}, hits={self.hits}, misses={self.misses}, "
            f"size_bytes={self.size_bytes}, limit_bytes={self.limit_bytes})"
        )

    def answer(
        self,
        key: tuple[Hashable, ...],
        compute: Callable[[], pl.DataFrame],
        *,
        is_of_key: Callable[[], bool] = lambda: True,
    ) -> pl.DataFrame:
        """Return the cached answer; else compute it and cache it, unless it is too large.

        ``is_of_key`` is called after the computation. If it returns false, the answer is of another snapshot
        than the key, and is not cached.
        """
        with self._lock:
            cached = self._answers.get(key)
            if cached is not None:
                self._answers.move_to_end(key)
                self.hits += 1
                return cached.clone()  # shares the rows, but not the caller's changes to the frame
            self.misses += 1
        answer = compute()
        if is_of_key():
            self._add(key, answer)
        return answer

    def clear(self) -> None:
        """Remove every answer; the counts stay."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._answers.clear()
        self.size_bytes = 0
        self._is_changing = False

    def _add(self, key: tuple[Hashable, ...], answer: pl.DataFrame) -> None:
        size = _size_bytes(key, answer)
        if size > self.limit_bytes // _LARGEST_SHARE:
            return
        with self._lock:
            if self._is_changing:  # an interrupt came between an answer and its size
                self._clear()
            if key in self._answers:  # another thread computed the same meanwhile
                return
            self._is_changing = True
            self._answers[key] = answer.clone()
            self.size_bytes += size
            while self.size_bytes > self.limit_bytes:
                self.size_bytes -= _size_bytes(*self._answers.popitem(last=False))
            self._is_changing = False


def _size_bytes(key: tuple[Hashable, ...], answer: pl.DataFrame) -> int:
    """Return the size of both; a key can have many symbols and dates."""
    return int(answer.estimated_size()) + sum(map(getsizeof, key))


@cache
def shared_results() -> ResultCache:
    """Return the cache that all lakes of this process share, of the size in the settings."""
    size_mb = configured("result_cache_mb")
    return ResultCache((RESULT_CACHE_MB if size_mb is None else size_mb) * 2**20)
