"""Read the files of a cache in several threads, a bounded number of bytes ahead of their use."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from factorlab_lake.ingest.legacy_cache.reader import CacheFile
from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.schema.limits import MAX_AHEAD_BYTES

__all__ = ["ReadAhead"]

_FILES = 128
_THREADS = 8

Reader = Callable[[CacheFile, Callable[[int], None]], FetchResult]


class ReadAhead:
    """Iterate over the results of files in their order, and read the following ones meanwhile.

    The reader calls back with the size of a file after decompression, and waits there while the files ahead
    hold ``at_most`` bytes. The file whose turn it is never waits, so the largest file still passes.
    """

    def __init__(self, files: Sequence[CacheFile], read: Reader, at_most: int = MAX_AHEAD_BYTES) -> None:
        self._files, self._read, self._at_most = files, read, at_most
        self._changed = threading.Condition()
        self._held: dict[int, int] = {}
        self._turn = 0
        self._ended = False

    def __iter__(self) -> Iterator[tuple[CacheFile, FetchResult]]:
        pool = ThreadPoolExecutor(min(os.cpu_count() or 1, _THREADS))
        ahead: deque[Future[FetchResult]] = deque()
        try:
            for turn, file in enumerate(self._files):
                self._next(turn)
                while len(ahead) < min(_FILES, len(self._files) - turn):
                    ahead.append(pool.submit(self._result, turn + len(ahead)))
                yield file, ahead.popleft().result()
        finally:
            with self._changed:
                self._ended = True  # threads that wait for memory would keep the pool open for ever
                self._changed.notify_all()
            pool.shutdown(cancel_futures=True)

    def _next(self, turn: int) -> None:
        with self._changed:
            self._held.pop(turn - 1, None)
            self._turn = turn
            self._changed.notify_all()

    def _result(self, position: int) -> FetchResult:
        def admit(size_bytes: int) -> None:
            with self._changed:
                self._changed.wait_for(lambda: self._has_room(position, size_bytes))
                self._held[position] = size_bytes

        return self._read(self._files[position], admit)

    def _has_room(self, position: int, size_bytes: int) -> bool:
        room = sum(self._held.values()) + size_bytes <= self._at_most
        return room or position == self._turn or self._ended
