"""One writer per lake: a lock that the operating system frees when its process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from factorlab_lake.errors import LakeLocked
from factorlab_lake.lake.layout import Layout

__all__ = ["writing"]


@contextmanager
def writing(layout: Layout, *, timeout_s: float = 60.0) -> Iterator[None]:
    """Hold the writer's lock; :class:`LakeLocked` when another process keeps it longer than ``timeout_s``.

    Readers take no lock at all.
    """
    lock = FileLock(layout.lock, timeout=timeout_s)
    try:
        lock.acquire()
    except Timeout:
        raise LakeLocked(
            f"Another process has been writing to {layout.root} for more than {timeout_s:g} s; "
            "wait for it to end and try again. Readers are not affected.",
            path=str(layout.root),
        ) from None
    try:
        yield
    finally:
        lock.release()
