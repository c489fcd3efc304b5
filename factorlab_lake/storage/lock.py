"""The writer's lock of a lake, and the lock of a copy.

The operating system frees a lock when its process dies. A lock file can be deleted or replaced while a
writer has it, by a cleaning job or a file sync. Then another writer locks the new file, and both write. So a
writer checks before each step that cannot be undone that its lock file is still the one it locked.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from factorlab_lake.errors import InvalidInput, LakeLocked
from factorlab_lake.storage.bucket_path import in_bucket
from factorlab_lake.storage.layout import Layout, write_errors
from factorlab_lake.storage.lease import Lease, leased

__all__ = ["WriterLock", "copy_lock", "created_lake", "lost_lock", "writer_lock"]


@dataclass(frozen=True, slots=True)
class WriterLock:
    """Represent a lock that this process has, with the identity of the locked file."""

    path: Path
    identity: tuple[int, int] | None

    def assert_owned(self) -> None:
        """Raise :class:`LakeLocked` when the locked file was deleted or replaced."""
        if self.identity is None or _identity(self.path) != self.identity:
            raise lost_lock(self.path.parent.parent)


def lost_lock(root: Path) -> LakeLocked:
    """Return the error of a writer that is no longer the only one."""
    return LakeLocked(
        f"Another process wrote to {root} at the same time: the lock file _lake/write.lock was deleted or "
        "replaced. Nothing of this change was committed. Retry it, and exclude the file from cleaning jobs.",
        path=str(root),
    )


@contextmanager
def writer_lock(layout: Layout, *, timeout_s: float = 60.0) -> Iterator[WriterLock | Lease]:
    """Lock the lake for one writer; readers take no lock.

    Raises :class:`LakeLocked` after ``timeout_s``, and :class:`InvalidInput` for a backup.
    """
    if layout.backup_marker.exists():
        raise InvalidInput(
            f"{layout.root} is a backup, which is read-only; `factorlab-lake restore` creates "
            "a lake from it that can be written to.",
            path=str(layout.root),
        )
    busy = (
        f"Another process has been writing to {layout.root} for more than {timeout_s:g} s; "
        "retry when it has ended. Readers are not affected."
    )
    with _locked(layout.lock, timeout_s, busy) as lock:
        yield lock


@contextmanager
def created_lake(layout: Layout) -> Iterator[None]:
    """Remove a lake that is created in this context, if the context fails before the first commit.

    Without this, a first load with an error left an empty lake, which later commands then opened.
    """
    missing = [folder for folder in (layout.root, *layout.root.parents) if not folder.exists()]
    is_new = not layout.identity.exists()
    try:
        yield
    except BaseException:
        if is_new and layout.identity.exists():
            _remove_empty(layout)
            with suppress(OSError):  # others put something there meanwhile
                for folder in missing:
                    folder.rmdir()
        raise


def _remove_empty(layout: Layout) -> None:
    with suppress(LakeLocked), writer_lock(layout, timeout_s=0):
        if not any(layout.snapshots.iterdir()):
            if in_bucket(layout.root) is not None:
                for path in layout.root.rglob("*"):
                    path.unlink(missing_ok=True)
                return
            for path in layout.root.iterdir():  # the folder was new or empty
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


@contextmanager
def copy_lock(layout: Layout) -> Iterator[None]:
    """Lock the target of a copy; raise :class:`LakeLocked` while another process copies to it."""
    busy = f"Another process is copying to {layout.root}; retry when it has ended."
    with _locked(layout.identity.with_name("backup.lock"), 0, busy):
        yield


@contextmanager
def _locked(path: Path, timeout_s: float, busy: str) -> Iterator[WriterLock | Lease]:
    if (there := in_bucket(path)) is not None:
        with leased(there, timeout_s, busy) as lease:
            yield lease
        return
    from filelock import FileLock, Timeout  # only writers lock

    lock = FileLock(path, timeout=timeout_s)
    try:
        with write_errors(path):
            lock.acquire()
    except Timeout:
        raise LakeLocked(busy, path=str(path.parent.parent)) from None
    try:
        yield WriterLock(path, _identity(path))
    finally:
        lock.release()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what identifies a file whatever its name; an open file keeps its number when it is deleted."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_dev, state.st_ino
