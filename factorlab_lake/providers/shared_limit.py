"""Count the calls of all processes of a user on one machine against a vendor's limit.

A vendor counts the calls of a key or of an address, whichever process sends them. So each call occupies a
slot in a small file of the user's cache folder, which all processes read and change under a lock.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from factorlab_lake.errors import LakeWarning

__all__ = ["SharedLimit"]

_STEPS = 64  # ended calls are counted by so many steps of the window, so the file stays small at any limit
_LONGEST_PAUSE_S = 3600.0
_LOCK_TIMEOUT_S = 10.0  # the lock is held for a millisecond; only a stopped process holds it longer
_LOCK_POLL_S = 0.002
_DIGEST_CHARS = 16


class SharedLimit:
    """Allow at most ``calls`` calls within any ``window_s`` seconds over all processes with one ``name``.

    ``name`` is the vendor and what its limit applies to, such as a key; the file's name has its digest only.
    A call occupies its slot from its start until ``window_s`` after its end, as in :class:`RateLimiter`. A
    process that was killed occupies its slots no longer than that. ``longest_call_s`` frees them where
    processes cannot be looked up.

    Times are those of the system's monotonic clock, which all processes share and which no change of the
    wall clock moves. Where the folder cannot be used, there is one warning, and the limit of each process
    alone remains.
    """

    def __init__(
        self,
        name: tuple[str, ...],
        calls: int,
        window_s: float,
        *,
        longest_call_s: float,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls = calls
        self._window_s = window_s
        self._longest_call_s = longest_call_s
        self._timer = timer
        digest = hashlib.sha256("\n".join([*name, platform.node()]).encode()).hexdigest()[:_DIGEST_CHARS]
        self._path = _folder() / f"{name[0]}-{digest}.json"
        self._is_usable = True
        self._threads = threading.Lock()

    def enter(self) -> float:
        """Take a slot and return 0, or return the wait before the next attempt."""
        return self._change(self._entered)

    def leave(self) -> None:
        """End a call: its slot is free after the window."""
        self._change(self._left)

    def pause(self, seconds: float) -> None:
        """Start no call of any process for some seconds; a longer pause in progress stays."""

        def paused(slots: _Slots, now: float) -> float:
            slots.paused_until = max(slots.paused_until, now + seconds)
            return 0.0

        self._change(paused)

    def _entered(self, slots: _Slots, now: float) -> float:
        slots.free(now, self._window_s, self._longest_call_s)
        if slots.paused_until > now:
            return slots.paused_until - now
        if slots.count < self._calls:
            slots.open.append((now, os.getpid()))
            return 0.0
        first = min((free_at for free_at, _ in slots.ended), default=now)
        return max(first - now, self._window_s / _STEPS)

    def _left(self, slots: _Slots, now: float) -> float:
        own = next((call for call in slots.open if call[1] == os.getpid()), None)
        if own:
            slots.open.remove(own)
        slots.end(now, self._window_s)
        return 0.0

    def _change(self, change: Callable[[_Slots, float], float]) -> float:
        with self._threads:
            if not self._is_usable:
                return 0.0
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = FileLock(self._path.with_suffix(".lock"), timeout=_LOCK_TIMEOUT_S)
                with lock.acquire(poll_interval=_LOCK_POLL_S):
                    now = self._timer()
                    slots = _read(self._path, self._calls, now + self._window_s)
                    result = change(slots, now)
                    _write(self._path, slots)
                    return result
            except (OSError, Timeout, NotImplementedError) as error:
                self._is_usable = False
                reason = f"{type(error).__name__}: {error}"
        warnings.warn(
            LakeWarning(
                f"The calls of several processes cannot be counted together in {self._path.parent} "
                f"({reason}), so each process applies the limit alone. Make the folder writable, or run one "
                "process at a time."
            ),
            stacklevel=2,
        )
        return 0.0


@dataclass(slots=True)
class _Slots:
    """Hold the slots in use: ``(free at, number)`` of ended calls, ``(start, process)`` of the others."""

    ended: list[tuple[float, int]] = field(default_factory=list)
    open: list[tuple[float, int]] = field(default_factory=list)
    paused_until: float = 0.0

    @property
    def count(self) -> int:
        return len(self.open) + sum(number for _, number in self.ended)

    def free(self, now: float, window_s: float, longest_call_s: float) -> None:
        """Free the slots whose window has passed, and end the calls of processes that have ended."""
        # After a restart the clock begins again: times beyond any that this clock can have written are cut.
        latest = now + window_s * (1 + 1 / _STEPS)
        self.ended = [(min(free_at, latest), n) for free_at, n in self.ended if free_at > now]
        self.paused_until = min(self.paused_until, now + _LONGEST_PAUSE_S)
        calls, self.open = self.open, []
        for start, process in calls:
            if start <= now < start + longest_call_s + window_s and _is_alive(process):
                self.open.append((start, process))
            else:
                self.end(now, window_s)

    def end(self, now: float, window_s: float) -> None:
        """Count one call that ends now, at the next step of the window."""
        step = window_s / _STEPS
        free_at = math.ceil((now + window_s) / step) * step
        if self.ended and self.ended[-1][0] == free_at:
            self.ended[-1] = (free_at, self.ended[-1][1] + 1)
        else:
            self.ended.append((free_at, 1))


def _read(path: Path, calls: int, full_until: float) -> _Slots:
    """Return the slots of a file; a damaged file counts as a full window, so the limit holds after it."""
    try:
        values = json.loads(path.read_bytes())
        ended = [(float(free_at), int(number)) for free_at, number in values["ended"]]
        calls_in_progress = [(float(start), int(process)) for start, process in values["open"]]
        return _Slots(ended, calls_in_progress, float(values["paused_until"]))
    except FileNotFoundError:
        return _Slots()
    except (ValueError, TypeError, KeyError):
        return _Slots(ended=[(full_until, calls)])


def _write(path: Path, slots: _Slots) -> None:
    """Write the file in place: a rename waits for the disk, and what a kill tears counts as a full window."""
    values = {"ended": slots.ended, "open": slots.open, "paused_until": slots.paused_until}
    with path.open("r+b" if path.exists() else "wb", buffering=0) as file:
        file.write(json.dumps(values).encode())
        file.truncate()


def _is_alive(process: int) -> bool:
    if os.name == "nt" or process == os.getpid():  # on Windows, the signal 0 is Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _folder() -> Path:
    """Return the user's cache folder for the limits: the same for all processes, and deleted by no job."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    path = Path(base)
    with suppress(RuntimeError):  # without a home folder, the relative path cannot be written to either
        path = path.expanduser()
    return path / "factorlab-lake" / "limits"
