"""Hold the lease of a lake in a bucket, where no operating system frees the lock of a dead writer.

The lease is one small object. A writer takes it by a conditional put and renews it by further ones, so that
its tag changes while the writer lives. Another writer takes it over when the tag has stayed the same for the
term of the lease by its own clock, or when the writer's process on the same machine is dead. A writer that
was suspended meanwhile notices the other tag before its commit. If it does not, the exclusive creation of
the snapshot decides: one of the two fails, and no commit is lost.
"""

from __future__ import annotations

import json
import os
import random
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Event, Lock, Thread

from factorlab_lake.errors import LakeLocked, TargetFailed, WriteFailed
from factorlab_lake.storage.bucket_path import BucketPath

__all__ = ["Lease", "leased"]

LEASE_S = 20.0  # a writer that does not renew its lease for this long has lost it
_RENEWALS = 5  # in the term of a lease, so that a few lost requests do not end it
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.02, 0.5
_FREE = ""
_OTHER_TAG = '"00000000000000000000000000000000"'


@dataclass(slots=True)
class Lease:
    """Represent a lease that this process has, which a thread renews until it is released."""

    path: BucketPath
    owner: str
    e_tag: str
    lost: bool = False
    renewed: float = field(default_factory=time.monotonic)
    beats: int = 0
    _guard: Lock = field(default_factory=Lock)
    _released: Event = field(default_factory=Event)

    def assert_owned(self) -> None:
        """Raise :class:`LakeLocked` when another writer has taken the lease over, or may have."""
        with self._guard:
            if not self.lost and self.path.tagged()[1] == self.e_tag:
                return
        raise LakeLocked(
            f"Another process wrote to {self.path.parent.parent} at the same time: this one did not renew "
            f"its lease for {LEASE_S:g} s. Nothing of this change was committed; retry it.",
            path=str(self.path.parent.parent),
        )

    def renew_until_released(self) -> None:
        """Renew the lease again and again; this is the work of a thread."""
        while not self._released.wait(LEASE_S / _RENEWALS):
            with self._guard:
                if self._released.is_set():
                    return
                with suppress(TargetFailed, OSError):  # tried again, until others may take it over
                    self._swap(_content(self.owner, self.beats + 1))
                self.lost = self.lost or time.monotonic() - self.renewed > LEASE_S
                if self.lost:
                    return

    def release(self) -> None:
        """Free the lease for others at once; without an answer of the store, it ends by itself."""
        self._released.set()
        with self._guard, suppress(TargetFailed, OSError):
            if not self.lost:
                self._swap(json.dumps({"owner": _FREE, "last": self.owner}).encode())

    def _swap(self, content: bytes) -> None:
        started = time.monotonic()
        e_tag = self.path.swap(content, self.e_tag)
        if e_tag is None:
            self.lost = True
        else:
            self.e_tag, self.renewed, self.beats = e_tag, started, self.beats + 1


@contextmanager
def leased(path: BucketPath, timeout_s: float, busy: str) -> Iterator[Lease]:
    """Take the lease for the time of the block; raise :class:`LakeLocked` after ``timeout_s``."""
    _assert_conditional(path.parent)
    lease = _acquired(path, timeout_s, busy)
    Thread(target=lease.renew_until_released, name="lease", daemon=True).start()
    try:
        yield lease
    finally:
        lease.release()


def _acquired(path: BucketPath, timeout_s: float, busy: str) -> Lease:
    owner, wait = uuid.uuid4().hex, _FIRST_WAIT_S
    start = since = time.monotonic()
    seen: str | None = None
    while True:
        e_tag, is_free = _holder(path)
        if e_tag != seen:
            seen, since = e_tag, time.monotonic()
        is_over = time.monotonic() - since > LEASE_S  # its writer has not renewed it for the whole term
        if is_free or is_over:
            taken = _taken(path, _content(owner, 0), e_tag)
            if taken is not None:
                return Lease(path, owner, taken)
        if time.monotonic() - start >= timeout_s:
            raise LakeLocked(busy, path=str(path.parent.parent))
        time.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the writers that wait
        wait = min(wait * 1.5, _LONGEST_WAIT_S)


def _holder(path: BucketPath) -> tuple[str | None, bool]:
    """Return the tag of the lease, None without one, and whether no living writer of this machine has it."""
    try:
        content, e_tag = path.tagged()
    except FileNotFoundError:
        return None, True
    try:
        body = json.loads(content)
        is_free = body["owner"] == _FREE or (body["machine"] == _machine() and not _is_alive(body["pid"]))
    except (ValueError, LookupError, TypeError):
        return e_tag, False
    return e_tag, is_free


def _taken(path: BucketPath, content: bytes, e_tag: str | None) -> str | None:
    """Write the lease if it still has this tag, or is still absent; return its tag, or None."""
    if e_tag is not None:
        return path.swap(content, e_tag)
    with suppress(FileExistsError):
        return path.create(content)
    return None


def _content(owner: str, beats: int) -> bytes:
    """Return the content of the lease: each renewal differs, as some stores compute the tag from it."""
    return json.dumps({"owner": owner, "beats": beats, "machine": _machine(), "pid": os.getpid()}).encode()


@cache
def _machine() -> str:
    """Return what identifies the set of processes in which a process number has a meaning."""
    boot, namespace = "", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {boot} {namespace}"


def _is_alive(pid: int) -> bool:
    if os.name != "posix":  # elsewhere the signal 0 would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@cache
def _assert_conditional(folder: BucketPath) -> None:
    """Raise :class:`WriteFailed` for a store that ignores the conditions of a put: two writers would win.

    Some servers accept ``If-None-Match`` or ``If-Match`` without a look at them.
    """
    probe = folder / f"probe-{uuid.uuid4().hex}"
    ignored = ""
    try:
        probe.create(b"first")
        with suppress(FileExistsError):
            probe.create(b"second")
            ignored = "If-None-Match: *"
        if not ignored and probe.swap(b"third", _OTHER_TAG) is not None:
            ignored = "If-Match"
    finally:
        probe.unlink(missing_ok=True)
    if ignored:
        raise WriteFailed(
            f"The store of {folder.parent} ignores the condition {ignored} of a put, so two writers could "
            "lose each other's commits. Nothing was changed. Use a store with conditional puts, such as S3, "
            "Google Cloud Storage, Azure, MinIO or SeaweedFS; reading works.",
            path=str(folder.parent),
        )
