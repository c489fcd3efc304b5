"""One writer per lake: a lock that the operating system frees when its process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from factorlab_lake.errors import InvalidInput, LakeLocked
from factorlab_lake.storage.layout import Layout, write_faults

__all__ = ["copying_to", "writing"]


@contextmanager
def writing(layout: Layout, *, timeout_s: float = 60.0) -> Iterator[None]:
    """Hold the writer's lock; :class:`LakeLocked` when another process keeps it longer than ``timeout_s``.

    Readers take no lock at all. A backup is refused with :class:`InvalidInput`.
    """
    if layout.backup_mark.exists():
        raise InvalidInput(
            f"{layout.root} is a backup, which is only read; `factorlab-lake restore` makes a lake "
            "of it that can be written to.",
            path=str(layout.root),
        )
    busy = (
        f"Another process has been writing to {layout.root} for more than {timeout_s:g} s; "
        "wait for it to end and try again. Readers are not affected."
    )
    with _held(layout.lock, timeout_s, busy):
        yield


@contextmanager
def copying_to(layout: Layout) -> Iterator[None]:
    """Hold the lock of a copy in the making; :class:`LakeLocked` when another process is copying to it."""
    busy = f"Another process is copying to {layout.root}; wait for it to end and try again."
    with _held(layout.identity.with_name("backup.lock"), 0, busy):
        yield


@contextmanager
def _held(path: Path, timeout_s: float, busy: str) -> Iterator[None]:
    lock = FileLock(path, timeout=timeout_s)
    try:
        with write_faults(path):
            lock.acquire()
    except Timeout:
        raise LakeLocked(busy, path=str(path.parent.parent)) from None
    try:
        yield
    finally:
        lock.release()
